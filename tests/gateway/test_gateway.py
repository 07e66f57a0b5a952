"""The gateway, used by the real `openai` client, with real servers behind it."""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Iterator
from typing import Any, get_type_hints

import anyio
import openai
import pytest
from openai.types.chat import completion_create_params
from pytest_mock import MockerFixture

from qwen_spaces import QwenSpace, Timeouts, errors
from qwen_spaces.gateway import create_app
from qwen_spaces.gateway._errors import error_response_for
from qwen_spaces.gateway._params import IGNORED_PARAMS
from qwen_spaces.gateway._schema import MAX_IMAGES, ChatRequest

from ..support.gateway import Lines, chat, http, logged, openai_client, recorded_log, serve_gateway
from ..support.images import picture
from ..support.modes import POLLING, run_async
from ..support.servers import Servers
from ..tools.load import Load

MODELS = ("qwen-2.5", "qwen-2-72b", "qvq-72b", "qwen-3")
PNG = f"data:image/png;base64,{base64.b64encode(picture('PNG', (31, 17), 'red')).decode()}"
SLOT = "one-slot"  # a name of our own for a model


def with_images(*urls: str) -> list[Any]:
    parts = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    return [{"role": "user", "content": [{"type": "text", "text": "What is it? [[pace=0]]"}, *parts]}]


@pytest.fixture(scope="module")
def url(servers: Servers) -> Iterator[str]:
    places = {name: servers[name] for name in MODELS}
    others = {"gone": "http://127.0.0.1:9", SLOT: servers["one-slot"]}
    with serve_gateway(create_app({**places, **others})) as url:
        yield url


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[openai.OpenAI]:
    with openai_client(url) as client:
        yield client


@pytest.fixture
def lines() -> Iterator[Lines]:
    with recorded_log() as lines:
        yield lines


def text_of(chunks: list[Any]) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)


# Models ----------------------------------------------------------------------------------------------------


def test_the_models_are_the_spaces_by_their_short_names(client: openai.OpenAI) -> None:
    listed = [model.id for model in client.models.list()]
    assert listed[:4] == list(MODELS)
    assert "qwen3-8b" in listed  # the option `model` of qwen-3, which has no other place in a request
    assert client.models.retrieve("qwen-2.5").owned_by == "Qwen"
    assert client.models.retrieve("qwen-qwen2-5").id == "qwen-2.5"
    with pytest.raises(openai.NotFoundError) as unknown:
        client.models.retrieve("someone/their-space")
    assert unknown.value.code == "model_not_found"


def test_all_spaces_are_served_by_default() -> None:
    with pytest.raises(errors.UnknownSpaceError, match=r"qwen-2\.6"):
        create_app({"qwen-2.6": None})
    assert create_app().openapi()["paths"].keys() >= {"/v1/models", "/v1/chat/completions", "/healthz"}


# Answers ---------------------------------------------------------------------------------------------------

TURNS: list[Any] = [
    {"role": "developer", "content": "Speak like a pirate."},
    {"role": "user", "content": "My name is Ada."},
    {"role": "assistant", "content": "Hello Ada.", "refusal": None, "tool_calls": None},
    {"role": "user", "content": [{"type": "text", "text": "And now? [[pace=0.005]]"}]},
]


@pytest.mark.parametrize("model", ["qwen-2.5", "qwen-qwen2-72b-instruct", "QVQ-72B"])
def test_the_answer_is_that_of_the_space(model: str, client: openai.OpenAI, servers: Servers) -> None:
    system, *turns = TURNS
    answer = client.chat.completions.create(model=model, messages=TURNS)
    name = QwenSpace(model).name
    reply = QwenSpace(name, src=servers[name]).ask(turns, system=system["content"])
    assert answer.choices[0].message.content == reply.text
    assert "Speak like a pirate." in reply.text
    assert "Hello Ada." in reply.text
    assert (answer.model, answer.choices[0].finish_reason) == (name, "stop")


