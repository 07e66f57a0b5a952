"""Servers that send nothing, or a byte at a time: each wait has its end, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest
from pytest_mock import MockerFixture

from qwen_spaces import (
    QwenSpace,
    SpaceTimeoutError,
    StreamError,
    Timeouts,
)
from qwen_spaces._stream.mailbox import Mailbox
from qwen_spaces._stream.task import REPRIEVE
from qwen_spaces._types.events import Status, Text

from ..support.images import PNG
from ..support.modes import run_async
from ..support.reluctant import PATIENCE, Reluctant, assert_closing_ends_a_status, assert_gone
from ..support.scripted_gradio import STEP, Script, completes, generates, serve_script
from ..support.servers import Servers
from ..support.streams import scripted_stream

SHORT = Timeouts(connect=0.5, first=0.5, gap=0.5)


@pytest.fixture(params=[False, True], ids=["silent", "dripping"])
def reluctant(request: pytest.FixtureRequest) -> Iterator[Reluctant]:
    with contextlib.closing(Reluctant(drips=request.param)) as server:
        yield server


def test_a_status_has_its_bound(reluctant: Reluctant) -> None:
    with pytest.raises(SpaceTimeoutError) as caught:
        QwenSpace("qwen-2-72b", src=reluctant.url, timeouts=SHORT).status()
    assert caught.value.phase == "connect"
    assert_gone()


def test_a_status_ends_when_its_space_is_closed(reluctant: Reluctant) -> None:
    space = QwenSpace("qwen-2-72b", src=reluctant.url, timeouts=Timeouts(connect=None))
    assert_closing_ends_a_status(space, reluctant)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_status_that_is_cancelled_leaves_nothing(backend: str, reluctant: Reluctant) -> None:
    async def main() -> None:
        space = QwenSpace("qwen-2-72b", src=reluctant.url, timeouts=Timeouts(connect=None))
        with anyio.move_on_after(0.3):
            await space.astatus()

    run_async(backend, main)
    assert_gone()


def test_many_requests_wait_for_one_attempt_and_not_one_after_another(reluctant: Reluctant) -> None:
    space = QwenSpace("qwen-2-72b", src=reluctant.url, timeouts=SHORT, retries=0)
    ends: list[object] = []

    def ask() -> None:
        try:
            space.ask("Hi")
        except StreamError as error:
            ends.append(error)

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert [type(end) for end in ends] == [SpaceTimeoutError] * 20
    assert_gone()


def test_a_failure_to_connect_is_that_of_all_who_wait_for_it() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        space = QwenSpace("qwen-2-72b", src=f"http://127.0.0.1:{taken.getsockname()[1]}", retries=0)
        errors: list[Exception] = []

        def ask() -> None:
            try:
                space.ask("Hi")
            except Exception as error:
                errors.append(error)

        threads = [threading.Thread(target=ask) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
    assert len({id(error) for error in errors}) == 5
    assert {str(error) for error in errors} == {str(errors[0])}


class Holding:
    """Passes connections on to a server, but for those whose request is for a path, which it holds."""

    def __init__(self, backend: str, path: str) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        host, port = backend.removeprefix("http://").split(":")
        self._backend, self._path = (host, int(port)), path.encode()
        self._open: list[socket.socket] = []
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self._open.append(connection)
                threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            first = connection.recv(65536)
            if self._path in first.split(b"\r\n", 1)[0]:
                return
            backend = socket.create_connection(self._backend)
            self._open.append(backend)
            backend.sendall(first)
            threading.Thread(target=_copy, args=[connection, backend], daemon=True).start()
            _copy(backend, connection)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join(PATIENCE)
        for connection in (self.listener, *self._open):
            connection.close()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while received := source.recv(65536):
            target.sendall(received)
        target.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize("path", ["/upload", "/queue/join"])
def test_what_hangs_on_the_way_to_the_queue_leaves_no_thread_and_no_file(
    path: str, servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with contextlib.closing(Holding(servers["qvq-72b"], path)) as front:
        space = QwenSpace("qvq-72b", src=front.url, timeouts=Timeouts(first=0.5), retries=0)
        with pytest.raises(SpaceTimeoutError) as caught:
            space.ask("Hi", images=[PNG])
        assert caught.value.phase == "first"
        assert_gone()
    assert list(tmp_path.iterdir()) == []


PROGRAM = """
import sys
from qwen_spaces import QwenSpace, Timeouts

stream = QwenSpace("qwen-2-72b", src=sys.argv[1], timeouts=Timeouts(gap=1.0), retries=0).stream("Hi")
for delta in stream:
    print(delta, flush=True)
print(stream.text)
"""


@pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGSTOP")
@pytest.mark.slow
def test_a_process_that_was_stopped_reads_on() -> None:
    texts = ["word " * (number + 1) for number in range(40)]
    events = tuple(part for event in generates(*texts) for part in (event, STEP))
    with serve_script(Script(events=(*events, *completes("", [["Hi", texts[-1]]], None)))) as server:
        program = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, server.url], stdout=subprocess.PIPE, text=True
        )
        assert program.stdout
        assert program.stdout.readline()
        program.send_signal(signal.SIGSTOP)
        time.sleep(4.0)  # past the bound, and past the end of the answer
        program.send_signal(signal.SIGCONT)
        rest, _ = program.communicate(timeout=PATIENCE)
    assert program.returncode == 0
    assert rest.splitlines()[-1] == texts[-1]


@dataclass
class Clock:
    """Stands for the reader's, with a feed that takes the time for its own."""

    now: float = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.mark.parametrize("comes", [True, False], ids=["text", "nothing"])
def test_who_looks_late_looks_once_more(comes: bool, mocker: MockerFixture) -> None:
    clock, waits, over = Clock(), [], threading.Event()

    def wait(mailbox: Mailbox, patience: float | None) -> None:
        assert patience is not None
        waits.append(patience)
        if len(waits) == 1:
            clock.now += 100.0  # the process was stopped meanwhile
        elif comes:
            mailbox.set_snapshot("text")
        else:
            clock.now += patience

    mocker.patch("qwen_spaces._stream.task.time", clock)
    mocker.patch.object(Mailbox, "wait", autospec=True, side_effect=wait)
    bounds = Timeouts(connect=5.0)
    reader = scripted_stream(lambda mailbox: over.wait(PATIENCE), timeouts=bounds)._reader
    assert reader.pull() == Status("connecting")
    with nullcontext() if comes else pytest.raises(SpaceTimeoutError):
        assert isinstance(reader.pull(), Text)
    assert waits == [5.0, REPRIEVE]
    over.set()
    reader.cancel()
