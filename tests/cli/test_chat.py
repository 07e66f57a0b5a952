"""The chat: piped in, and typed at a terminal."""

from __future__ import annotations

import json
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from qwen_spaces.cli._chat import COMMANDS
from qwen_spaces.cli._keyboard import CommandCompleter

from ..support.commands import COMMAND, invoke
from ..support.images import picture
from ..support.servers import Servers
from ..support.terminal import Terminal


def chat(servers: Servers, *lines: str, model: str = "qwen-2.5") -> tuple[int, str, str]:
    arguments = "chat", "-m", model, "--src", servers[model]
    return invoke(*arguments, stdin="".join(f"{line}\n" for line in lines))


def test_lines_are_turns_of_one_conversation(servers: Servers) -> None:
    code, text, errors = chat(servers, "My name is Ada.", "", "What is my name?")
    assert (code, errors) == (0, "")
    assert "This is turn 2." in text
    assert 'Before, you said: "My name is Ada."' in text


def test_a_message_may_have_several_lines(servers: Servers) -> None:
    _, text, _ = chat(servers, "one\\", "two", '"""', "three", 'four"""', '"""five"""')
    for message in ("one\ntwo", "three\nfour", "five"):
        assert f'You asked: "{message}"' in text


def test_the_system_prompt_can_be_changed(servers: Servers) -> None:
    _, text, _ = chat(servers, "/system Be brief.", "one", '/system ""', "two")
    first, second = text.split('You asked: "two"')
    assert 'System prompt: "Be brief."\n' in first
    assert 'System prompt: "Be brief."\n' not in second


def test_an_image_goes_with_the_next_message(servers: Servers, tmp_path: Path) -> None:
    image = tmp_path / "a picture.png"
    image.write_bytes(picture("PNG", (9, 7), "green"))
    lines = "/image no.png", f"/image '{image}'", "What is it?"
    code, text, errors = chat(servers, *lines, model="qvq-72b")
    assert code == 2
    assert "9x7" in text
    assert errors.startswith("Error: The image cannot be read")
    assert errors.count("\n") == 1


def test_retry_repeats_an_answered_and_a_failed_message(servers: Servers) -> None:
    code, text, errors = chat(servers, "/retry", "one", "/retry", "[[gr-error=Not now]]", "/retry", "two")
    assert code == 4
    assert "The conversation has no turns" in errors
    assert errors.count("Not now") == 2
    before, after = text.split('You asked: "two"')
    assert before.count('You asked: "one"') == before.count("This is turn 1.") == 2
    assert "This is turn 2." in after


def test_undo_forgets_the_last_turn(servers: Servers) -> None:
    _, text, errors = chat(servers, "one", "[[gr-error=No]]", "/undo", "/undo", "two", "/undo", "/undo")
    assert "This is turn 1." in text.split('You asked: "two"')[1]
    assert "The conversation has no turns" in errors


def test_a_conversation_is_saved_and_loaded(servers: Servers, tmp_path: Path) -> None:
    file = tmp_path / "talk.json"
    assert chat(servers, "/system Be brief.", "one", f"/save {file}")[0] == 0
    assert [message["role"] for message in json.loads(file.read_text())["messages"]] == [
        "system",
        "user",
        "assistant",
    ]
    code, text, errors = chat(
        servers, f"/load {file}", "two", f"/load {tmp_path}", "/load", "/save /no/where/at.all"
    )
    assert "This is turn 2." in text
    assert code == 1
    assert len(errors.splitlines()) == 3


def test_another_space_continues_the_conversation(servers: Servers) -> None:
    code, text, errors = chat(
        servers, "one", f"/model {servers['qwen-2-72b']}", "two", "/model nothing", "three"
    )
    assert code == 2
    assert "No Space is called 'nothing'" in errors
    assert "This is turn 2." in text
    assert "This is turn 3." in text


@pytest.mark.parametrize("command", ["/bye", "/quit", "/exit"])
def test_commands_that_exit(servers: Servers, command: str) -> None:
    code, text, errors = chat(servers, command, "one")
    assert (code, text, errors) == (0, "", "")


