"""Tools and formats of the answer, in `/v1/chat/completions`."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import anyio
import openai
import pydantic
import pytest

from qwen_spaces.gateway import _answers as answers
from qwen_spaces.gateway import create_app
from qwen_spaces.replicas import serve

from ..support.calls import CALL, serve_text
from ..support.gateway import chat, http, openai_client, serve_gateway
from ..support.modes import PATIENCE, run_async
from ..support.servers import Servers

EMULATED = "x-qwen-spaces-emulated"
MODELS = ("qwen-2.5", "qwen-2-72b", "qvq-72b", "qwen-3")
FORMS = ["tagged", "bare", "fenced", "unclosed", "broken", "xml"]


def tool(name: str, **properties: str) -> dict[str, Any]:
    schema = {
        "type": "object",
        "properties": {key: {"type": kind} for key, kind in properties.items()},
        "required": list(properties),
    }
    return {
        "type": "function",
        "function": {"name": name, "description": f"It is {name}.", "parameters": schema},
    }


WEATHER, ADD = tool("get_weather", city="string"), tool("add", a="integer", b="integer")


def allowed(mode: str, *names: str) -> dict[str, Any]:
    tools = [{"type": "function", "function": {"name": name}} for name in names]
    return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": tools}}


PARIS = "The weather in Paris? [[pace=0]]"
BOTH = "Please add 2 and 3, and tell the weather in Paris [[pace=0]]"
SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}}
FORMAT = {"type": "json_schema", "json_schema": {"name": "person", "schema": SCHEMA, "strict": True}}


@pytest.fixture(scope="module")
def url(servers: Servers) -> Iterator[str]:
    with serve_gateway(create_app({name: servers[name] for name in MODELS})) as url:
        yield url


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[openai.OpenAI]:
    with openai_client(url) as client:
        yield client


@pytest.fixture(params=[False, True], ids=["whole", "stream"])
def create(request: pytest.FixtureRequest, client: openai.OpenAI) -> Any:
    """Create an answer, streamed or not; return its only choice, which OpenAI's own client puts together."""

    def whole(body: dict[str, Any], **more: Any) -> Any:
        return client.chat.completions.create(**body, **more).choices[0]

    def streamed(body: dict[str, Any], **more: Any) -> Any:
        with client.chat.completions.stream(**body, **more) as stream:
            return stream.get_final_completion().choices[0]

    return streamed if request.param else whole


def calls_of(choice: Any) -> list[tuple[str, Any]]:
    calls = choice.message.tool_calls or []
    assert len({call.id for call in calls}) == len(calls)
    return [(call.function.name, json.loads(call.function.arguments)) for call in calls]


# Calls -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS)
def test_a_tool_is_called(model: str, create: Any) -> None:
    choice = create(chat(PARIS, model=model), tools=[ADD, WEATHER])
    assert calls_of(choice) == [("get_weather", {"city": "Paris"})]
    assert choice.finish_reason == "tool_calls"
    assert not choice.message.content  # null, unless reasoning came first
    assert choice.message.tool_calls[0].id.startswith("call_")


@pytest.mark.parametrize("form", FORMS)
def test_a_call_is_read_however_the_model_writes_it(form: str, create: Any) -> None:
    choice = create(chat(f"{PARIS} [[call-form={form}]]"), tools=[WEATHER])
    assert calls_of(choice) == [("get_weather", {"city": "Paris"})]


def test_a_call_in_xml_has_the_types_of_its_schema(create: Any) -> None:
    choice = create(chat("Add 2 and 3 [[call-form=xml]] [[pace=0]]"), tools=[ADD])
    assert calls_of(choice) == [("add", {"a": 2, "b": 3})]


def test_several_tools_are_called_at_once_unless_the_client_wants_one(create: Any) -> None:
    both = [("get_weather", {"city": "Paris"}), ("add", {"a": 2, "b": 3})]
    assert calls_of(create(chat(BOTH), tools=[WEATHER, ADD])) == both
    assert calls_of(create(chat(BOTH), tools=[WEATHER, ADD], parallel_tool_calls=False)) == both[:1]


