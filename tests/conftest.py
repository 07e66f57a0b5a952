"""Real servers in their own process, both async backends, and no way out of this machine."""

from __future__ import annotations

import ipaddress
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import anyio
import pytest

from qwen_spaces import TextStream
from qwen_spaces._gradio import job

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # So it is where the tests run in the background of a script, and programs under test would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

T = TypeVar("T")
START = 30.0  # seconds for a server to start
PATIENCE = 30.0  # seconds for what takes milliseconds, where the machine is busy
HERE = Path(__file__).parent
DOORS = ("sync", "asyncio", "trio")
# Set, every test takes the way that is left when the SDK has moved: slower, and deltas are few.
POLLING = bool(os.environ.get("QWEN_SPACES_POLLING"))


class Servers:
    """The process of `server.py`, which starts what a test asks for, and what its brains tell."""

    def __init__(self) -> None:
        # Another Python may serve, with another Gradio; see .ci/run.
        python = os.environ.get("QWEN_SPACES_SERVER_PYTHON", sys.executable)
        environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}
        self.process = subprocess.Popen(
            [python, str(HERE / "server.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )
        self._told: list[dict[str, Any]] = []
        self._changed = threading.Condition()
        assert self.process.stdout
        self.gradio: str = json.loads(self.process.stdout.readline())["gradio"]
        self._urls: dict[str, str] = {}
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            with self._changed:
                told = json.loads(line)
                if "url" in told:
                    self._urls[told["name"]] = told["url"]
                else:
                    self._told.append(told)
                self._changed.notify_all()

    def __getitem__(self, name: str) -> str:
        """The address of what goes by that name."""
        assert self.process.stdin
        with self._changed:
            if name not in self._urls:
                self.process.stdin.write(f"{name}\n")
                self.process.stdin.flush()
                assert self._changed.wait_for(lambda: name in self._urls, START), f"{name} does not start"
            return self._urls[name]

    def saw(self, event: str, prompt: str) -> bool:
        return {"event": event, "prompt": prompt} in self._told

    def wait_for(self, event: str, prompt: str, seconds: float = PATIENCE) -> float:
        """Wait until a brain told `event` of `prompt`; gives the seconds that took, fails after `seconds`."""
        start = time.monotonic()
        with self._changed:
            seen = self._changed.wait_for(lambda: self.saw(event, prompt), seconds)
        assert seen, f"no {event!r} of {prompt!r} within {seconds} s"
        return time.monotonic() - start

    def stop(self) -> None:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.close()
        self.process.wait(10)
        self._listener.join(5)
        self.process.stdout.close()


# Where the reader's side is not what is tested: one mode will do in the tests of every day.
BELOW_THE_READER = {
    "errors",
    "faults",
    "gradio_chat",
    "more_spaces",
    "secrets",
    "shapes",
    "tls",
    "waiting",
    "words",
}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the async modes of what is below the reader as slow."""
    for item in items:
        mode = getattr(item, "callspec", None) and item.callspec.params.get("door")  # type: ignore[attr-defined]
        if mode in ("asyncio", "trio") and item.path.stem.removeprefix("test_") in BELOW_THE_READER:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    servers = Servers()
    yield servers
    servers.stop()


@pytest.fixture
def prompt() -> str:
    """A prompt that no other test uses, so that its brain can be told apart."""
    return f"question {uuid.uuid4().hex[:12]}"


@pytest.fixture(params=["asyncio", "trio"])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=DOORS)
def door(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def run_async(backend: str, function: Callable[[], Awaitable[T]]) -> T:
    """Run a coroutine function to its end, asyncio with its debug mode on, 30 seconds at most."""

    async def bounded() -> T:
        with anyio.fail_after(30):
            return await function()

    return anyio.run(
        bounded, backend=backend, backend_options={"debug": True} if backend == "asyncio" else {}
    )


def deltas_through(door: str, stream: TextStream) -> list[str]:
    """All deltas of a stream, read through one of its doors."""
    if door == "sync":
        return list(stream)

    async def read() -> list[str]:
        return [delta async for delta in stream]

    return run_async(door, read)


@pytest.fixture(autouse=True)
def engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The way that a request takes."""
    if POLLING:
        monkeypatch.setitem(job.HOOKS, job.Client, ("a_hook_that_is_gone",))


@pytest.fixture(autouse=True)
def no_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail on any connection beyond loopback."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            host = str(address[0])
            if host != "localhost" and not ipaddress.ip_address(host).is_loopback:
                pytest.fail(f"a connection to {host} was tried")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
    for name in (
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "HF_TOKEN",
    ):
        monkeypatch.delenv(name, raising=False)
