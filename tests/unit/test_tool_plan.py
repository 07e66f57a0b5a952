"""What is asked for besides text is checked, rendered in Qwen's own words, and each answer judged by it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Annotated, Any, Literal

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_mock import MockerFixture

from qwen_spaces import InvalidMessagesError, Message, ToolCall, UnsupportedOptionError
from qwen_spaces._tools.plan import make_plan, render
from qwen_spaces._tools.prompt import render_turns
from qwen_spaces._types.messages import as_messages
from qwen_spaces._types.tools import as_openai, as_tool_calls


class City(pydantic.BaseModel):
    name: str
    people: int


def get_weather(
    city: Annotated[str, pydantic.Field(description="Its English name.")], unit: Literal["C", "F"] = "C"
) -> str:
    """Return the weather in a city."""
    return f"{city}: 20 {unit}"


def plan_trip(
    to: str,
    days: int,
    share: float,
    cheap: bool,
    city: City,
    stops: list[str],
    level: Literal[1, 2],
    note: str | None,
    free: Any,
    limit: int | None = None,
) -> None:
    """Plan a trip."""


SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"n": {"type": "integer"}, "deep": {"type": "array", "items": {"type": "number"}}},
    "required": ["n"],
}
COUNT = {"type": "function", "function": {"name": "count", "parameters": SCHEMA}}
HI = [Message("user", "Hi")]
# Qwen2.5's chat template, as published with Qwen/Qwen2.5-7B-Instruct (read 2026-11).
PUBLISHED = """Be brief.

# Tools

You may call one or more functions to assist with the user query.

You are provided with function signatures within <tools></tools> XML tags:
<tools>
{"type": "function", "function": {"name": "now"}}
</tools>

