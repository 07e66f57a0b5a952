"""The servers that the tests talk to, in a process of their own; may run under another Python and Gradio.

Prints JSON lines on stdout: first the addresses, then what the replicas' brains live through. Ends when
its stdin is closed.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import threading
from collections.abc import Iterator
from typing import Any

import gradio as gr
import uvicorn
from apps import APPS, SIX, Unprefixed, role_messages
from chats import CHATS
from fastapi import FastAPI

from qwen_spaces.replicas import NAMES, brain, serve
from qwen_spaces.replicas.server import LOOK

# Seconds a word: as fast as it can, for there are many tests; Gradio 5 would send all words as one.
brain.PACE = 0.0 if SIX else 0.01


telling = threading.Lock()


def tell(**what: Any) -> None:
    with telling:
        print(json.dumps(what), flush=True)


def watched(
    system: str, history: list[tuple[str, str]], prompt: str, image: str | None, **more: Any
) -> Iterator[Any]:
    """The default brain, which tells when it begins and when it is over, however that came."""
    tell(event="begin", prompt=prompt)
    try:
        yield from brain.answer(system, history, prompt, image, **more)
        tell(event="complete", prompt=prompt)
    finally:
        tell(event="end", prompt=prompt)


@contextlib.contextmanager
def serve_app(demo: gr.Blocks, *, unprefixed: bool = False, auth: Any = None) -> Iterator[str]:
    demo.queue()._queue.sleep_when_free = LOOK  # seconds; so many apps that look each ms leave no CPU
    with contextlib.redirect_stdout(sys.stderr):  # Gradio 5.50 left a `print` in here
        app: Any = gr.mount_gradio_app(FastAPI(), demo, path="", ssr_mode=False, auth=auth)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(Unprefixed(app) if unprefixed else app, log_level="error"))
    threading.Thread(target=server.run, args=([listener],), daemon=True).start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True


def main() -> None:
    with contextlib.ExitStack() as stack:
        urls = {name: stack.enter_context(serve(name, brain=watched, slots=12)) for name in NAMES}
        urls["one-slot"] = stack.enter_context(serve("qwen-2.5", brain=watched, slots=1))
        urls["full"] = stack.enter_context(serve("qwen-2-72b", brain=watched, slots=1, max_size=1))
        for name, make in APPS.items():
            urls[name] = stack.enter_context(serve_app(make(), unprefixed=name in ("shuffled", "turned")))
        for name, make in CHATS.items():
            urls[name] = stack.enter_context(serve_app(make()))
        urls["locked"] = stack.enter_context(serve_app(role_messages(), auth=("ada", "lovelace")))
        tell(urls=urls, gradio=gr.__version__)
        sys.stdin.read()
        os._exit(0)


if __name__ == "__main__":
    main()
