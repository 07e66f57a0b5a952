"""`ask -c`: the last conversation is kept in a private file, and continued where it was held."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import click
import pytest

from qwen_spaces.cli import _last

from ..support.commands import COMMAND, invoke
from ..support.images import PNG
from ..support.servers import Servers
from ..support.terminal import Terminal


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return Path(click.get_app_dir("qwen-spaces"))


def ask(servers: Servers, *arguments: str, model: str = "qwen-2-72b") -> tuple[int, str, str]:
    return invoke("ask", "-m", model, "--src", servers[model], *arguments)


def test_it_continues_where_the_last_conversation_was(servers: Servers, home: Path) -> None:
    assert ask(servers, "-s", "Be brief.", "One")[0] == 0
    code, text, errors = invoke("ask", "-c", "Two")
    assert (code, errors) == (0, "")
    assert "This is turn 2." in text
    assert "Be brief." in text
    code, text, _ = invoke("ask", "--json", "-c", "-s", "Be long.", "Three")
    answer = json.loads(text)
    assert answer["space"] == "qwen-2-72b"
    assert "This is turn 3." in answer["text"]
    assert "Be long." in answer["text"]
    [file] = home.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_another_space_continues_it(servers: Servers) -> None:
    ask(servers, "One", "-o", "size", "7B", model="qwen-2.5")
    code, text, _ = invoke("ask", "-c", "-o", "size=3B", "Two")
    assert (code, "Model: 3B." in text, "turn 2." in text) == (0, True, True)
    code, text, _ = ask(servers, "-c", "Three")
    assert (code, "3B" in text, "turn 3." in text) == (0, False, True)
    code, text, _ = invoke("ask", "-c", "--src", servers["qwen-2-72b"], "Four")
    assert (code, "turn 4." in text) == (0, True)


def test_an_image_is_kept(servers: Servers, tmp_path: Path) -> None:
    image = tmp_path / "cat.png"
    image.write_bytes(PNG)
    ask(servers, "-i", str(image), "What is this?", model="qvq-72b")
    image.unlink()
    code, text, _ = invoke("ask", "-c", "Are you sure?")
    assert (code, "31x17" in text) == (0, True)


def test_it_says_with_which_space(servers: Servers) -> None:
    ask(servers, "One")
    with Terminal([*COMMAND, "ask", "-c", "Two"]) as terminal:
        assert terminal.wait() == 0
    assert "Continuing the last conversation, with qwen-2-72b." in terminal.screen.text()


def test_a_failed_answer_is_not_kept(servers: Servers) -> None:
    ask(servers, "One")
    assert ask(servers, "-c", "Two [[gr-error-after=2]]")[0] == 4
    assert "This is turn 2." in invoke("ask", "-c", "Three")[1]


def test_no_secret_is_kept(servers: Servers, home: Path) -> None:
    src = servers["qwen-2-72b"].replace("//", "//ada:lovelace@")
    assert invoke("ask", "-m", src, "--token", "hf_secret", "Hi")[0] == 0
    kept = (home / "last.json").read_text()
    assert servers["qwen-2-72b"] in kept
    assert "lovelace" not in kept
    assert "hf_secret" not in kept


def test_it_can_be_switched_off(servers: Servers, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(servers, "--no-history", "One")
    monkeypatch.setenv("QWEN_SPACES_HISTORY", "0")
    ask(servers, "One")
    assert not home.exists()
    code, _, errors = ask(servers, "-c", "Two")
    assert code == 2
    assert errors.endswith("There is no conversation to continue: QWEN_SPACES_HISTORY=0 keeps none.\n")


def test_what_is_not_there_is_an_error(servers: Servers, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, _, errors = ask(servers, "-c", "Two")
    assert (code, "There is no conversation to continue: ask without -c first." in errors) == (2, True)
    (home / "last.json").write_text("[]")
    code, _, errors = ask(servers, "-c", "Two")
    assert (code, "last.json holds no conversation. Ask without -c first." in errors) == (2, True)
    # One that is too large takes the place of the one before, which would be a surprise.
    ask(servers, "One")
    monkeypatch.setattr(_last, "MAX_BYTES", 100)
    ask(servers, "Two")
    code, _, errors = invoke("ask", "-c", "Three")
    assert (code, "There is no conversation to continue" in errors) == (2, True)
