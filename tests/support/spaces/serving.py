"""What can be served, by name: replicas, whose brain reports its events, and other Gradio apps."""

from __future__ import annotations

import contextlib
import itertools
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

from qwen_spaces.replicas import NAMES, Brain, serve
from qwen_spaces.replicas import _brain as brain
from qwen_spaces.replicas import _server as replica_server

from .apps import APPS, SIX, Unprefixed, role_messages
from .chats import CHATS

# Seconds a word: as fast as it can, for there are many tests; Gradio 5 would send all words as one.
brain.PACE = 0.0 if SIX else 0.01


POLL_INTERVAL = replica_server.POLL_INTERVAL = 0.05  # seconds; so many apps that look more often leave no CPU


def watched_by(report: Callable[..., None]) -> Brain:
    """The default brain, which reports when it begins and when it ends, however that came."""

    def watched(
        system: str, history: list[tuple[str, str]], prompt: str, image: str | None, **more: Any
    ) -> Iterator[Any]:
        report(event="begin", prompt=prompt)
        try:
            steps = brain.answer(system, history, prompt, image, **more)
            if set(brain.parse_triggers(prompt)) <= {"pace"} and not float(
                brain.parse_triggers(prompt).get("pace", 0)
            ):
                steps = fewer(steps)
            yield from steps
            report(event="complete", prompt=prompt)
        finally:
            report(event="end", prompt=prompt)

    return watched


def fewer(steps: Iterator[Any]) -> Iterator[Any]:
    """Each fourth of them and the last, of thoughts and of text: Gradio takes its time for each."""
    for _, alike in itertools.groupby(steps, key=type):
        for place, step in enumerate(alike):
            if place % 4 == 0:
                yield step
        if place % 4:
            yield step


@contextlib.contextmanager
def serve_app(demo: gr.Blocks, *, unprefixed: bool = False, path: str = "", **settings: Any) -> Iterator[str]:
    demo.queue()._queue.sleep_when_free = POLL_INTERVAL
    with contextlib.redirect_stdout(sys.stderr):  # Gradio 5.50 left a `print` in here
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
    """The app as a proxy serves it below a path, which it takes away."""

    async def proxy(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            known = scope["path"].startswith(f"{path}/")
            inner = scope["path"].removeprefix(path) if known else "/nowhere"
            scope = {**scope, "path": inner, "raw_path": inner.encode()}
        await app(scope, receive, send)

    return proxy


def makers(report: Callable[..., None]) -> dict[str, Callable[[], AbstractContextManager[str]]]:
    """What can be served, by name."""
    watched = watched_by(report)
    made: dict[str, Callable[[], AbstractContextManager[str]]] = {
        name: partial(serve, name, brain=watched, slots=24) for name in NAMES
    }
    made["one-slot"] = partial(serve, "qwen-2.5", brain=watched, slots=1)
    made["forty-slots"] = partial(serve, "qwen-2.5", brain=watched, slots=40)
    made["full"] = partial(serve, "qwen-2-72b", brain=watched, slots=1, max_size=1)
    for name in ("locked", "locked-again"):
        made[name] = lambda: serve_app(role_messages(), auth=("ada", "lovelace"))
    below = "/some/path"
    made["below"] = lambda: serve_app(role_messages(), path=below)
    made["gradio-4-below"] = lambda: serve_app(role_messages(), unprefixed=True, path=below)
    made["candid"] = lambda: serve_app(CHATS["pictures"](), show_error=True, max_file_size="10kb")
    made["wants-login-quietly"] = lambda: serve_app(CHATS["wants-login"](), show_error=False)
    for name, make in {**APPS, **CHATS}.items():
        unprefixed = name in ("shuffled", "turned")
        made[name] = lambda make=make, unprefixed=unprefixed: serve_app(make(), unprefixed=unprefixed)
    return made
