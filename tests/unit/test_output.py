"""From outputs to snapshots to deltas, for every text and every way to split it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qwen_spaces import ConnectionLostError, Reasoning, Text, UnexpectedOutputError
from qwen_spaces._contract.content import Snapshot
from qwen_spaces._contract.output import AnswerParser, count_user_turns, diff, find_history
from qwen_spaces._stream.accumulator import Accumulator

from ..support.cases import case

text = st.text(st.characters(exclude_categories=["Cs"]))


def parse(output: object, **how: Any) -> Snapshot | None:
    return AnswerParser(**how)(output)


def assistant(content: Any, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content, **more}


QUESTION = {"role": "user", "content": "Hi", "metadata": None}
THOUGHT = {"type": "tool", "content": "Hm.", "options": {"title": "Thinking...", "status": "pending"}}
ANSWER = {"type": "text", "content": "Hello."}
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
        (("", [[None, [{"text": "Hi."}, {"text": "Hello."}]]], ""), Snapshot("Hi.\n\nHello.")),
        ([QUESTION, assistant("Hello.")], Snapshot("Hello.")),
        ([QUESTION, assistant([{"type": "text", "text": "Hello."}])], Snapshot("Hello.")),
        ([assistant("b"), QUESTION], Snapshot()),
        ([assistant("b"), QUESTION, assistant("Hi."), assistant("Hello.")], Snapshot("Hi.\n\nHello.")),
        (
            [QUESTION, assistant("Hm.", metadata={"title": "Thought"}), assistant("Hello.")],
            Snapshot("Hello.", "Hm."),
        ),
        (
            ({"__type__": "update"}, {"__type__": "update", "value": [QUESTION, assistant("Hello.")]}),
            Snapshot("Hello."),
        ),
        (
            {
                "value": [
                    QUESTION,
                    assistant([{"type": "tool", "content": "Hm."}, {"type": "text", "content": "Hello."}]),
                ]
            },
            Snapshot("Hello.", "Hm."),
        ),
        ([QUESTION, assistant([])], Snapshot()),
        ([QUESTION, assistant([THOUGHT])], Snapshot("", "Hm.")),
        ([QUESTION, assistant([THOUGHT, ANSWER, RED])], Snapshot("Hello.", "Hm.")),
        ([QUESTION, assistant([RED])], Snapshot()),
        ([QUESTION, assistant(RED["content"])], Snapshot(RED["content"])),
        ([[{"text": "Hi"}, [{"text": "Hello."}, None]]], Snapshot("Hello.")),
        ((None, None, None), None),
        (None, None),
        (("", [], "Be brief."), None),
        ({"__type__": "update"}, None),
    ]:
        with case(output, snapshot):
            assert parse(output) == snapshot


def test_the_turns_of_the_user_are_counted_where_a_chat_stands() -> None:
    for output, spoken in [
        ("Hello.", None),
        (("", []), None),
        (({"__type__": "update"}, {"__type__": "update"}), None),
        (("", [["a", "b"], ["Hi", None]]), 2),
        (({"__type__": "update", "value": None}, {"value": [QUESTION]}), 1),
        ([QUESTION, assistant("Hm."), assistant("Hello."), QUESTION], 2),
    ]:
        with case(output, spoken):
            assert count_user_turns(find_history(output)) == spoken
            assert bool(find_history(output)) == bool(spoken)


@pytest.mark.parametrize(
    "output",
    [
        *(7, (7, None), {"a": 1}, [["Hi", 7]], ("", [["Hi", {"file": {}}]])),
        *(("", {"role": "assistant"}, "Be brief."), (None, {"a": 1}, "Be brief.")),
    ],
    ids=str,
)
def test_what_is_no_text_is_an_error_that_carries_the_output(output: object) -> None:
    with pytest.raises(UnexpectedOutputError) as caught:
        parse(output)
    assert caught.value.raw is output


THINKING = ("", [["Hi", "Thinking..."]])


@pytest.mark.parametrize(
    ("output", "placeholder", "snapshot"),
    [
        (THINKING, "Thinking...", Snapshot()),
        (("", [["Hi", " Thinking...\n"]]), "Thinking...", Snapshot()),
        (("", [["Hi", "Thinking... a lot"]]), "Thinking...", Snapshot("Thinking... a lot")),
        (THINKING, "", Snapshot("Thinking...")),
        ([QUESTION, assistant([THOUGHT, {"text": "Wait"}])], "Wait", Snapshot("", "Hm.")),
        ((None, None), "", None),
    ],
    ids=str,
)
def test_the_placeholder_is_no_answer(output: object, placeholder: str, snapshot: Snapshot | None) -> None:
    assert parse(output, placeholder=placeholder) == snapshot


@pytest.mark.parametrize(
    ("output", "turns"), [(("", [["a", "b"], ["Hi", None]]), 2), ("Hello.", 5), (None, 5), (("", []), 5)]
)
def test_a_space_that_knows_the_turns_or_shows_no_chat_is_believed(output: object, turns: int) -> None:
    assert parse(output, turns=turns) == parse(output)


def test_a_space_that_knows_fewer_turns_has_forgotten_the_conversation() -> None:
    with pytest.raises(ConnectionLostError, match="forgotten the conversation"):
        parse([QUESTION, assistant("Hello.")], turns=2)


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | text,
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["role", "content", "text", "value", "x"]), inner)
    ),
)


@settings(max_examples=60, deadline=None)
@given(json | st.lists(json).map(tuple))
def test_any_output_is_parsed_or_refused(output: object) -> None:
    try:
        snapshot = parse(output)
    except UnexpectedOutputError as error:
        assert error.raw is output
    else:
        assert snapshot is None or isinstance(snapshot.text, str)


@given(text, text)
def test_a_delta_turns_the_old_text_into_the_new(old: str, new: str) -> None:
    delta = diff(old, new)
    if delta is None:
        assert old == new
    else:
        assert old[: delta.start] + delta.text == new
        assert not delta.text or old[delta.start : delta.start + 1] != delta.text[0]


@given(text.filter(bool), st.lists(st.integers(0, 200)), st.sets(st.integers(0, 200)))
def test_joined_deltas_are_the_text_however_it_was_split_and_read(
    whole: str, splits: list[int], skipped: set[int]
) -> None:
    """A slow reader never sees the snapshots in `skipped`."""
    ends = sorted({min(split, len(whole)) for split in splits} | {len(whole)})
    answer, deltas = Accumulator(), []
    for number, end in enumerate(ends):
        if number not in skipped or end == len(whole):
            deltas += [
                event for event in answer.update(Snapshot(whole[:end]), 0.0) if isinstance(event, Text)
            ]
    assert "".join(delta.text for delta in deltas) == whole == answer.text
    assert not answer.rewritten
    assert answer.deltas == len(deltas)


@given(st.lists(st.builds(Snapshot, text, text)))
def test_events_rebuild_any_sequence_of_snapshots(snapshots: list[Snapshot]) -> None:
    answer, joined = Accumulator(), ""
    for snapshot in snapshots:
        before = answer.text, answer.reasoning
        for event in answer.update(snapshot, 0.0):
            if isinstance(event, Text):
                joined = joined[: event.start] + event.text
            else:
                assert isinstance(event, Reasoning)
        assert joined == snapshot.text == answer.text
        if not (snapshot.text.startswith(before[0]) and snapshot.reasoning.startswith(before[1])):
            assert answer.rewritten