def test_chunks_are_those_of_openai(client: openai.OpenAI) -> None:
    options = {"stream": True, "stream_options": {"include_usage": True}}
    chunks: list[Any] = list(client.chat.completions.create(**chat(BOTH), **options, tools=[WEATHER, ADD]))
    *chunks, last, counts = chunks
    deltas = [chunk.choices[0].delta.model_dump(exclude_unset=True) for chunk in chunks]
    assert deltas[0] == {"role": "assistant", "content": None}
    parts = [call for delta in deltas[1:] for call in delta["tool_calls"]]
    assert [part["index"] for part in parts] == [0, 0, 1, 1]
    for name, head, body in (("get_weather", *parts[:2]), ("add", *parts[2:])):
        assert head["function"] == {"name": name, "arguments": ""}
        assert (head["type"], head["id"][:5]) == ("function", "call_")
        assert body.keys() == {"index", "function"}
        assert json.loads(body["function"]["arguments"])
    assert {chunk.choices[0].finish_reason for chunk in chunks} == {None}
    assert last.choices[0].finish_reason == "tool_calls"
    assert counts.choices == []


def test_the_loop_of_an_agent_ends_with_the_result(create: Any) -> None:
    messages: list[Any] = chat(BOTH)["messages"]
    message = create({"model": "qwen-2.5", "messages": messages}, tools=[WEATHER, ADD]).message
    messages.append(message.model_dump(exclude_none=True, include={"role", "content", "tool_calls"}))
    results = {"get_weather": "18 degrees", "add": "5"}
    for call in reversed(message.tool_calls):  # in any order
        result = [{"type": "text", "text": results[call.function.name]}]
        messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
    choice = create({"model": "qwen-2.5", "messages": messages}, tools=[WEATHER, ADD])
    assert choice.message.content == "The tools answered: 18 degrees; 5"
    assert (choice.message.tool_calls, choice.finish_reason) == (None, "stop")
    # A history from elsewhere needs no tools.
    assert create({"model": "qwen-2.5", "messages": messages}).message.content == choice.message.content


def test_text_that_calls_no_tool_streams_as_it_comes(client: openai.OpenAI, prompt: str) -> None:
    chunks: Any = client.chat.completions.create(**chat(prompt), tools=[WEATHER], stream=True)
    texts = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices[0].delta.content]
    assert len(texts) > 5
    assert prompt in "".join(texts)


# The choice ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choice", "called"),
    [
        (None, ["get_weather"]),
        ("auto", ["get_weather"]),
        ("none", []),
        ("required", ["get_weather"]),
        ({"type": "function", "function": {"name": "add"}}, ["add"]),
        (allowed("auto", "add"), []),
        (allowed("auto", "add", "get_weather"), ["get_weather"]),
        (allowed("required", "add"), ["add"]),
    ],
    ids=["default", "auto", "none", "required", "named", "allowed", "all allowed", "allowed and required"],
)
def test_a_client_chooses_among_the_tools(choice: Any, called: list[str], create: Any) -> None:
    more = {} if choice is None else {"tool_choice": choice}
    answer = create(chat(PARIS), tools=[ADD, WEATHER], **more)
    assert [name for name, _ in calls_of(answer)] == called
    assert answer.finish_reason == ("tool_calls" if called else "stop")


def test_a_required_call_with_wrong_arguments_is_an_error(client: openai.OpenAI) -> None:
    large = tool("add", a="integer")
    large["function"]["parameters"]["properties"]["a"]["minimum"] = 100
    for stream in (False, True):
        with pytest.raises(openai.InternalServerError, match="the arguments of add are invalid") as failed:
            client.chat.completions.create(
                **chat("Add 2 [[pace=0]]"), tools=[large], tool_choice="required", stream=stream
            )
        assert failed.value.status_code == 502


def test_a_required_call_that_is_missing_is_asked_for_once_more(create: Any) -> None:
    choice = create(chat("Add 2 and 3 [[multibyte]]"), tools=[tool("say")], tool_choice="required")
    assert calls_of(choice) == [("say", {})]


# Functions, as before tools --------------------------------------------------------------------------------

FUNCTIONS: Any = [WEATHER["function"], ADD["function"]]


@pytest.mark.parametrize(
    ("choice", "called"),
    [("auto", "get_weather"), ("none", None), ({"name": "add"}, "add"), (None, "get_weather")],
    ids=["auto", "none", "named", "default"],
)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_function_is_called_in_the_old_form(
    choice: Any, called: str | None, stream: bool, client: openai.OpenAI
) -> None:
    more = {"functions": FUNCTIONS, **({} if choice is None else {"function_call": choice})}
    answer: Any = client.chat.completions.create(**chat(BOTH), **more, stream=stream)
    choices = [chunk.choices[0] for chunk in answer] if stream else answer.choices
    parts = [each.delta if stream else each.message for each in choices]
    calls = [part.function_call for part in parts if part.function_call]
    assert [call.name for call in calls if call.name] == ([called] if called else [])  # one, of two
    if called:
        assert isinstance(json.loads("".join(call.arguments for call in calls)), dict)
    assert choices[-1].finish_reason == ("function_call" if called else "stop")
    assert not [part.tool_calls for part in parts if part.tool_calls]
    assert bool("".join(part.content or "" for part in parts)) != bool(called)


