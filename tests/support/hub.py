"""A small Hugging Face Hub: answers what a Space's address is. For programs started with ``HF_ENDPOINT``."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from .modes import PATIENCE
from .proxy import Answer


@contextlib.contextmanager
def serve_hub(
    hosts: Mapping[str, str],
    stages: Mapping[str, list[str]] | None = None,
    answers: Mapping[str, Answer] | None = None,
) -> Iterator[tuple[str, list[Any]]]:
    """Serve the Spaces `hosts` (id -> address) on loopback; gives the Hub's address and the headers seen.

    `stages`: id -> its stages, one for each request; the last one stays. A stage that is a
    number is the HTTP status of a refusal. `answers`: id -> what is answered instead.
    """
    seen: list[Any] = []
    remaining = {space_id: list(of) for space_id, of in (stages or {}).items()}

    class Hub(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(dict(self.headers))
            space_id = self.path.removeprefix("/api/spaces/").partition("?")[0]
            if answers and space_id in answers:
                answer = answers[space_id]
                self._send(answer.status, answer.headers, answer.body)
                return
            coming = remaining.get(space_id, ["RUNNING"])
            stage = coming.pop(0) if len(coming) > 1 else coming[0]
            status = int(stage) if stage.isdigit() else 200 if space_id in hosts else 404
            info = {
                "id": space_id,
                "private": False,
                "host": hosts.get(space_id),
                "tags": [],
                "runtime": {"stage": stage, "hardware": {"current": "cpu-basic", "requested": "cpu-basic"}},
            }
            codes = {404: "RepoNotFound", 403: "GatedRepo"}
            body = json.dumps({"error": codes.get(status, "no")} if status != 200 else info).encode()
            self._send(status, {"X-Error-Code": codes[status]} if status in codes else {}, body)

        def _send(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with contextlib.suppress(ConnectionError):  # the client may refuse to read it all
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join(PATIENCE)
