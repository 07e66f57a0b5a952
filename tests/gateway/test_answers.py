"""Answers of the gateway: stop texts, `/v1/completions`, and streams that begin before the first text."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any, get_type_hints

import httpx
import openai
import pytest
from openai.types import completion_create_params

from qwen_spaces import QwenSpace, Timeouts
from qwen_spaces._stream.stop import Cut, find_stop
from qwen_spaces.gateway import _answers as answers
from qwen_spaces.gateway import create_app
from qwen_spaces.gateway._params import HINTS, IGNORED_PARAMS
from qwen_spaces.gateway._schema import CompletionRequest

from ..support.gateway import chat, http, openai_client, serve_gateway
from ..support.servers import Servers

SLOT = "one-slot"
MODELS = ("qwen-2.5", "qwen-2-72b", "qwen-3", "qwen-3-omni")


@pytest.fixture(scope="module")
def url(servers: Servers) -> Iterator[str]:
    places = {name: servers[name] for name in MODELS}
    with serve_gateway(create_app({**places, SLOT: servers["one-slot"]})) as url:
        yield url


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[openai.OpenAI]:
    with openai_client(url) as client:
        yield client


def text_of(chunks: list[Any]) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)


# Stop ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stops", [["END"], ["EN", "ND t"], ["xEND", "two"], ["one END"], ["none"]], ids=str)
def test_a_stop_is_found_however_the_text_is_split(stops: list[str]) -> None:
    text = "one END two"
    expected = text[: find_stop(text, stops)]
    for first, second in itertools.combinations_with_replacement(range(len(text) + 1), 2):
        cut, given = Cut(stops), ""
        for part in (text[:first], text[first:second], text[second:]):
            given += cut.feed(part)
            if cut.over:
                break
        assert (given if cut.over else given + cut.held) == expected


@pytest.mark.parametrize(
    "stop", ["local replica", ["zzz", "local replica", "contract"], ["", "l replica: I"]]
)
def test_an_answer_ends_before_a_stop(
    stop: Any, client: openai.OpenAI, prompt: str, servers: Servers
) -> None:
    prompt += " [[pace=0.001]]"
    full = QwenSpace("qwen-2.5", src=servers["qwen-2.5"]).ask(prompt).text
    expected = full[: find_stop(full, [stop] if isinstance(stop, str) else [text for text in stop if text])]
    assert len(expected) < len(full)
    whole = client.chat.completions.create(**chat(prompt), stop=stop)
    assert (whole.choices[0].message.content, whole.choices[0].finish_reason) == (expected, "stop")
    chunks = list(client.chat.completions.create(**chat(prompt), stop=stop, stream=True))
    assert text_of(chunks) == expected
    assert chunks[-1].choices[0].finish_reason == "stop"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_stop_ends_the_job_on_the_space(
    stream: bool, client: openai.OpenAI, prompt: str, servers: Servers
) -> None:
    prompt += " [[forever]]"
    answer: Any = client.chat.completions.create(**chat(prompt), stop="5", stream=stream)
    text = text_of(list(answer)) if stream else answer.choices[0].message.content
    assert text
    assert "5" not in text
    servers.wait_for("end", prompt)


def test_a_stop_that_does_not_come_changes_nothing(client: openai.OpenAI, servers: Servers) -> None:
    prompt = "Hi [[pace=0.001]]"
    full = QwenSpace("qwen-2.5", src=servers["qwen-2.5"]).ask(prompt).text
    stop = [full[-3:] + "x", "never"]  # the end of the answer could begin the first
    whole = client.chat.completions.create(**chat(prompt), stop=stop).choices[0].message
    assert whole.content == full
    assert text_of(list(client.chat.completions.create(**chat(prompt), stop=stop, stream=True))) == full


def test_with_a_stop_a_whole_answer_is_as_the_space_rewrote_it(client: openai.OpenAI) -> None:
    request = chat("Hi [[rewrite]] [[pace=0]]")
    kept = client.chat.completions.create(**request).choices[0].message.content
    assert client.chat.completions.create(**request, stop="no such text").choices[0].message.content == kept


@pytest.mark.parametrize("stop", [5, [5], ["a"] * 17, "a" * 201, {"a": 1}], ids=lambda stop: repr(stop)[:9])
def test_an_invalid_stop_is_a_400(stop: Any, client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(**chat("Hi"), stop=stop)
    assert refused.value.param == "stop"


# Completions -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("in_list", [False, True], ids=["string", "list"])
def test_a_completion_is_the_answer_to_the_prompt(
    in_list: bool, client: openai.OpenAI, servers: Servers
) -> None:
    prompt = "Why? [[pace=0.001]]"
    full = QwenSpace("qwen-2.5", src=servers["qwen-2.5"]).ask(prompt).text
    request: dict[str, Any] = {
        "model": "qwen-2.5",
        "prompt": [prompt] if in_list else prompt,
        "max_tokens": 9,
    }
    whole = client.completions.create(**request)
    assert (whole.choices[0].text, whole.choices[0].finish_reason) == (full, "stop")
    assert (whole.object, whole.model) == ("text_completion", "qwen-2.5")
    assert whole.usage
    assert whole.usage.total_tokens == 0
    *chunks, last = client.completions.create(**request, stream=True)
    assert "".join(chunk.choices[0].text for chunk in chunks) == full
    assert {chunk.choices[0].finish_reason for chunk in chunks} == {None}
    assert last.choices[0].finish_reason == "stop"
    counted = client.completions.create(**request, stream=True, stream_options={"include_usage": True})
    *_, counts = counted
    assert (counts.choices, counts.usage and counts.usage.total_tokens) == ([], 0)
    cut = client.completions.create(**request, stop="local")
    assert cut.choices[0].text == full.partition("local")[0]


def test_a_completion_takes_options_and_keeps_reasoning_apart(client: openai.OpenAI) -> None:
    request: dict[str, Any] = {"model": "qwen3-8b", "prompt": "Hi [[pace=0]]"}
    choice: Any = client.completions.create(**request, extra_body={"thinking_budget": 2}).choices[0]
    assert choice.reasoning_content
    assert choice.reasoning_content not in choice.text
    chunks: list[Any] = list(
        client.completions.create(**request, extra_body={"thinking_budget": 2}, stream=True)
    )
    parts = [getattr(chunk.choices[0], "reasoning_content", "") for chunk in chunks]
    assert "".join(parts) == choice.reasoning_content
    assert "".join(chunk.choices[0].text for chunk in chunks) == choice.text


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"prompt": [1, 2]}, "prompt"),
        ({"prompt": ["a", "b"]}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"prompt": None}, "prompt"),
        ({"echo": True}, "echo"),
        ({"suffix": "end"}, "suffix"),
        ({"logprobs": 3}, "logprobs"),
        ({"n": 2}, "n"),
        ({"messages": []}, "messages"),
    ],
    ids=str,
)
def test_a_completion_that_no_space_can_give_is_a_400(change: dict[str, Any], param: str, url: str) -> None:
    body = {"model": "qwen-2.5", "prompt": "Hi", **change}
    answer = http.post(f"{url}/v1/completions", json=body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param), answer.text


def test_every_parameter_of_openais_completions_is_known() -> None:
    known = get_type_hints(completion_create_params.CompletionCreateParamsStreaming)
    assert known.keys() <= set(CompletionRequest.model_fields) | IGNORED_PARAMS


def test_completions_are_limited_as_chats_are(prompt: str, servers: Servers) -> None:
    app = create_app({"qwen-2.5": servers["qwen-2.5"]}, max_requests=1)
    with (
        serve_gateway(app) as url,
        openai_client(url) as client,
        client.chat.completions.create(**chat(f"{prompt} [[forever]]"), stream=True) as holder,
    ):
        next(holder)
        with pytest.raises(openai.RateLimitError):
            client.completions.create(model="qwen-2.5", prompt="Hi")


# Hints -----------------------------------------------------------------------------------------------------


def test_the_usual_parameters_of_qwen_are_hints(client: openai.OpenAI) -> None:
    extra = {
        "top_k": 20,
        "min_p": 0,
        "enable_thinking": False,
        "thinking_budget": 10_000,
        "chat_template_kwargs": {"enable_thinking": False},
        "extra_body": {"top_k": 20},
        "keep_alive": "5m",
        "reasoning": {"effort": "low"},
        "think": False,
        "best_of": 1,
    }
    create = client.chat.completions.with_raw_response.create
    answer = create(**chat("Hi [[pace=0]]"), extra_body=extra)
    assert answer.headers["x-qwen-spaces-ignored"] == ", ".join(sorted(extra))


def test_a_hint_is_an_option_where_the_space_has_it(client: openai.OpenAI, servers: Servers) -> None:
    assert {"enable_thinking", "thinking_budget"} == HINTS
    create = client.chat.completions.with_raw_response.create
    for model, option in (("qwen-3-omni", {"enable_thinking": False}), ("qwen-3", {"thinking_budget": 2})):
        answer = create(**chat("Hi [[pace=0]]", model=model), extra_body=option)
        assert "x-qwen-spaces-ignored" not in answer.headers
    with pytest.raises(openai.BadRequestError, match="thinking_budget"):
        create(**chat("Hi", model="qwen-3"), extra_body={"thinking_budget": 1000})


# A long silence --------------------------------------------------------------------------------------------


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway that takes a moment for a long silence."""
    monkeypatch.setattr(answers, "EARLY", 0.05)
    monkeypatch.setattr(answers, "PING", 0.05)


