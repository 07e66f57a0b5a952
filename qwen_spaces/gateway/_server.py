"""The server of the gateway, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import asyncio
import logging
import math
import signal
import socket
import sys

import uvicorn
from fastapi import FastAPI

from .._stream.text_stream import TextStream
from ._middleware import logger

CLOSE_TIMEOUT = 3.0  # seconds for cancelled requests to send their error; then connections are closed


class Server(uvicorn.Server):
    """A server that cancels the answers still on their way `grace` seconds after a signal to shut down."""

    def __init__(self, app: FastAPI, grace: float) -> None:
        # Without websockets, whose import warns.
        config = uvicorn.Config(
            app,
            ws="none",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=math.ceil(grace + CLOSE_TIMEOUT),
        )
        super().__init__(config)
        self._streams: set[TextStream] = app.state.streams
        self._grace = grace

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Shut down; uvicorn calls this after a signal."""
        timer = asyncio.get_running_loop().call_later(self._grace, self._cancel_streams)
        try:
            await super().shutdown(sockets)
        finally:
            timer.cancel()

    def _cancel_streams(self) -> None:
        for stream in list(self._streams):
            stream.cancel()


def run(app: FastAPI, listener: socket.socket, *, grace: float) -> None:
    """Serve until Ctrl-C or SIGTERM, and log a JSON line for each request on stderr. For the main thread.

    Args:
        app: from `create_app`.
        listener: the socket to listen on.
        grace: seconds that answers may go on after the signal.
    """
    logger.addHandler(logging.StreamHandler(sys.stderr))
    logger.setLevel(logging.INFO)
    logger.propagate = False
    # uvicorn raises again, at its end, the signals that it caught.
    handlers = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        Server(app, grace).run([listener])
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
