"""What the command line says, and the short ways into it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import huggingface_hub
import pytest

from qwen_spaces import available_spaces
from qwen_spaces._types.events import Done, Reasoning, Reply
from qwen_spaces.cli._options import Setup
from qwen_spaces.cli._output import first_code_block
from qwen_spaces.cli._spaces import _echo_table

from ..support.commands import COMMAND, invoke
from ..support.images import PNG
from ..support.servers import Servers
from ..support.terminal import Screen, Terminal, paper, stage


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")


@pytest.mark.slow
def test_without_a_network_local_is_suggested(offline: None) -> None:
    code, text, errors = invoke("ask", "--timeout", "3", "Hi")
    assert (code, text) == (3, "")
    assert errors.endswith(
        "Check the address, the network and the proxy. --local answers offline, from a replica.\n"
    )
    errors = invoke("ask", "--src", "http://127.0.0.1:9", "--timeout", "3", "Hi")[2]
    assert errors.endswith("Check the address, the network and the proxy.\n")


def test_a_check_without_a_network_says_it_once(offline: None) -> None:
    code, text, errors = invoke("spaces", "--check")
    assert code == 3
    assert errors.count("cannot be reached") == 1
    assert "reached" not in text
    code, text, _ = invoke("spaces", "--check", "--json")
    assert code == 3
    assert not any(space["reachable"] for space in json.loads(text))


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["Why?"], "There is no command 'Why?'. Did you mean: qwen-spaces ask 'Why?'"),
        (["Why", "not", "-m", "qvq-72b"], "Did you mean: qwen-spaces ask Why not -m qvq-72b"),
        (["chta"], "Did you mean: qwen-spaces chat\n"),
        (
            ["ask", "--src", "nas", "Hi"],
            "--src goes by 'owner/name' or a URL, not by 'nas'. Did you mean 'http://nas:7860'?",
        ),
        (["ask", "--src", "qwen-2.5", "Hi"], "Did you mean 'Qwen/Qwen2.5'?"),
        (["ask", "--src", "example.org", "Hi"], "Did you mean 'https://example.org'?"),
        (["ask", "--src", "???", "Hi"], "or a URL, not by '???'.\n"),
        (["ask", "-x", "--json", "Hi"], "exclude each other"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_an_error_leads_on(arguments: list[str], why: str) -> None:
    code, text, errors = invoke(*arguments)
    assert (code, text) == (2, "")
    assert why in errors


def test_an_unknown_model_lists_the_aliases_alone() -> None:
    errors = invoke("ask", "-m", "gpt-4", "Hi")[2]
    known = re.search(r"Known: (.*?)\. Any other", errors)
    assert known
    assert known[1].split(", ") == sorted(facade.alias for facade in available_spaces())


def test_an_image_for_a_text_space_lists_those_that_take_one(tmp_path: Path) -> None:
    image = tmp_path / "cat.png"
    image.write_bytes(PNG)
    code, _, errors = invoke("ask", "-i", str(image), "Hi")
    assert code == 2
    assert (
        "qwen-2.5 takes no images in a request; one was given. These do: qvq-72b, qwen-2.5-vl-32b" in errors
    )


def test_the_status_of_a_space_that_keeps_the_turns_says_so(servers: Servers) -> None:
    text = invoke("status", "qwen-3", "--src", servers["qwen-3"])[1]
    assert re.search(r"^history: +in its session$", text, re.MULTILINE)


def test_the_environment_may_name_the_model_and_its_source(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QWEN_SPACES_MODEL", "qwen-2-72b")
    monkeypatch.setenv("QWEN_SPACES_SRC", servers["qwen-2-72b"])
    code, text, errors = invoke("ask", "--json", "Hi")
    assert (code, errors) == (0, "")
    assert json.loads(text)["space"] == "qwen-2-72b"
    monkeypatch.setenv("QWEN_SPACES_SRC", "http://127.0.0.1:9")
    assert invoke("ask", "--src", servers["qwen-2-72b"], "Hi")[0] == 0
    # The source is that of the model in the environment.
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:8")
    assert "Hub (http://127.0.0.1:8)" in invoke("ask", "-m", "qwen-2.5", "--timeout", "3", "Hi")[2]


def test_an_image_may_come_from_stdin(servers: Servers) -> None:
    arguments = "ask", "-m", "qvq-72b", "--src", servers["qvq-72b"], "-i", "-", "What is this?"
    code, text, errors = invoke(*arguments, stdin=PNG)
    assert (code, errors) == (0, "")
    assert "31x17" in text
    assert 'You asked: "What is this?"' in text


def test_extract_writes_the_first_code_block(servers: Servers) -> None:
    code, text, errors = invoke(
        "ask", "-x", "--src", servers["qwen-2.5"], "Hi\n\n```python\nprint(1)\n```\nBye"
    )
    assert (code, text, errors) == (0, "print(1)\n", "")
    code, text, errors = invoke("ask", "-x", "--src", servers["qwen-2.5"], "Hi")
    assert (code, text) == (4, "")
    assert 'You asked: "Hi"' in errors
    assert errors.endswith("Error: The answer, above, has no code block.\n")
    assert first_code_block("- a\n\n  ~~~\n  b\n  ~~~\n\n```\nc\n```") == "b\n"


def test_reasoning_is_below_a_line_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    with stage() as screen, Setup(plain=True).output() as output:
        for event in (Reasoning("Hm. "), Reasoning("Yes."), Done(Reply("Hm."))):
            output.show(event)
    assert screen.rows()[:2] == ["Thinking", "Hm. Yes."]


def test_no_color_is_respected(servers: Servers) -> None:
    command = [*COMMAND, "ask", "--src", servers["qwen-2.5"], "Hi **there**"]
    with Terminal(command, {"NO_COLOR": "1"}) as terminal:
        assert terminal.wait() == 0
    assert b"Connecting" in terminal.output
    assert not re.search(rb"\x1b\[(2|[349]\d)(;\d+)*m", terminal.output)


def test_the_table_of_spaces_fits_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr("qwen_spaces.cli._spaces.size", lambda: (40, 24))
    screen = Screen(40, 200)
    monkeypatch.setattr("sys.stdout", paper(screen))
    _echo_table(available_spaces(), {})
    rows = screen.rows()
    assert rows[:2] == ["qvq-72b", "    Qwen/QVQ-72B-preview, takes text,"]
    assert all(
        row.startswith("    ") or row in {facade.alias for facade in available_spaces()}
        for row in rows
        if row
    )


@pytest.mark.parametrize(
    ("words", "completions"),
    [("x ask -m qwen-2.5 -o size=14", ["plain,size=14B"]), ("x ask -i ca", ["file,ca"])],
)
def test_the_tab_key_completes_options_and_files(words: str, completions: list[str]) -> None:
    from click.testing import CliRunner

    from qwen_spaces.cli import main

    environment = {"_QWEN_SPACES_COMPLETE": "bash_complete", "COMP_WORDS": words}
    environment["COMP_CWORD"] = str(len(words.split()) - 1)
    result = CliRunner().invoke(main, [], prog_name="qwen-spaces", env=environment)
    assert result.stdout.splitlines() == completions
