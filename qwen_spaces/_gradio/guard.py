"""Guard the requests that the SDK makes with `httpx.get` and `httpx.post`."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Generator, Iterator
from typing import Any

import httpx

from ..errors import ContractError

MAX_BODY = 16 * 2**20  # bytes of any response except an event stream
_PORTS = {"http": 80, "https": 443}


def origin(url: str | httpx.URL) -> tuple[str, str, int | None]:
    """Return the scheme, host and port of an address.

    Example:
        >>> origin("https://Example.org/a") == origin("https://example.org:443")
        True
    """
    url = httpx.URL(url)
    return url.scheme, url.host, url.port or _PORTS.get(url.scheme)


class RequestGuard(httpx.Auth):
    """Guards every request as its ``auth``, the one place where httpx lets us see each of them.

    It keeps requests within the origin of `url`, raises each refusal with its headers and body, which the
    SDK mostly hides, bounds the size of a response unless it `streams` events, and can abort the connections.

    Raises:
        ContractError: a request would go to another origin, or its response is too large.
    """

    def __init__(self, url: str, *, streams: bool = False) -> None:
        self.origin, self._streams = origin(url), streams
        self._sockets: list[socket.socket] = []
        self._aborted = False

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Check the request, send it, and check the response."""
        if origin(request.url) != self.origin:
            raise ContractError(
                f"The Space sends its clients to {_shown(request.url)}, which is not the address that was "
                "asked. Nothing was sent there. Pass that address as src=... if you trust it."
            )
        if request.url.username:  # httpx uses it only if there is no other auth
            request = next(httpx.BasicAuth(request.url.username, request.url.password).auth_flow(request))
        request.headers["accept-encoding"] = "identity"  # a few compressed bytes may be gigabytes
        request.extensions = {**request.extensions, "trace": self._trace}
        response = yield request
        if response.headers.get("content-encoding", "identity").strip().lower() not in ("identity", ""):
            raise ContractError(f"{_shown(request.url)} answers in a compressed form that was not asked for.")
        stream = response.stream
        if isinstance(stream, httpx.SyncByteStream) and not (response.is_success and self._streams):
            response.stream = _Bounded(stream, request.url)
        if not response.is_success:
            response.read()
            response.raise_for_status()

    def abort(self) -> None:
        """Shut all connections, now and later, which wakes the threads that wait for them; does not block."""
        self._aborted = True
        for connection in self._sockets:
            _shut(connection)

    @contextlib.contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Abort the connections if the block takes longer."""
        timer = threading.Timer(seconds, self.abort)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _trace(self, name: str, info: dict[str, Any]) -> None:
        # httpcore 1: first it connects, then TLS may replace the socket.
        if name.endswith(("connect_tcp.complete", "start_tls.complete")):
            connection = info["return_value"].get_extra_info("socket")
            self._sockets.append(connection)
            if self._aborted:
                _shut(connection)


class _Bounded(httpx.SyncByteStream):
    """A response's bytes, up to `MAX_BODY`."""

    def __init__(self, stream: httpx.SyncByteStream, url: httpx.URL) -> None:
        self._stream, self._url = stream, url

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for chunk in self._stream:
            size += len(chunk)
            if size > MAX_BODY:
                raise ContractError(
                    f"{_shown(self._url)} sent more than {MAX_BODY // 2**20} MB, which no Gradio app does."
                )
            yield chunk

    def close(self) -> None:
        self._stream.close()


def _shown(url: httpx.URL) -> str:
    """Return the address without a password."""
    return str(url.copy_with(userinfo=b"", query=None, fragment=None))


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # closed already
        connection.shutdown(socket.SHUT_RDWR)
