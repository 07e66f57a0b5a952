"""A server that records every request and passes it on: a forward proxy, or the front of one server."""

from __future__ import annotations

import contextlib
import http.client
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

from .modes import PATIENCE

START = PATIENCE  # seconds for a proxy to start
VIA = "1.1 recording"  # what a proxy adds
HOP_BY_HOP = {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "te", "upgrade"}


@dataclass(frozen=True)
class Request:
    """A request that came, its header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]

    @property
    def kind(self) -> str:
        """The last word of its path: ``config``, ``info``, ``upload``, ``join``, ``data``, ``cancel`` ..."""
        return urllib.parse.urlsplit(self.path).path.rstrip("/").rpartition("/")[2]


class Answer(NamedTuple):
    """What to answer in place of the server behind."""

    status: int
    headers: Mapping[str, str] = {}
    body: bytes = b"no"


Interfere = Callable[[Request], "Answer | int | None"]
"""What to do with a request: answer it, cut its response after so many bytes, or pass it on."""


@dataclass
class Recorder:
    """The address to use, the requests seen there, and the server behind."""

    url: str
    seen: list[Request]
    interfere: Interfere
    origin: str
    read_timeout: float  # seconds of silence from the server behind, as a proxy allows

    @property
    def kinds(self) -> set[str]:
        return {request.kind for request in self.seen}


class Handler(BaseHTTPRequestHandler):
    recorder: Recorder

    def handle_any(self) -> None:
        request = Request(self.command, self.path, {k.lower(): v for k, v in self.headers.items()})
        self.recorder.seen.append(request)
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        answer = self.recorder.interfere(request)
        if isinstance(answer, Answer):
            self.begin(answer.status, {**answer.headers, "Content-Length": str(len(answer.body))}.items())
            self.wfile.write(answer.body)
        else:
            self.pass_on(body, answer)

    do_GET = do_POST = do_CONNECT = handle_any  # noqa: N815

    def pass_on(self, body: bytes, most: int | None) -> None:
        origin = self.recorder.origin
        to = urllib.parse.urlsplit(origin or self.path)
        path = self.path if origin else urllib.parse.urlunsplit(to._replace(scheme="", netloc=""))
        headers = {k: v for k, v in self.headers.items() if k.lower() not in HOP_BY_HOP}
        if not origin:
            headers["Via"] = VIA
        patience = self.recorder.read_timeout
        with contextlib.closing(http.client.HTTPConnection(to.netloc, timeout=patience)) as server:
            server.request(self.command, path, body, headers)
            try:
                response = server.getresponse()
            except TimeoutError:
                self.begin(504, [("Content-Length", "0")])
                return
            self.begin(response.status, response.getheaders())
            while chunk := response.read1(65536):
                self.wfile.write(chunk[:most])
                if most is not None and (most := most - len(chunk)) <= 0:
                    return

    def begin(self, status: int, headers: Iterable[tuple[str, str]]) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


class Server(ThreadingHTTPServer):
    def handle_error(self, *_: Any) -> None:
        pass  # the other side has hung up


@contextlib.contextmanager
def recording(
    origin: str = "", interfere: Interfere = lambda _: None, *, read_timeout: float = PATIENCE
) -> Iterator[Recorder]:
    """Record what comes, and pass it on to `origin`; without one, to the address in the request (a proxy)."""
    server = Server(("127.0.0.1", 0), type("Bound", (Handler,), {}))
    recorder = Recorder(f"http://127.0.0.1:{server.server_address[1]}", [], interfere, origin, read_timeout)
    server.RequestHandlerClass.recorder = recorder
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield recorder
    finally:
        server.shutdown()
        server.server_close()
        thread.join(PATIENCE)


@contextlib.contextmanager
def proxy_py(folder: Path, *options: str) -> Iterator[str]:
    """A proxy of somebody else's making, in a process of its own; gives its address."""
    port_file = folder / "port"
    given = ["--hostname", "127.0.0.1", "--port", "0", "--num-workers", "1", "--num-acceptors", "1"]
    files = ["--port-file", str(port_file), "--log-file", str(folder / "log"), "--data-dir", str(folder)]
    running = subprocess.Popen([sys.executable, "-m", "proxy", *given, *files, *options])
    try:
        deadline = time.monotonic() + START
        while not (port_file.exists() and port_file.read_text().strip()):
            assert time.monotonic() < deadline, "the proxy does not start"
            time.sleep(0.02)
        yield f"http://127.0.0.1:{port_file.read_text().split()[0]}"
    finally:
        running.terminate()
        running.wait(START)
