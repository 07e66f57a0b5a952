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
from ._log import TerminalFormatter, logger

KEEP_ALIVE = 75  # seconds, as in nginx: clients keep idle connections for longer than uvicorn's 5
CLOSE_TIMEOUT = 3.0  # seconds for cancelled requests to send their error


class Server(uvicorn.Server):
    """A server that cancels running answers `grace` seconds after a signal to shut down."""

    def __init__(self, app: FastAPI, grace: float) -> None:
        # No websockets: their import warns.
        config = uvicorn.Config(
            app,
            ws="none",
            log_config=None,
            access_log=False,
            timeout_keep_alive=KEEP_ALIVE,
            timeout_graceful_shutdown=math.ceil(grace + CLOSE_TIMEOUT),
        )
        super().__init__(config)
        self._streams: set[TextStream] = app.state.streams
        self._grace = grace

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        timer = asyncio.get_running_loop().call_later(self._grace, self._cancel_streams)
        try:
            await super().shutdown(sockets)
        finally:
            timer.cancel()

    def _cancel_streams(self) -> None:
        for stream in list(self._streams):
            stream.cancel()


def run(app: FastAPI, listener: socket.socket, *, grace: float) -> None:
    """Serve an app of `create_app` until Ctrl-C or SIGTERM, and log to stderr. Call it in the main thread."""
    log = logging.StreamHandler(sys.stderr)
    if sys.stderr.isatty():
        log.setFormatter(TerminalFormatter())
    logger.addHandler(log)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    # uvicorn raises the signals again when it ends.
    handlers = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        Server(app, grace).run([listener])
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
