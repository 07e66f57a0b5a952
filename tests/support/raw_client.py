"""A replica as raw HTTP sees it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import httpx

QWEN2 = "You are a helpful assistant."
QWEN25 = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."
CELL = {
    "id": None,
    "elem_id": None,
    "elem_classes": None,
    "name": None,
    "text": "",
    "flushing": None,
    "avatar": "",
    "files": None,
}
USUAL = {"radio": "7B", "textbox": "Hi", "json": [], "multimodaltextbox": {"text": "Hi", "files": []}}
PLAIN = {"textbox", "radio", "dropdown"}  # inputs that make a text of what they get


class RawReplica:
    """A replica as raw HTTP sees it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = httpx.Client(base_url=url, trust_env=False, timeout=20)
        self.config = self.http.get("/config").json()
        self.api = self.config["api_prefix"]
        self.info = self.http.get(f"{self.api}/info").json()["named_endpoints"]
        self.names = [d["api_name"] for d in self.config["dependencies"]]

    def join(self, endpoint: str, *data: Any) -> tuple[str, httpx.Response]:
        session = uuid4().hex
        fn = self.names.index(endpoint)
        body = {"data": data, "fn_index": fn, "session_hash": session, "event_data": None}
        return session, self.http.post(f"{self.api}/queue/join", json=body)

    @contextmanager
    def messages(self, session: str) -> Iterator[Iterator[dict[str, Any]]]:
        with self.http.stream("GET", f"{self.api}/queue/data", params={"session_hash": session}) as response:
            lines = response.iter_lines()
            yield (json.loads(line[6:]) for line in lines if line.startswith("data: "))

    def run(self, endpoint: str, *data: Any) -> list[dict[str, Any]]:
        """All messages of one call but the estimation, up to `close_stream`."""
        session, joined = self.join(endpoint, *data)
        assert joined.status_code == 200, joined.text
        with self.messages(session) as messages:
            return [message for message in messages if message["msg"] != "estimation"]

    def final(self, endpoint: str, *data: Any) -> Any:
        *_, completed, _close = self.run(endpoint, *data)
        assert completed["success"], completed
        return completed["output"]["data"]


def requests_with(replica: RawReplica, value: Any, *, plain: bool = False) -> Iterator[tuple[str, list[Any]]]:
    """Each endpoint with `value` at each place of each input. `plain`: those that make a text of it, too."""
    parts = {part["id"]: part for part in replica.config["components"]}
    seen = set()
    for dependency in replica.config["dependencies"]:
        if not dependency["backend_fn"]:  # a script of the page
            continue
        inputs = [parts[number] for number in dependency["inputs"]]
        data = [USUAL.get(part["type"]) for part in inputs]
        for place, part in enumerate(inputs):
            like = part["id"], tuple(dependency["outputs"])  # some endpoints are there twice
            if part["type"] != "state" and like not in seen and (plain or part["type"] not in PLAIN):
                seen.add(like)
                for given in _placed(part, value):
                    yield dependency["api_name"], [*data[:place], given, *data[place + 1 :]]


def _placed(part: dict[str, Any], value: Any) -> list[Any]:
    if part["props"].get("label") == "Settings":
        return [{"model": "qwen3-8b", "sys_prompt": value, "thinking_budget": 1}]
    if part["type"] == "json":
        return [[[value, None]], [["Hi", value], ["Ho", None]], [["Hi", None], [None, [value]]]]
    return [value]


def run_together(replica: RawReplica, requests: list[tuple[str, list[Any]]]) -> str:
    """All that comes back for all of them, in one session."""
    session = uuid4().hex
    bodies = [
        {"data": data, "fn_index": replica.names.index(name), "session_hash": session, "event_data": None}
        for name, data in requests
    ]
    output = [replica.http.post(f"{replica.api}/queue/join", json=body).text for body in bodies]
    with replica.http.stream(
        "GET", f"{replica.api}/queue/data", params={"session_hash": session}
    ) as response:
        for line in response.iter_lines():
            output.append(line)
    return "\n".join(output)
