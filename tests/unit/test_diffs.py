"""Diffs of the event stream, made by Gradio: the reader gets what the SDK would have put together."""

from __future__ import annotations

import copy
import importlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_spaces._contract.content import Snapshot
from qwen_spaces._contract.output import AnswerParser
from qwen_spaces._gradio.diffs import OutputDiffs
from qwen_spaces._stream.accumulator import Accumulator
from qwen_spaces._stream.mailbox import Mailbox

words = st.text("ab \n\u2028\U0001f600", min_size=1, max_size=3)

parse = AnswerParser()


@pytest.fixture(scope="module", autouse=True)
def gradio() -> None:
    """Import Gradio before the examples, which have a deadline."""
    importlib.import_module("gradio.utils")


def pairs(texts: list[str]) -> list[Any]:
    """The outputs of a `/model_chat`, with the thoughts of no use in its text box."""
    return [texts[1], [["earlier", "b" * len(texts[2])], ["Hi", texts[0]]], "Be brief."]


def messages(texts: list[str]) -> list[Any]:
    """A thought, then the answer."""
    thought = {"role": "assistant", "content": texts[1], "metadata": {"title": "Thinking"}}
    return [
        [{"role": "user", "content": "Hi"}, thought, {"role": "assistant", "content": texts[0]}],
        texts[2],
    ]


def parts(texts: list[str]) -> list[Any]:
    """An answer in two parts, of which either may grow."""
    content = [{"type": "text", "text": texts[0]}, {"type": "text", "text": texts[1]}]
    return [[{"role": "user", "content": texts[2]}, {"role": "assistant", "content": content}]]


def lone(texts: list[str]) -> list[Any]:
    """A text and nothing else."""
    return [texts[0]]


def grows(mailbox: Mailbox, outputs: list[list[Any]], reads: list[bool]) -> tuple[Accumulator, list[object]]:
    """The answer of a reader who looks where `reads` has it so; and all that was processed."""
    from gradio.utils import diff

    processed: list[object] = []

    def process(*data: Any) -> object:
        output = data[0] if len(data) == 1 else data
        processed.append(output)
        return output

    diffs, answer = OutputDiffs(mailbox, process), Accumulator()
    for number, output in enumerate(outputs):
        data = (
            [diff(old, new) for old, new in zip(outputs[number - 1], output, strict=True)]
            if number
            else output
        )
        diffs.update(copy.deepcopy(data))
        if reads[number]:
            look(mailbox, answer)
            assert Snapshot(answer.text, answer.reasoning) == parse(
                tuple(output) if output[1:] else output[0]
            )
    diffs.flush()
    look(mailbox, answer)
    return answer, processed


def look(mailbox: Mailbox, answer: Accumulator) -> None:
    news = mailbox.take()
    before = answer.text
    events = answer.update(news.snapshot, news.arrived) if news.snapshot else []
    if news.appended:
        events.append(answer.append(news.appended, news.arrived))
    for event in events:
        if event.type == "text":
            before = before[: event.start] + event.text
    assert before == answer.text


@given(
    shape=st.sampled_from([pairs, messages, parts, lone]),
    steps=st.lists(
        st.tuples(st.integers(0, 2), words, st.booleans(), st.booleans()), min_size=1, max_size=12
    ),
)
def test_the_answer_is_that_of_the_last_output(shape: Any, steps: list[tuple[int, str, bool, bool]]) -> None:
    texts, outputs, reads = ["a", "", ""], [], []
    outputs.append(shape(texts))
    reads.append(True)
    for which, word, rewrites, looks in steps:
        texts[which] = word if rewrites else texts[which] + word
        outputs.append(shape(texts))
        reads.append(looks)
    mailbox = Mailbox()
    answer, _ = grows(mailbox, outputs, reads)
    whole = outputs[-1][0] if len(outputs[-1]) == 1 else tuple(outputs[-1])
    expected = parse(whole)
    assert expected is not None
    assert (answer.text, answer.reasoning) == (expected.text, expected.reasoning)
    assert mailbox.raw == whole


@pytest.mark.parametrize("shape", [pairs, messages, lone])
def test_text_at_the_end_of_the_answer_costs_no_look_at_the_whole(shape: Any) -> None:
    outputs = [shape(["word " * count, "thought", ""]) for count in range(1, 200)]
    answer, processed = grows(Mailbox(), outputs, [True] * len(outputs))
    assert answer.text == "word " * 199
    assert answer.deltas >= 199
    assert len(processed) < 8


def test_a_diff_of_a_new_kind_is_no_text() -> None:
    diffs = OutputDiffs(Mailbox(), lambda *data: data)
    diffs.update(["", [["Hi", "a"]]])
    with pytest.raises(ValueError, match="swap"):
        diffs.update([[], [["swap", [0, 1], "b"]]])


def test_an_app_that_was_reloaded_may_put_out_more() -> None:
    mailbox = Mailbox()
    diffs = OutputDiffs(mailbox, lambda *data: data)
    diffs.update([[["Hi", "a"]]])
    diffs.update([[], [["replace", [], "new"]]])
    assert mailbox.raw == ([["Hi", "a"]], "new")
