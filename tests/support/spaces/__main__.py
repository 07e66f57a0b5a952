"""The servers of the tests, in their own process, which may run another Python and Gradio.

Starts the server named on each line of its stdin, and ends when that is closed. Prints JSON lines on stdout:
the addresses, and the events of the replicas' brains.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import gradio as gr
import uvicorn
from fastapi import FastAPI

from qwen_spaces.replicas import NAMES, brain, serve
from qwen_spaces.replicas import server as replica_server

from .apps import APPS, SIX, Unprefixed, role_messages
from .chats import CHATS

# Seconds a word: as fast as possible; but Gradio 5 would send all words at once.
brain.PACE = 0.0 if SIX else 0.01


POLL_INTERVAL = replica_server.POLL_INTERVAL = 0.02  # seconds; many apps with shorter ones use all the CPU

reporting = threading.Lock()


def report(**fields: Any) -> None:
    with reporting:
        print(json.dumps(fields), flush=True)


def watched(
    system: str, history: list[tuple[str, str]], prompt: str, image: str | None, **more: Any
) -> Iterator[Any]:
    """The default brain, which reports its beginning and its end, whatever the reason."""
    report(event="begin", prompt=prompt)
    try:
        steps = brain.answer(system, history, prompt, image, **more)
        triggers = brain.parse_triggers(prompt)
        if set(triggers) <= {"pace"} and not float(triggers.get("pace", 0)):
            steps = fewer(steps)
        yield from steps
        report(event="complete", prompt=prompt)
    finally:
        report(event="end", prompt=prompt)


def fewer(steps: Iterator[Any]) -> Iterator[Any]:
    """Every fourth step and the last, of thoughts and of text: Gradio needs time for each."""
    for _, alike in itertools.groupby(steps, key=type):
        for place, step in enumerate(alike):
            if place % 4 == 0:
                yield step
        if place % 4:
            yield step


@contextlib.contextmanager
def serve_app(demo: gr.Blocks, *, unprefixed: bool = False, path: str = "", **settings: Any) -> Iterator[str]:
    demo.queue()._queue.sleep_when_free = POLL_INTERVAL
    with contextlib.redirect_stdout(sys.stderr):  # Gradio 5.50 prints here
        app: Any = gr.mount_gradio_app(FastAPI(), demo, path="", ssr_mode=False, **settings)
    listener = socket.create_server(("127.0.0.1", 0))
    if unprefixed:
        app = Unprefixed(app)
    if path:
        app = mounted(path, app)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    threading.Thread(target=server.run, args=([listener],), daemon=True).start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}{path}"
    server.should_exit = True


def mounted(path: str, app: Any) -> Any:
    """The app below a path, which a proxy strips."""

    async def proxy(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            known = scope["path"].startswith(f"{path}/")
            inner = scope["path"].removeprefix(path) if known else "/nowhere"
            scope = {**scope, "path": inner, "raw_path": inner.encode()}
        await app(scope, receive, send)

    return proxy


def makers() -> dict[str, Callable[[], AbstractContextManager[str]]]:
    """The servers by name."""
    made: dict[str, Callable[[], AbstractContextManager[str]]] = {
        name: partial(serve, name, brain=watched, slots=12) for name in NAMES
    }
    made["one-slot"] = partial(serve, "qwen-2.5", brain=watched, slots=1)
    made["full"] = partial(serve, "qwen-2-72b", brain=watched, slots=1, max_size=1)
    for name in ("locked", "locked-again"):
        made[name] = lambda: serve_app(role_messages(), auth=("ada", "lovelace"))
    below = "/some/path"
    made["below"] = lambda: serve_app(role_messages(), path=below)
    made["gradio-4-below"] = lambda: serve_app(role_messages(), unprefixed=True, path=below)
    made["candid"] = lambda: serve_app(CHATS["pictures"](), show_error=True, max_file_size="10kb")
    for name, make in {**APPS, **CHATS}.items():
        unprefixed = name in ("shuffled", "turned")
        made[name] = lambda make=make, unprefixed=unprefixed: serve_app(make(), unprefixed=unprefixed)
    return made


def main() -> None:
    available = makers()
    report(gradio=gr.__version__)
    with contextlib.ExitStack() as stack:
        for line in sys.stdin:
            report(name=line.strip(), url=stack.enter_context(available[line.strip()]()))
        os._exit(0)


if __name__ == "__main__":
    main()
