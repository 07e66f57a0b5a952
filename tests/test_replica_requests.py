"""Whose requests a replica answers, how much it takes, and that it fetches and serves nothing else."""

from __future__ import annotations

import contextlib
import json
import re
import select
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("gradio")

import gradio

from qwen_spaces.replicas import serve
from qwen_spaces.replicas.hosts import is_served

from .test_replica_security import requests_with, run_together
from .test_replicas import Wire

pytestmark = pytest.mark.filterwarnings(
    "ignore:'HTTP_422_UNPROCESSABLE_ENTITY' is deprecated:DeprecationWarning",
)

SIX = int(gradio.__version__.partition(".")[0]) >= 6
SECRET = "the-secret-7f3a"
MIB = 2**20
PATIENCE = 30.0  # seconds, where the machine is busy
FORM = "Content-Type: multipart/form-data; boundary=xx"
PART = b'--xx\r\nContent-Disposition: form-data; name="files"; filename="a.bin"\r\n\r\n'
END = b"\r\n--xx--\r\n"
ASK = json.dumps({"data": ["Hi", [], "S", "7B"], "fn_index": 3, "session_hash": "raw"}).encode()


@dataclass
class Server:
    """A replica, what its brain was asked, and where it may write."""

    wire: Wire
    folder: Path
    prompts: list[str] = field(default_factory=list)

    @property
    def files(self) -> list[Path]:
        folders = (self.folder / "temp", self.folder / "cache")
        return [path for folder in folders for path in folder.rglob("*") if path.is_file()]

    def connect(self) -> socket.socket:
        host, port = self.wire.url.removeprefix("http://").split(":")
        return socket.create_connection((host, int(port)), timeout=PATIENCE)

    def send(
        self, request: str, *headers: str, body: bytes = b"", host: str = "localhost"
    ) -> tuple[int, str]:
        """The status and the whole response of a request that no client has tidied up."""
        head = [f"{request} HTTP/1.1", f"Host: {host}", "Connection: close", *headers]
        if body:
            head.append(f"Content-Length: {len(body)}")
        with self.connect() as connection:
            connection.sendall("\r\n".join([*head, "", ""]).encode() + body)
            return response(connection)

    def await_files(self, there: bool) -> None:
        end = time.monotonic() + PATIENCE
        while bool(self.files) != there:
            assert time.monotonic() < end, self.files
            time.sleep(0.01)


def response(connection: socket.socket) -> tuple[int, str]:
    text = b"".join(iter(lambda: connection.recv(MIB), b"")).decode(errors="replace")
    return int(text.split(" ", 2)[1]), text


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server").resolve()
    for name in ("temp", "cache", "outside", "cwd"):
        (folder / name).mkdir()
    for path in ("outside/secret.txt", "cwd/secret.txt", "temp/secret.txt"):
        (folder / path).write_text(SECRET)
    (folder / "outside" / "state.json").write_text(json.dumps([{"id": 1, "props": {"value": SECRET}}]))
    prompts: list[str] = []

    def brain(system: str, history: Any, prompt: str, image: str | None) -> Iterator[str]:
        prompts.append(prompt)
        yield "Yes."

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder / "cwd")
        patch.setattr(tempfile, "tempdir", str(folder / "temp"))
        patch.setenv("GRADIO_TEMP_DIR", str(folder / "cache"))
        with serve("qwen-2.5", brain=brain) as url, closing((wire := Wire(url)).http):
            yield Server(wire, folder, prompts)


@pytest.fixture
def clean(server: Server) -> Server:
    """The server with no file where it may write."""
    for path in server.files:
        path.unlink()
    server.prompts.clear()
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
    server.wire.http.get("/gradio_api/deep_link", params={"session_hash": session})  # makes Gradio's folder
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


def chunked(server: Server, path: str, header: str, start: bytes, size: int) -> tuple[int, str, int]:
    """Send `size` bytes in chunks until there is a response. Returns it, and how many were sent by then."""
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{header}\r\nTransfer-Encoding: chunked\r\n\r\n"
    sent = 0
    chunk = b"100000\r\n" + b" " * MIB + b"\r\n"
    with server.connect() as connection:
        connection.sendall(head.encode() + b"%x\r\n%b\r\n" % (len(start), start))
        while sent < size and not select.select([connection], [], [], 0)[0]:
            connection.sendall(chunk)
            sent += MIB
        connection.shutdown(socket.SHUT_WR)
        return *response(connection), sent


UPLOAD = ("/gradio_api/upload", FORM, PART)
JSON = ("/gradio_api/queue/join", "Content-Type: application/json", b'{"data": [')
CALL = ("/gradio_api/call/model_chat", "Content-Type: application/json", b'{"data": [')
OTHER = ("/gradio_api/component_server", FORM, PART)
TYPELESS = ("/gradio_api/queue/join", "X: y", b" ")


@pytest.mark.parametrize("request_", [UPLOAD, JSON, CALL, OTHER, TYPELESS], ids=lambda request_: request_[0])
def test_a_body_without_a_length_is_bounded(clean: Server, request_: tuple[str, str, bytes]) -> None:
    status, text, sent = chunked(clean, *request_, size=400 * MIB)
    if request_ is OTHER and not SIX:  # which does not expect it there
        assert status == 500
    else:
        assert status == 413
        assert "maximum allowed size" in text
    assert sent < 100 * MIB  # 32, and what the sockets and a busy machine hold
    clean.await_files(there=False)


