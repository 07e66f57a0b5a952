"""A server that answers each path of Gradio's API with bytes of the test's choice, valid or not.

`scripted_gradio` scripts a server that speaks Gradio; this one need not even speak JSON.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from .modes import PATIENCE
from .scripted_gradio import PREFIX

Chunks = bytes | tuple[bytes, ...]


@dataclass(frozen=True)
class Raw:
    """An answer over HTTP.

    Attributes:
        body: its bytes; several are sent one after another.
        status: its code.
        headers: added to the usual ones, or in place of them.
        length: whether its length is announced; if not, the end of the connection ends it.
    """

    body: Chunks = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    length: bool = True


class RawServer(ThreadingHTTPServer):
    """The server; `answers` are by path, without prefix and query, and may be changed at any time."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.answers: dict[str, Raw] = {}

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients hang up on answers that they refuse."""


class _Handler(BaseHTTPRequestHandler):
    server: RawServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 10

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = self.path.partition("?")[0].removeprefix(PREFIX)
        answer = self.server.answers.get(path, Raw(b'{"success": true}'))
        stream = path == "/queue/data"
        headers = {
            "Content-Type": "text/event-stream; charset=utf-8" if stream else "application/json",
            "Connection": "close",
            **answer.headers,
        }
        chunks = (answer.body,) if isinstance(answer.body, bytes) else answer.body
        if answer.length and not stream:
            headers.setdefault("Content-Length", str(sum(map(len, chunks))))
        self.send_response_only(answer.status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        for chunk in chunks:
            self.wfile.write(chunk)
        self.close_connection = True

    def log_message(self, *_: Any) -> None:
        pass


@contextlib.contextmanager
def serve_raw() -> Iterator[RawServer]:
    """Serve on loopback."""
    server = RawServer()
    thread = threading.Thread(target=server.serve_forever, args=[0.02], daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(PATIENCE)