def test_a_stream_gives_the_same_answer_in_chunks(client: openai.OpenAI, servers: Servers) -> None:
    paced: list[Any] = [*TURNS[:-1], {**TURNS[-1], "content": f"{TURNS[-1]['content']} [[pace=0.005]]"}]
    chunks = list(client.chat.completions.create(model="qwen-2.5", messages=paced, stream=True))
    system, *turns = paced
    reply = QwenSpace("qwen-2.5", src=servers["qwen-2.5"]).ask(turns, system=system["content"])
    assert text_of(chunks) == reply.text
    assert POLLING or len(chunks) > 4
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None] * (len(chunks) - 1) + ["stop"]
    assert {(chunk.id, chunk.created, chunk.model) for chunk in chunks} == {
        (chunks[0].id, chunks[0].created, "qwen-2.5")
    }


def test_an_async_stream_arrives_while_the_space_still_answers(
    url: str, prompt: str, servers: Servers
) -> None:
    prompt += " [[pace=0.05]]"
    complete = []

    async def read() -> None:
        async with (
            openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0) as client,
            await client.chat.completions.create(**chat(prompt), stream=True) as chunks,
        ):
            async for _ in chunks:
                complete.append(servers.reported("complete", prompt))
                if len(complete) == 4:
                    return

    run_async("asyncio", read)  # under trio the client leaves a generator open
    assert complete == [False] * 4
    servers.wait_for("end", prompt)


def test_every_script_and_every_line_separator_arrives_whole(url: str, client: openai.OpenAI) -> None:
    from qwen_spaces.replicas._sample_text import PASSAGES

    chunks = list(client.chat.completions.create(**chat("[[multibyte]] [[pace=0.001]]"), stream=True))
    assert text_of(chunks).strip() == "".join(PASSAGES).strip()
    with http.stream(
        "POST", f"{url}/v1/chat/completions", json=chat("a\u2028b\x85c [[pace=0]]", stream=True)
    ) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        data = [line.removeprefix("data: ") for line in response.iter_lines() if line]  # as LiteLLM reads
    assert data[-1] == "[DONE]"
    parts = [json.loads(line)["choices"][0]["delta"].get("content", "") for line in data[:-1]]
    assert "a\u2028b\x85c" in "".join(parts)


def test_images_reach_the_space(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="qvq-72b", messages=with_images(PNG))
    assert "31x17" in str(answer.choices[0].message.content)


