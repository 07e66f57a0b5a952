"""A small Gradio 6 server, written by hand so that it can fail on purpose, and records its requests.

Its config, its API and its messages are those of the replica of Qwen2-72B-Instruct, cut down to what
`gradio_client` reads (Gradio 6.31, protocol sse_v3, read 2026-11). Standard library alone, for it is
also a program, to be frozen and killed: it prints its address and generates text until then.
"""

from __future__ import annotations

import json
import re
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, NamedTuple

from .modes import PATIENCE

PREFIX = "/gradio_api"
EVENT_ID = "6f1d9c0a5b7e4d32"  # of every job, for messages are written before the job is
STEP = 0.05  # seconds between two events where a script repeats some

PAIRS = {"type": "array", "items": {"type": "array", "maxItems": 2, "minItems": 2}}
CONFIG: dict[str, Any] = {
    "version": "6.31.0",
    "api_prefix": PREFIX,
    "protocol": "sse_v3",
    "connect_heartbeat": False,
    "components": [
        {"id": 4, "type": "textbox", "skip_api": False, "api_info": {"type": "string"}},
        {"id": 8, "type": "textbox", "skip_api": False, "api_info": {"type": "string"}},
        {"id": 10, "type": "json", "skip_api": False, "api_info": PAIRS},
        {"id": 11, "type": "textbox", "skip_api": False, "api_info": {"type": "string"}},
    ],
    "dependencies": [
        {
            "id": 0,
            "inputs": [11, 10, 8],
            "outputs": [11, 10, 4],
            "backend_fn": True,
            "queue": True,
            "api_name": "model_chat",
            "api_visibility": "public",
            "cancels": [],
            "types": {"generator": True, "cancel": False},
        }
    ],
}


def endpoint(**parameters: Mapping[str, Any]) -> dict[str, Any]:
    """One endpoint of the API: its parameters, each a JSON schema; all but the first have a default."""
    described = [
        {
            "label": name,
            "parameter_name": name,
            "parameter_has_default": place > 0,
            "parameter_default": None,
            "type": schema,
        }
        for place, (name, schema) in enumerate(parameters.items())
    ]
    return {"parameters": described, "returns": [], "api_visibility": "public"}


def info(**endpoints: Mapping[str, Any]) -> dict[str, Any]:
    """The API of an app with these endpoints."""
    return {
        "named_endpoints": {f"/{name}": described for name, described in endpoints.items()},
        "unnamed_endpoints": {},
    }


INFO = info(model_chat=endpoint(query={"type": "string"}, history=PAIRS, system={"type": "string"}))


def message(kind: str, **more: Any) -> bytes:
    """One message of the event stream."""
    payload = json.dumps({"msg": kind, "event_id": EVENT_ID, **more}, ensure_ascii=False)
    return f"data: {payload}\n\n".encode()


HEARTBEAT = message("heartbeat", event_id=None)
CLOSE = message("close_stream", event_id=None)
QUEUED = message("estimation", rank=0, queue_size=1, rank_eta=None)
STARTS = message("process_starts", eta=None)
BEGIN = (QUEUED, STARTS)


def generates(*texts: str) -> tuple[bytes, ...]:
    """A job that starts and generates these texts, each the answer so far: the first whole, then diffs."""
    events = list(BEGIN)
    before = None
    for text in texts:
        if before is None:
            data: list[Any] = ["", [["Hi", text]], None]
        elif text.startswith(before):
            data = [[], [["append", [0, 1], text[len(before) :]]], []]
        else:
            data = [[], [["replace", [0, 1], text]], []]
        events.append(puts_out(*data))
        before = text
    return tuple(events)


def puts_out(*data: Any) -> bytes:
    """The message of a generator that goes on."""
    return message("process_generating", output={"data": data, "is_generating": True}, success=True)


def completes(*data: Any) -> tuple[bytes, bytes]:
    """The end of a job that went well, with its last output."""
    return message("process_completed", output={"data": data}, success=True, title=None), CLOSE


def fails(error: str | None, title: str = "Error") -> tuple[bytes, bytes]:
    """The end of a job whose app failed; ``None`` hides the reason."""
    output = {"error": error} if error is None else {"error": error, "duration": 10, "title": title}
    return message("process_completed", output=output, success=False, title=title), CLOSE


def succeeds(*texts: str) -> tuple[bytes, ...]:
    """A whole job that generates these texts and succeeds."""
    return (*generates(*texts), *completes("", [["Hi", texts[-1]]], None))


def repeated(event: bytes, seconds: float) -> tuple[bytes | float, ...]:
    """The same event at every `STEP`, for so long."""
    return (event, STEP) * int(seconds / STEP)


