"""TLS before a server, as every real Space has it."""

from __future__ import annotations

import contextlib
import functools
import queue
import ssl
import threading
import urllib.parse
from collections.abc import Iterator
from typing import Any

import trio
import trustme

from .modes import PATIENCE


@contextlib.contextmanager
def serve_tls(
    url: str, authority: trustme.CA | None = None, *, host: str = "127.0.0.1", **certificate: Any
) -> Iterator[tuple[str, ssl.SSLContext]]:
    """The same server by TLS on loopback: its address, and a context that trusts it.

    `host` is the one that its certificate is for, and `certificate` is more of what
    `trustme.CA.issue_cert` takes.
    """
    backend = urllib.parse.urlsplit(url)
    authority = authority or trustme.CA()
    server_side, client_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert(host, **certificate).configure_cert(server_side)
    authority.configure_trust(client_side)
    ready: queue.SimpleQueue[Any] = queue.SimpleQueue()

    async def relay(client: trio.SSLStream[trio.SocketStream]) -> None:
        there = await trio.open_tcp_stream(str(backend.hostname), backend.port or 80)
        async with client, there, trio.open_nursery() as nursery:
            nursery.start_soon(_copy, client, there, nursery.cancel_scope)
            nursery.start_soon(_copy, there, client, nursery.cancel_scope)

    async def serve() -> None:
        async with trio.open_nursery() as nursery:
            listen = functools.partial(trio.serve_ssl_over_tcp, relay, 0, server_side, host="127.0.0.1")
            (listener,) = await nursery.start(listen)
            stop = functools.partial(
                trio.lowlevel.current_trio_token().run_sync_soon, nursery.cancel_scope.cancel
            )
            ready.put((listener.transport_listener.socket.getsockname()[1], stop))

    thread = threading.Thread(target=trio.run, args=[serve], daemon=True)
    thread.start()
    port, stop = ready.get(timeout=PATIENCE)
    try:
        yield f"https://127.0.0.1:{port}", client_side
    finally:
        stop()
        thread.join(PATIENCE)


async def _copy(source: Any, target: Any, scope: trio.CancelScope) -> None:
    """Pass on what comes; the end of either side, and a client that does not trust us, ends both."""
    with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
        async for chunk in source:
            await target.send_all(chunk)
    scope.cancel()