@pytest.mark.parametrize("functions", [FUNCTIONS, None], ids=["offered", "not offered"])
def test_the_result_of_a_function_comes_in_the_old_form(functions: Any, client: openai.OpenAI) -> None:
    call = {"name": "add", "arguments": '{"a": 2, "b": 3}'}
    messages: Any = [
        {"role": "user", "content": "Add 2 and 3 [[pace=0]]"},
        {"role": "assistant", "content": None, "function_call": call},
        {"role": "function", "name": "add", "content": "5"},
    ]
    more = {"functions": functions} if functions else {}
    answer = client.chat.completions.with_raw_response.create(model="qwen-2.5", messages=messages, **more)
    choice = answer.parse().choices[0]
    assert (choice.message.content, choice.finish_reason) == ("The tools answered: 5", "stop")
    assert answer.headers[EMULATED] == "tools"


# Formats ---------------------------------------------------------------------------------------------------


class Person(pydantic.BaseModel):
    name: str
    age: int


def test_an_answer_is_json_of_the_schema(create: Any) -> None:
    choice = create(chat("Please tell whether Ada is 36 [[pace=0]]"), response_format=FORMAT)
    assert json.loads(choice.message.content) == {"name": "Ada", "age": 36}
    choice = create(chat("Please tell whether Ada is 36 [[pace=0]]"), response_format={"type": "json_object"})
    assert isinstance(json.loads(choice.message.content), dict)


def test_openais_client_parses_an_answer(client: openai.OpenAI) -> None:
    body = chat("Please tell whether Ada is 36 [[pace=0]]")
    parsed = client.chat.completions.parse(**body, response_format=Person)
    assert parsed.choices[0].message.parsed == Person(name="Ada", age=36)
    with client.chat.completions.stream(**body, response_format=Person) as stream:
        final = stream.get_final_completion()
    assert final.choices[0].message.parsed == Person(name="Ada", age=36)
    pydantic_tool: Any = openai.pydantic_function_tool(Person, name="get_person")
    called = client.chat.completions.parse(
        **chat("The person who is 36 is Ada [[pace=0]]"), tools=[pydantic_tool]
    )
    call: Any = (called.choices[0].message.tool_calls or [])[0]
    assert call.function.parsed_arguments == Person(name="Ada", age=36)


def test_an_answer_without_json_is_asked_for_once_more_and_then_an_error(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(**chat("Hi [[multibyte]]"), response_format=FORMAT)
    assert json.loads(answer.choices[0].message.content or "").keys() == {"name", "age"}
    old = {"type": "object", "properties": {"age": {"type": "integer", "minimum": 100}}}
    more: Any = {"response_format": {"type": "json_schema", "json_schema": {"name": "old", "schema": old}}}
    for stream in (False, True):
        with pytest.raises(openai.InternalServerError, match="less than the minimum of 100"):
            client.chat.completions.create(**chat("Ada is 36 [[pace=0]]"), **more, stream=stream)


def test_a_silence_before_json_is_kept_alive(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "EARLY", 0.05)
    monkeypatch.setattr(answers, "PING", 0.05)
    body = chat("Please tell whether Ada is 36 [[wait=0.5]]", response_format=FORMAT, stream=True)
    with http.stream("POST", f"{url}/v1/chat/completions", json=body) as response:
        lines = [line for line in response.iter_lines() if line]
    comments = [line for line in lines if line.startswith(":")]
    assert len(comments) > 2
    assert lines[-1] == "data: [DONE]"


# Stop ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(
    ("pieces", "text", "called"),
    [
        ((CALL, "\n\nSo it is. Observation: 18 degrees"), "So it is. ", ["get_weather"]),
        (("I look it up.\n\n", CALL), "I look it up.", ["get_weather"]),
        (("I look it up. Observation: none.\n\n", CALL), "I look it up. ", []),
    ],
    ids=["after", "never", "before"],
)
def test_a_stop_leaves_the_calls_before_it(
    stream: bool, pieces: tuple[str, ...], text: str, called: list[str]
) -> None:
    more: Any = {"tools": [WEATHER], "stop": ["Observation:"], "stream": stream}
    with (
        serve_text(*pieces) as space,
        serve_gateway(create_app({"qwen-2.5": space})) as url,
        openai_client(url) as client,
    ):
        answer: Any = client.chat.completions.create(**chat("Hi"), **more)
        choices = [chunk.choices[0] for chunk in answer] if stream else answer.choices
    parts = [choice.delta if stream else choice.message for choice in choices]
    assert "".join(part.content or "" for part in parts) == text
    names = [call.function.name for part in parts for call in part.tool_calls or ()]
    assert [name for name in names if name] == called
    assert choices[-1].finish_reason == ("tool_calls" if called else "stop")


