"""A hold on the requests that the SDK makes with `httpx.get` and `httpx.post`, past any client of ours."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Generator
from typing import Any

import httpx


class Wire(httpx.Auth):
    """Goes with every request as its ``auth``, the one place where httpx lets us look at each.

    It raises each refusal as what it is, with its headers and its body, where the SDK words most of
    them away, and it can cut the connections.
    """

    def __init__(self) -> None:
        self._sockets: list[socket.socket] = []
        self._cut = False

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Send the request, and look at the answer."""
        if request.url.username:  # which httpx heeds only where there is no other auth
            request = next(httpx.BasicAuth(request.url.username, request.url.password).auth_flow(request))
        request.extensions = {**request.extensions, "trace": self._trace}
        response = yield request
        if response.is_error:
            response.read()
            response.raise_for_status()

    def hang_up(self) -> None:
        """Cut what is open and what opens from now on, so that who waits for it wakes; does not block."""
        self._cut = True
        for connection in self._sockets:
            _shut(connection)

    def _trace(self, name: str, info: dict[str, Any]) -> None:
        # httpcore 1: a connection is made, and perhaps wrapped for TLS, which gives another socket.
        if name.endswith(("connect_tcp.complete", "start_tls.complete")):
            connection = info["return_value"].get_extra_info("socket")
            self._sockets.append(connection)
            if self._cut:
                _shut(connection)


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # closed already
        connection.shutdown(socket.SHUT_RDWR)
