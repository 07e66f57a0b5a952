"""One message of a Space in each of its forms; several; and the reasoning between tags."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_spaces import UnexpectedOutputError
from qwen_spaces._contract.content import MAX_DEPTH, Snapshot, parse_content, split_reasoning
from qwen_spaces._contract.output import AnswerParser

FILE = {"path": "/tmp/a.png", "url": "http://127.0.0.1/file=/tmp/a.png", "meta": {"_type": "gradio.FileData"}}
URL = FILE["url"]


def assistant(content: Any, **metadata: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content, "metadata": metadata, "options": []}


@pytest.mark.parametrize(
    ("content", "snapshot"),
    [
        ("Hi.", Snapshot("Hi.")),
        (None, Snapshot()),
        (assistant("Hi."), Snapshot("Hi.")),
        ([assistant("Hm.", title="Thinking"), assistant("Hi.")], Snapshot("Hi.", "Hm.")),
        (assistant("Hm.", parent_id=1), Snapshot("", "Hm.")),
        ({"reasoning": "Hm.", "content": "Hi."}, Snapshot("Hi.", "Hm.")),
        ({"reasoning": "Hm."}, Snapshot("", "Hm.")),
        ({"content": None, "reasoning": ""}, Snapshot()),
        ({"answer": "Hi.", "seconds": 2}, Snapshot("Hi.")),
        ({"id": "7", "spoken": "Hi."}, Snapshot("Hi.")),
        ({"__type__": "update", "value": "Hi."}, Snapshot("Hi.")),
        (["Hi.", {"component": "gallery", "value": [{"image": FILE}]}], Snapshot("Hi.", files=(URL,))),
        (["Hi.", "<gradio.components.gallery.Gallery object at 0x7f0950905b50>"], Snapshot("Hi.")),
        ({"component": "markdown", "value": "Hi."}, Snapshot("Hi.")),
        ({"file": FILE, "alt_text": None}, Snapshot(files=(URL,))),
        (assistant({"path": "/tmp/a.wav"}), Snapshot(files=("/tmp/a.wav",))),
        ({"text": "Hi.", "files": [FILE, FILE]}, Snapshot("Hi.", files=(URL,))),
        (["One.", "", "Two."], Snapshot("One.\n\nTwo.")),
    ],
    ids=str,
)
def test_a_message_in_each_form(content: object, snapshot: Snapshot) -> None:
    assert parse_content(content) == snapshot


def nested(depth: int) -> Any:
    return "Hi." if depth == 0 else [nested(depth - 1)]


@pytest.mark.parametrize("content", [7, {"a": 1}, {"a": "x", "b": "y"}, nested(MAX_DEPTH + 1)], ids=str)
def test_what_is_no_text_is_an_error(content: object) -> None:
    with pytest.raises(UnexpectedOutputError, match="no chat text"):
        parse_content(content)


THINK = ("<think>", "</think>")
plain = st.text("ab \n<>/", max_size=8)


@given(plain, plain.filter(lambda text: "<" not in text), st.integers(0, 40))
def test_no_part_of_a_tag_is_shown_while_it_arrives(thought: str, answer: str, length: int) -> None:
    thought = thought.replace("</think>", "")
    whole = f"<think>{thought}</think>{answer}"
    complete = split_reasoning(Snapshot(whole), [THINK])
    assert complete == Snapshot(answer.lstrip(), thought.partition("</think>")[0].strip("\n"))
    begun = split_reasoning(Snapshot(whole[:length]), [THINK])
    assert complete.text.startswith(begun.text)
    assert complete.reasoning.startswith(begun.reasoning.strip("\n")[: len(complete.reasoning)])


def test_only_a_tag_at_the_beginning_marks_reasoning() -> None:
    said = Snapshot("Write <think> so.", "Before.")
    assert split_reasoning(said, [THINK]) == said
    twice = Snapshot("<think>One.</think>\n<think>Two.</think>Hi.")
    assert split_reasoning(twice, [THINK]) == Snapshot("Hi.", "One.\n\nTwo.")
    assert split_reasoning(twice, []) == twice


SENT = [["a", "b"], ["Hi", None]]


@pytest.mark.parametrize(
    ("output", "sent", "text"),
    [
        ([["a", "b"], ["Hi", "Hello."]], SENT, "Hello."),
        ([["a", "b"], ["Hi", None]], SENT, ""),
        ([["a", "b"], [None, "Hello."]], [["a", "b"]], "Hello."),  # it appends its own message alone
        ([["a", "b"], ["Hi", "One."], [None, "Two."]], SENT, "One.\n\nTwo."),
        ([["Hi", "Hello."]], SENT, "Hello."),  # it keeps the last turns only
        ([["a", "B"], ["Hi", "Hello."]], SENT, "Hello."),  # it has changed an earlier one
        (
            [assistant("b"), assistant("Hello.")],
            [{"role": "assistant", "content": [{"type": "text", "text": "b"}]}],
            "Hello.",
        ),
    ],
    ids=str,
)
def test_what_was_sent_is_no_part_of_the_answer(output: Any, sent: Any, text: str) -> None:
    snapshot = AnswerParser(position=0, sent=sent)((output, "beside"))
    assert snapshot is not None
    assert snapshot.text == text


def test_files_beside_the_answer_are_kept() -> None:
    parser = AnswerParser(position=1, files=(0,))
    assert parser((FILE, "Hi.")) == Snapshot("Hi.", files=(URL,))
    assert parser((None, "Hi.")) == Snapshot("Hi.")
    assert parser((None, None)) is None


def test_a_page_is_read_without_what_was_on_it_before_and_without_the_prompt() -> None:
    def upper(html: str) -> str:
        return html.replace("<br>", "\n")

    parser = AnswerParser(to_text=upper, sent="a<br>b", prompt="Hi")
    assert parser("a<br>b<br>Hi<br>Hello.") == Snapshot("Hello.")
    assert parser("Hello.<br>Hi") == Snapshot("Hello.\nHi")
