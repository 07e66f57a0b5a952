"""Answers in Markdown on a terminal: each block once, however the answer is split."""

from __future__ import annotations

import itertools
import random
import re
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pyte
import pytest
from pytest_mock import MockerFixture

from qwen_spaces import Reply, Status, Text
from qwen_spaces._markup.terminal import strip_controls
from qwen_spaces._types.events import Done, Reasoning
from qwen_spaces.cli._markdown import MarkdownOutput, block_starts, render
from qwen_spaces.cli._options import Setup
from qwen_spaces.cli._output import Output, PlainOutput
from qwen_spaces.cli._terminal import StatusLine, max_width

from ..support.terminal import COLUMNS, stage

ANSWER = (Path(__file__).parents[1] / "tools" / "pictures" / "answer.md").read_text(encoding="utf-8")
LONG = "\n".join(f"{number}. item {number} " + "of many words " * 9 for number in range(1, 40)) + "\n\nEnd.\n"


# Its columns grow after its first lines have left the screen.
TABLE = "| a | b |\n| --- | --- |\n" + "".join(f"| {'x' * number} | {number} |\n" for number in range(1, 50))
# Lines that look like the start of a block before they are complete.
MISLEADING = "Words\n#hashtag\n***bold** and* more\n- item\n---x\n\n1\n2. y\n\n`` ` ``\n===x\n\n>\nz\n"
# Lines of code wider than any terminal, and than one that draws wide emoji.
CODE = f"Words\n\n```\n{'x' * 200}\n{'❤️' * 30} {'x' * 40}\n```\n"


@pytest.fixture(autouse=True)
def without_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(sleep=lambda seconds: None, monotonic=lambda: 0.0)
    monkeypatch.setattr("qwen_spaces.cli._markdown.time", clock)
    monkeypatch.setenv("TERM", "xterm-256color")


def pieces(text: str, seed: int) -> list[Text]:
    """Return the text as deltas of random length."""
    inside = random.Random(seed).sample(range(1, len(text)), min(30, len(text) - 1))
    cuts = sorted([0, *inside, len(text)])
    return [Text(text[start:end], start) for start, end in itertools.pairwise(cuts)]


def shown(deltas: list[Text], reply: str, **kwargs: bool) -> list[str]:
    with stage() as screen, MarkdownOutput(**kwargs) as output:
        for delta in deltas:
            output.show(delta)
        output.show(Done(Reply(reply)))
    return screen.rows()


def output_for(*, plain: bool = False, reasoning: bool = True) -> Output:
    return Setup(plain=plain, hide_reasoning=not reasoning).output()


@pytest.mark.parametrize(
    "text", [ANSWER, LONG, TABLE, "Word 世界 " * 400], ids=["answer", "list", "table", "paragraph"]
)
def test_pieces_show_what_the_whole_shows(text: str) -> None:
    whole = shown([], text, stream=False)
    assert shown(pieces(text, seed=1), text) == whole
    assert len(whole) > 24
    assert whole[-1] == ""


@pytest.mark.parametrize("text", [ANSWER[:300], MISLEADING, CODE], ids=["answer", "misleading", "code"])
def test_each_character_alone_shows_what_the_whole_shows(text: str) -> None:
    letters = [Text(letter, place) for place, letter in enumerate(text)]
    assert shown(letters, text) == shown([], text, stream=False)


def test_no_part_of_an_answer_is_missing() -> None:
    text = "\n".join(shown(pieces(ANSWER, 3), ANSWER))
    for part in (
        *(
            "Ein Titel",
            "東京",
            "👩💻",
            "def greet(name: str) -> str:",
            "• nested",
            " 2 second",
            "https://example.org/a",
        ),
        *("<details>", r"\(x_1 * x_2\)", r"\[ E = mc^2 \]", "[1]: https://example.org/1", "the last words."),
    ):
        assert text.count(part) == 1, part
    for mark in ("**", "```", "|--", "# "):
        assert mark not in text


