"""An answer with calls is parsed the same in whatever pieces it comes: nothing leaks, is lost or doubled."""

from __future__ import annotations

import itertools
import json
import re
import time
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from qwen_spaces._contract.content import Snapshot
from qwen_spaces._tools.parser import END, RESULT, START, StreamParser
from qwen_spaces._tools.plan import make_plan
from qwen_spaces._tools.reader import ToolAnswer
from qwen_spaces._tools.xml_calls import FUNCTION
from qwen_spaces._types.events import Text
from qwen_spaces._types.tools import ToolCall

from ..support.modes import PATIENCE

NAMES = ("add", "find")
Calls = list[tuple[str, dict[str, Any]]]
TOOLS = [{"type": "function", "function": {"name": name}} for name in NAMES]

MARKUP = [
    *(START, END, RESULT, "<think>", "</think>", "```json\n", FUNCTION, "<function=rob>"),
    *("<parameter=a>\n", "\n</parameter>\n", "</function>"),
]
noise = st.text(alphabet="<>/tool_calrespn`{}[]\"':,\\ \nahi天", max_size=30)
pieces = st.lists(st.one_of(noise, st.sampled_from(MARKUP)))
pieces_of_calls = st.lists(st.one_of(noise, st.sampled_from([*MARKUP, "<function=add>\n"])))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from([START, END, 'a "b"']),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
calls = st.tuples(st.sampled_from(NAMES), st.dictionaries(st.text(max_size=8), values, max_size=3))
prose = st.text(alphabet="<>/tolcl_ae. \nhi天", max_size=20).filter(
    lambda text: START not in text and END not in text
)
xml_values = st.text(alphabet='<>/paremtfunciolx =_\n"{1天', max_size=20).filter(
    lambda text: not re.search(r"</parameter>|\n<parameter=|\n</function>", f"{text}\n")
)
xml_calls = st.tuples(
    st.sampled_from(NAMES), st.dictionaries(st.text("ab_-. é", min_size=1).map(str.strip), xml_values)
).filter(lambda call: "" not in call[1])


def parse(deltas: list[str]) -> tuple[str, Calls]:
    parser = StreamParser(NAMES)
    passed = "".join([parser.feed(delta) for delta in deltas])
    rest, found = parser.finish()
    return passed + rest, [(call.name, dict(call.arguments)) for call in found]


def split(text: str, cuts: list[int]) -> list[str]:
    places = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    return [text[start:end] for start, end in itertools.pairwise(places)]


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


def written(call: tuple[str, dict[str, Any]], form: str = "{}") -> str:
    return form.format(json.dumps({"name": call[0], "arguments": call[1]}, ensure_ascii=False))


def as_xml(call: tuple[str, dict[str, str]], form: str = "x") -> str:
    """A call as the chat template of Qwen3-Coder writes it."""
    parameters = (f"<parameter={name}>\n{value}\n</parameter>\n" for name, value in call[1].items())
    return form.replace("x", f"<function={call[0]}>\n{''.join(parameters)}</function>")


cuts = st.lists(st.integers(0, 10_000), max_size=30)


@given(pieces_of_calls.map("".join), cuts)
def test_any_text_is_parsed_the_same_in_any_pieces(text: str, cuts: list[int]) -> None:
    assert parse(split(text, cuts)) == parse([text]) == parse(list(text))


@given(pieces.map("".join))
def test_text_without_a_call_stays_as_it_is(text: str) -> None:
    content, found = parse(list(text))
    assert found == []
    assert content == text


@given(st.lists(st.tuples(prose, calls), min_size=1, max_size=4), prose, cuts)
@example([("Hi ", ("add", {"a": f"{END} in a string, {START} too"}))], "Bye", [5, 9])
def test_each_call_is_told_once_and_all_text_around_is_kept(
    parts: list[tuple[str, Any]], after: str, cuts: list[int]
) -> None:
    text = "".join(before + written(call, START + "\n{}\n" + END) for before, call in parts) + after
    content, found = parse(split(text, cuts))
    assert found == [call for _, call in parts]
    assert squeezed(content) == squeezed("".join(before for before, _ in parts) + after)


@given(prose, calls, cuts)
def test_nothing_of_the_markup_leaks_before_the_end(before: str, call: Any, cuts: list[int]) -> None:
    parser = StreamParser(NAMES)
    text = before + written(call, START + "{}" + END)
    passed = "".join([parser.feed(delta) for delta in split(text, cuts)])
    assert before.startswith(passed)


