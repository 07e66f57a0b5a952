"""A small Hugging Face Hub: answers what a Space's address is, and lists and finds Spaces.

For programs started with ``HF_ENDPOINT``. Its lists have the form in which `huggingface_hub` 2.4 reads them.
"""

from __future__ import annotations

import contextlib
import json
import threading
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from .modes import PATIENCE
from .proxy import Answer

LIST, SEARCH, WHOAMI = "/api/spaces", "/api/spaces/semantic-search", "/api/whoami-v2"
CPU = {"current": "cpu-basic", "requested": "cpu-basic"}


class Headers(dict[str, str]):
    """The headers of a request, and its path."""

    path = ""


def listed(
    space_id: str,
    likes: int = 0,
    *,
    stage: str = "RUNNING",
    hardware: str = "cpu-basic",
    sdk: str = "gradio",
    private: bool = False,
) -> dict[str, Any]:
    """A Space as the Hub lists it."""
    return {
        "id": space_id,
        "author": space_id.partition("/")[0],
        "title": space_id.partition("/")[2],
        "likes": likes,
        "sdk": sdk,
        "private": private,
        "runtime": {"stage": stage, "hardware": {"current": hardware, "requested": hardware}},
    }


def find(spaces: Sequence[Mapping[str, Any]], path: str, query: Mapping[str, list[str]]) -> list[Any]:
    """The Spaces that a list or a search of the Hub gives."""
    if path == SEARCH:
        words = query["q"][0].lower().split()
        return [
            space
            for space in spaces
            if any(word in space["id"].lower() for word in words)
            and space["runtime"]["stage"] == "RUNNING"
            and space["sdk"] in query.get("sdk", [space["sdk"]])
        ]
    found = [
        space
        for space in spaces
        if space["author"] in query.get("author", [space["author"]])
        and space["sdk"] in query.get("filter", [space["sdk"]])
        and query.get("search", [""])[0].lower() in space["id"].lower()
    ]
    if query.get("sort") == ["likes"]:
        found.sort(key=lambda space: -space["likes"])
    fields = {"id", "private", *query.get("expand", [])}
    return [
        {name: value for name, value in space.items() if name in fields}
        for space in found[: int(query.get("limit", ["1000"])[0])]
    ]


@contextlib.contextmanager
def serve_hub(
    hosts: Mapping[str, str],
    stages: Mapping[str, list[str]] | None = None,
    answers: Mapping[str, Answer] | None = None,
    *,
    spaces: Sequence[Mapping[str, Any]] | None = None,
    accounts: Mapping[str, str] | None = None,
) -> Iterator[tuple[str, list[Any]]]:
    """Serve the Spaces `hosts` (id -> address) on loopback; gives the Hub's address and the headers seen.

    `stages`: id -> its stages, one for each request; the last one stays. A stage that is a
    number is the HTTP status of a refusal. `answers`: id, or path -> what is answered instead.
    `spaces`: what it lists, each from `listed`; by default all `hosts`. `accounts`: token -> name. Private
    Spaces are there for the account of their owner alone.
    """
    seen: list[Any] = []
    catalogue = [listed(space_id) for space_id in hosts] if spaces is None else spaces
    hardware = {space["id"]: space["runtime"]["hardware"] for space in catalogue}
    remaining = {space_id: list(of) for space_id, of in (stages or {}).items()}

    class Hub(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(Headers(self.headers))
            seen[-1].path = self.path
            account = (accounts or {}).get(self.headers.get("authorization", "").removeprefix("Bearer "))
            there = [space for space in catalogue if not space["private"] or space["author"] == account]
            path, _, query = self.path.partition("?")
            space_id = path.removeprefix("/api/spaces/")
            if answers and space_id in answers:
                answer = answers[space_id]
                self._send(answer.status, answer.headers, answer.body)
            elif path in (LIST, SEARCH):
                self._send(200, {}, json.dumps(find(there, path, urllib.parse.parse_qs(query))).encode())
            elif path == WHOAMI:
                self._send(200 if account else 401, {}, json.dumps({"name": account}).encode())
            else:
                hidden = {space["id"] for space in catalogue if space not in there}
                self._describe(space_id, is_there=space_id in hosts and space_id not in hidden)

        def _describe(self, space_id: str, *, is_there: bool) -> None:
            coming = remaining.get(space_id, ["RUNNING"])
            stage = coming.pop(0) if len(coming) > 1 else coming[0]
            status = int(stage) if stage.isdigit() else 200 if is_there else 404
            info = {
                "id": space_id,
                "private": False,
                "host": hosts.get(space_id),
                "tags": [],
                "runtime": {"stage": stage, "hardware": hardware.get(space_id, CPU)},
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
