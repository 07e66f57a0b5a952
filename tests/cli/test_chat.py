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

from qwen_spaces import QwenSpace
from qwen_spaces.cli._attachments import split_dropped
from qwen_spaces.cli._chat import COMMANDS
from qwen_spaces.cli._keyboard import CommandCompleter

from ..support.cases import case
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


@pytest.mark.slow
def test_a_failed_retry_leaves_the_old_answer(servers: Servers, tmp_path: Path) -> None:
    file = tmp_path / "talk.json"
    lines = "one", "/model qwen-2.5 --src http://127.0.0.1:9", "/retry", f"/save {file}", "/retry"
    code, _, errors = chat(servers, *lines)
    assert code == 3
    assert errors.count("cannot be reached") == 2
    user, answer = json.loads(file.read_text())["messages"]
    assert user["content"] == "one"
    assert "This is turn 1." in answer["content"]


def test_new_starts_a_conversation_with_the_same_system_prompt(servers: Servers) -> None:
    code, text, errors = chat(servers, "/system Be brief.", "one", "/new", "two", "/retry")
    assert (code, errors) == (0, "")
    last = text.split('You asked: "two"')[1]
    assert "This is turn 1." in last
    assert "Be brief." in last


def test_the_newest_image_is_sent_where_a_space_takes_one(servers: Servers, tmp_path: Path) -> None:
    for number in (1, 2, 3):
        (tmp_path / f"my cat {number}.png").write_bytes(picture("PNG", (10 * number, 5), "green"))
    lines = [f"/image {tmp_path}/my cat 1.png", "one", f"/image {tmp_path}/my cat 2.png"]
    lines += [f"/image {tmp_path}/my cat 3.png", "two", "/new", "three", "/image it's.png"]
    code, text, errors = chat(servers, *lines, model="qvq-72b")
    before, after = text.split("User: one")
    assert "10x5" in before
    assert "30x5" in after
    assert "20x5" not in text
    replaced, newest, quote = errors.splitlines()
    assert replaced.endswith(
        f"takes one image: {tmp_path}/my cat 3.png is sent, not {tmp_path}/my cat 2.png."
    )
    assert newest == "qvq-72b takes one image: the newest is sent. /new starts afresh."
    assert quote == "Error: /image it's.png: No closing quotation."
    assert code == 2


def test_a_chat_with_images_continues_with_a_text_space(servers: Servers, tmp_path: Path) -> None:
    image = tmp_path / "cat.png"
    image.write_bytes(picture("PNG", (9, 7), "green"))
    lines = [f"/image {image}", "one", f"/image {image}", f"/model qwen-2.5 --src {servers['qwen-2.5']}"]
    _, text, errors = chat(servers, *lines, "two", f"/image {image}", model="qvq-72b")
    assert "This is turn 2." in text
    gone, refused = errors.splitlines()
    assert gone == "qwen-2.5 takes no images, so those of this chat are not sent."
    assert "/model continues with a Space that does: qvq-72b, " in refused


def test_model_leaves_ones_own_server_only_if_told(servers: Servers) -> None:
    own = servers["qwen-2-72b"]
    lines = ["one", "/model qwen-2-72b", f"/model qwen-2-72b --src {own}", "two", "/model 'x", "/model a b"]
    _, text, errors = chat(servers, *lines)
    assert "This is turn 2." in text
    leaves, unclosed, two = errors.splitlines()
    assert "qwen-2-72b would be at Hugging Face. To stay, write /model qwen-2-72b --src http" in leaves
    assert "/model Qwen/Qwen2-72B-Instruct" in leaves
    assert "No closing quotation" in unclosed
    assert "write /model NAME or" in two


def test_model_reports_options_that_the_other_space_does_not_get(servers: Servers) -> None:
    own = servers["qwen-2.5"]
    lines = f"/model qwen-2.5 --src {own}\none\n"
    code, text, errors = invoke("chat", "-o", "size=7B", "--src", own, stdin=lines)
    assert (code, errors) == (0, "The options of the Space before are gone: size.\n")
    assert "Model: 72B." in text


def test_the_paths_of_images_in_a_message_are_attachments(tmp_path: Path) -> None:
    for name in ("cat.png", "my cat.png", "it's.png"):
        (tmp_path / name).write_bytes(picture("PNG", (9, 7), "green"))
    (tmp_path / "notes.txt").write_text("No image.")
    cat, mine = f"{tmp_path}/cat.png", f"{tmp_path}/my cat.png"
    escaped = mine.replace(" ", "\\ ")
    for text, paths, rest in (
        (f"{cat} ", [cat], ""),
        (f"'{mine}' What's this? It's mine.", [mine], "What's this? It's mine."),
        (f"What is {escaped}", [mine], "What is"),
        (f'"{mine}" {cat}', [mine, cat], ""),
        (f"file://{mine.replace(' ', '%20')}", [mine], ""),
        (f'"{tmp_path}/it\'s.png"', [f"{tmp_path}/it's.png"], ""),
        (f"{tmp_path}/notes.txt and {tmp_path}/no.png", [], f"{tmp_path}/notes.txt and {tmp_path}/no.png"),
        ("cat.png", [], "cat.png"),
        ("What's a \\ in 'C'?", [], "What's a \\ in 'C'?"),
    ):
        with case(text):
            assert split_dropped(text) == (paths, rest)


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


