"""A replica whose files and prompts are recorded, and raw requests to it, as no client would send them."""

from __future__ import annotations

import contextlib
import json
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from .modes import PATIENCE
from .raw_client import RawReplica

SECRET = "the-secret-7f3a"
MIB = 2**20
FORM = "Content-Type: multipart/form-data; boundary=xx"
PART = b'--xx\r\nContent-Disposition: form-data; name="files"; filename="a.bin"\r\n\r\n'
END = b"\r\n--xx--\r\n"


@dataclass
class Server:
    """A replica, the prompts of its brain, and the folder that it may write to."""

    replica: RawReplica
    folder: Path
    prompts: list[str] = field(default_factory=list)

    @property
    def files(self) -> list[Path]:
        folders = (self.folder / "temp", self.folder / "cache")
        return [path for folder in folders for path in folder.rglob("*") if path.is_file()]

    def connect(self) -> socket.socket:
        host, port = self.replica.url.removeprefix("http://").split(":")
        return socket.create_connection((host, int(port)), timeout=PATIENCE)

    def send(
        self, request: str, *headers: str, body: bytes = b"", host: str = "localhost"
    ) -> tuple[int, str]:
        """The status and the whole response."""
        head = [f"{request} HTTP/1.1", f"Host: {host}", "Connection: close", *headers]
        if body:
            head.append(f"Content-Length: {len(body)}")
        with self.connect() as connection:
            connection.sendall("\r\n".join([*head, "", ""]).encode() + body)
            return response(connection)

    def await_files(self, exist: bool) -> None:
        end = time.monotonic() + PATIENCE
        while bool(self.files) != exist:
            assert time.monotonic() < end, self.files
            time.sleep(0.01)

    def clear(self) -> None:
        """Forget the prompts, and delete the files."""
        for path in self.files:
            path.unlink()
        self.prompts.clear()


def response(connection: socket.socket) -> tuple[int, str]:
    text = b"".join(iter(lambda: connection.recv(MIB), b"")).decode(errors="replace")
    return int(text.split(" ", 2)[1]), text


@contextlib.contextmanager
def served(folder: Path) -> Iterator[Server]:
    """A replica that works below `folder`, which also has secrets."""
    from qwen_spaces.replicas import serve

    folder = folder.resolve()
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
        with serve("qwen-2.5", brain=brain) as url, closing((replica := RawReplica(url)).http):
            yield Server(replica, folder, prompts)
