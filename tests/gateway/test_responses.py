"""`/v1/responses`, with OpenAI's own client."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any, get_type_hints

import openai
import pydantic
import pytest
from openai.types.responses import Response, ResponseStreamEvent, response_create_params

from qwen_spaces import QwenSpace, Reply
from qwen_spaces.gateway import _answers as answers
from qwen_spaces.gateway import create_app
from qwen_spaces.gateway._params import IGNORED_PARAMS
from qwen_spaces.gateway._responses_form import ResponsesForm
from qwen_spaces.gateway._responses_schema import ResponsesRequest

from ..support.gateway import http, openai_client, serve_gateway
from ..support.images import PNG
from ..support.servers import Servers

MODELS = ("qwen-2.5", "qwen-2-72b", "qvq-72b", "qwen-3")
ANY_EVENT: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(ResponseStreamEvent)
PARIS = "The weather in Paris? [[pace=0]]"


def tool(name: str, **properties: str) -> Any:
    schema = {
        "type": "object",
        "properties": {key: {"type": kind} for key, kind in properties.items()},
        "required": list(properties),
        "additionalProperties": False,
    }
    return {"type": "function", "name": name, "description": "A tool.", "parameters": schema, "strict": True}


WEATHER, ADD = tool("get_weather", city="string"), tool("add", a="integer", b="integer")


class Person(pydantic.BaseModel):
    name: str
    age: int


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
    """Create a response, streamed or not; the former is put together by OpenAI's own client."""

    def create(given: Any, model: str = "qwen-2.5", **more: Any) -> Any:
        if not request.param:
            return client.responses.create(model=model, input=given, **more)
        with client.responses.stream(model=model, input=given, **more) as stream:
            return stream.get_final_response()

    return create


def events_of(url: str, **body: Any) -> list[dict[str, Any]]:
    """The events of a stream, each of which fits OpenAI's types."""
    events, name = [], ""
    body = {"model": "qwen-2.5", "stream": True, **body}
    with http.stream("POST", f"{url}/v1/responses", json=body) as response:
        assert response.status_code == 200
        for line in response.iter_lines():
            field, _, value = line.partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                event = json.loads(value)
                ANY_EVENT.validate_python(event)
                assert event["type"] == name
                events.append(event)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    return events


def kinds(events: list[dict[str, Any]]) -> list[str]:
    """The types of events, without repetitions."""
    types = [event["type"].removeprefix("response.") for event in events]
    return [kind for index, kind in enumerate(types) if types[index - 1 : index] != [kind]]


def calls_of(response: Any) -> list[tuple[str, Any]]:
    calls = [item for item in response.output if item.type == "function_call"]
    return [(call.name, json.loads(call.arguments)) for call in calls]


# Text ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["qwen-2.5", "qwen-2-72b", "qwen-3"])
def test_the_text_is_the_answer_of_the_space(model: str, create: Any, servers: Servers) -> None:
    prompt = "Why? [[pace=0.001]]"
    reply = QwenSpace(model, src=servers[model]).ask(prompt, system="Be brief.")
    response = create(prompt, model, instructions="Be brief.")
    assert response.output_text == reply.text
    assert "Be brief." in reply.text
    thoughts = [item.summary[0].text for item in response.output if item.type == "reasoning"]
    assert thoughts == ([reply.reasoning] if reply.reasoning else [])
    assert (response.status, response.model, response.object) == ("completed", model, "response")
    assert response.instructions == "Be brief."
    assert response.usage.total_tokens == 0
    assert response.usage.output_tokens_details.reasoning_tokens == 0
    Response.model_validate(response.model_dump())