def test_the_address_of_an_image_is_passed_on_and_not_fetched(client: openai.OpenAI) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"https://127.0.0.1:{listener.getsockname()[1]}/cat.png"
        with pytest.raises(openai.APIStatusError) as refused:  # by the Space, which fetches none from there
            client.chat.completions.create(model="qvq-72b", messages=with_images(address))
        assert refused.value.code == "space_error"
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_options_of_a_space_go_in_the_extra_body(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(**chat("Hi [[pace=0]]"), extra_body={"size": "7B"})
    assert "Model: 7B." in str(answer.choices[0].message.content)
    with pytest.raises(openai.BadRequestError, match="takes: 72B"):
        client.chat.completions.create(**chat("Hi"), extra_body={"size": "8B"})


def test_reasoning_is_separate_in_both_forms(client: openai.OpenAI, servers: Servers) -> None:
    request: dict[str, Any] = chat("Hi [[pace=0]]", model="qwen3-8b", extra_body={"thinking_budget": 2})
    reply = QwenSpace("qwen-3", src=servers["qwen-3"]).ask(
        "Hi [[pace=0]]", model="qwen3-8b", thinking_budget=2
    )
    assert reply.reasoning
    message: Any = client.chat.completions.create(**request).choices[0].message
    assert (message.content, message.reasoning_content) == (reply.text, reply.reasoning)
    chunks: list[Any] = list(client.chat.completions.create(**request, stream=True))
    deltas = [chunk.choices[0].delta.model_extra or {} for chunk in chunks]
    assert "".join(delta.get("reasoning_content", "") for delta in deltas) == reply.reasoning
    assert text_of(chunks) == reply.text


def test_a_system_message_alone_is_answered(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model="qwen-2.5", messages=[{"role": "developer", "content": "Introduce yourself. [[pace=0]]"}]
    )
    assert 'asked: "Introduce yourself.' in str(answer.choices[0].message.content)


def test_a_rewrite_is_correct_as_a_whole_and_marked_in_a_stream(client: openai.OpenAI) -> None:
    request = chat("Hi [[rewrite]] [[pace=0.005]]")
    assert "let me think" not in str(client.chat.completions.create(**request).choices[0].message.content)
    *_, last = client.chat.completions.create(**request, stream=True)
    assert (last.model_extra or {})["rewritten"] is True


def test_the_counts_are_zero_where_a_client_expects_them(client: openai.OpenAI) -> None:
    zeros = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    answer = client.chat.completions.create(**chat("Hi [[pace=0]]"))
    assert answer.usage
    assert answer.usage.model_dump(exclude_unset=True) == zeros
    assert all(not chunk.usage for chunk in client.chat.completions.create(**chat("Hi"), stream=True))
    options = {"stream": True, "stream_options": {"include_usage": True}}
    *chunks, last = client.chat.completions.create(**chat("Hi [[pace=0]]"), **options)
    assert all("usage" in chunk.model_fields_set and chunk.usage is None for chunk in chunks)
    assert all(chunk.choices for chunk in chunks)
    assert (last.choices, last.usage.total_tokens) == ([], 0)
    with client.chat.completions.stream(
        **chat("Hi [[pace=0]]"), stream_options={"include_usage": True}
    ) as helper:
        assert helper.get_final_completion().usage == answer.usage


# Parameters ------------------------------------------------------------------------------------------------


def test_ignored_parameters_are_named_in_a_header(client: openai.OpenAI) -> None:
    create = client.chat.completions.with_raw_response.create
    answer = create(**chat("Hi [[pace=0]]"), temperature=0.1, top_p=1, user="ada", max_tokens=5, seed=None)
    assert answer.headers["x-qwen-spaces-ignored"] == "max_tokens, temperature, top_p, user"
    assert "x-qwen-spaces-ignored" not in create(**chat("Hi [[pace=0]]")).headers


REFUSED: dict[str, Any] = {
    "n": 2,
    "logprobs": True,
    "top_logprobs": 2,
    "logit_bias": {"50256": -100},
    "modalities": ["text", "audio"],
    "audio": {"voice": "ash", "format": "mp3"},
    "moderation": {"model": "omni-moderation-latest"},
    "web_search_options": {},
}
NEUTRAL: dict[str, Any] = {
    "n": 1,
    "stop": [],
    "tools": [],
    "tool_choice": "none",
    "functions": [],
    "function_call": "none",
    "logprobs": False,
    "top_logprobs": 0,
    "logit_bias": {},
    "response_format": {"type": "text"},
    "modalities": ["text"],
}


def test_parameters_that_change_the_form_of_the_answer_are_refused(client: openai.OpenAI) -> None:
    for param, value in REFUSED.items():
        with pytest.raises(openai.BadRequestError) as refused:
            client.chat.completions.create(**chat("Hi"), extra_body={param: value})
        assert (refused.value.param, refused.value.code) == (param, "unsupported_parameter")
    nothing = {**dict.fromkeys(REFUSED), **NEUTRAL}
    assert client.chat.completions.create(**chat("Hi [[pace=0]]"), extra_body=nothing).choices


def test_every_parameter_of_openai_is_known() -> None:
    known = get_type_hints(completion_create_params.CompletionCreateParamsStreaming)
    assert known.keys() <= set(ChatRequest.model_fields) | IGNORED_PARAMS
    assert set(REFUSED) == set(ChatRequest.model_fields) - {
        *("model", "messages", "stream", "stream_options", "stop"),
        *("tools", "tool_choice", "parallel_tool_calls", "response_format", "functions", "function_call"),
    }


WRONG: dict[str, tuple[dict[str, Any], str | None]] = {
    "no messages": ({"messages": []}, "messages"),
    "a critic's message": ({"messages": [{"role": "critic", "content": "42"}]}, "messages[0].role"),
    "no content": ({"messages": [{"role": "user", "content": None}]}, "messages[0].content"),
    "an empty part": ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content"),
    "audio": ({"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}, "messages[0].content"),
    "the assistant's is the last": ({"messages": TURNS[:3]}, "messages"),
    "an image for a text Space": ({"messages": with_images(PNG)}, "messages"),
    "two images for QVQ": ({"model": "qvq-72b", "messages": with_images(PNG, PNG)}, "messages"),
    "no image": ({"model": "qvq-72b", "messages": with_images("data:image/png;base64,AAAA")}, "messages"),
    "an address without TLS": ({"messages": with_images("http://127.0.0.1/cat.png")}, "messages[0].content"),
    "a file": ({"messages": with_images("file:///etc/hostname")}, "messages[0].content"),
    "many images": ({"messages": with_images(*[PNG] * (MAX_IMAGES + 1))}, "messages"),
    "a large image": ({"messages": with_images(PNG + "A" * 14 * 2**20)}, "messages"),
    "an unknown name": ({"siez": "7B"}, "siez"),
    "an option that is a list": ({"size": ["7B"]}, "size"),
    "a file as an image": ({"images": ["/etc/hostname"]}, "images"),
    "a file for any chat": ({"model": "gone", "images": "/etc/hostname"}, "images"),
    "an upload for any chat": ({"model": "gone", "paper": {"path": "/etc/hostname"}}, "paper"),
    "a system prompt": ({"system": "Hi"}, "system"),
    "a stream that is a text": ({"stream": "yes"}, "stream"),
    "half of a character": ({"messages": [{"role": "user", "content": "\ud83d"}]}, "messages"),
    "half of a character in a name": ({"\ud83d": 1}, None),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_an_invalid_request_is_a_400_that_names_the_parameter(wrong: str, url: str) -> None:
    change, param = WRONG[wrong]
    body = json.dumps({**chat("Hi"), **change})
    headers = {"content-type": "application/json"}
    answer = http.post(f"{url}/v1/chat/completions", content=body, headers=headers)
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert (error["type"], error["param"]) == ("invalid_request_error", param)
    assert len(error["message"]) < 500


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000, b'{"model": NaN}'], ids=repr)
def test_a_malformed_body_is_a_400(body: bytes, url: str) -> None:
    headers = {"content-type": "application/json"}
    answer = http.post(f"{url}/v1/chat/completions", content=body[:99_999], headers=headers)
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")


def test_unknown_routes_and_methods_are_errors_in_openais_form(url: str) -> None:
    unknown = http.get(f"{url}/v1/embeddings")
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "unknown_url")
    assert "'/v1/embeddings'" in unknown.json()["error"]["message"]
    assert "POST /v1/chat/completions" in unknown.json()["error"]["message"]
    assert "ends in /v1" in unknown.json()["error"]["message"]
    wrong = http.put(f"{url}/v1/models")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET, HEAD")
    assert wrong.json()["error"]["message"] == "'/v1/models' takes GET, not PUT."
    assert http.get(f"{url}/chat/completions").headers["allow"] == "POST"
    assert http.get(f"{url}/healthz").json() == {"status": "ok", "running": 0}


# Errors of a Space -----------------------------------------------------------------------------------------

FAILURES: dict[str, tuple[dict[str, Any], type[openai.APIStatusError], int, str]] = {
    "unknown": (chat("Hi", model="nope"), openai.NotFoundError, 404, "model_not_found"),
    "quota": (chat("[[quota]]"), openai.RateLimitError, 429, "insufficient_quota"),
    "its own": (chat("[[gr-error=No.]]"), openai.InternalServerError, 502, "space_error"),
    "hidden": (chat("[[error-first]]"), openai.InternalServerError, 502, "space_error"),
    "silent": (chat("[[nothing]]"), openai.InternalServerError, 502, "space_error"),
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("failure", FAILURES)
def test_a_failure_before_the_first_text_has_its_status(
    failure: str, stream: bool, client: openai.OpenAI
) -> None:
    request, kind, status, code = FAILURES[failure]
    with pytest.raises(kind) as failed:
        client.chat.completions.create(**request, stream=stream)
    assert (failed.value.status_code, failed.value.code) == (status, code)
    headers = failed.value.response.headers
    assert headers.get("retry-after") == ("588" if status == 429 else None)
    assert headers.get("x-should-retry") == ("false" if status >= 500 else None)


def test_a_failure_in_the_stream_is_an_error_event(client: openai.OpenAI) -> None:
    chunks = []
    with pytest.raises(openai.APIError, match="fail after 3 steps") as failed:
        for chunk in client.chat.completions.create(
            **chat("[[gr-error-after=3]] [[pace=0.05]]"), stream=True
        ):
            chunks.append(chunk)
    assert not isinstance(failed.value, openai.APIStatusError)
    assert failed.value.code == "space_error"
    assert text_of(chunks).startswith("You asked")


def test_a_timeout_of_the_space_is_a_504(servers: Servers) -> None:
    app = create_app({"qwen-2.5": servers["qwen-2.5"]}, timeouts=Timeouts(first=0.3))
    with serve_gateway(app) as url, openai_client(url) as client:
        with pytest.raises(openai.InternalServerError, match="no text came") as late:
            client.chat.completions.create(**chat("[[wait=5]]"), stream=True)
        assert (late.value.status_code, late.value.code) == (504, "space_timeout")


def test_every_error_has_a_status_of_its_own() -> None:
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, errors.QwenSpacesError):
            response = error_response_for(kind("What happened."))
            plain = kind in (errors.QwenSpacesError, errors.MissingExtraError)
            assert (response.status_code == 500) == plain
            assert (response.status_code == 429) == ("Retry-After" in response.headers)
    for delay, header in ((1.2, "2"), (-1, "0"), (float("inf"), "86400"), (float("nan"), "86400")):
        response = error_response_for(errors.RateLimitedError("Wait.", retry_after=delay))
        assert response.headers["Retry-After"] == header
        assert "x-should-retry" not in response.headers


def test_an_unexpected_error_is_a_500_without_details(
    client: openai.OpenAI, mocker: MockerFixture, lines: Lines
) -> None:
    mocker.patch(
        "qwen_spaces.gateway._answers.json_response", autospec=True, side_effect=ZeroDivisionError("division")
    )
    with pytest.raises(openai.InternalServerError, match="failed unexpectedly") as failed:
        client.chat.completions.create(**chat("Hi [[pace=0]]"))
    assert "division" not in str(failed.value)
    assert failed.value.response.headers["connection"] == "close"  # it is not used for the next request
    assert logged(lines, status=500)["error"] == "ZeroDivisionError"


# Disconnects -----------------------------------------------------------------------------------------------


def test_closing_a_stream_ends_the_job(client: openai.OpenAI, prompt: str, servers: Servers) -> None:
    prompt += " [[forever]]"
    with client.chat.completions.create(**chat(prompt), stream=True) as stream:
        while not next(stream).choices[0].delta.content:
            pass
    servers.wait_for("end", prompt)


def test_cancelling_a_task_ends_the_job(url: str, prompt: str, servers: Servers) -> None:
    prompt += " [[forever]]"

    async def ask() -> None:
        async with (
            openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="any") as client,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(lambda: client.chat.completions.create(**chat(prompt)))
            await anyio.to_thread.run_sync(servers.wait_for, "begin", prompt)
            tasks.cancel_scope.cancel()

    run_async("asyncio", ask)
    servers.wait_for("end", prompt)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_client_that_disconnects_leaves_the_queue(
    stream: bool, url: str, prompt: str, servers: Servers, lines: Lines
) -> None:
    first, second = f"{prompt} first [[forever]]", f"{prompt} second"
    with openai_client(url) as client:
        with client.chat.completions.create(**chat(first, model=SLOT), stream=True) as holder:
            servers.wait_for("begin", first)
            with pytest.raises(openai.APITimeoutError):
                client.chat.completions.create(**chat(second, model=SLOT), stream=stream, timeout=0.5)
            assert logged(lines, model=SLOT, left=True, deltas=0)
            holder.close()
        servers.wait_for("end", first)
        assert client.chat.completions.create(**chat("Hi [[pace=0]]", model=SLOT)).choices
    assert not servers.reported("begin", second)


def test_a_client_that_reads_nothing_is_disconnected(
    prompt: str, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qwen_spaces.gateway._answers.SEND_TIMEOUT", 0.2)
    prompt += " [[forever]] [[pace=0.001]]"
    body = json.dumps(chat(prompt, stream=True))
    head = "POST /v1/chat/completions HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}"
    app = create_app({"qwen-2.5": servers["qwen-2.5"]})
    with serve_gateway(app, send_buffer=4096) as url, socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", int(url.rpartition(":")[2])))
        client.sendall("\r\n".join([*head, "Content-Type: application/json", "", body]).encode())
        servers.wait_for("end", prompt)
    assert not servers.reported("complete", prompt)


# Limits and the log ----------------------------------------------------------------------------------------


def test_more_requests_than_allowed_are_refused_until_one_is_over(
    prompt: str, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qwen_spaces.gateway._middleware.RETRY_AFTER", 0.1)
    prompt += " [[forever]]"
    app = create_app({"qwen-2.5": servers["qwen-2.5"]}, max_requests=1)
    with serve_gateway(app) as url, openai_client(url) as client:
        with client.chat.completions.create(**chat(prompt), stream=True) as holder:
            next(holder)
            assert http.get(f"{url}/healthz").json()["running"] == 1
            with pytest.raises(openai.RateLimitError) as full:
                client.chat.completions.create(**chat("Hi"))
            assert full.value.code == "gateway_full"
            assert float(full.value.response.headers["retry-after"]) > 0
            assert client.models.list().data
        servers.wait_for("end", prompt)
        # With the retries of the client, as every program has.
        assert client.with_options(max_retries=2).chat.completions.create(**chat("Hi [[pace=0]]")).choices


def test_each_request_is_a_line_without_contents(
    client: openai.OpenAI, prompt: str, servers: Servers, lines: Lines
) -> None:
    text = client.chat.completions.create(**chat(f"{prompt} [[pace=0]]")).choices[0].message.content
    whole = logged(lines, characters=len(str(text)))
    assert (whole["method"], whole["path"], whole["status"]) == ("POST", "/v1/chat/completions", 200)
    assert (whole["model"], whole["left"]) == ("qwen-2.5", False)
    assert 0 < whole["first"] <= whole["seconds"]
    chunks = list(client.chat.completions.create(**chat(f"{prompt} [[pace=0]]"), stream=True))
    streamed = logged(lines, characters=len(text_of(chunks)))
    assert streamed["deltas"] == len(chunks) - 2
    with pytest.raises(openai.APIError):
        list(client.chat.completions.create(**chat(f"{prompt} [[error-after=2]]"), stream=True))
    failed = logged(lines, error="SpaceError")
    assert prompt not in json.dumps([whole, streamed, failed])


def test_a_small_load_is_answered_refused_or_abandoned(servers: Servers) -> None:
    app = create_app({"qwen-2.5": servers["one-slot"]}, max_requests=10)
    with serve_gateway(app) as url:
        load = Load(url, servers["one-slot"], servers, clients=12, pace=0)
        load.run()
    assert load.problems == []
    assert load.counts["whole"] + load.counts["left"] >= 10


def test_a_model_may_name_the_endpoint_of_its_space(servers: Servers) -> None:
    app = create_app({"mine": servers["two_chats"]}, endpoints={"Mine": "/second"})
    with serve_gateway(app) as url, openai_client(url) as client:
        answer = client.chat.completions.create(**chat("Hi", model="mine"))
    assert answer.choices[0].message.content == "second Hi"