@pytest.mark.parametrize("request_", [UPLOAD, JSON, CALL], ids=lambda request_: request_[0])
def test_a_body_that_announces_too_much_is_not_awaited(
    clean: Server, request_: tuple[str, str, bytes]
) -> None:
    path, header, start = request_
    with clean.connect() as connection:
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{header}\r\nContent-Length: {50 * MIB}\r\n\r\n"
        connection.sendall(head.encode() + start)
        assert re.match(rb"HTTP/1.1 413 ", connection.recv(100))
    assert clean.files == []


@pytest.mark.parametrize("size", [25, 40])
def test_a_client_that_sends_all_before_it_reads_sees_the_refusal(clean: Server, size: int) -> None:
    status, text = clean.send("POST /gradio_api/upload", FORM, body=PART + b"x" * size * MIB + END)
    assert status == 413
    assert "maximum allowed size" in text


@pytest.mark.parametrize("size", [20 * MIB + 1, 25 * MIB, 50 * MIB])
def test_a_file_that_is_too_large_is_refused_and_deleted(clean: Server, size: int) -> None:
    sent = clean.wire.http.post("/gradio_api/upload", files={"files": ("a.bin", b"x" * size)})
    assert sent.status_code == 413
    assert "maximum allowed size" in sent.text
    clean.await_files(there=False)


def test_files_that_are_too_large_together_are_refused_and_deleted(clean: Server) -> None:
    files = [("files", (f"{number}.bin", b"x" * 15 * MIB)) for number in range(3)]
    assert clean.wire.http.post("/gradio_api/upload", files=files).status_code == 413
    clean.await_files(there=False)


def test_a_file_of_the_largest_size_is_taken(clean: Server) -> None:
    path = clean.wire.http.post("/gradio_api/upload", files={"files": ("a.bin", b"x" * 20 * MIB)}).json()[0]
    assert clean.files == [Path(path)]
    assert len(clean.wire.http.get(f"/gradio_api/file={path}").content) == 20 * MIB


def test_an_upload_that_breaks_off_leaves_no_file(clean: Server) -> None:
    with clean.connect() as connection:
        head = f"POST /gradio_api/upload HTTP/1.1\r\nHost: localhost\r\n{FORM}\r\nContent-Length: {9 * MIB}"
        connection.sendall(f"{head}\r\n\r\n".encode() + PART + b"x" * MIB)
        clean.await_files(there=True)
    clean.await_files(there=False)


@pytest.mark.parametrize("end", [b"", b"\r\n--xx\r\n", b"\r\n--xx?", b"--"])
def test_an_upload_that_is_cut_short_leaves_no_file(clean: Server, end: bytes) -> None:
    status, _ = clean.send("POST /gradio_api/upload", FORM, body=PART + b"x" * MIB + end)
    assert status == 400
    clean.await_files(there=False)


ADDRESSES = (
    "http://127.0.0.1:{port}/a.png",
    "http://0:{port}/a.png",
    "http://[::ffff:127.0.0.1]:{port}/a.png",
)


@pytest.mark.parametrize("name", ["qwen-2.5", "qvq-72b", "qwen-3-vl", "qwen-2.5-vl-72b", "qwen-2.5-1m"])
def test_no_address_of_this_machine_is_fetched(name: str) -> None:
    mark = {"_type": "gradio.FileData"}
    with (
        socket.create_server(("127.0.0.1", 0)) as trap,
        serve(name) as url,
        closing((wire := Wire(url)).http),
    ):
        trap.setblocking(False)
        for host in ("127.0.0.1", "[::ffff:127.0.0.1]"):
            address = f"http://{host}:{trap.getsockname()[1]}/a.png"
            files: list[dict[str, Any]] = [
                {"path": address, "url": address, "meta": mark},
                {"path": address, "meta": mark, "is_stream": True},
                {"path": address},
                {"url": address, "meta": mark},
                {"path": "a.png", "url": address, "meta": mark},
                {"file": {"path": address, "meta": mark}, "alt_text": None},
                {"text": "Hi", "files": [{"path": address, "meta": mark}]},
            ]
            run_together(wire, [request for file in files for request in requests_with(wire, file)])
            for route in ("/gradio_api/file=", "/gradio_api/proxy="):
                wire.http.get(f"{route}{address}", follow_redirects=False)
        with pytest.raises(BlockingIOError):
            trap.accept()


@pytest.mark.parametrize("name", ["qwen-2.5", "qwen-3", "qvq-72b", "qwen-2.5-vl-72b", "qwen-2.5-1m"])
def test_the_page_shows_text_as_text(name: str) -> None:
    """Its components print text, or sanitise the HTML of Markdown."""
    printing = {
        "button",
        "dropdown",
        "image",
        "json",
        "multimodaltextbox",
        "radio",
        "textbox",
        "uploadbutton",
    }
    around = {"accordion", "column", "form", "row", "state"}
    with serve(name) as url, contextlib.closing((wire := Wire(url)).http):
        for part in wire.config["components"]:
            assert part["type"] in printing | around or part["props"]["sanitize_html"] is True
