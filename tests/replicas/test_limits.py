"""The limits of a replica: it keeps no file that it refuses, and fetches nothing from this machine."""

from __future__ import annotations

import re
import select
import socket
from collections.abc import Iterator
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from ..support.raw_client import RawReplica, requests_with, run_together
from ..support.replica import END, FORM, MIB, PART, Server, response, served

SIX = int(version("gradio").partition(".")[0]) >= 6
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:'HTTP_422_UNPROCESSABLE_ENTITY' is deprecated:DeprecationWarning"),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with served(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def clean(server: Server) -> Server:
    server.clear()
    return server


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
    if request_ is OTHER and not SIX:  # which does not expect a form there
        assert status == 400
    else:
        assert status == 413
        assert "maximum allowed size" in text
    assert sent < 100 * MIB  # 32, and the buffers of the sockets on a busy machine
    clean.await_files(exist=False)


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
    sent = clean.replica.http.post("/gradio_api/upload", files={"files": ("a.bin", b"x" * size)})
    assert sent.status_code == 413
    assert "maximum allowed size" in sent.text
    clean.await_files(exist=False)


def test_files_that_are_too_large_together_are_refused_and_deleted(clean: Server) -> None:
    files = [("files", (f"{number}.bin", b"x" * 15 * MIB)) for number in range(3)]
    assert clean.replica.http.post("/gradio_api/upload", files=files).status_code == 413
    clean.await_files(exist=False)


def test_a_file_of_the_largest_size_is_taken(clean: Server) -> None:
    path = clean.replica.http.post("/gradio_api/upload", files={"files": ("a.bin", b"x" * 20 * MIB)}).json()[
        0
    ]
    assert clean.files == [Path(path)]
    assert len(clean.replica.http.get(f"/gradio_api/file={path}").content) == 20 * MIB


def test_an_upload_that_breaks_off_leaves_no_file(clean: Server) -> None:
    with clean.connect() as connection:
        head = f"POST /gradio_api/upload HTTP/1.1\r\nHost: localhost\r\n{FORM}\r\nContent-Length: {9 * MIB}"
        connection.sendall(f"{head}\r\n\r\n".encode() + PART + b"x" * MIB)
        clean.await_files(exist=True)
    clean.await_files(exist=False)


@pytest.mark.parametrize("end", [b"", b"\r\n--xx\r\n", b"\r\n--xx?", b"--"])
def test_an_upload_that_is_cut_short_leaves_no_file(clean: Server, end: bytes) -> None:
    status, _ = clean.send("POST /gradio_api/upload", FORM, body=PART + b"x" * MIB + end)
    assert status == 400
    clean.await_files(exist=False)


ADDRESSES = (
    "http://127.0.0.1:{port}/a.png",
    "http://0:{port}/a.png",
    "http://[::ffff:127.0.0.1]:{port}/a.png",
)


@pytest.mark.parametrize("name", ["qwen-2.5", "qvq-72b", "qwen-3-vl", "qwen-2.5-vl-72b", "qwen-2.5-1m"])
def test_no_address_of_this_machine_is_fetched(name: str) -> None:
    from qwen_spaces.replicas import serve

    mark = {"_type": "gradio.FileData"}
    with (
        socket.create_server(("127.0.0.1", 0)) as trap,
        serve(name) as url,
        closing((replica := RawReplica(url)).http),
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
            run_together(replica, [request for file in files for request in requests_with(replica, file)])
            for route in ("/gradio_api/file=", "/gradio_api/proxy="):
                replica.http.get(f"{route}{address}", follow_redirects=False)
        with pytest.raises(BlockingIOError):
            trap.accept()


@pytest.mark.parametrize("name", ["qwen-2.5", "qwen-3", "qvq-72b", "qwen-2.5-vl-72b", "qwen-2.5-1m"])
def test_the_page_shows_text_as_text(name: str) -> None:
    """Its components print text, or sanitise the HTML of Markdown."""
    from qwen_spaces.replicas import serve

    printing = {
        "audio",
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
    with serve(name) as url, closing((replica := RawReplica(url)).http):
        for part in replica.config["components"]:
            assert part["type"] in printing | around or part["props"]["sanitize_html"] is True