def test_a_stop_before_the_calls_ends_the_answer(create: Any, prompt: str) -> None:
    choice = create(chat(f"{prompt} [[pace=0]]"), tools=[WEATHER], stop=["replica"])
    assert choice.message.content.endswith("a local ")
    assert choice.finish_reason == "stop"


# Disconnects -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "more",
    [
        {"tools": [WEATHER], "stream": True},
        {"tools": [WEATHER], "tool_choice": "required"},
        {"response_format": FORMAT, "stream": True},
    ],
    ids=["auto", "required", "format"],
)
def test_a_client_that_disconnects_in_the_midst_of_a_call_ends_the_job(more: dict[str, Any]) -> None:
    begun, ended = threading.Event(), threading.Event()

    def brain(system: str, history: Any, prompt: str, image: str | None) -> Iterator[str | None]:
        try:
            yield CALL[:30]
            while not ended.wait(0.02):
                begun.set()
                yield None
        finally:
            ended.set()

    async def ask(url: str) -> None:
        async with (
            openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="any") as client,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(lambda: client.chat.completions.create(**chat("Hi"), **more))
            assert await anyio.to_thread.run_sync(begun.wait, PATIENCE)
            tasks.cancel_scope.cancel()

    with serve("qwen-2.5", brain=brain) as space, serve_gateway(create_app({"qwen-2.5": space})) as url:
        run_async("asyncio", lambda: ask(url))
        assert ended.wait(PATIENCE)


# What is refused, and what is as before --------------------------------------------------------------------


def test_what_is_emulated_is_in_a_header(client: openai.OpenAI) -> None:
    def header(**more: Any) -> str | None:
        create = client.chat.completions.with_raw_response.create
        return create(**{**chat("Hi [[pace=0]]"), **more}).headers.get(EMULATED)

    call = {"id": "call_1", "type": "function", "function": {"name": "add", "arguments": "{}"}}
    history = [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "5"},
    ]
    assert header(tools=[WEATHER]) == "tools"
    assert header(messages=history) == "tools"
    assert header(response_format=FORMAT) == "response_format"
    assert header(tools=[WEATHER], response_format=FORMAT) == "tools, response_format"
    assert header() is None
    assert header(tools=[WEATHER], tool_choice="none") is None
    assert header(response_format={"type": "text"}, tools=[], tool_choice="auto") is None


