"""Replicas by --local: listening at once, while the import of Gradio takes its time."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from ..support.commands import COMMAND
from ..support.modes import PATIENCE
from ..support.servers import ROOT
from ..support.terminal import Terminal

BROKEN = """
import pathlib, time
while not pathlib.Path({!r}).exists():
    time.sleep(0.01)
raise RuntimeError("this Gradio is broken")
"""


@pytest.fixture
def slow_gradio(tmp_path: Path) -> dict[str, str]:
    """The environment of a program whose Gradio waits for the file `go`, and fails."""
    package = tmp_path / "gradio"
    package.mkdir()
    (package / "__init__.py").write_text(BROKEN.format(str(tmp_path / "go")))
    return {"PYTHONPATH": f"{tmp_path}:{ROOT}", "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}


def test_a_chat_prompts_before_its_replica_runs(slow_gradio: dict[str, str], tmp_path: Path) -> None:
    with Terminal([*COMMAND, "chat", "--local"], slow_gradio) as terminal:
        terminal.wait_for(">>> Type a message")
        terminal.type("Hi\r")
        terminal.wait_for("Starting a replica on this machine")
        (tmp_path / "go").touch()
        terminal.wait_for("Error: RuntimeError: this Gradio is broken")
        terminal.wait_for(lambda shown: shown.count(">>> ") == 2)
        terminal.type("\x04")
        assert terminal.wait() == 0


def test_a_chat_ends_before_its_replica_runs(slow_gradio: dict[str, str]) -> None:
    with Terminal([*COMMAND, "chat", "--local"], slow_gradio) as terminal:
        terminal.wait_for(">>> Type a message")
        terminal.type("\x04")
        assert terminal.wait() == 0
    assert b"Traceback" not in terminal.output


@pytest.mark.slow
def test_a_replica_of_serve_starts_at_its_first_request() -> None:
    program = """
        import sys, threading
        from qwen_spaces import QwenSpace
        from qwen_spaces.cli._replicas import Replicas

        def running():
            return sorted(thread.name for thread in threading.enumerate() if "Qwen" in thread.name)

        with Replicas(["qwen-2.5", "qwen-2.5-max", "qwen-3"], on_request=True) as replicas:
            replicas.wait()
            print("gradio" in sys.modules)
            for alias in ("qwen-2.5", "qwen-3"):
                assert "Hi" in QwenSpace(alias, src=replicas.urls[alias]).ask("Hi").text
                print(len(running()))
        print(running())
    """
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=4 * PATIENCE,
        check=False,
    )
    assert (ended.stderr, ended.stdout.splitlines()) == ("", ["False", "1", "2", "[]"])


def test_a_replica_that_cannot_start_is_reported(slow_gradio: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "go").touch()
    program = """
        from qwen_spaces import ConnectError, QwenSpace
        from qwen_spaces.cli._replicas import Replicas

        with Replicas(["qwen-2.5"], on_request=True) as replicas:
            try:
                QwenSpace("qwen-2.5", src=replicas.urls["qwen-2.5"], retries=0).ask("Hi")
            except ConnectError as error:
                print(error)
    """
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=4 * PATIENCE,
        env=slow_gradio,
        check=False,
    )
    assert ended.stderr == "The replica of qwen-2.5 did not start: this Gradio is broken\n"
    assert "127.0.0.1" in ended.stdout
