"""Build a replica, and serve it for a ``with`` block or until Ctrl-C."""

from __future__ import annotations

import asyncio
import io
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stdout
from difflib import get_close_matches
from typing import Any, TypeVar

import click
import gradio as gr
import uvicorn
from fastapi import FastAPI
from gradio.context import Context

from .._hosts import listen, url_of
from ._blocks import Blocks
from ._brain import Brain, answer
from ._chat_page import CSS, IS_GRADIO_5
from ._guard import MAX_FILE_BYTES, Guard
from ._model_chat import qwen2_5, qwen2_5_72b, qwen2_5_coder, qwen2_5_max, qwen2_72b
from ._qvq import qvq_72b
from ._qwen2_5_1m import qwen2_5_1m
from ._qwen2_5_vl import qwen2_5_vl_32b, qwen2_5_vl_72b
from ._qwen3 import qwen3, qwen3_vl, qwen3_vl_30b
from ._qwen3_coder_webdev import qwen3_coder_webdev
from ._qwen3_omni import qwen3_5_omni, qwen3_omni

T = TypeVar("T")

START_TIMEOUT = 30.0  # seconds; enough for a slow machine
STOP_TIMEOUT = 5.0  # seconds
POLL_INTERVAL = 0.005  # seconds, of the queue
CLOSE_TIMEOUT = 0  # seconds for open connections to end by themselves; streams never do


REPLICAS: dict[str, Callable[[Brain, int | None], Blocks]] = {
    "qwen-2-72b": qwen2_72b,
    "qwen-2.5": qwen2_5,
    "qvq-72b": qvq_72b,
    "qwen-2.5-72b": qwen2_5_72b,
    "qwen-2.5-max": qwen2_5_max,
    "qwen-2.5-coder": qwen2_5_coder,
    "qwen-3": qwen3,
    "qwen-3-vl": qwen3_vl,
    "qwen-2.5-vl-72b": qwen2_5_vl_72b,
    "qwen-2.5-1m": qwen2_5_1m,
    "qwen-2.5-vl-32b": qwen2_5_vl_32b,
    "qwen-3-vl-30b": qwen3_vl_30b,
    "qwen-3-omni": qwen3_omni,
    "qwen-3.5-omni": qwen3_5_omni,
    "qwen-3-coder-webdev": qwen3_coder_webdev,
}
NAMES: tuple[str, ...] = tuple(REPLICAS)

_building = threading.Lock()  # Gradio numbers components with one counter for the whole process


def build(
    name: str, *, brain: Brain | None = None, slots: int | None = None, max_size: int | None = None
) -> gr.Blocks:
    """Return the replica called `name` as a Gradio app, not yet served.

    `slots` is the most answers at once, by default the Space's own limit; `max_size` is the most requests in
    the queue, by default any number. Raises ValueError if `name` is not in `NAMES`.
    """
    if name not in REPLICAS:
        near = get_close_matches(name, NAMES, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(NAMES)}."
        raise ValueError(f"There is no replica called {name!r}. {hint}")

    def make() -> Blocks:
        before, Context.id = Context.id, 0  # clients know the Spaces' components by their ids
        try:
            demo = REPLICAS[name](brain or answer, slots)
        finally:
            Context.id = max(before, Context.id)
        demo.queue(api_open=False, default_concurrency_limit=40, max_size=max_size)
        # By default each event builds a pandas table of all events, for a page that nobody opens.
        demo._queue.ANAYLTICS_CACHE_FREQUENCY = sys.maxsize
        # Gradio 6 polls its queue 1,000 times a second, which is too often for many apps in a process.
        demo._queue.sleep_when_free = max(demo._queue.sleep_when_free, POLL_INTERVAL)
        demo.max_threads = demo._queue.max_thread_count = max(demo.threads, slots or 0)
        return demo

    with _building:
        return _call_in_loop(make)


@contextmanager
def serve(
    name: str,
    *,
    port: int = 0,
    host: str = "127.0.0.1",
    brain: Brain | None = None,
    slots: int | None = None,
    max_size: int | None = None,
) -> Iterator[str]:
    """Serve a replica from threads of this process, and yield its URL, without a slash at the end.

    `port` 0 is any free one. The Host header of a request must be `host` or a loopback name; if `host` is all
    addresses, it may be any numeric address or the machine's own name. The other arguments are those of
    `build`. Raises OSError if the port is taken.

    >>> with serve("qvq-72b") as url:
    ...     url.startswith("http://127.0.0.1:")
    True
    """
    demo = build(name, brain=brain, slots=slots, max_size=max_size)
    with listen(host, port) as listener, _serve(demo, listener, host) as url:
        yield url


@contextmanager
def serve_on(listener: socket.socket, name: str, *, host: str) -> Iterator[str]:
    """Like `serve`, on a socket that listens already; a connection may wait in its backlog."""
    with _serve(build(name), listener, host) as url:
        yield url


@contextmanager
def _serve(demo: gr.Blocks, listener: socket.socket, host: str) -> Iterator[str]:
    server = _server(demo, host)
    thread = threading.Thread(target=server.run, args=([listener],), name=str(demo.title), daemon=True)
    thread.start()
    try:
        end = time.monotonic() + START_TIMEOUT
        while not server.started:
            if not thread.is_alive() or time.monotonic() > end:
                raise RuntimeError("The replica's server did not start.")
            time.sleep(POLL_INTERVAL)
        yield url_of(*listener.getsockname()[:2])
    finally:
        demo._queue.close()  # type: ignore[no-untyped-call]
        demo.is_running = False
        server.should_exit = True
        thread.join(STOP_TIMEOUT)


def run(name: str, port: int = 0, host: str = "127.0.0.1", brain: Brain | None = None) -> None:
    """Serve a replica until Ctrl-C or SIGTERM, and print its URL; only in the main thread."""
    stop = threading.Event()
    signals = (signal.SIGINT, signal.SIGTERM)
    handlers = {number: signal.signal(number, lambda *_: stop.set()) for number in signals}
    try:
        demo = build(name, brain=brain)
        with listen(host, port) as listener, _serve(demo, listener, host) as url:
            click.echo(f"{demo.title}: {url}  (Ctrl-C stops it)")
            stop.wait()
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _call_in_loop(make: Callable[[], T]) -> T:
    """Call `make` in an event loop; otherwise Gradio makes one, sets it as the current one, and leaks it."""

    async def call() -> T:
        return make()

    with ThreadPoolExecutor(1) as thread:  # the caller's thread may run a loop of its own
        return thread.submit(asyncio.run, call()).result()


def _server(demo: gr.Blocks, host: str) -> uvicorn.Server:
    """Return a server, because `launch()` has no port 0, calls itself through proxies, and prints."""

    def mount() -> FastAPI:
        app = FastAPI()
        app.add_middleware(Guard, host=host)
        settings: dict[str, Any] = {"show_error": False, "ssr_mode": False, "max_file_size": MAX_FILE_BYTES}
        if IS_GRADIO_5:
            demo.css = CSS  # type: ignore[assignment]
        else:
            settings["css"] = CSS
        with redirect_stdout(io.StringIO()):  # Gradio 5.50 prints here
            gr.mount_gradio_app(app, demo, path="", **settings)
        return app

    quiet: dict[str, Any] = {"log_config": None, "log_level": "critical"}
    app = _call_in_loop(mount)
    # Without websockets, which Gradio does not use, and whose import emits a warning.
    return uvicorn.Server(uvicorn.Config(app, ws="none", timeout_graceful_shutdown=CLOSE_TIMEOUT, **quiet))