WRONG: dict[str, tuple[dict[str, Any], str | None]] = {
    "a custom tool": ({"tools": [{"type": "custom", "custom": {"name": "f"}}]}, "tools[0].type"),
    "no name": ({"tools": [ADD, {"type": "function", "function": {}}]}, "tools[1].function"),
    "an empty name": ({"tools": [tool("")]}, "tools[0].function"),
    "one name twice": ({"tools": [ADD, ADD]}, None),
    "no schema": ({"tools": [tool("f", a="no type")]}, None),
    "many tools": ({"tools": [tool(f"f{index}") for index in range(129)]}, "tools"),
    "a long schema": ({"tools": [tool("f", **{"a" * 600_000: "string"})]}, "tools"),
    "a deep schema": ({"tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}]}, None),
    "a choice of no tool": (
        {"tools": [ADD], "tool_choice": {"type": "function", "function": {"name": "x"}}},
        None,
    ),
    "a choice without tools": ({"tool_choice": "required"}, None),
    "an unknown tool that is allowed": ({"tools": [ADD], "tool_choice": allowed("auto", "rob")}, None),
    "an unknown mode": ({"tools": [ADD], "tool_choice": allowed("any", "add")}, "tool_choice"),
    "a function without a name": ({"functions": [{}]}, "functions[0].name"),
    "a function to call of none": ({"function_call": {"name": "add"}}, None),
    "an unknown function": ({"functions": [ADD["function"]], "function_call": {"name": "rob"}}, None),
    "an unknown choice": ({"tools": [ADD], "tool_choice": "any"}, "tool_choice"),
    "an unknown format": ({"response_format": {"type": "grammar"}}, "response_format"),
    "a format without a schema": (
        {"response_format": {"type": "json_schema", "json_schema": {}}},
        "response_format",
    ),
    "a format of no schema": (
        {"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "no type"}}}},
        None,
    ),
    "a result of nothing": ({"messages": [{"role": "tool", "content": None}]}, "messages[0].content"),
    "an answer of nothing": (
        {"messages": [{"role": "assistant", "content": None}, *chat("Hi")["messages"]]},
        "messages[0].content",
    ),
    "a call of nothing": (
        {"messages": [{"role": "assistant", "tool_calls": [{"id": "call_1"}]}, *chat("Hi")["messages"]]},
        "messages[0].tool_calls",
    ),
    "an image as a result": (
        {"messages": [{"role": "tool", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]}]},
        "messages",
    ),
}
deep: dict[str, Any] = WRONG["a deep schema"][0]["tools"][0]["function"]["parameters"]
for _ in range(400):
    deep["properties"] = {"a": {}}
    deep = deep["properties"]["a"]


@pytest.mark.parametrize("wrong", WRONG)
def test_an_invalid_request_is_a_400_that_names_the_parameter(wrong: str, url: str) -> None:
    change, param = WRONG[wrong]
    answer = http.post(f"{url}/v1/chat/completions", json={**chat("Hi"), **change})
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert (error["type"], error["param"]) == ("invalid_request_error", param), error


def test_a_schema_that_refers_to_itself_without_end_is_no_failure_of_the_gateway(
    client: openai.OpenAI,
) -> None:
    loop: Any = {"type": "json_schema", "json_schema": {"name": "loop", "schema": {"$ref": "#"}}}
    with pytest.raises(openai.InternalServerError, match="refers to itself"):
        client.chat.completions.create(**chat("Hi [[pace=0]]"), response_format=loop)


def test_a_pattern_that_takes_exponential_time_holds_nothing_up() -> None:
    schema = {"type": "string", "pattern": "^(a+)+$"}
    form: Any = {"type": "json_schema", "json_schema": {"name": "evil", "schema": schema}}
    with (
        serve_text(json.dumps("a" * 5_000 + "!")) as space,
        serve_gateway(create_app({"qwen-2.5": space})) as url,
        openai_client(url) as client,
        pytest.raises(openai.InternalServerError, match="does not match"),
    ):
        client.chat.completions.create(**chat("Hi"), response_format=form)


def test_arguments_in_a_history_may_be_no_json(create: Any) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "add", "arguments": '{"a": '}}
    messages = [
        {"role": "user", "content": "Add"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "no JSON"},
    ]
    answer = create({"model": "qwen-2.5", "messages": messages})
    assert answer.message.content == "The tools answered: no JSON"


def test_without_emulation_such_requests_are_refused(servers: Servers) -> None:
    history = [{"role": "tool", "tool_call_id": "call_1", "content": "5"}]
    refused: list[tuple[dict[str, Any], str]] = [
        ({"tools": [ADD]}, "tools"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"functions": [ADD["function"]]}, "functions"),
        ({"function_call": {"name": "add"}}, "function_call"),
        ({"messages": [{"role": "function", "name": "add", "content": "5"}]}, "messages[0].role"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"messages": history}, "messages[0].role"),
    ]
    with serve_gateway(create_app({"qwen-2.5": servers["qwen-2.5"]}, emulate=False)) as url:
        for change, param in refused:
            answer = http.post(f"{url}/v1/chat/completions", json={**chat("Hi"), **change})
            assert (answer.status_code, answer.json()["error"]["param"]) == (400, param), answer.text
        neutral = {"tools": [], "tool_choice": "none", "response_format": {"type": "text"}}
        answer = http.post(f"{url}/v1/chat/completions", json={**chat("Hi [[pace=0]]"), **neutral})
        assert answer.status_code == 200


def test_a_space_gets_the_same_with_and_without_neutral_parameters(client: openai.OpenAI) -> None:
    plain = client.chat.completions.create(**chat("Hi [[pace=0]]")).choices[0]
    neutral: Any = {"tools": [WEATHER], "tool_choice": "none", "parallel_tool_calls": False}
    answer = client.chat.completions.create(
        **chat("Hi [[pace=0]]"), **neutral, response_format={"type": "text"}
    )
    assert answer.choices[0] == plain
