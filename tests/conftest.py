"""Real servers in their own process, both async backends, and no way out of this machine."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import signal
import socket
import tempfile
import uuid
from collections.abc import Iterator
from typing import Any
from zlib import crc32

import pytest

from qwen_spaces._gradio import job

from .support.modes import MODES, POLLING
from .support.servers import ServerProcess, Servers

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # So it is where the tests run in the background of a script, and programs under test would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

with contextlib.suppress(ModuleNotFoundError):  # which the environment with Gradio 5 does without
    from hypothesis import settings

    settings.register_profile("patient", deadline=None)
    settings.load_profile("patient")

# Where the reader's side is not what is tested, each test reads in one of the modes.
BELOW_THE_READER = {
    "errors",
    "faults",
    "gradio_chat",
    "login",
    "more_spaces",
    "omni_and_webdev",
    "sdk_faults",
    "secrets",
    "shapes",
    "stream_faults",
    "tls",
    "waiting",
}


def pytest_configure(config: pytest.Config) -> None:
    """Keep the uploads of this process apart, as a replica that stops deletes files by their content.

    What `ask` and `chat` keep for their user goes there, too.
    """
    folder = tempfile.TemporaryDirectory(prefix="qwen_spaces_uploads_")
    config.add_cleanup(folder.cleanup)
    os.environ["GRADIO_TEMP_DIR"] = folder.name
    os.environ["XDG_CONFIG_HOME"] = folder.name


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give `mode`: all modes, or below the reader one that the test's name chooses, so that each has some."""
    named = (marker.args[0] for marker in metafunc.definition.iter_markers("parametrize"))
    if "mode" in metafunc.fixturenames and not any("mode" in names for names in named):
        below = metafunc.module.__name__.rpartition(".test_")[2] in BELOW_THE_READER
        chosen = MODES[crc32(metafunc.function.__name__.encode()) % len(MODES)]
        metafunc.parametrize("mode", [chosen] if below else MODES)


shared = pytest.StashKey[ServerProcess]()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Give xdist's workers one process of servers: each app costs half a second, and CPU while it waits."""
    if shared not in node.config.stash:
        node.config.stash[shared] = process = ServerProcess()
        node.config.add_cleanup(process.stop)
    node.workerinput["servers"] = node.config.stash[shared].port


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show what the servers of xdist's workers logged last, if a test failed."""
    if shared in config.stash and terminalreporter.stats.get("failed"):
        terminalreporter.section("the end of the servers' log")
        terminalreporter.write(config.stash[shared].tail())


@pytest.fixture(scope="session")
def servers(request: pytest.FixtureRequest) -> Iterator[Servers]:
    servers = Servers(getattr(request.config, "workerinput", {}).get("servers"))
    yield servers
    servers.stop()


@pytest.fixture
def prompt() -> str:
    """A prompt that no other test uses, so that its brain can be recognised."""
    return f"question {uuid.uuid4().hex[:12]}"


@pytest.fixture(params=["asyncio", "trio"])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


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