def test_an_unknown_command_is_an_error_and_a_path_is_a_message(servers: Servers) -> None:
    code, text, errors = chat(servers, "/sistem x", "/etc/hosts: what is it?", "/help")
    assert code == 2
    assert "There is no /sistem. Did you mean /system?" in errors
    assert all(command in errors for command in COMMANDS)
    assert 'You asked: "/etc/hosts: what is it?"' in text


def test_the_tab_key_completes_commands_spaces_and_files(tmp_path: Path) -> None:
    (tmp_path / "picture.png").touch()
    completer = CommandCompleter(list(COMMANDS))

    def completed(text: str) -> list[str]:
        completions = completer.get_completions(Document(text), CompleteEvent())
        return [f"{text[: len(text) + each.start_position]}{each.text}" for each in completions]

    assert completed("/s") == ["/system", "/save"]
    assert completed("/model qwen-2-") == ["/model qwen-2-72b"]
    assert completed(f"/image {tmp_path}/pic") == [f"/image {tmp_path}/picture.png"]
    assert completed("Hello") == completed("") == []


@pytest.fixture
def terminal(servers: Servers, tmp_path: Path) -> Iterator[Terminal]:
    home = {"XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path)}
    with Terminal([*COMMAND, "chat", "--src", servers["qwen-2.5"]], home) as terminal:
        terminal.wait_for(">>>")
        yield terminal


def test_a_chat_in_a_terminal(terminal: Terminal, servers: Servers, prompt: str, tmp_path: Path) -> None:
    terminal.type("one 世界 👍\r")
    shown = terminal.wait_for(lambda shown: shown.count(">>>") == 2)
    assert shown.count('You asked: "one 世界 👍"') == 1

    endless = f"{prompt} [[forever]] [[pace=0.01]]"
    terminal.type(f"{endless}\r")
    terminal.wait_for("word9 ")
    terminal.type("typed meanwhile\x03")
    servers.wait_for("end", endless)
    shown = terminal.wait_for(lambda shown: shown.count(">>>") == 3)
    assert "Stopped. /retry sends it again." in shown
    assert b"^C" not in terminal.output  # no echo during an answer

    terminal.type("\x03")
    terminal.wait_for(lambda shown: "typed meanwhile" not in shown)
    terminal.type("[[gr-error=Not now]]\r")
    terminal.wait_for(lambda shown: "Error: " in shown and shown.count(">>>") == 4)

    terminal.type("first\x1b\rsecond\\\rthird\r")
    shown = terminal.wait_for(lambda shown: "This is turn 2." in shown and shown.count(">>>") == 5)
    assert '"first' in shown
    assert "... second" in shown

    terminal.type("half a line\x03")
    terminal.wait_for("Press Ctrl-C again")
    assert "half a line" not in terminal.screen.text()
    terminal.type("\x03")
    assert terminal.wait() == 0
    history = tmp_path / "qwen-spaces" / "history"
    assert "one 世界 👍" in history.read_text(encoding="utf-8")
    assert stat.S_IMODE(history.stat().st_mode) == 0o600


def test_ctrl_d_exits(terminal: Terminal) -> None:
    terminal.wait_for("Type a message, or /help")
    terminal.type("\x04")
    assert terminal.wait() == 0
    assert terminal.screen.rows()[1:] == [">>>", ""]


def test_without_the_extra_a_terminal_shows_what_to_install(servers: Servers) -> None:
    program = "import sys; sys.modules['prompt_toolkit'] = None; from qwen_spaces.cli import main; main()"
    with Terminal([sys.executable, "-c", program, "chat", "--src", servers["qwen-2.5"]]) as terminal:
        assert terminal.wait() == 2
        assert "pip install 'qwen-spaces[cli]'" in terminal.screen.text().replace("\n", " ")


def test_a_chat_piped_in_needs_no_extra(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("prompt_toolkit", "rich", "markdown_it"):
        monkeypatch.setitem(sys.modules, name, None)
    assert chat(servers, "one")[0] == 0