def test_a_stopped_retry_leaves_the_old_answer(terminal: Terminal, servers: Servers, prompt: str) -> None:
    terminal.type("one\r")
    terminal.wait_for(lambda shown: shown.count(">>>") == 2)
    ahead = QwenSpace("qwen-2.5", src=servers["one-slot"]).stream(f"{prompt} [[forever]]")
    next(iter(ahead))  # now it has the only slot
    with ahead:
        terminal.type(f"/model qwen-2.5 --src {servers['one-slot']}\r")
        terminal.wait_for(lambda shown: shown.count(">>>") == 3)
        terminal.type("/retry\r")
        terminal.wait_for("Waiting in the queue")
        terminal.type("\x03")
        terminal.wait_for("Stopped. The earlier answer stays. /retry tries again.")
    terminal.type("/undo\r")
    terminal.wait_for("Forgot: one")


def test_an_image_dropped_onto_a_terminal_is_sent(servers: Servers, tmp_path: Path) -> None:
    image = tmp_path / "my cat.png"
    image.write_bytes(picture("PNG", (9, 7), "green"))
    home = {"XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path)}
    command = [*COMMAND, "chat", "-m", "qvq-72b", "--src", servers["qvq-72b"]]
    with Terminal(command, home) as terminal:
        terminal.wait_for(">>>")
        terminal.type(f"'{image}' What is this?\r")
        shown = terminal.wait_for("9x7")
        assert "The next message has 1 image." in shown
        # The path after a command is the command's own.
        plain = tmp_path / "cat.png"
        image.rename(plain)
        terminal.type(f"/image {plain}\r")
        shown = terminal.wait_for(lambda shown: shown.count("The next message has 1 image.") == 2)
        terminal.type("And this?\r")
        assert "Error" not in terminal.wait_for(lambda shown: shown.count("You showed me") > 1)


def test_ctrl_x_ctrl_e_opens_the_editor(servers: Servers, tmp_path: Path) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\necho "written in an editor" > "$1"\n')
    editor.chmod(0o700)
    home = {"XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path), "EDITOR": str(editor), "VISUAL": ""}
    with Terminal([*COMMAND, "chat", "--src", servers["qwen-2.5"]], home) as terminal:
        terminal.wait_for(">>>")
        terminal.type("\x18\x05")
        terminal.wait_for(">>> written in an editor")
        terminal.type("\r")
        terminal.wait_for('You asked: "written in an editor"')


def test_ctrl_d_exits(terminal: Terminal) -> None:
    terminal.wait_for("Type a message, or /help")
    terminal.type("\x04")
    assert terminal.wait() == 0
    assert terminal.screen.rows()[1:] == [">>>", ""]


@pytest.fixture
def bare(servers: Servers, tmp_path: Path) -> Iterator[Terminal]:
    """A chat in a terminal without the extra `cli`."""
    program = (
        "import sys; sys.modules.update(dict.fromkeys(('prompt_toolkit', 'rich')));"
        "from qwen_spaces.cli import main; main()"
    )
    home = {"XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path)}
    with Terminal([sys.executable, "-c", program, "chat", "--src", servers["qwen-2.5"]], home) as terminal:
        terminal.wait_for(">>>")
        yield terminal


def test_without_the_extra_a_chat_reads_lines(bare: Terminal, tmp_path: Path) -> None:
    assert "pip install 'qwen-spaces[cli]' adds" in bare.screen.text().replace("\n", " ")
    bare.type("one\\\ntwo\n")
    shown = bare.wait_for(lambda shown: shown.count(">>>") == 2)
    assert "... two" in shown
    assert "This is turn 1." in shown
    bare.type("/sa\t")
    bare.wait_for("/save")
    bare.type("\x03")
    bare.wait_for("Press Ctrl-C again, or Ctrl-D, to exit")
    bare.type("\x1b[A")  # the line before
    bare.wait_for(lambda shown: shown.splitlines()[-1].endswith("two"))
    bare.type("\x03")
    assert bare.wait() == 0
    file = tmp_path / "qwen-spaces" / "lines"
    assert "two" in file.read_text(encoding="utf-8")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_without_the_extra_ctrl_d_exits(bare: Terminal) -> None:
    bare.type("\x04")
    assert bare.wait() == 0


def test_a_chat_piped_in_needs_no_extra(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("prompt_toolkit", "rich", "markdown_it"):
        monkeypatch.setitem(sys.modules, name, None)
    assert chat(servers, "one")[0] == 0