def test_a_stream_in_a_queue_begins_with_comments(
    impatient: None, url: str, client: openai.OpenAI, prompt: str, servers: Servers
) -> None:
    first, second = f"{prompt} first [[forever]]", f"{prompt} second [[pace=0]]"
    with client.chat.completions.create(**chat(first, model=SLOT), stream=True) as holder:
        servers.wait_for("begin", first)
        body = chat(second, model=SLOT, stream=True)
        with http.stream("POST", f"{url}/v1/chat/completions", json=body) as response:
            assert response.status_code == 200
            assert response.headers["content-type"].startswith("text/event-stream")
            lines = (line for line in response.iter_lines() if line)
            comments = [next(lines)]
            while "position" not in comments[-1]:
                comments.append(next(lines))
            comments += [next(lines), next(lines)]  # they go on
            assert all(comment.startswith(": ") for comment in comments)
            assert comments[-1] == ": queued, position 1"
            assert not servers.reported("begin", second)
            holder.close()
            data = [line.removeprefix("data: ") for line in lines if not line.startswith(":")]
    assert json.loads(data[0])["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert data[-1] == "[DONE]"
    text = "".join(json.loads(line)["choices"][0]["delta"].get("content", "") for line in data[:-1])
    assert second.partition(" [[")[0] in text
    servers.wait_for("end", second)  # whose report may come later than the answer
    assert servers.count("begin", second) == 1


def test_openais_client_reads_a_stream_that_began_early(
    impatient: None, client: openai.OpenAI, servers: Servers
) -> None:
    slow = "Hi [[wait=0.5]] [[pace=0]]"
    full = QwenSpace("qwen-2.5", src=servers["qwen-2.5"]).ask(slow).text
    assert text_of(list(client.chat.completions.create(**chat(slow), stream=True))) == full
    pieces = client.completions.create(model="qwen-2.5", prompt=slow, stream=True)
    assert "".join(chunk.choices[0].text for chunk in pieces) == full


@pytest.mark.parametrize("failure", ["error of the Space", "timeout"])
def test_an_error_after_an_early_begin_is_in_the_stream(
    failure: str, impatient: None, servers: Servers
) -> None:
    late = failure == "timeout"
    limits = Timeouts(first=0.5) if late else Timeouts()
    with (
        serve_gateway(create_app({"qwen-2.5": servers["qwen-2.5"]}, timeouts=limits)) as url,
        openai_client(url) as client,
    ):
        prompt = "[[wait=30]]" if late else "[[wait=0.5]] [[gr-error-after=0]]"
        chunks = client.chat.completions.create(**chat(prompt), stream=True)  # the status is 200
        with pytest.raises(openai.APIError) as failed:
            list(chunks)
    assert not isinstance(failed.value, openai.APIStatusError)
    assert failed.value.code == ("space_timeout" if late else "space_error")


def test_leaving_a_stream_that_began_early_leaves_the_queue(
    impatient: None, url: str, client: openai.OpenAI, prompt: str, servers: Servers
) -> None:
    first, second = f"{prompt} first [[forever]]", f"{prompt} second"
    with client.chat.completions.create(**chat(first, model=SLOT), stream=True) as holder:
        servers.wait_for("begin", first)
        body = chat(second, model=SLOT, stream=True)
        with (
            httpx.Client(trust_env=False) as own,
            own.stream("POST", f"{url}/v1/chat/completions", json=body) as response,
        ):
            lines = response.iter_lines()
            while "position" not in next(lines):
                pass
        holder.close()
    servers.wait_for("end", first)
    assert client.chat.completions.create(**chat("Hi [[pace=0]]", model=SLOT)).choices
    assert not servers.reported("begin", second)