def test_the_events_are_those_of_openai(url: str) -> None:
    events = events_of(url, model="qwen-3", input="Hi [[pace=0.001]]")
    thought = [f"reasoning_summary_{kind}" for kind in ("part.added", "text.delta", "text.done", "part.done")]
    message = ["content_part.added", "output_text.delta", "output_text.done", "content_part.done"]
    assert kinds(events) == [
        *("created", "in_progress"),
        *("output_item.added", *thought, "output_item.done"),
        *("output_item.added", *message, "output_item.done"),
        "completed",
    ]
    created, *_, completed = (event for event in events if "response" in event)
    assert (created["response"]["status"], created["response"]["output"]) == ("in_progress", [])
    done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    assert completed["response"]["output"] == done
    deltas = [event["delta"] for event in events if event["type"] == "response.output_text.delta"]
    assert len(deltas) > 5
    assert "".join(deltas) == done[-1]["content"][0]["text"]
    begun = [event["item"] for event in events if event["type"] == "response.output_item.added"]
    assert [item["status"] for item in begun] == ["in_progress", "in_progress"]
    assert [item["id"] for item in begun] == [item["id"] for item in done]


def test_a_conversation_is_a_list_of_items(create: Any, servers: Servers) -> None:
    reply = QwenSpace("qwen-2.5", src=servers["qwen-2.5"]).ask(
        [
            {"role": "system", "content": "Be brief.\nBe kind."},
            {"role": "user", "content": "My name is Ada."},
            {"role": "assistant", "content": "Hello Ada."},
            {"role": "user", "content": "And now? [[pace=0]]"},
        ]
    )
    answer = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_text", "text": "Hello Ada.", "annotations": []}],
    }
    items = [
        {"role": "developer", "content": "Be kind."},
        {"role": "user", "content": [{"type": "input_text", "text": "My name is Ada."}]},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": None},
        {"type": "item_reference", "id": "rs_2"},
        answer,
        {"type": "message", "role": "user", "content": "And now? [[pace=0]]"},
    ]
    assert create(items, instructions="Be brief.").output_text == reply.text
    assert "Hello Ada." in reply.text


def test_an_image_is_shown(create: Any) -> None:
    picture = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    parts = [
        {"type": "input_text", "text": "What is this? [[pace=0]]"},
        {"type": "input_image", "image_url": picture, "detail": "auto"},
    ]
    assert "31x17" in create([{"role": "user", "content": parts}], "qvq-72b").output_text


def test_text_that_the_space_rewrote_is_right_at_the_end(url: str) -> None:
    events = events_of(url, input="Hi [[rewrite]] [[pace=0.01]]")
    response = events[-1]["response"]
    assert "let me think" not in response["output"][0]["content"][0]["text"]
    assert response["rewritten"] is True


def test_without_text_and_calls_there_is_an_empty_message() -> None:
    reply = Reply("", "Hm.")
    form = ResponsesForm("qwen-2.5", {})
    frames = [*form.opening(has_text=True), *form.reasoning("Hm."), *form.closing(reply)]
    for response in (json.loads(frames[-1]["data"])["response"], json.loads(form.whole(reply))):
        thought, message = response["output"]
        assert thought["summary"] == [{"type": "summary_text", "text": "Hm."}]
        assert message["content"][0]["text"] == ""


# Calls -----------------------------------------------------------------------------------------------------


def test_the_loop_of_an_agent_ends_with_the_result(create: Any) -> None:
    tools = [WEATHER, ADD]
    items: list[Any] = [{"role": "user", "content": "Please add 2 and 3, and tell the weather in Paris"}]
    response = create(items, tools=tools)
    assert calls_of(response) == [("get_weather", {"city": "Paris"}), ("add", {"a": 2, "b": 3})]
    items += [item.model_dump(exclude_none=True) for item in response.output]
    results: dict[str, Any] = {"get_weather": "18 degrees", "add": [{"type": "input_text", "text": "5"}]}
    for call in reversed(response.output):
        result = {"type": "function_call_output", "call_id": call.call_id, "output": results[call.name]}
        items.append(result)
    assert create(items, tools=tools).output_text == "The tools answered: 18 degrees; 5"
    assert create(items).output_text == "The tools answered: 18 degrees; 5"