def test_line_breaks_stay() -> None:
    assert shown([], "Roses are red\nViolets are blue") == ["Roses are red", "Violets are blue", ""]


def test_long_lines_of_code_stay_whole_for_copying() -> None:
    line = "x = " + "+".join(map(str, range(60)))
    (_, code, _) = render(f"```python\n{line}\n```", COLUMNS)
    assert strip_controls(code).count("+") == 59
    with stage() as screen, MarkdownOutput() as output:
        output.show(Done(Reply(f"```\n{line}\n```\n\nEnd")))
    assert line in "".join(screen.rows())


@pytest.mark.parametrize("emoji", ["👩‍💻", "❤️", "🏳️‍🌈", "🇫🇷", "👍🏽", "世"])
def test_no_line_is_wider_than_the_terminal_however_it_shows_emoji(emoji: str) -> None:
    table = f"| a | b |\n|---|---|\n| {emoji * 30} | {emoji * 30} |"
    lines = render(f"{emoji} " * 100 + f"\n\n{table}", COLUMNS)
    assert max(map(max_width, lines)) <= 80


def test_a_revision_of_the_last_block_replaces_it() -> None:
    with stage() as screen, MarkdownOutput() as output:
        output.show(Text("First.\n\nSecond, let me think", 0))
        output.show(Text(" block.", 14))
        output.show(Done(Reply("First.\n\nSecond block.")))
    assert screen.rows() == ["First.", "", "Second block.", ""]


def test_a_revision_further_up_restarts_at_its_block() -> None:
    with stage() as screen, MarkdownOutput() as output:
        output.show(Text("One.\n\nTwo.\n\nThree.\n\nFour", 0))
        output.show(Text("two.\n\nThree.\n\nFour.\n", 6))
        output.show(Done(Reply("One.\n\ntwo.\n\nThree.\n\nFour.\n")))
    note = "The Space revised its answer from here on:"
    assert screen.text() == f"One.\n\nTwo.\n\n{note}\n\ntwo.\n\nThree.\n\nFour.\n"


def test_a_partial_answer_stays_when_its_stream_fails() -> None:
    with stage() as screen, pytest.raises(ValueError, match="cut"), MarkdownOutput() as output:
        output.show(Text("One.\n\n- two\n- thr", 0))
        raise ValueError("cut")
    assert screen.rows() == ["One.", "", " • two", " • thr", ""]


def test_the_reasoning_stands_before_the_answer() -> None:
    with stage() as screen, output_for() as output:
        output.show(Reasoning("Let me "))
        output.show(Reasoning("see."))
        assert screen.rows() == ["Thinking", "Let me see."]
        output.show(Text("**Yes.**", 0))
        output.show(Done(Reply("**Yes.**", "Let me see.")))
    assert screen.rows() == ["Thinking", "Let me see.", "", "Yes.", ""]
    with stage() as screen, output_for(reasoning=False) as output:
        output.show(Reasoning("Hidden."))
        output.show(Text("No.", 0))
        output.show(Done(Reply("No.")))
    assert "Hidden" not in screen.text()


@pytest.mark.parametrize("plain", [True, False], ids=["plain", "rendered"])
def test_a_space_cannot_steer_the_terminal(plain: bool) -> None:
    evil = "a\x1b[2J\x1b]0;title\x07b\rc\x9b2Jd"
    with stage() as screen, output_for(plain=plain) as output:
        output.show(Reasoning(evil))
        output.show(Text(evil, 0))
        output.show(Done(Reply(evil)))
    assert screen.rows() == ["Thinking", "a[2J]0;titlebc2Jd", "", "a[2J]0;titlebc2Jd", ""]


def test_revised_plain_text_is_followed_by_the_full_answer() -> None:
    with stage() as screen, PlainOutput() as output:
        output.show(Text("One two", 0))
        output.show(Text("", 3))
        output.show(Done(Reply("One")))
    note = "The Space revised its answer. The full answer:"
    assert screen.rows() == ["One two", note, "One", ""]


