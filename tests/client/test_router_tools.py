"""A router with tools, formats and images: as a Space, and on to the next one before the first text."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pydantic
import pytest

from qwen_spaces import QwenSpace, Router, ToolCall, UnexpectedOutputError
from qwen_spaces.replicas import serve

from ..support.images import picture
from ..support.scripted_gradio import Page, Script, serve_script
from ..support.servers import Servers

CALL = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n</tool_call>'


class City(pydantic.BaseModel):
    name: str


def get_weather(city: str) -> str:
    """Return the weather in a city."""
    return f"sunny in {city}"


@contextmanager
def answering(name: str, *answers: str) -> Iterator[tuple[QwenSpace, list[str]]]:
    """A Space that gives these answers, one a request, and the prompts that it got."""
    prompts: list[str] = []
    lock = threading.Lock()

    def brain(system: str, history: Any, prompt: str, image: object) -> Iterator[str]:
        with lock:
            prompts.append(prompt)
            answer = answers[min(len(prompts), len(answers)) - 1]
        yield answer

    with serve(name, brain=brain) as url, QwenSpace(name, src=url) as space:
        yield space, prompts


@contextmanager
def full() -> Iterator[QwenSpace]:
    with serve_script(Script(join=Page(503))) as server, QwenSpace("qwen-2-72b", src=server.url) as space:
        yield space


def test_a_call_of_the_space_that_answers() -> None:
    with full() as first, answering("qwen-2.5", CALL) as (second, _):
        reply = Router([first, second]).ask("Hi", tools=[get_weather])
    (call,) = reply.tool_calls
    assert isinstance(call, ToolCall)
    assert (call.name, call.arguments, reply.space) == ("get_weather", {"city": "Paris"}, "qwen-2.5")


def test_a_conversation_with_tools_has_the_call_in_its_history() -> None:
    with answering("qwen-2.5", CALL, "Sunny.") as (space, prompts):
        chat = Router([space]).conversation(tools=[get_weather])
        (call,) = chat.ask("The weather in Paris?").tool_calls
        result = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
        assert chat.ask([result]).text == "Sunny."
    assert "<tool_response>\nsunny" in prompts[1]
    assert [message.role for message in chat.messages] == ["user", "assistant", "tool", "assistant"]


def test_a_bad_answer_is_asked_for_again_at_the_same_space() -> None:
    good = '{"name": "Paris"}'
    with answering("qwen-2.5", "Paris, I think.", good) as (first, asked):  # noqa: SIM117
        with answering("qwen-2.5-max", good) as (second, others):
            reply = Router([first, second]).ask("A city", response_format=City)
    assert (reply.parsed, reply.space) == (City(name="Paris"), "qwen-2.5")
    assert len(asked) == 2
    assert "it is not JSON" in asked[1]
    assert others == []


def test_a_router_without_retries_does_not_ask_again() -> None:
    told = pytest.raises(UnexpectedOutputError, match=r"^qwen-2\.5 did not answer as asked")
    with answering("qwen-2.5", "Paris, I think.") as (space, asked), told as caught:
        Router([space], retries=0).ask("A city", response_format=City)
    assert len(asked) == 1
    assert caught.value.partial_text == "Paris, I think."


def test_the_next_space_is_asked_afresh_if_the_first_one_fails_before_its_second_answer() -> None:
    bad, good = "Paris, I think.", json.dumps({"name": "Paris"})
    with (
        answering("qwen-2.5", bad, "") as (first, asked),
        answering("qwen-2.5-max", good) as (second, others),
    ):
        reply = Router([first, second]).ask("A city", response_format=City)
    assert (reply.parsed, reply.space) == (City(name="Paris"), "qwen-2.5-max")
    assert len(asked) == 2
    assert len(others) == 1
    assert bad not in others[0]


def test_a_conversation_with_more_images_than_a_space_takes_goes_on(servers: Servers) -> None:
    chat = Router([QwenSpace("qvq-72b", src=servers["qvq-72b"])]).conversation()
    for color in ("orange", "blue"):
        reply = chat.ask("Describe it.", images=[picture("PNG", (9, 7), color)])
        assert reply.space == "qvq-72b"
    assert [len(message.images) for message in chat.messages] == [1, 0, 1, 0]
