"""Whose requests a replica serves, and that it serves no file of the disk."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qwen_spaces._hosts import is_served

from ..support.replica import END, FORM, PART, SECRET, Server, served

pytestmark = pytest.mark.filterwarnings(
    "ignore:'HTTP_422_UNPROCESSABLE_ENTITY' is deprecated:DeprecationWarning",
)

ASK = json.dumps({"data": ["Hi", [], "S", "7B"], "fn_index": 3, "session_hash": "raw"}).encode()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with served(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def clean(server: Server) -> Server:
    server.clear()
    return server


PATHS: list[Callable[[Path], str]] = [
    lambda folder: f"{folder}/outside/secret.txt",
    lambda folder: f"{folder}/cwd/secret.txt",
    lambda folder: f"{folder}/temp/secret.txt",
    lambda folder: f"{folder}/cache/../outside/secret.txt",
    lambda folder: f"{folder}/cache/%2e%2e/outside/secret.txt",
    lambda folder: f"{folder}/cache/%252e%252e/outside/secret.txt",
    lambda folder: f"{folder}/cache/..%2foutside%2fsecret.txt",
    lambda folder: f"%2f{str(folder)[1:]}/outside/secret.txt",
    lambda folder: f"/{folder}/outside/secret.txt",
    lambda folder: f"file://{folder}/outside/secret.txt",
    lambda folder: "secret.txt",
    lambda folder: "../outside/secret.txt",
    lambda folder: "%2e%2e/outside/secret.txt",
    lambda folder: "/".join([".."] * 12) + f"{folder}/outside/secret.txt",
    lambda folder: "%2e%2e/" * 12 + f"{str(folder)[1:]}/outside/secret.txt",
    lambda folder: "..%5c" * 12 + f"{str(folder)[1:]}/outside/secret.txt",
]
ROUTES = (
    "/gradio_api/file=",
    "/gradio_api/file/",
    "/gradio_api/proxy=",
    "/gradio_api/stream/",
    "/file=",
    "/file/",
    "/proxy=",
    "/static/",
    "/assets/",
    "/svelte/",
    "/theme/",
    "/theme.css/",
    "/pwa_icon/",
    "/gradio_api/custom_component/x/client/component/",
    "/",
)


@pytest.mark.parametrize("route", ROUTES)
def test_no_route_serves_the_disk(server: Server, route: str) -> None:
    for path in PATHS:
        _, text = server.send(f"GET {route}{path(server.folder)}")
        assert SECRET not in text


@pytest.mark.parametrize("page", ["/", "/config", "/gradio_api/info"])
def test_no_deep_link_leads_out_of_the_cache(server: Server, page: str) -> None:
    session = "deep"
    server.replica.http.get(
        "/gradio_api/deep_link", params={"session_hash": session}
    )  # creates Gradio's folder
    for link in (f"{server.folder}/outside", "../../outside", "%2e%2e/%2e%2e/outside", "..%2f..%2foutside"):
        status, text = server.send(f"GET {page}?deep_link={link}")
        assert (status, SECRET in text) == (400, False)
    assert server.send(f"GET {page}?deep_link=abc_DEF-1")[0] == 200


FOREIGN = (
    "evil.example",
    "evil.example:7860",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "[::1].evil.example",
    "127.0.0.1@evil.example",
    "evil.example#127.0.0.1",
    "127.0.0.1, evil.example",
    "192.0.2.7",
    "[2001:db8::1]:7860",
    "0.0.0.0",
    "2130706433",
    "[::1",
    "",
)
REQUESTS: tuple[tuple[str, str, bytes], ...] = (
    ("GET /", "X: y", b""),
    ("GET /config", "X: y", b""),
    ("GET /gradio_api/info", "X: y", b""),
    ("GET /gradio_api/file=a.png", "X: y", b""),
    ("GET /gradio_api/queue/data?session_hash=raw", "X: y", b""),
    ("POST /gradio_api/queue/join", "Content-Type: application/json", ASK),
    ("POST /gradio_api/call/model_chat", "Content-Type: application/json", ASK),
    ("POST /gradio_api/upload", FORM, PART + b"abc" + END),
)


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request_: request_[0])
def test_a_rebound_name_gets_nothing(clean: Server, request_: tuple[str, str, bytes]) -> None:
    line, header, body = request_
    for host in FOREIGN:
        status, text = clean.send(line, header, body=body, host=host)
        assert 400 <= status < 500, host
        assert "gradio" not in text.lower()
    twice = clean.send(line, header, "Host: evil.example", body=body)[0]
    assert 400 <= twice < 500
    assert (clean.files, clean.prompts) == ([], [])


@pytest.mark.parametrize(
    "host", ["localhost", "LocalHost:1", "127.0.0.1", "127.1.2.3:80", "[::1]:7860", "[::1]", "localhost."]
)
def test_loopback_names_are_answered(server: Server, host: str) -> None:
    assert server.send("GET /config", host=host)[0] == 200


def test_an_absolute_request_line_changes_nothing(server: Server) -> None:
    assert server.send("GET http://localhost/config", host="evil.example")[0] == 421


@pytest.mark.parametrize(
    ("bound", "served", "refused"),
    [
        ("127.0.0.1", ["localhost", "127.0.0.1", "::1"], ["192.0.2.7", "evil.example", ""]),
        ("192.0.2.7", ["192.0.2.7", "localhost"], ["192.0.2.8", "evil.example", ""]),
        ("Box.Local", ["box.local", "localhost"], ["local", "evil.example", "192.0.2.7"]),
        ("2001:db8:0::1", ["2001:db8::1"], ["2001:db8::2", "evil.example"]),
        ("0.0.0.0", ["192.0.2.7", "2001:db8::1", "0.0.0.0", "localhost"], ["evil.example", ""]),
        ("::", ["192.0.2.7", "2001:db8::1", socket.gethostname().lower()], ["evil.example", ""]),
        ("", ["192.0.2.7", "localhost"], ["evil.example", ""]),
    ],
)
def test_a_server_answers_to_what_it_listens_on(bound: str, served: list[str], refused: list[str]) -> None:
    assert [name for name in served + refused if is_served(name, bound)] == served


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "https://localhost.evil.example",
        "null",
        "file://",
        "app://localhost",
        "http://[::1",
    ],
)
def test_pages_of_other_sites_are_refused(clean: Server, origin: str) -> None:
    for line, header, body in REQUESTS:
        assert clean.send(line, header, f"Origin: {origin}", body=body)[0] == 403
    assert (clean.files, clean.prompts) == ([], [])


@pytest.mark.parametrize("origin", ["http://localhost:3000", "http://127.0.0.1", "https://[::1]:8888"])
def test_pages_of_this_machine_are_answered(server: Server, origin: str) -> None:
    assert server.send("GET /config", f"Origin: {origin}")[0] == 200
