"""Tools and formats on a Space: calls are told once and whole, and a bad answer is asked for once more."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pydantic
import pytest
from pytest_mock import MockerFixture

from qwen_spaces import (
    Conversation,
    Done,
    EmptyReplyError,
    Event,
    Message,
    QwenSpace,
    SpaceTimeoutError,
    StreamCancelledError,
    Text,
    Timeouts,
    ToolCall,
    UnexpectedOutputError,
)
from qwen_spaces._client.request import SessionStore
from qwen_spaces.replicas import serve

from ..support.modes import PATIENCE, deltas_through, failure, run_async
from ..support.servers import Servers

CALL = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n</tool_call>'
RESULT = "<tool_response>\nsunny\n</tool_response>"


def get_weather(city: str) -> str:
    """Return the weather in a city."""
    return f"sunny in {city}"


class City(pydantic.BaseModel):
    name: str
    people: int


class Script:
    """A brain that gives the answers in a prompt, one a request; see `answers`.

    An answer is a text, which grows by a few characters at a time, or a list of steps: whole texts so far,
    and seconds to wait.
    """

    def __init__(self) -> None:
        self.requests: list[tuple[str, list[tuple[str, str]], str]] = []
        self.running = 0

    def __call__(self, system: str, history: Any, prompt: str, image: object) -> Iterator[str | None]:
        self.requests.append((system, history, prompt))
        asked = json.loads(history[0][0] if history else prompt)
        answer = asked[len(history)] if isinstance(asked, list) else asked
        self.running += 1
        try:
            yield from self._steps(answer)
        finally:
            self.running -= 1

    def _steps(self, answer: Any) -> Iterator[str | None]:
        if isinstance(answer, str):
            answer = [answer[:end] for end in range(1, len(answer) + 1, 7)] + [answer]
        for step in answer:
            if isinstance(step, (int, float)):
                end = time.monotonic() + step
                while time.monotonic() < end:
                    time.sleep(0.02)
                    yield None
            else:
                yield step
                time.sleep(0.002)


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Script, str]]:
    script = Script()
    with serve("qwen-2.5", brain=script) as url:
        yield script, url


@pytest.fixture
def script(served: tuple[Script, str]) -> Script:
    served[0].requests.clear()
    return served[0]


@pytest.fixture
def space(served: tuple[Script, str]) -> Iterator[QwenSpace]:
    with QwenSpace("qwen-2.5", src=served[1]) as made:
        yield made


def answers(*given: object) -> str:
    """The prompt for these answers."""
    return json.dumps(given)


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def events_through(mode: str, space: QwenSpace, prompt: str, **asked: Any) -> list[Event]:
    stream = space.stream(prompt, **asked)

    async def read() -> list[Event]:
        return [event async for event in stream.events()]

    return list(stream.events()) if mode == "sync" else run_async(mode, read)


def test_text_streams_and_a_call_follows_whole(mode: str, space: QwenSpace) -> None:
    answer = f"Let me look at the weather.\n{CALL}\n{CALL.replace('Paris', 'Rome')}"
    events = events_through(mode, space, answers(answer), tools=[get_weather])
    assert all("<" not in event.text for event in events if isinstance(event, Text))
    *others, done = [event for event in events if event.type != "status"]
    assert isinstance(done, Done)
    calls = [event for event in others if isinstance(event, ToolCall)]
    assert [call.arguments for call in calls] == [{"city": "Paris"}, {"city": "Rome"}]
    assert done.reply.tool_calls == tuple(calls)
    assert done.reply.text == "Let me look at the weather."
    assert done.reply.message.tool_calls == tuple(calls)
    assert "".join(event.text for event in others if isinstance(event, Text)) == done.reply.text


def test_an_agent_loop(mode: str, space: QwenSpace, script: Script) -> None:
    first = space.ask(answers(CALL, "Sunny."), tools=[get_weather])
    (call,) = first.tool_calls
    assert first.text == ""
    result = {"role": "tool", "tool_call_id": call.id, "content": get_weather(**call.arguments)}
    messages = [Message("user", answers(CALL, "Sunny.")), first.message, result]
    assert "".join(deltas_through(mode, space.stream(messages, tools=[get_weather]))) == "Sunny."
    system, history, prompt = script.requests[-1]
    assert '<tools>\n{"type": "function"' in system
    assert history[0][1] == CALL
    assert prompt == "<tool_response>\nsunny in Paris\n</tool_response>"


def test_a_history_with_tools_needs_none(space: QwenSpace, script: Script) -> None:
    calls = [{"id": "a", "type": "function", "function": {"name": "x", "arguments": "{}"}}]
    messages = [
        {"role": "user", "content": answers("-", CALL)},
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "tool_call_id": "a", "content": "sunny"},
    ]
    reply = space.ask(messages)
    assert (reply.text, reply.tool_calls) == (CALL, ())
    assert script.requests[-1][2] == RESULT
    assert "# Tools" not in script.requests[-1][0]


def test_a_space_that_rewrites_tells_its_last_call(mode: str, space: QwenSpace) -> None:
    steps = ["Let me", "Let me see.", f"Let me see. {CALL}", "I shall look.", f"I shall look. {CALL}"]
    slow = [each for step in steps for each in (step, 0.1)]
    events = events_through(mode, space, answers(slow), tools=[get_weather])
    shown = ""
    for event in events:
        if isinstance(event, Text):
            shown = shown[: event.start] + event.text
    assert shown == "I shall look."
    assert sum(event.type == "tool_call" for event in events) == 1


def test_a_bad_answer_is_asked_for_once_more(mode: str, space: QwenSpace, script: Script) -> None:
    prompt = answers("Rome, of course!", '```json\n{"name": "Rome", "people": 3}\n```')
    events = events_through(mode, space, prompt, response_format=City)
    texts = [event.text for event in events if isinstance(event, Text)]
    assert texts == ['{"name": "Rome", "people": 3}']  # nothing of the first
    done = events[-1]
    assert isinstance(done, Done)
    assert (done.reply.parsed, done.reply.rewritten) == (City(name="Rome", people=3), False)
    _, history, again = script.requests[-1]
    assert history == [(prompt, "Rome, of course!")]
    assert "it is not JSON" in again
    assert len(script.requests) == 2


def test_a_second_bad_answer_is_an_error_with_its_text(mode: str, space: QwenSpace, script: Script) -> None:
    error = failure(mode, space.stream(answers("No.", "No, no.", "{}"), response_format="json_object"))
    assert isinstance(error, UnexpectedOutputError)
    assert "it is not JSON" in str(error)
    assert error.partial_text == "No, no."
    assert len(script.requests) == 2


def test_the_second_request_can_be_switched_off(served: tuple[Script, str], script: Script) -> None:
    with (
        QwenSpace("qwen-2.5", src=served[1], retries=0) as space,
        pytest.raises(UnexpectedOutputError) as caught,
    ):
        space.ask(answers("No.", "{}"), response_format="json_object")
    assert caught.value.partial_text == "No."
    assert len(script.requests) == 1


def test_a_required_call_comes_without_text(mode: str, space: QwenSpace) -> None:
    prompt = answers("I will not.", f"Well then. {CALL}")
    events = events_through(mode, space, prompt, tools=[get_weather], tool_choice="required")
    assert [event.type for event in events if event.type != "status"] == ["tool_call", "done"]


def test_a_call_of_another_tool_is_text(space: QwenSpace) -> None:
    wrong = CALL.replace("get_weather", "rob_bank")
    reply = space.ask(answers(wrong), tools=[get_weather])
    assert (reply.text, reply.tool_calls) == (wrong, ())


def test_silence_is_an_empty_reply_and_not_asked_for_again(space: QwenSpace, script: Script) -> None:
    with pytest.raises(EmptyReplyError):
        space.ask(answers([0.05]), response_format="json_object")
    assert len(script.requests) == 1


def test_cancelling_ends_the_second_request_too(mode: str, space: QwenSpace, script: Script) -> None:
    stream = space.stream(answers("No.", [30.0]), response_format="json_object")

    def cancel() -> None:
        wait_until(lambda: script.running == 1 and len(script.requests) == 2)
        stream.cancel()

    canceller = threading.Thread(target=cancel)
    canceller.start()
    assert deltas_through(mode, stream) == []
    canceller.join()
    with pytest.raises(StreamCancelledError):
        stream.result()
    wait_until(lambda: script.running == 0)


def test_text_that_is_held_back_counts_for_the_gap(served: tuple[Script, str]) -> None:
    slow = [each for end in range(1, 9) for each in ('{"a": 1}'[:end], 0.2)]
    with QwenSpace("qwen-2.5", src=served[1], timeouts=Timeouts(first=30, gap=1.2)) as space:
        assert space.ask(answers(slow), response_format="json_object").parsed == {"a": 1}


@pytest.mark.slow
def test_the_wait_for_the_second_answer_is_not_a_gap(served: tuple[Script, str]) -> None:
    prompt = answers("No.", [2.0, "{}", 3.0])
    with (
        QwenSpace("qwen-2.5", src=served[1], timeouts=Timeouts(first=30, gap=1.0)) as space,
        pytest.raises(SpaceTimeoutError) as caught,
    ):
        space.ask(prompt, response_format={"type": "json_object"})
    assert caught.value.phase == "gap"
    assert caught.value.partial_text == "{}"


@pytest.mark.slow
def test_the_first_text_of_the_second_answer_has_its_own_time(served: tuple[Script, str]) -> None:
    with QwenSpace("qwen-2.5", src=served[1], timeouts=Timeouts(first=6.0)) as space:
        assert space.ask(answers([3.5, "No."], [3.5, "{}"]), response_format="json_object").parsed == {}
        with pytest.raises(SpaceTimeoutError, match="within 6 s") as caught:
            space.ask(answers("No.", [30.0]), response_format="json_object")
    assert caught.value.phase == "first"


def test_a_conversation_keeps_calls_and_results(space: QwenSpace, tmp_path: Any) -> None:
    chat = space.conversation(tools=[get_weather])
    (call,) = chat.ask(answers(CALL, "Sunny.")).tool_calls
    result = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
    assert chat.ask([result]).text == "Sunny."
    assert [message.role for message in chat.messages] == ["user", "assistant", "tool", "assistant"]
    chat.save(tmp_path / "chat.json")
    other: Conversation = space.conversation()
    other.load(tmp_path / "chat.json")
    assert other.messages == chat.messages


def test_a_session_goes_on_after_a_call(servers: Servers, mocker: MockerFixture) -> None:
    resume = mocker.spy(SessionStore, "resume")
    with QwenSpace("qwen-3", src=servers["qwen-3"]) as space:
        chat = space.conversation(tools=[get_weather])
        (call,) = chat.ask("What is the weather in Paris?").tool_calls
        result = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
        assert resume.spy_return.turns == 0
        assert chat.ask([result]).text == "The tools answered: sunny"
        assert resume.spy_return.turns == 1


@pytest.mark.parametrize(
    ("name", "how"), [("qwen-2.5", "trained"), ("qwen-2-72b", "instructed"), ("qvq-72b", "instructed")]
)
def test_the_replicas_call_tools_and_the_status_says_how(servers: Servers, name: str, how: str) -> None:
    with QwenSpace(name, src=servers[name]) as space:
        assert space.status().tools == how
        (call,) = space.ask("What is the weather in Paris?", tools=[get_weather]).tool_calls
        assert (call.name, call.arguments) == ("get_weather", {"city": "Paris"})
        parsed = space.ask("How many live in Rome? 3", response_format=City).parsed
        assert parsed == City(name="Rome", people=3)


@pytest.mark.parametrize("form", ["bare", "fenced", "unclosed", "broken"])
def test_a_replica_writes_calls_as_models_do(servers: Servers, form: str) -> None:
    with QwenSpace("qwen-2.5", src=servers["qwen-2.5"]) as space:
        reply = space.ask(f"What is the weather in Paris? [[call-form={form}]]", tools=[get_weather])
        assert [call.arguments for call in reply.tool_calls] == [{"city": "Paris"}]
        assert reply.text == ""
