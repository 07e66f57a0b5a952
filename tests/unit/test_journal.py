"""The journal of many prompts: each kept exactly once, whatever killed the process; no foreign file lost."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from qwen_spaces import Message, Metrics, Reply, Row, SpaceError, UnsupportedOptionError
from qwen_spaces._many.journal import Journal
from qwen_spaces._many.row import Prompt

from ..support.images import picture

TEXT = "Grüße, 世界 🌍"


def prompt(text: str, index: int = 0) -> Prompt:
    return Prompt(index, text, messages=(Message("user", text),))


def take(journal: Journal, text: str, index: int = 0) -> Prompt:
    taken = prompt(text, index)
    taken.key = journal.key(taken)
    return taken


def answered(journal: Journal, text: str, index: int = 0) -> None:
    taken = take(journal, text, index)
    reply = Reply(f"{text}: {TEXT}", "I think.", metrics=Metrics(first=0.5, deltas=3), space="qwen-2.5")
    journal.write(taken, Row(index, text, reply))


def failed(journal: Journal, text: str, index: int = 0) -> None:
    error = SpaceError("It failed.", partial_text="It")
    journal.write(take(journal, text, index), Row(index, text, error=error))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "answers.jsonl"


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def fill(path: Path, *texts: str) -> None:
    journal = Journal(path, "space")
    for index, text in enumerate(texts):
        answered(journal, text, index)
    journal.close()


def test_a_row_comes_back_as_it_was(path: Path) -> None:
    fill(path, "a", "b")
    assert list(lines(path)[0]) == [
        *("key", "index", "id", "prompt", "text", "reasoning", "space", "metrics", "error")
    ]
    journal = Journal(path, "space")
    reply = journal.find(take(journal, "b"))
    assert reply == Reply(f"b: {TEXT}", "I think.", metrics=Metrics(first=0.5, deltas=3), space="qwen-2.5")
    assert journal.find(take(journal, "c")) is None
    journal.close()


def test_equal_prompts_are_apart_and_other_questions_too(path: Path) -> None:
    fill(path, "a", "a")
    same, other = Journal(path, "space"), None
    assert [same.find(take(same, "a")) is not None for _ in range(3)] == [True, True, False]
    same.close()
    other = Journal(path, "space with options")
    assert other.find(take(other, "a")) is None
    other.close()


def test_the_key_knows_the_images_by_what_they_show(path: Path, tmp_path: Path) -> None:
    image = tmp_path / "cat.png"
    journal = Journal(path, "space")

    def key(*images: Any) -> str:
        message = Message("user", "What is this?", images)
        return journal.key(Prompt(0, message, messages=(message,))).partition(":")[0]

    from qwen_spaces._types.images import as_images

    image.write_bytes(picture("PNG", (8, 8), "orange"))
    orange = key(*as_images(image)), key(*as_images(image.read_bytes()))
    image.write_bytes(picture("PNG", (8, 8), "blue"))
    blue = key(*as_images(image))
    assert orange[0] == orange[1]
    assert len({orange[0], blue, key()}) == 3
    journal.close()


WHOLE = len(f"a: {TEXT}".encode())


@pytest.mark.parametrize("part", [1, 5, 9, 40, "half", "inside", -2, -1])
def test_a_torn_line_is_dropped_and_its_prompt_asked_again(path: Path, part: int | str) -> None:
    fill(path, "a", "b")
    first, second = path.read_bytes().splitlines(keepends=True)
    cuts = {"half": len(second) // 2, "inside": second.index("世".encode()) + 1}
    torn = second[: cuts[part] if isinstance(part, str) else part]
    path.write_bytes(first + torn)
    journal = Journal(path, "space")
    assert journal.find(take(journal, "a"))
    whole = part == -1  # only its line feed is missing
    again = take(journal, "b", 1)
    assert (journal.find(again) is not None) == whole
    if not whole:
        journal.write(again, Row(1, "b", Reply("b again")))
    answered(journal, "c", 2)
    journal.close()
    assert [line["prompt"] for line in lines(path)] == ["a", "b", "c"]
    assert path.read_bytes().startswith(first)


def test_failed_rows_are_asked_again_and_leave_the_file(path: Path) -> None:
    journal = Journal(path, "space")
    failed(journal, "a")
    answered(journal, "b", 1)
    journal.close()
    error = lines(path)[0]["error"]
    assert error == {"type": "SpaceError", "message": "It failed."}
    assert lines(path)[0]["text"] == "It"
    journal = Journal(path, "space")
    assert [line["prompt"] for line in lines(path)] == ["b"]
    assert journal.find(take(journal, "a")) is None
    assert journal.find(take(journal, "b"))
    journal.close()


FOREIGN = {
    "notes": b"Dear diary,\nit rains.\n",
    "one line": b"Dear diary",
    "json lines": b'{"prompt": "Hi"}\n{"prompt": "Hello"}\n',
    "another key": b'{"key": "value"}\n',
    "binary": bytes(range(256)) * 10,
    "blank": b"\n",
    "half a line and a line feed": b'{"key": "0f\n',
}


@pytest.mark.parametrize("content", FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize("behind", [False, True], ids=["alone", "behind a row"])
def test_a_foreign_file_is_refused_untouched(path: Path, content: bytes, behind: bool) -> None:
    if behind:
        fill(path, "a")
        content = path.read_bytes() + content
    path.write_bytes(content)
    with pytest.raises(UnsupportedOptionError, match="Nothing was changed"):
        Journal(path, "space")
    assert path.read_bytes() == content
    assert list(path.parent.iterdir()) == [path]


def test_a_second_writer_is_refused(path: Path) -> None:
    fill(path, "a")
    with path.open("ab") as file:
        file.write(b'{"key": "')  # so that opening it replaces the file
    journal = Journal(path, "space")
    with pytest.raises(UnsupportedOptionError, match="in use"):
        Journal(path, "space")
    program = f"from qwen_spaces._many.journal import Journal; Journal({str(path)!r}, 'space')"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "is in use" in ended.stderr
    answered(journal, "b", 1)
    journal.close()
    fill(path)
    assert [line["prompt"] for line in lines(path)] == ["a", "b"]


def test_a_complete_journal_is_in_the_order_of_the_prompts(path: Path) -> None:
    fill(path, "old", "c", "a")
    journal = Journal(path, "space", sort=True)
    for index, text in enumerate("abc"):
        taken = take(journal, text, index)
        if journal.find(taken) is None:
            journal.write(taken, Row(index, text, Reply(text)))
    journal.close(complete=True)
    assert [(line["prompt"], line["index"]) for line in lines(path)] == [
        *(("a", 0), ("b", 1), ("c", 2)),
        ("old", 0),
    ]
    assert list(path.parent.iterdir()) == [path]


def test_a_journal_that_is_interrupted_stays_as_it_is(path: Path) -> None:
    journal = Journal(path, "space", sort=True)
    first, second = take(journal, "a"), take(journal, "b", 1)
    journal.write(second, Row(1, "b", Reply("b")))
    journal.write(first, Row(0, "a", Reply("a")))
    journal.close()
    assert [line["prompt"] for line in lines(path)] == ["b", "a"]
