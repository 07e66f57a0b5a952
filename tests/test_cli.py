"""The command line as people run it: in a process, its streams apart, its exit codes kept."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from qwen_spaces.cli import main

from .conftest import Servers
from .test_images import picture

COMMAND = [sys.executable, "-m", "qwen_spaces"]


def invoke(*arguments: str, stdin: str = "") -> tuple[int, str, str]:
    result = CliRunner().invoke(main, arguments, input=stdin)
    return result.exit_code, result.stdout, result.stderr


def test_ask_local_answers_on_a_machine_of_its_own() -> None:
    code, text, errors = invoke("ask", "--local", "Why is the sky blue?")
    assert (code, errors) == (0, "")
    assert 'You asked: "Why is the sky blue?"' in text
    assert text.endswith("\n")


def test_ask_takes_a_model_a_system_prompt_and_an_image(servers: Servers, tmp_path: Path) -> None:
    image = tmp_path / "picture.png"
    image.write_bytes(picture("PNG", (9, 7), "green"))
    code, text, errors = invoke(
        *("ask", "-m", "qvq-72b", "-s", "Be brief.", "-i", str(image), "--src", servers["qvq-72b"], "What?")
    )
    assert (code, errors) == (0, "")
    assert "9x7" in text
    assert "Be brief." in text


def test_a_prompt_of_a_dash_is_read_from_stdin(servers: Servers) -> None:
    code, text, _ = invoke("ask", "--src", servers["qwen-2.5"], "-", stdin="piped words")
    assert code == 0
    assert "piped words" in text


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        (["ask", "-m", "qwen-25", "Hi"], 2, "Did you mean 'qwen-2.5'?"),
        (["ask", "-i", "no.png", "-m", "qvq-72b", "Hi"], 2, "Image 0 cannot be read"),
        (["ask", "--local", "--src", "http://127.0.0.1:9", "Hi"], 2, "exclude each other"),
        (["ask", "--src", "http://127.0.0.1:9", "Hi"], 3, "cannot be reached"),
        (["replica", "nothing"], 2, "No Space is called 'nothing'"),
    ],
    ids=["unknown", "image", "usage", "refused", "replica"],
)
def test_what_goes_wrong_is_one_line_and_an_exit_code(arguments: list[str], code: int, why: str) -> None:
    got, text, errors = invoke(*arguments)
    assert got == code
    assert why in errors
    assert text == ""
    assert "Traceback" not in errors


def test_the_text_that_had_arrived_stands_before_the_error(servers: Servers) -> None:
    code, text, errors = invoke("ask", "--src", servers["qwen-2.5"], "[[error-after=6]] [[pace=0.01]]")
    assert code == 4
    assert text.startswith("You asked:")
    assert text.endswith("\n")
    assert errors.startswith("Error: ")


def test_ctrl_c_ends_the_job_on_the_server(servers: Servers, prompt: str) -> None:
    endless = f"{prompt} [[forever]]"
    asking = subprocess.Popen(
        [*COMMAND, "ask", "--src", servers["qwen-2.5"], endless],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert asking.stdout
    assert asking.stdout.read(5) == "word1"
    asking.send_signal(signal.SIGINT)
    servers.wait_for("end", endless, 1.0)
    _, errors = asking.communicate(timeout=5)
    assert asking.returncode == 130
    assert errors == "\nCancelled.\n"


def test_spaces_lists_the_facades() -> None:
    code, text, _ = invoke("spaces")
    assert code == 0
    for part in ("qwen-2.5", "Qwen/Qwen2.5", "qvq-72b", "text, one image", "size: 72B, 32B"):
        assert part in text


def test_replica_serves_the_one_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    # That it serves until Ctrl-C is shown in test_replicas.py.
    asked: list[object] = []
    monkeypatch.setattr("qwen_spaces.replicas.server.run", lambda *what, **how: asked.extend([what, how]))
    assert invoke("replica", "qwen-qvq-72b-preview", "--port", "0") == (0, "", "")
    assert asked == [("qvq-72b",), {"port": 0, "host": "127.0.0.1"}]


def test_help_shows_examples_and_the_version_is_told() -> None:
    for arguments in (["--help"], ["ask", "-h"], ["replica", "--help"], ["spaces", "--help"]):
        code, text, _ = invoke(*arguments)
        assert code == 0
        assert "Usage:" in text
    assert "qwen-spaces ask --local" in invoke("ask", "--help")[1]
    assert invoke("--version")[1].startswith("qwen-spaces, version ")