@given(calls, st.sampled_from(["{}", "```json\n{}\n```", "```\n{}\n```\n", "\n {} \n", "{}\n" + END]), cuts)
def test_an_answer_that_is_a_call_as_a_whole_needs_no_tags(call: Any, form: str, cuts: list[int]) -> None:
    parser = StreamParser(NAMES)
    assert "".join([parser.feed(delta) for delta in split(written(call, form), cuts)]).strip() == ""
    rest, found = parser.finish()
    assert (rest, [(each.name, each.arguments) for each in found]) == ("", [call])


@given(
    st.lists(
        st.tuples(prose, xml_calls, st.sampled_from([f"{START}\nx\n{END}", f"x\n{END}", "x"])), min_size=1
    ),
    prose,
    cuts,
)
@example([("Hi ", ("add", {"a": f'{START}\n{{"name": "add"}}\n{END}'}), "x")], "Bye", [5, 9])
@example([("", ("add", {"a": "<function=find> <parameter=b>", "b": "\n\n"}), "x")], "", [])
def test_each_call_in_xml_is_told_once_and_all_text_around_is_kept(
    parts: list[tuple[str, Any, str]], after: str, cuts: list[int]
) -> None:
    text = "".join(before + as_xml(call, form) for before, call, form in parts) + after
    content, found = parse(split(text, cuts))
    assert found == [call for _, call, _ in parts]
    assert squeezed(content) == squeezed("".join(before for before, *_ in parts) + after)


@given(prose, xml_calls, st.sampled_from([f"{START}\nx\n{END}", "x"]), cuts)
def test_nothing_of_a_call_in_xml_leaks_before_the_end(
    before: str, call: Any, form: str, cuts: list[int]
) -> None:
    parser = StreamParser(NAMES)
    passed = "".join([parser.feed(delta) for delta in split(before + as_xml(call, form), cuts)])
    assert before.startswith(passed)


GOOD = '{"name": "add", "arguments": {"a": 1}}'
ADD = ("add", {"a": 1})
XML = "<function=add>\n<parameter=a>\n1\n</parameter>\n</function>"


@pytest.mark.parametrize(
    ("text", "content", "found"),
    [
        (f"{START}{GOOD}", "", [ADD]),
        (f"Hi{START}{GOOD[:-1]}{END}", "Hi", [ADD]),
        (f"Hi{START}{GOOD[:-2]}", "Hi", [ADD]),
        (f"{START}\n```json\n{GOOD}\n```\n{END}", "", [ADD]),
        (f'{START}{{"name": "add", "arguments": {{"a": 1,}}}}{END}', "", [ADD]),
        (f'{START}{{"name": "add", "parameters": {{"a": 1}}}}{END}', "", [ADD]),
        (START + '{"name": "add", "arguments": "{\\"a\\": 1}"}' + END, "", [ADD]),
        (START + '{"type": "function", "function": ' + GOOD + "}" + END, "", [ADD]),
        (f"{START}{GOOD}\n{START}{GOOD}{END}", "", [ADD, ADD]),
        (f'{START}{{"name": "add", "arguments": {{"a": "{END}"}}}}}}{END}', "", [("add", {"a": END})]),
        (f"{START}[{GOOD}, {GOOD}]{END}", "", [ADD, ADD]),
        (f"{GOOD}\n{GOOD}", "", [ADD, ADD]),
        (f"[{GOOD}]", "", [ADD]),
        (GOOD[:-1], "", [ADD]),
        (f'{START}{{"name": "add"}}{END}', "", [("add", {})]),
        (START + '{"name": "add", "arguments": {"a": "1\n2"}}' + END, "", [("add", {"a": "1\n2"})]),
        (f"A{START}{GOOD}{END}B{START}{GOOD}{END}C", "A\n\nB\n\nC", [ADD, ADD]),
        (f"{START}{GOOD}{END}\n{RESULT}\n3\n</tool_response>\nIt is 3.", "", [ADD]),
        (f"<think>Or {START}{GOOD}{END}?</think>\n{START}{GOOD}{END}", None, [ADD]),
        (f"<think>Or {START}{GOOD}{END}?", None, []),
        (f"<think>Hm.</think>\n{GOOD}", "<think>Hm.</think>", [ADD]),
        (f"{START}{GOOD.replace('add', 'rob')}{END}", None, []),  # not offered
        (f"{START}not JSON{END}", None, []),
        (f'{START}{{"name": "add", "arguments": {{"a": "half of', None, []),  # cut off: half an argument
        (f'{START}{{"name": "add", "arguments": [1]}}{END}', None, []),
        (f"{START}<function=add><parameter=a>1</parameter></function>{END}", "", [("add", {"a": "1"})]),
        (
            "<function=add>\n<parameter=a>\n1\n<parameter=b>\n2\n</function>",
            "",
            [("add", {"a": "1", "b": "2"})],
        ),
        (f"{START}\n<function=add>\n</function>\n{END}", "", [("add", {})]),
        (f"{START}\n<function=add>\n<parameter=a>\n1\n</parameter>", "", [("add", {"a": "1"})]),
        (f"{XML}\n{XML}", "", [("add", {"a": "1"})] * 2),
        (f"{START}\n{XML}\n{XML}\n{END}", "", [("add", {"a": "1"})] * 2),
        (f"{START}\n{XML}\n<function=find>\n<parameter=a>\nhalf", None, [("add", {"a": "1"})]),
        (f"{XML}\n{XML.replace('add', 'rob')}", None, [("add", {"a": "1"})]),
        (f"{XML}\n{RESULT}\n3\n</tool_response>\nIt is 3.", "", [("add", {"a": "1"})]),
        (f"{XML.replace('add', 'rob')}\n{START}{GOOD}{END}", None, [ADD]),
        (f"{START}\n<function=add>\n<parameter=a>\nhalf of", None, []),
        (f"<function=add>\n<parameter=a>\nhalf of {START}{GOOD}{END}", None, [ADD]),
        (f"{START}\n<function=add>\nHm.\n</function>\n{END}", None, []),
        (XML.replace("add", "rob"), None, []),
        ("It ends with <function=add>", None, []),
        ("It is written <function=NAME> and so on.", None, []),
        (f"<think>{XML}</think>", None, []),
        (f"Like this: {GOOD}", None, []),
        (f"{GOOD} is a call.", None, []),
        ('{"name": "Ada"}', None, []),
        ('```json\n{"age": 7}\n```', None, []),
    ],
)
def test_calls_as_models_write_them(text: str, content: str | None, found: Calls) -> None:
    got, calls = parse([text])
    assert calls == found
    if content is not None:
        assert got.strip() == content
    elif not found:
        assert got == text