def test_the_events_of_a_call_are_those_of_openai(url: str) -> None:
    events = events_of(url, model="qwen-2-72b", input=PARIS, tools=[WEATHER])
    assert kinds(events) == [
        *("created", "in_progress", "output_item.added"),
        *("function_call_arguments.delta", "function_call_arguments.done", "output_item.done", "completed"),
    ]
    _, _, added, delta, done, item, completed = events
    assert added["item"]["arguments"] == ""
    assert json.loads(delta["delta"]) == {"city": "Paris"}
    assert delta["delta"] == done["arguments"] == item["item"]["arguments"]
    assert completed["response"]["output"] == [item["item"]]
    assert item["item"]["call_id"].startswith("call_")


@pytest.mark.parametrize(
    ("choice", "called"),
    [
        ("none", []),
        ("required", ["get_weather"]),
        ({"type": "function", "name": "add"}, ["add"]),
        (
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "add"}]},
            ["add"],
        ),
        ({"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "add"}]}, []),
    ],
    ids=["none", "required", "named", "allowed and required", "allowed"],
)
def test_a_client_chooses_among_the_tools(choice: Any, called: list[str], create: Any) -> None:
    response = create(PARIS, tools=[WEATHER, ADD], tool_choice=choice)
    assert [name for name, _ in calls_of(response)] == called
    one = create("Add 2 and 3, the weather in Paris", tools=[WEATHER, ADD], parallel_tool_calls=False)
    assert calls_of(one) == [("get_weather", {"city": "Paris"})]
    assert one.parallel_tool_calls is False


# Formats ---------------------------------------------------------------------------------------------------


def test_openais_client_parses_an_answer(client: openai.OpenAI) -> None:
    prompt = "Please tell whether Ada is 36 [[pace=0]]"
    parsed = client.responses.parse(model="qwen-2.5", input=prompt, text_format=Person)
    assert parsed.output_parsed == Person(name="Ada", age=36)
    with client.responses.stream(model="qwen-2.5", input=prompt, text_format=Person) as stream:
        assert stream.get_final_response().output_parsed == Person(name="Ada", age=36)
    loose: Any = {"format": {"type": "json_object"}}
    assert json.loads(client.responses.create(model="qwen-2.5", input=prompt, text=loose).output_text) == {}


# Failures --------------------------------------------------------------------------------------------------


def test_an_error_in_a_stream_is_an_event(url: str) -> None:
    events = events_of(url, input="Hi [[gr-error-after=3]] [[pace=0.01]]")
    assert events[-1]["type"] == "response.failed"
    response = events[-1]["response"]
    assert (response["status"], response["error"]["code"]) == ("failed", "server_error")
    assert "fail after 3 steps" in response["error"]["message"]


def test_an_error_before_the_first_text_has_its_status(client: openai.OpenAI) -> None:
    for stream in (False, True):
        with pytest.raises(openai.RateLimitError):
            client.responses.create(model="qwen-2.5", input="[[quota]]", stream=stream)


def test_an_error_after_a_long_silence_is_an_event(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "EARLY", 0.05)
    events = events_of(url, input="Hi [[wait=0.5]] [[quota]]")
    assert kinds(events) == ["created", "in_progress", "failed"]
    assert events[-1]["response"]["error"]["code"] == "rate_limit_exceeded"


