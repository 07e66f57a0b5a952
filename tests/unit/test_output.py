"""From outputs to snapshots to deltas, for every text and every way of cutting it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qwen_spaces import Reasoning, Text, UnexpectedOutputError
from qwen_spaces._contract.output import Snapshot, chat_in, cut, read, turns
from qwen_spaces._stream.accumulator import Accumulator

from ..support.cases import case

text = st.text(st.characters(exclude_categories=["Cs"]))


def assistant(content: Any, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content, **more}


ASKED = {"role": "user", "content": "Hi", "metadata": None}
THOUGHT = {"type": "tool", "content": "Hm.", "options": {"title": "Thinking...", "status": "pending"}}
SAID = {"type": "text", "content": "Hello."}
RED = {"type": "text", "content": '<span style="color: var(--color-red-500)">It failed.</span>'}


def test_the_last_answer_is_found_wherever_it_stands() -> None:
    for output, snapshot in [
        ("Hello.", Snapshot("Hello.")),
        ("", Snapshot()),
        (("Hello.", 7), Snapshot("Hello.")),
        (("", [["Hi", "Hello."]], "Be brief."), Snapshot("Hello.")),
        (("Be brief.", [["a", "b"], ["Hi", "Hello."]], ""), Snapshot("Hello.")),
        (("", [("Hi", "Hello.")], ""), Snapshot("Hello.")),
        (("", [["Hi", None]], "Be brief."), Snapshot()),
        (("", [[{"text": "Hi"}, {"text": "Hello.", "files": None}]], ""), Snapshot("Hello.")),
        (("", [[None, [{"text": "Hel"}, {"text": "lo."}]]], ""), Snapshot("Hello.")),
        ([ASKED, assistant("Hello.")], Snapshot("Hello.")),
        ([ASKED, assistant([{"type": "text", "text": "Hello."}])], Snapshot("Hello.")),
        ([assistant("b"), ASKED], Snapshot()),
        ([assistant("b"), ASKED, assistant("Hel"), assistant("lo.")], Snapshot("Hello.")),
        (
            [ASKED, assistant("Hm.", metadata={"title": "Thought"}), assistant("Hello.")],
            Snapshot("Hello.", "Hm."),
        ),
        (
            ({"__type__": "update"}, {"__type__": "update", "value": [ASKED, assistant("Hello.")]}),
            Snapshot("Hello."),
        ),
        (
            {
                "value": [
                    ASKED,
                    assistant([{"type": "tool", "content": "Hm."}, {"type": "text", "content": "Hello."}]),
                ]
            },
            Snapshot("Hello.", "Hm."),
        ),
        ([ASKED, assistant([])], Snapshot()),
        ([ASKED, assistant([THOUGHT])], Snapshot("", "Hm.")),
        ([ASKED, assistant([THOUGHT, SAID, RED])], Snapshot("Hello.", "Hm.")),
        ([ASKED, assistant([RED])], Snapshot()),
        ([ASKED, assistant(RED["content"])], Snapshot(RED["content"])),
        ([[{"text": "Hi"}, [{"text": "Hello."}, None]]], Snapshot("Hello.")),
        ((None, None, None), None),
        (None, None),
        (("", [], "Be brief."), None),
        ({"__type__": "update"}, None),
    ]:
        with case(output, snapshot):
            assert read(output) == snapshot


def test_the_turns_of_the_user_are_counted_where_a_chat_stands() -> None:
    for output, spoken in [
        ("Hello.", None),
        (("", []), None),
        (({"__type__": "update"}, {"__type__": "update"}), None),
        (("", [["a", "b"], ["Hi", None]]), 2),
        (({"__type__": "update", "value": None}, {"value": [ASKED]}), 1),
        ([ASKED, assistant("Hm."), assistant("Hello."), ASKED], 2),
    ]:
        with case(output, spoken):
            assert turns(output) == spoken
            assert bool(chat_in(output)) == bool(spoken)


@pytest.mark.parametrize(
    "output",
    [
        *(7, (7, None), {"a": 1}, [["Hi", 7]], ("", [["Hi", {"file": {}}]])),
        *(("", {"role": "assistant"}, "Be brief."), (None, {"a": 1}, "Be brief.")),
    ],
    ids=str,
)
def test_what_is_no_text_is_refused_with_the_output(output: object) -> None:
    with pytest.raises(UnexpectedOutputError) as caught:
        read(output)
    assert caught.value.raw is output


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | text,
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["role", "content", "text", "value", "x"]), inner)
    ),
)


@settings(max_examples=60, deadline=None)
@given(json | st.lists(json).map(tuple))
def test_any_output_is_read_or_refused(output: object) -> None:
    try:
        snapshot = read(output)
    except UnexpectedOutputError as error:
        assert error.raw is output
    else:
        assert snapshot is None or isinstance(snapshot.text, str)


@given(text, text)
def test_a_delta_makes_the_new_text_of_the_old(old: str, new: str) -> None:
    delta = cut(old, new)
    if delta is None:
        assert old == new
    else:
        assert old[: delta.start] + delta.text == new
        assert not delta.text or old[delta.start : delta.start + 1] != delta.text[0]


@given(text.filter(bool), st.lists(st.integers(0, 200)), st.sets(st.integers(0, 200)))
def test_joined_deltas_are_the_text_however_it_was_split_and_read(
    whole: str, splits: list[int], skipped: set[int]
) -> None:
    """`skipped` are the snapshots that a slow reader never saw."""
    ends = sorted({min(split, len(whole)) for split in splits} | {len(whole)})
    answer, deltas = Accumulator(), []
    for number, end in enumerate(ends):
        if number not in skipped or end == len(whole):
            deltas += [event for event in answer.add(Snapshot(whole[:end]), 0.0) if isinstance(event, Text)]
    assert "".join(delta.text for delta in deltas) == whole == answer.text
    assert not answer.rewritten
    assert answer.deltas == len(deltas)


@given(st.lists(st.builds(Snapshot, text, text)))
def test_events_rebuild_any_sequence_of_snapshots(snapshots: list[Snapshot]) -> None:
    answer, said = Accumulator(), ""
    for snapshot in snapshots:
        before = answer.text, answer.reasoning
        for event in answer.add(snapshot, 0.0):
            if isinstance(event, Text):
                said = said[: event.start] + event.text
            else:
                assert isinstance(event, Reasoning)
        assert said == snapshot.text == answer.text
        if not (snapshot.text.startswith(before[0]) and snapshot.reasoning.startswith(before[1])):
            assert answer.rewritten
