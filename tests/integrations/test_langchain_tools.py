"""Tools and structured output of `ChatQwenSpace`, beyond LangChain's standard tests."""

from __future__ import annotations

import functools
import operator
from typing import Any

import pydantic
import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool

from qwen_spaces import UnexpectedOutputError, UnsupportedOptionError
from qwen_spaces.integrations.langchain import ChatQwenSpace

from ..support.calls import CALL, serve_text
from ..support.servers import Servers

PARIS = "The weather in Paris? [[pace=0]]"
BOTH = "Please add 2 and 3, and tell the weather in Paris [[pace=0]]"


@tool
def get_weather(city: str) -> str:
    """Return the weather in a city."""
    return f"18 degrees in {city}"


@tool
def add(a: int, b: int) -> int:
    """Return the sum of two numbers."""
    return a + b


class Person(pydantic.BaseModel):
    """A person."""

    name: str
    age: int


@pytest.fixture(params=["qwen-2.5", "qwen-2-72b", "qvq-72b"])
def model(request: pytest.FixtureRequest, servers: Servers) -> ChatQwenSpace:
    return ChatQwenSpace(model=request.param, src=servers[request.param])


async def answers(model: Any, given: Any, **more: Any) -> list[AIMessage]:
    """The same answer, asked for in each way."""
    chunks = [chunk async for chunk in model.astream(given, **more)]
    streamed = [functools.reduce(operator.add, each) for each in (list(model.stream(given, **more)), chunks)]
    return [model.invoke(given, **more), await model.ainvoke(given, **more), *streamed]


def calls_of(answer: AIMessage) -> list[tuple[str, Any]]:
    assert not answer.invalid_tool_calls
    assert all(call["id"] for call in answer.tool_calls)
    return [(call["name"], call["args"]) for call in answer.tool_calls]


async def test_the_loop_of_an_agent_ends_with_the_result(model: ChatQwenSpace) -> None:
    with_tools = model.bind_tools([get_weather, add])
    for answer in await answers(with_tools, BOTH):
        assert calls_of(answer) == [("get_weather", {"city": "Paris"}), ("add", {"a": 2, "b": 3})]
        assert answer.text == ""
        by_name: dict[str, Any] = {"get_weather": get_weather, "add": add}
        results = [by_name[call["name"]].invoke(call) for call in answer.tool_calls]
        assert all(isinstance(result, ToolMessage) for result in results)
        last = with_tools.invoke([HumanMessage(BOTH), answer, *reversed(results)])
        assert last.text == "The tools answered: 18 degrees in Paris; 5"
        assert last.tool_calls == []


@pytest.mark.parametrize(
    ("choice", "called"),
    [
        (None, ["get_weather"]),
        ("auto", ["get_weather"]),
        ("any", ["get_weather"]),
        (True, ["get_weather"]),
        ("required", ["get_weather"]),
        ("add", ["add"]),
        ({"type": "function", "function": {"name": "add"}}, ["add"]),
        ("none", []),
        (False, []),
    ],
    ids=str,
)
def test_the_choice_is_langchains(choice: Any, called: list[str], servers: Servers) -> None:
    model = ChatQwenSpace(src=servers["qwen-2.5"])
    answer = model.bind_tools([get_weather, add], tool_choice=choice, strict=True).invoke(PARIS)
    assert [call["name"] for call in answer.tool_calls] == called
    with pytest.raises(UnsupportedOptionError, match="'subtract'"):
        model.bind_tools([add], tool_choice="subtract").invoke(PARIS)


async def test_one_call_at_most(servers: Servers) -> None:
    model = ChatQwenSpace(src=servers["qwen-2.5"])
    for answer in await answers(model.bind_tools([get_weather, add], parallel_tool_calls=False), BOTH):
        assert calls_of(answer) == [("get_weather", {"city": "Paris"})]


async def test_a_stop_leaves_the_calls_before_it() -> None:
    with serve_text(CALL, "\n\nSo it is. Observation: 18 degrees") as src:
        for answer in await answers(
            ChatQwenSpace(src=src).bind_tools([get_weather]), "Hi", stop="Observation"
        ):
            assert calls_of(answer) == [("get_weather", {"city": "Paris"})]
            assert answer.text == "So it is. "


def test_a_history_needs_no_tools(model: ChatQwenSpace) -> None:
    call: Any = {"name": "add", "args": {"a": 2, "b": 3}, "id": "call_1"}
    history = [HumanMessage("Add"), AIMessage("", tool_calls=[call]), ToolMessage("5", tool_call_id="call_1")]
    assert model.invoke(history).text == "The tools answered: 5"


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
async def test_an_answer_is_of_the_schema(method: str, model: ChatQwenSpace) -> None:
    prompt, ada = "The person who is 36 is Ada [[pace=0]]", Person(name="Ada", age=36)
    structured: Any = model.with_structured_output(Person, method=method, strict=True)
    assert structured.invoke(prompt) == ada
    assert await structured.ainvoke(prompt) == ada
    assert list(structured.stream(prompt))[-1] == ada
    plain: Any = model.with_structured_output(Person.model_json_schema(), method=method)
    assert plain.invoke(prompt) == ada.model_dump()
    raw: Any = model.with_structured_output(Person, method=method, include_raw=True).invoke(prompt)
    assert (raw["parsed"], raw["parsing_error"]) == (ada, None)
    assert isinstance(raw["raw"], AIMessage)


def test_an_answer_that_does_not_fit_is_an_error(servers: Servers) -> None:
    class Old(pydantic.BaseModel):
        age: int = pydantic.Field(ge=100)

    model = ChatQwenSpace(src=servers["qwen-2.5"])
    with pytest.raises(UnexpectedOutputError, match="minimum"):
        model.with_structured_output(Old).invoke("Ada is 36 [[pace=0]]")
    raw: Any = model.with_structured_output(Person, method="json_mode", include_raw=True).invoke(
        "Hi [[pace=0]]"
    )
    assert (raw["raw"].text, raw["parsed"]) == ("{}", None)  # no schema, so LangChain's parser checks it
    assert "validation error" in str(raw["parsing_error"])


@pytest.mark.parametrize("wrong", [{"method": "xml"}, {"method": "json_schema", "colour": "red"}], ids=str)
def test_an_unknown_argument_is_an_error(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"xml|colour"):
        ChatQwenSpace().with_structured_output(Person, **wrong)