ITEM = {"type": "message", "role": "user", "content": "Hi"}
WRONG: dict[str, tuple[dict[str, Any], str | None]] = {
    "no input": ({"input": None}, "input"),
    "no items": ({"input": []}, "input"),
    "an item to look up": ({"input": [ITEM, {"type": "item_reference", "id": "msg_1"}]}, "input[1]"),
    "an item of no type": ({"input": [{"type": ["x"]}]}, "input[0]"),
    "a file": ({"input": [{**ITEM, "content": [{"type": "input_file", "file_id": "f"}]}]}, "input[0][0]"),
    "an image by its id": (
        {"input": [{**ITEM, "content": [{"type": "input_image", "file_id": "f"}]}]},
        "input[0][0]",
    ),
    "the assistant's is the last": ({"input": [ITEM, {**ITEM, "role": "assistant"}]}, "messages"),
    "a response before": ({"previous_response_id": "resp_1"}, "previous_response_id"),
    "a conversation": ({"conversation": "conv_1"}, "conversation"),
    "in the background": ({"background": True}, "background"),
    "a stored prompt": ({"prompt": {"id": "pmpt_1"}}, "prompt"),
    "a hosted tool": ({"tools": [WEATHER, {"type": "web_search"}]}, "tools[1].type"),
    "a choice of a hosted tool": ({"tools": [WEATHER], "tool_choice": {"type": "web_search"}}, "tool_choice"),
    "an unknown format": ({"text": {"format": {"type": "grammar"}}}, "text"),
    "logprobs": ({"top_logprobs": 3}, "top_logprobs"),
    "an unknown name": ({"siez": "7B"}, "siez"),
    "messages": ({"messages": [ITEM]}, "messages"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_an_invalid_request_is_a_400_that_names_the_parameter(wrong: str, url: str) -> None:
    change, param = WRONG[wrong]
    answer = http.post(f"{url}/v1/responses", json={"model": "qwen-2.5", "input": "Hi", **change})
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["param"] == param, answer.text


def test_a_refused_reference_says_what_to_do(url: str) -> None:
    items = [ITEM, {"type": "item_reference", "id": "msg_1"}, ITEM]
    answer = http.post(f"{url}/v1/responses", json={"model": "qwen-2.5", "input": items})
    message = (
        "input[1]: The server keeps nothing, so it has no item 'msg_1'. Send the item itself (store: false)."
    )
    assert answer.json()["error"]["message"] == message


def test_parameters_are_ignored_or_options_as_in_a_chat(client: openai.OpenAI) -> None:
    create = client.responses.with_raw_response.create
    more: Any = {"store": True, "include": [], "truncation": "auto", "reasoning": {"effort": "low"}}
    answer = create(model="qwen-2.5", input="Hi [[pace=0]]", **more, extra_body={"size": "7B"})
    assert answer.headers["x-qwen-spaces-ignored"] == "include, reasoning, store, truncation"
    assert "x-qwen-spaces-emulated" not in answer.headers
    assert "Model: 7B." in answer.parse().output_text
    assert create(model="qwen-2.5", input=PARIS, tools=[WEATHER]).headers["x-qwen-spaces-emulated"] == "tools"


def test_every_parameter_of_openais_responses_is_known() -> None:
    known = get_type_hints(response_create_params.ResponseCreateParamsStreaming)
    assert known.keys() <= set(ResponsesRequest.model_fields) | IGNORED_PARAMS


def test_without_emulation_such_requests_are_refused(servers: Servers) -> None:
    call = {"type": "function_call", "call_id": "call_1", "name": "add", "arguments": "{}"}
    result = {"type": "function_call_output", "call_id": "call_1", "output": "5"}
    refused: list[tuple[dict[str, Any], str]] = [
        ({"tools": [ADD]}, "tools"),
        ({"text": {"format": {"type": "json_object"}}}, "text"),
        ({"input": [ITEM, call, result]}, "input[1]"),
    ]
    with serve_gateway(create_app({"qwen-2.5": servers["qwen-2.5"]}, emulate=False)) as url:
        for change, param in refused:
            body = {"model": "qwen-2.5", "input": "Hi [[pace=0]]", **change}
            answer = http.post(f"{url}/v1/responses", json=body)
            assert (answer.status_code, answer.json()["error"]["param"]) == (400, param), answer.text
        plain = {"model": "qwen-2.5", "input": "Hi [[pace=0]]", "text": {"format": {"type": "text"}}}
        assert http.post(f"{url}/responses", json=plain).status_code == 200


def test_responses_are_limited_as_chats_are(prompt: str, servers: Servers) -> None:
    app = create_app({"qwen-2.5": servers["qwen-2.5"]}, max_requests=1)
    with serve_gateway(app) as url, openai_client(url) as client:
        with client.responses.create(model="qwen-2.5", input=f"{prompt} [[forever]]", stream=True) as holder:
            next(iter(holder))
            with pytest.raises(openai.RateLimitError):
                client.responses.create(model="qwen-2.5", input="Hi")
        servers.wait_for("end", f"{prompt} [[forever]]")  # by leaving