@dataclass(frozen=True)
class Page:
    """An answer over HTTP.

    Attributes:
        status: its code; 0 hangs up without an answer.
        body: an HTML page if it is a string, else JSON.
        headers: added to the usual ones.
    """

    status: int = 200
    body: Any = "<!doctype html><html><body><h1>Something else</h1></body></html>"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Script:
    """What the server does; by default it generates "Hello world." and succeeds.

    Attributes:
        config: in place of the config, as the next three of what they are called after.
        info: the description of the API.
        join: the answer to a new job.
        data: the event stream.
        failures: how often each of those is served before the usual; ``None`` is always.
        events: of the event stream: bytes to send, and seconds to wait.
        end: after the last event the stream ends, is cut in the middle of a chunk, or stays open.
    """

    config: Page | None = None
    info: Page | None = None
    join: Page | None = None
    data: Page | None = None
    failures: int | None = None
    events: tuple[bytes | float, ...] = succeeds("Hello", "Hello world.")
    end: Literal["close", "cut", "hang"] = "close"


class Request(NamedTuple):
    """A request to the server; `path` is without prefix and query, `body` is parsed if it is JSON."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any


class ScriptedServer(ThreadingHTTPServer):
    """The server; `requests` are those so far."""

    daemon_threads = False  # so that closing it waits for them
    request_queue_size = 128

    def __init__(self, script: Script) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script = script
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.requests: list[Request] = []
        self.stopping = threading.Event()
        self._recorded = threading.Condition()

    def record(self, request: Request) -> int:
        """Record a request; gives how many there were of its path, with it."""
        with self._recorded:
            self.requests.append(request)
            self._recorded.notify_all()
            return self.count(request.path)

    def count(self, path: str) -> int:
        """How many requests there were of a path, such as ``"/config"`` or ``"/queue/join"``."""
        return sum(request.path == path for request in self.requests)

    def wait_for(self, path: str, seconds: float = 30.0) -> None:
        """Wait until a path was requested; fails after `seconds`."""
        with self._recorded:
            assert self._recorded.wait_for(lambda: self.count(path), seconds), f"nobody requested {path}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients may hang up; all else is an error of the tests."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: ScriptedServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 10

    def handle(self) -> None:
        if self.rfile.peek(1)[:1] == b"\x16":  # the hello of TLS, answered as plain servers do
            self.rfile.read1()
            self.wfile.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
        else:
            super().handle()

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body: Any = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get_content_type() == "application/json":
            body = json.loads(body)
        path = self.path.partition("?")[0].removeprefix(PREFIX)
        count = self.server.record(Request(self.command, path, dict(self.headers), body))
        script = self.server.script
        usual = {
            "/config": (script.config, Page(body=CONFIG)),
            "/info": (script.info, Page(body=INFO)),
            "/queue/join": (script.join, Page(body={"event_id": EVENT_ID})),
            "/queue/data": (script.data, None),
            "/cancel": (None, Page(body={"success": True})),
            "/reset": (None, Page(body={"success": True})),
            "/upload": (None, Page(body=["uploaded"])),
        }
        scripted, page = usual.get(path, (None, Page(404, {"detail": "Not Found"})))
        if scripted and (script.failures is None or count <= script.failures):
            page = scripted
        if page is None:
            self._stream()
        elif page.status:
            self._send(page)
        self.close_connection = True

    def _send(self, page: Page) -> None:
        html = isinstance(page.body, str)
        body = (page.body if html else json.dumps(page.body)).encode()
        self.send_response(page.status)
        self.send_header("Content-Type", "text/html; charset=utf-8" if html else "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        for name, value in page.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Connection", "close")
        self.end_headers()
        for event in self.server.script.events:
            if isinstance(event, bytes):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
            elif self.server.stopping.wait(event):
                return
        end = self.server.script.end
        if end == "hang":
            self.server.stopping.wait(30)
        elif end == "cut":
            self.wfile.write(b'400\r\ndata: {"msg": "process_gen')
        else:
            self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def serve_script(script: Script = Script()) -> Iterator[ScriptedServer]:
    """Serve a script on loopback."""
    server = ScriptedServer(script)
    thread = threading.Thread(target=server.serve_forever, args=[0.02], daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stopping.set()
        server.shutdown()
        server.server_close()
        thread.join(PATIENCE)


def pieces(events: tuple[bytes, ...], size: int) -> tuple[bytes, ...]:
    """The same bytes, `size` at a time, wherever that cuts."""
    return tuple(re.findall(rb"(?s).{1,%d}" % size, b"".join(events)))


def main() -> None:
    """Generate text, a word at every `STEP`, for half a minute."""
    words = [f"word{number + 1} " for number in range(600)]
    texts = ["".join(words[: number + 1]) for number in range(600)]
    events = tuple(part for event in generates(*texts) for part in (event, STEP))
    with serve_script(Script(events=events)) as server:
        print(server.url, flush=True)
        sys.stdin.read()  # until the parent ends, if it does not kill


if __name__ == "__main__":
    main()
