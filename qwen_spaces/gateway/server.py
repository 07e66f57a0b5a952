"""Serving the gateway until Ctrl-C or SIGTERM."""

from __future__ import annotations

import asyncio
import logging
import math
import signal
import socket
import sys

import uvicorn
from fastapi import FastAPI

from .middleware import logger

SETTLE = 3.0  # seconds for requests that were ended to say so; what is still there then is cut off


class Server(uvicorn.Server):
    """Ends the answers that are still on their way some time after it was told to shut down."""

    def __init__(self, app: FastAPI, grace: float) -> None:
        bound = math.ceil(grace + SETTLE)
        # Without websockets, whose import warns.
        super().__init__(
            uvicorn.Config(app, ws="none", log_config=None, access_log=False, timeout_graceful_shutdown=bound)
        )
        self._app, self._grace = app, grace

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Shut down, as uvicorn calls it after a signal."""
        timer = asyncio.get_running_loop().call_later(self._grace, self._end)
        try:
            await super().shutdown(sockets)
        finally:
            timer.cancel()

    def _end(self) -> None:
        for stream in list(self._app.state.streams):
            stream.cancel()


def run(app: FastAPI, listener: socket.socket, *, grace: float) -> None:
    """Serve until Ctrl-C or SIGTERM, and log a JSON line for each request on stderr. For the main thread.

    Args:
        app: of `create_app`.
        listener: where it listens.
        grace: seconds that answers may go on after that.
    """
    handler = logging.StreamHandler(sys.stderr)
    logger.addHandler(handler)
    before = logger.level, logger.propagate
    logger.setLevel(logging.INFO)
    logger.propagate = False
    # uvicorn raises again, at its end, the signals that it took.
    asked = {sign: signal.signal(sign, lambda *_: None) for sign in (signal.SIGINT, signal.SIGTERM)}
    try:
        Server(app, grace).run([listener])
    finally:
        for sign, what in asked.items():
            signal.signal(sign, what)
        logger.removeHandler(handler)
        logger.level, logger.propagate = before