def test_text_that_is_no_call_is_not_held_back() -> None:
    parser = StreamParser(NAMES)
    assert parser.feed("{") == ""
    assert parser.feed('"age": 7') == '{"age": 7'
    assert parser.feed(" <tool") == ""
    assert parser.feed("s>") == " <tools>"


def test_each_call_has_an_id_of_its_own() -> None:
    parser = StreamParser(NAMES)
    parser.feed(f"{START}{GOOD}{END}" * 2)
    ids = {call.id for call in parser.finish().calls}
    assert len(ids) == 2
    assert all(re.fullmatch(r"call_[0-9a-f]{24}", each) for each in ids)


@pytest.mark.parametrize(
    "unit",
    [
        *(START, START + "{", START + '{"', GOOD, START + GOOD, '{"name":', "<think>", "["),
        *(
            FUNCTION,
            "<function=add>",
            "<function=add>\n<parameter=a>",
            XML,
            START + XML[:-3],
            "\n<parameter=a>\n",
        ),
    ],
)
def test_a_hostile_answer_takes_no_time_to_parse(unit: str) -> None:
    text, begun = unit * (3_000_000 // len(unit)), time.monotonic()
    parser = StreamParser(["rob"])
    for start in range(0, len(text), 100):
        parser.feed(text[start : start + 100])
    parser.finish()
    assert time.monotonic() - begun < PATIENCE  # of quadratic time, minutes


answers = st.lists(st.one_of(prose, calls.map(lambda call: written(call, START + "{}" + END))), max_size=4)


@given(st.lists(st.tuples(st.booleans(), answers.map("".join)), min_size=1, max_size=6))
def test_a_space_that_rewrites_leaves_one_text_and_its_calls(updates: list[tuple[bool, str]]) -> None:
    plan = make_plan(TOOLS)
    answer, whole, events = ToolAnswer(plan), "", []
    for appends, text in updates:
        if appends and text:
            whole += text
            events += filter(None, [answer.append(text, 1.0)])
        else:
            whole = text
            events += answer.update(Snapshot(text, ""), 1.0)
        assert whole.startswith(answer.text)
    outcome = plan.judge(whole)
    events += answer.conclude(outcome, 2.0)
    shown = ""
    for event in events:
        if isinstance(event, Text):
            shown = shown[: event.start] + event.text
            assert not re.search(f"{START}.*{END}", event.text, re.DOTALL)
    assert shown == answer.text == outcome.text
    assert [event for event in events if isinstance(event, ToolCall)] == list(outcome.calls)
    assert answer.tool_calls == outcome.calls
    assert answer.received == whole