def test_without_rich_it_is_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "rich"]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "qwen_spaces.cli._markdown")
    with stage():
        assert type(output_for()) is PlainOutput


def test_a_terminal_that_became_narrower_shows_nothing_twice(mocker: MockerFixture) -> None:
    with stage() as screen, MarkdownOutput() as output:
        output.show(Text("x" * 70 + "\n" + "y" * 70, 0))
        screen.reset()  # and now each line takes two
        screen.set_mode(pyte.modes.LNM)
        print("x" * 40, "x" * 30, "y" * 40, "y" * 30, sep="\n", end="")
        mocker.patch("qwen_spaces.cli._markdown.size", autospec=True, return_value=(40, 24))
        output.show(Done(Reply("z")))
    assert screen.rows() == ["z", ""]


def test_block_starts() -> None:
    assert block_starts("") == []
    assert block_starts("a\n\nb\n\n```\nc\n\nd\n") == [0, 2, 4]
    assert block_starts("| a |\n|---|\n| b |\n") == [0]
    assert block_starts("a\n===\n- b\n\n  c\n\n- d\n\n> e\n") == [0, 2, 8]


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (Status("connecting"), "Connecting"),
        (Status("waking"), "The Space wakes up"),
        (Status("queued"), "Waiting in the queue"),
        (Status("queued", position=0, queue_size=3), "Waiting in the queue, at place 1 of 3"),
        (Status("queued", upload=1_500_000), "Uploading 1.5 MB"),
        (Status("queued", upload=900), "Uploading 0.9 kB"),
        (Status("running"), "The Space is at work"),
        (Status("queued", eta=2.0, reason="It is full."), "Another try follows: It is full."),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_status_line_describes_the_stage(status: Status, text: str) -> None:
    with stage() as screen, output_for(plain=True) as output:
        output.show(status)
        assert text in screen.text()
        output.show(Text("Answer", 0))
    assert screen.rows() == ["Answer", ""]


def test_a_status_line_shows_the_remaining_or_the_elapsed_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qwen_spaces.cli._terminal.SHOW_ELAPSED_AFTER", 0.0)
    monkeypatch.setattr("qwen_spaces.cli._terminal.REFRESH_INTERVAL", 0.001)
    line = StatusLine()
    with stage() as screen:
        line.show("Waiting " * 30, eta=40.0)
        assert re.search(r"\(about [34]\d s\)$", screen.rows()[0])
        assert len(screen.rows()) == 1
        line.show("Connecting")
        assert re.search(r"Connecting \(\d s\)$", screen.rows()[0])
        line.clear()
        time.sleep(0.01)
        assert screen.rows() == [""]


@pytest.mark.parametrize("before", ["", "Words\n\n"], ids=["alone", "below"])
def test_the_complete_lines_of_code_are_final(before: str) -> None:
    code = [f"line_{number} = {number}" for number in range(60)]
    text = f"{before}```python\n" + "\n".join(code)
    with stage() as screen, MarkdownOutput() as output:
        output.show(Text(text, 0))
        # All of it can be scrolled to, before the block is complete.
        assert [row for row in screen.rows() if row.startswith("line_")] == code
        output.show(Text("\n```\n\nEnd.\n", len(text)))
    assert screen.rows() == shown([], f"{text}\n```\n\nEnd.\n", stream=False)


def test_a_revision_within_lines_of_code_restarts_at_their_block() -> None:
    text = "Words\n\n```\none\ntwo\nthr"
    deltas = [Text(text, 0), Text("TWO\n```\n", text.index("two"))]
    rows = shown(deltas, "Words\n\n```\none\nTWO\n```\n")
    assert (rows.count("Words"), rows.count("one"), rows.count("two"), rows.count("TWO")) == (1, 2, 1, 1)
    assert "The Space revised its answer from here on:" in rows
