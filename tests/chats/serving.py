"""Serve one app on loopback. Needs Gradio 4.44, 5 or 6 and nothing of this package."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import threading
from collections.abc import Iterator
from typing import Any

from . import APPS
from .lazy import gr, major

POLL_INTERVAL = 0.05  # seconds between two looks into an empty queue


@contextlib.contextmanager
def serve(name: str) -> Iterator[str]:
    """Serve the app of that name, and give its address."""
    import uvicorn
    from fastapi import FastAPI

    if major() < 5:  # whose queue gets no lock in a thread without an event loop, and then fails
        asyncio.set_event_loop(asyncio.new_event_loop())
    demo = APPS[name].build()
    demo.queue()._queue.sleep_when_free = POLL_INTERVAL
    settings: dict[str, Any] = {"ssr_mode": False} if major() >= 5 else {}
    with contextlib.redirect_stdout(sys.stderr):  # where some versions print
        app = gr.mount_gradio_app(FastAPI(), demo, path="", **settings)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1))
    threading.Thread(target=server.run, args=([listener],), daemon=True).start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