For each function call, return a json object with function name and arguments within <tool_call></tool_call> XML tags:
<tool_call>
{"name": <function-name>, "arguments": <args-json-object>}
</tool_call>"""  # noqa: E501


def call(name: str, arguments: str) -> str:
    return f'<tool_call>{{"name": "{name}", "arguments": {arguments}}}</tool_call>'


def test_tools_are_offered_in_the_words_that_qwen_was_trained_on() -> None:
    system, user = render(
        [Message("system", "Be brief."), *HI], [{"type": "function", "function": {"name": "now"}}]
    )
    parameters = ', "parameters": {"type": "object", "properties": {}}'
    assert system == Message("system", PUBLISHED.replace('"now"', f'"now"{parameters}'))
    assert user == HI[0]


def test_a_model_that_was_not_trained_gets_an_explanation() -> None:
    (system, _) = render(HI, [COUNT], trained=False, system="You are Qwen.")
    assert system.content.startswith("You are Qwen.\n\n# Tools\n\nYou can use functions")
    assert json.dumps(COUNT) in system.content
    assert "Never invent a result" in system.content


def test_turns_of_tools_become_turns_of_the_user_and_the_assistant() -> None:
    calls = [ToolCall("a", "count", {"n": 1}), ToolCall("b", "count", {"n": 2})]
    messages = [
        *HI,
        Message("assistant", "Let me see.", tool_calls=calls),
        Message("tool", "two", tool_call_id="b"),
        Message("tool", "one", tool_call_id="a"),
    ]
    blocks = "\n".join(
        f'<tool_call>\n{{"name": "count", "arguments": {{"n": {n}}}}}\n</tool_call>' for n in (1, 2)
    )
    assert tuple(render_turns(messages)) == (
        *HI,
        Message("assistant", f"Let me see.\n{blocks}"),
        Message("user", "<tool_response>\none\n</tool_response>\n<tool_response>\ntwo\n</tool_response>"),
    )


def test_without_tools_the_messages_are_as_they_were() -> None:
    assert render(HI) == tuple(HI)
    assert render(HI, [COUNT], "none") == tuple(HI)


def test_a_function_becomes_a_schema() -> None:
    (tool,) = make_plan([get_weather]).tools
    assert tool.declaration["function"] == {
        "name": "get_weather",
        "description": "Return the weather in a city.",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "Its English name."},
                "unit": {"type": "string", "enum": ["C", "F"], "default": "C"},
            },
            "required": ["city"],
            "additionalProperties": False,
        },
    }


def positional(x: int, /) -> int:
    return x


@pytest.mark.parametrize(
    ("tools", "why"),
    [
        ("get_weather", "not a list"),
        (COUNT, "not a list"),
        ([7], "Tool 0 is a int"),
        ([COUNT, {"type": "web_search"}], "Tool 1 is"),
        ([{"type": "function", "function": {}}], "Tool 0 is"),
        ([COUNT, COUNT], "the name of another: 'count'"),
        ([{"type": "function", "function": {"name": "a", "parameters": {"type": "int"}}}], "no JSON schema"),
        ([positional], "arguments without names"),
    ],
)
def test_what_is_no_tool_is_refused(tools: Any, why: str) -> None:
    with pytest.raises(UnsupportedOptionError, match=why):
        make_plan(tools)


@pytest.mark.parametrize(
    ("choice", "chosen"),
    [
        (None, "auto"),
        ("auto", "auto"),
        ("required", "required"),
        ("count", "count"),
        ({"type": "function", "function": {"name": "count"}}, "count"),
        ({"type": "function", "name": "count"}, "count"),
    ],
)
def test_a_choice_in_each_form(choice: Any, chosen: str) -> None:
    assert make_plan([COUNT, get_weather], choice).choice == chosen


@pytest.mark.parametrize("mode", ["auto", "required"])
@pytest.mark.parametrize("flat", [False, True])
def test_some_of_the_tools_may_be_called(mode: str, flat: bool) -> None:
    named = {"name": "count"} if flat else {"function": {"name": "count"}}
    allowed = {"mode": mode, "tools": [{"type": "function", **named}]}
    choice = {"type": "allowed_tools", **(allowed if flat else {"allowed_tools": allowed})}
    plan = make_plan([get_weather, COUNT], choice)
    assert (plan.names, plan.choice) == (("count",), mode)
    assert "get_weather" not in plan.render(HI)[0].content


@pytest.mark.parametrize(
    "allowed",
    [
        {"mode": "auto", "tools": [{"type": "function", "function": {"name": "rob"}}]},
        {"mode": "auto", "tools": [{"type": "mcp", "server_label": "count"}]},
        {"mode": "any", "tools": [{"type": "function", "name": "count"}]},
        {"mode": "auto", "tools": "count"},
        {"mode": "auto"},
        {"mode": "required", "tools": []},
        7,
    ],
)
def test_what_may_not_be_allowed_is_refused(allowed: Any) -> None:
    with pytest.raises(UnsupportedOptionError, match="tool_choice="):
        make_plan([COUNT], {"type": "allowed_tools", "allowed_tools": allowed})


@pytest.mark.parametrize("choice", ["rob", 7, {}, {"type": "function", "function": {"name": "rob"}}])
def test_what_is_no_choice_is_refused(choice: Any) -> None:
    with pytest.raises(UnsupportedOptionError, match="the tools are count"):
        make_plan([COUNT], choice)


def test_a_call_cannot_be_required_without_tools() -> None:
    with pytest.raises(UnsupportedOptionError, match="there are no tools"):
        make_plan((), "required")


def test_a_required_call_is_said_and_judged() -> None:
    plan = make_plan([COUNT, get_weather], "count")
    assert "You must call the function count now" in plan.render(HI)[0].content
    assert plan.holds
    good = plan.judge("Sure!\n" + call("count", '{"n": 1}'))
    assert (good.text, good.problem, good.calls[0].arguments) == ("", "", {"n": 1})
    assert plan.judge("I cannot.").problem == "it does not call the function count."
    assert plan.judge(call("get_weather", '{"city": "Paris"}')).problem  # another one
    assert "count are invalid: $.n: 'one'" in plan.judge(call("count", '{"n": "one"}')).problem


def test_arguments_are_converted_where_the_schema_allows_one_reading() -> None:
    (found,) = make_plan([COUNT]).judge(call("count", '{"n": "3", "deep": "[1, 2.5]"}')).calls
    assert found.arguments == {"n": 3, "deep": [1, 2.5]}
    (kept,) = make_plan([COUNT]).judge(call("count", '{"n": "three", "deep": ["1"]}')).calls
    assert kept.arguments == {"n": "three", "deep": [1]}


def test_arguments_in_xml_get_the_types_of_the_schema() -> None:
    schema = pydantic.TypeAdapter(plan_trip).json_schema()
    plan = make_plan([{"type": "function", "function": {"name": "plan_trip", "parameters": schema}}])
    given = {
        "to": "42",
        "days": "3",
        "share": "0.5",
        "cheap": "True",
        "city": '{"name": "Rome", "people": 3}',
        "stops": "['Pisa', 'Siena',]",
        "limit": "None",
        "level": "2",
        "note": "null",
        "free": "[1]",
    }
    parameters = (f"<parameter={name}>\n{value}\n</parameter>" for name, value in given.items())
    (found,) = plan.judge("\n".join(["<function=plan_trip>", *parameters, "</function>"])).calls
    assert found.arguments == {
        "to": "42",
        "days": 3,
        "share": 0.5,
        "cheap": True,
        "city": {"name": "Rome", "people": 3},
        "stops": ["Pisa", "Siena"],
        "limit": None,
        "level": 2,
        "note": "null",
        "free": "[1]",
    }


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "Rome", "people": 3}',
        '```json\n{"name": "Rome", "people": 3}\n```',
        'Here you are:\n```\n{"name": "Rome", "people": 3}\n```\nCiao!',
        '{"name": "Rome", "people": 3,}',
        '<think>{"a"?</think>\n{"name": "Rome", "people": "3"}',
    ],
)
@pytest.mark.parametrize(
    "form", [City, {"type": "json_schema", "json_schema": {"schema": City.model_json_schema()}}]
)
def test_an_answer_in_its_format_is_parsed(text: str, form: Any) -> None:
    outcome = make_plan((), None, form).judge(text)
    assert outcome.problem == ""
    expected = {"name": "Rome", "people": 3}
    assert outcome.parsed == (City(**expected) if form is City else expected)
    assert json.loads(outcome.text)["name"] == "Rome"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Rome.", "it is not JSON"),
        ('{"name": "Rome"}', "people"),
        ('{"name": "Rome", "people": "many"}', "people"),
        ("[1]", "JSON is invalid"),
        ("", "it is not JSON"),
    ],
)
@pytest.mark.parametrize("form", [City, {"type": "json_schema", "schema": City.model_json_schema()}])
def test_an_answer_in_another_format_is_not(text: str, why: str, form: Any) -> None:
    plan = make_plan((), None, form)
    outcome = plan.judge(text)
    assert why in outcome.problem
    assert outcome.text == text
    *_, bad, again = plan.retry(HI, text, outcome.problem)
    assert bad.content == (text or "...")
    assert outcome.problem in again.content


def test_any_json_object_is_a_format() -> None:
    for form in ("json_object", {"type": "json_object"}):
        plan = make_plan((), None, form)
        assert "Answer with one JSON object and nothing else" in plan.render(HI)[0].content
        assert plan.judge('{"a": [1]}').parsed == {"a": [1]}
        assert plan.judge("[1]").problem


def test_text_is_no_format_and_others_are_refused() -> None:
    assert make_plan((), None, {"type": "text"}).format is None
    for form in (
        "xml",
        {"type": "json_schema"},
        7,
        {"type": "json_schema", "json_schema": {"schema": {"type": 7}}},
    ):
        with pytest.raises(UnsupportedOptionError, match="response_format"):
            make_plan((), None, form)  # type: ignore[arg-type]


def test_a_call_takes_the_place_of_the_format() -> None:
    plan = make_plan([COUNT], None, City)
    assert "Unless you call a function, answer with" in plan.render(HI)[0].content
    outcome = plan.judge(call("count", '{"n": 1}'))
    assert (outcome.problem, outcome.parsed, len(outcome.calls)) == ("", None, 1)


def test_a_schema_loads_nothing_from_elsewhere(mocker: MockerFixture) -> None:
    load = mocker.patch("urllib.request.urlopen", autospec=True)
    remote = {"type": "object", "properties": {"a": {"$ref": "https://example.org/schema.json"}}}
    plan = make_plan((), None, {"type": "json_schema", "json_schema": {"schema": remote}})
    assert "https://example.org/schema.json" in plan.judge('{"a": 1}').problem
    load.assert_not_called()


@given(st.text(max_size=50))
def test_no_answer_breaks_the_judge(text: str) -> None:
    for plan in (make_plan([COUNT]), make_plan([COUNT], "required"), make_plan((), None, City)):
        plan.judge(text)
        plan.judge("{" + text)


def test_messages_of_tools_come_in_the_openai_form() -> None:
    function = {"name": "count", "arguments": '{"n": 1}'}
    calls = [{"id": "call_1", "type": "function", "function": function}]
    given = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "one"}]},
    ]
    _, assistant, tool = as_messages(given)
    assert assistant == Message("assistant", "", tool_calls=[ToolCall("call_1", "count", {"n": 1})])
    assert tool == Message("tool", "one", tool_call_id="call_1")
    assert [as_openai(call) for call in assistant.tool_calls] == calls
    assert "tool_call_id='call_1'" in repr(tool)
    assert as_messages([given[0], assistant, tool]) == as_messages(given)


def test_arguments_that_are_no_json_are_kept() -> None:
    (found,) = as_tool_calls([{"id": "a", "function": {"name": "count", "arguments": "{n"}}], "Message 0")
    assert found.arguments == {"invalid_json": "{n"}


@pytest.mark.parametrize("calls", ["count", [7], [{"id": "a"}], [{"id": "a", "function": {"name": ""}}]])
def test_what_is_no_call_is_refused(calls: Any) -> None:
    with pytest.raises(InvalidMessagesError, match="Message 0 has"):
        as_messages([{"role": "assistant", "content": "", "tool_calls": calls}, *HI])


PROGRAM = """
import sys
sys.modules["json_repair"] = None
from qwen_spaces import MissingExtraError, QwenSpace
space = QwenSpace("qwen-2.5", src="http://127.0.0.1:9")
space.stream("Hi")
space.stream([{"role": "assistant", "content": "", "tool_calls": []}, {"role": "tool", "content": "Hi"}])
print({"jsonschema", "pydantic", "referencing"} & set(sys.modules))
try:
    space.stream("Hi", tools=[print])
except MissingExtraError as error:
    print(error)
"""


def test_without_the_extra_only_tools_are_missing() -> None:
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    loaded, error = ended.stdout.splitlines()
    assert loaded == "set()"
    assert error == "Tools and structured output need json_repair: pip install 'qwen-spaces[tools]'"
