"""The Spaces beyond the first three: what is their own, in all three modes, against their replicas."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from qwen_spaces import (
    ConnectionLostError,
    ContractError,
    EmptyReplyError,
    InvalidImageError,
    Message,
    Qwen2_5_Coder,
    Qwen3,
    Qwen3_VL,
    QwenSpace,
    QwenSpacesError,
    Reasoning,
    SpaceError,
    StreamCancelledError,
    Text,
    UnsupportedOptionError,
)

from ..support.images import picture
from ..support.modes import PATIENCE, POLLING, deltas_through, run_async
from ..support.proxy import Answer, Recorder, Request, recording
from ..support.servers import MORE_SPACES, TURNS, Servers

SHAPES = ("qwen-3", "qwen-2.5-vl-72b", "qwen-2.5-1m")  # one of each shape beyond the first three
STEPPED = ("qwen-2.5-vl-72b", "qwen-2.5-1m")  # a request to them takes several calls
HTML = ("qwen-2.5-vl-72b", "qwen-2.5-vl-32b")  # they make HTML of their answers
OMNI = ("qwen-3-omni", "qwen-3.5-omni")
KEEPS_TURNS = ("qwen-2.5-72b", "qwen-2.5-max", "qwen-2.5-coder")  # they take a native history
OWN_SYSTEM = (*KEEPS_TURNS, "qwen-3", "qwen-3-coder-webdev")
OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "qwen-2.5-coder": {"size": "7B"},
    "qwen-3": {"model": "qwen3-8b", "thinking_budget": 2},
}
MODELS = {
    "qwen-2.5-72b": "Qwen2.5-72B-Instruct",
    "qwen-2.5-max": "Qwen2.5-Max",
    "qwen-2.5-coder": "7B",
    "qwen-3": "qwen3-8b",
    "qwen-3-vl": "qwen3-vl-235b-a22b-thinking",
    "qwen-2.5-vl-72b": "Qwen2.5-VL-72B-Instruct",
    "qwen-2.5-1m": "Qwen2.5-1M",
    "qwen-2.5-vl-32b": "Qwen2.5-VL-32B-Instruct",
    "qwen-3-vl-30b": "qwen3-vl-30b-a3b-thinking",
    "qwen-3-omni": "Qwen3-Omni",
    "qwen-3.5-omni": "Qwen3.5-Omni",
    "qwen-3-coder-webdev": "Qwen3-Coder",
}
RED, BLUE = picture("PNG", (11, 10), "red"), picture("JPEG", (5, 6), "blue")


@pytest.fixture(scope="module")
def spaces(servers: Servers) -> Iterator[Mapping[str, QwenSpace]]:
    made = {name: QwenSpace(name, src=servers[name]) for name in MORE_SPACES}
    yield made
    for space in made.values():
        space.close()


@pytest.mark.parametrize("name", MORE_SPACES)
def test_all_that_is_given_reaches_the_space_and_the_deltas_are_the_answer(
    name: str, mode: str, spaces: Mapping[str, QwenSpace], prompt: str
) -> None:
    messages = [*TURNS, {"role": "user", "content": f"{prompt} [[pace=0.005]]"}]
    stream = spaces[name].stream(messages, system="Be a pirate.", **OPTIONS.get(name, {}))
    deltas = deltas_through(mode, stream)
    reply = stream.result()
    assert POLLING or len(deltas) > 1
    assert "".join(deltas) == stream.text == reply.text
    assert not reply.rewritten
    assert prompt in str(reply.raw)
    for given in ("My name is Ada.", "Hello Ada.", prompt, f"Model: {MODELS[name]}."):
        assert given in reply.text
    native = name in (*OWN_SYSTEM, *OMNI)
    assert ('System prompt: "Be a pirate."' in reply.text) == native
    assert ("System: Be a pirate.\nUser: My name is Ada.\n" in reply.text) == (not native)
    assert ("This is turn 2." in reply.text) == (name in (*KEEPS_TURNS, *OMNI))
    assert bool(reply.reasoning) == spaces[name].reasons


@pytest.mark.parametrize("name", OWN_SYSTEM)
def test_without_a_system_prompt_the_space_uses_its_own(name: str, spaces: Mapping[str, QwenSpace]) -> None:
    default = spaces[name].contract.defaults["system"] or "You are a web development engineer."
    assert f'System prompt: "{default}' in spaces[name].ask("Hi [[pace=0]]").text


@pytest.mark.parametrize("name", SHAPES)
def test_deltas_come_while_the_space_still_produces(
    name: str, spaces: Mapping[str, QwenSpace], servers: Servers, prompt: str
) -> None:
    endless = f"{prompt} [[forever]] [[pace=0.01]]"
    for place, _ in enumerate(spaces[name].stream(endless)):
        if place == 3:
            break
    servers.wait_for("end", endless)
    assert not servers.reported("complete", endless)


def as_kept(name: str, text: str) -> str:
    """The text without what its Space loses: space at the end, where an answer is HTML."""
    return text.rstrip() if name in HTML else text


@pytest.mark.parametrize("name", SHAPES)
def test_5000_characters_of_many_scripts_arrive_whole(name: str, spaces: Mapping[str, QwenSpace]) -> None:
    from qwen_spaces.replicas._brain import long_text

    text = "".join(spaces[name].stream("[[long=5000]]"))
    assert text == as_kept(name, long_text(5_000))


@pytest.mark.parametrize("name", STEPPED)
def test_an_answer_split_after_each_code_point_arrives_whole(
    name: str, spaces: Mapping[str, QwenSpace]
) -> None:
    from qwen_spaces.replicas._sample_text import PASSAGES

    assert "".join(spaces[name].stream("[[multibyte]]")) == as_kept(name, "".join(PASSAGES))


@pytest.mark.parametrize("name", SHAPES)
def test_a_rewrite_is_flagged_and_the_reply_is_right(name: str, spaces: Mapping[str, QwenSpace]) -> None:
    answer = ""
    stream = spaces[name].stream("Hi [[rewrite]] [[pace=0.005]]")
    for event in stream.events():
        if isinstance(event, Text):
            answer = answer[: event.start] + event.text
    reply = stream.result()
    assert answer == reply.text
    assert POLLING or reply.rewritten
    assert "let me think" not in reply.text


@pytest.mark.parametrize("name", SHAPES)
def test_a_failure_is_a_typed_error_with_the_partial_text(name: str, spaces: Mapping[str, QwenSpace]) -> None:
    with pytest.raises(SpaceError, match="hides the reason") as first:
        spaces[name].ask("Hi [[error-first]]")
    assert first.value.partial_text == ""
    with pytest.raises(SpaceError, match="after 4 steps") as later:
        spaces[name].ask("Hi [[gr-error-after=4]] [[pace=0.01]]")
    assert 'You asked: "Hi [[gr-error-after=4]]'.startswith(later.value.partial_text)
    assert POLLING or later.value.partial_text
    with pytest.raises(EmptyReplyError):
        spaces[name].ask("Hi [[nothing]]")


# Reasoning, options


def test_reasoning_comes_before_the_text_and_apart_from_it(
    mode: str, spaces: Mapping[str, QwenSpace]
) -> None:
    stream = spaces["qwen-3"].stream("Hi [[pace=0.005]]", thinking_budget=2)

    async def read() -> list[object]:
        return [event async for event in stream.events()]

    events = list(stream.events()) if mode == "sync" else run_async(mode, read)
    kinds = [type(event) for event in events if isinstance(event, (Reasoning, Text))]
    assert kinds == sorted(kinds, key=[Reasoning, Text].index)
    reply = stream.result()
    thought = "".join(event.text for event in events if isinstance(event, Reasoning))
    assert thought == stream.reasoning == reply.reasoning
    assert thought == "I am qwen3-235b-a22b, and I may think for 2048 tokens."
    assert "may think" not in reply.text


@pytest.mark.parametrize("budget", [1, 38, "38"])
def test_a_budget_is_a_number_or_its_text(budget: Any, spaces: Mapping[str, QwenSpace]) -> None:
    reply = spaces["qwen-3"].ask("Hi [[pace=0]]", thinking_budget=budget)
    assert reply.reasoning.endswith(f"for {int(budget) * 1024} tokens.")


def test_a_value_that_an_option_does_not_take_is_refused_before_any_network() -> None:
    space: Any = Qwen3(src="http://127.0.0.1:9")
    for budget in (39, 0, "39", 2.5, "", None):
        with pytest.raises(UnsupportedOptionError, match="It takes: 1 to 38"):
            space.stream("Hi", thinking_budget=budget)
    with pytest.raises(UnsupportedOptionError, match="qwen3-14b"):
        space.stream("Hi", model="qwen2")
    with pytest.raises(UnsupportedOptionError, match="It has: model, thinking_budget"):
        space.stream("Hi", size="7B")
    coder: Any = Qwen2_5_Coder(src="http://127.0.0.1:9")
    with pytest.raises(UnsupportedOptionError, match="It takes: 32B, 14B"):
        coder.stream("Hi", size="72B")
    for name in ("qwen-3", "qwen-2.5-1m", "qwen-2.5-max"):
        with pytest.raises(InvalidImageError, match="no images"):
            QwenSpace(name, src="http://127.0.0.1:9").stream("Hi", images=RED)


# Stateful Spaces


def test_a_conversation_is_one_session_and_only_the_new_message_is_sent(
    mode: str, servers: Servers, spaces: Mapping[str, QwenSpace], prompt: str
) -> None:
    chat = spaces["qwen-3"].conversation(system="Be brief.", model="qwen3-4b", thinking_budget=1)
    first = chat.ask("My name is Ada. [[pace=0]]")
    second = chat.stream(f"{prompt} [[pace=0]]")
    deltas_through(mode, second)
    servers.wait_for("complete", f"{prompt} [[pace=0]]")  # so the prompt was this and no more
    for turn, answer in enumerate((first.text, second.text), 1):
        assert f"This is turn {turn}." in answer
        assert 'System prompt: "Be brief."' in answer
        assert "Model: qwen3-4b." in answer
    assert 'you said: "My name is Ada. [[pace=0]]"' in second.text
    assert [message.role for message in chat.messages] == ["system", *["user", "assistant"] * 2]


def test_two_conversations_and_single_questions_share_no_session(spaces: Mapping[str, QwenSpace]) -> None:
    one, other = spaces["qwen-3"].conversation(), spaces["qwen-3"].conversation()
    one.ask("One [[pace=0]]")
    assert "This is turn 1." in other.ask("Other [[pace=0]]").text
    assert "This is turn 1." in spaces["qwen-3"].ask("Alone [[pace=0]]").text
    assert "This is turn 2." in one.ask("One more [[pace=0]]").text


FOLDED = "User: First [[pace=0]]\nAssistant: You asked:"


def is_folded(text: str) -> bool:
    """Return whether the answer is of a new session, with the earlier turn in the prompt."""
    return "This is turn 1." in text and FOLDED in text


@pytest.mark.parametrize(("name", "how"), [("qwen-3", "fails"), ("qwen-3-vl", "cancelled")])
def test_a_turn_that_failed_or_was_cancelled_ends_its_session(
    name: str, how: str, spaces: Mapping[str, QwenSpace], servers: Servers, prompt: str
) -> None:
    chat = spaces[name].conversation()
    chat.ask("First [[pace=0]]")
    lost = f"{prompt} [[{'error-after=2' if how == 'fails' else 'forever'}]]"
    with pytest.raises((SpaceError, StreamCancelledError)), chat.stream(lost) as stream:
        for event in stream.events():
            if how == "cancelled" and isinstance(event, (Text, Reasoning)):
                stream.cancel()
        stream.result()
    servers.wait_for("end", lost)
    again = chat.ask("Second [[pace=0]]").text
    assert is_folded(again)
    assert prompt not in again
    assert "This is turn 2." in chat.ask("Third [[pace=0]]").text


def test_a_history_that_was_changed_is_sent_again_in_another_session(spaces: Mapping[str, QwenSpace]) -> None:
    chat = spaces["qwen-3"].conversation()
    folded = "User: My name is Ada.\nAssistant: Hello Ada.\nUser: "
    chat.messages = TURNS  # type: ignore[assignment]
    for message in ("Taken back", "Second"):
        text = chat.ask(f"{message} [[pace=0]]").text
        assert f'You asked: "{folded}{message} [[pace=0]]\nAssistant:"\n\nThis is turn 1.' in text
        if message == "Taken back":
            chat.undo()
    text = chat.ask("Third [[pace=0]]").text
    assert 'You asked: "Third [[pace=0]]"\n\nThis is turn 2.' in text
    chat.undo()
    chat.undo()
    chat.system = "Be long."
    text = chat.ask("Fourth [[pace=0]]").text
    assert f'You asked: "{folded}Fourth' in text
    assert 'System prompt: "Be long."' in text


@pytest.mark.slow
def test_a_space_that_was_restarted_is_an_error_and_then_a_new_session() -> None:
    from qwen_spaces.replicas import serve

    with serve("qwen-3") as url:
        chat = Qwen3(src=url).conversation()
        chat.ask("First [[pace=0]]")
    with serve("qwen-3", port=int(url.rpartition(":")[2])):
        stream = chat.stream("Second [[pace=0]]")
        with pytest.raises(ConnectionLostError, match="forgotten the conversation") as caught:
            list(stream)
        assert caught.value.partial_text == stream.text == ""
        assert len(chat.messages) == 2
        assert is_folded(chat.ask("Second [[pace=0]]").text)
        assert "This is turn 2." in chat.ask("Third [[pace=0]]").text


@pytest.mark.parametrize("by_hand", [False, True], ids=["a retry", "requested again"])
def test_a_retry_never_sends_two_prompts_in_one_session(by_hand: bool, servers: Servers) -> None:
    fail = threading.Event()

    def interfere(request: Request) -> Answer | int | None:
        if request.kind != ("data" if by_hand else "join") or not fail.is_set():
            return None
        fail.clear()
        return 10 if by_hand else Answer(429, {"Retry-After": "0"})

    with recording(servers["qwen-3"], interfere) as front:
        chat = Qwen3(src=front.url).conversation()
        chat.ask("First [[pace=0]]")
        fail.set()
        if by_hand:
            with pytest.raises(ConnectionLostError, match="was lost before"):
                chat.ask("Second [[pace=0]]")
        text = chat.ask("Second [[pace=0]]").text
    assert not fail.is_set()
    assert is_folded(text)
    assert text.count("Second") == 1


def test_a_conversation_about_images_sends_only_the_new_ones(servers: Servers) -> None:
    with recording(servers["qwen-3-vl"]) as front:
        chat = Qwen3_VL(src=front.url).conversation()

        both = r"You showed me a PNG image of 11x10 [^,]*, mostly red[^,]*, and a JPEG image of 5x6 "
        assert "11x10" in chat.ask("One [[pace=0]]", images=[RED]).text
        assert count(front, "upload") == 1
        text = chat.ask("Two [[pace=0]]", images=BLUE).text
        assert count(front, "upload") == 2
        assert re.search(both, text)
        assert "This is turn 2." in text
        chat.messages = [chat.messages[0], Message("assistant", "A red one.")]
        assert re.search(both, chat.ask("Two [[pace=0]]", images=BLUE).text)
        assert count(front, "upload") == 4


# Images, and requests of several steps


@pytest.mark.parametrize(
    ("name", "mode"),
    [("qwen-3-vl", "sync"), ("qwen-2.5-vl-72b", "asyncio"), ("qwen-2.5-vl-72b", "trio")],
)
def test_several_images_arrive_in_their_order(name: str, mode: str, spaces: Mapping[str, QwenSpace]) -> None:
    stream = spaces[name].stream("What are these? [[pace=0]]", images=[RED, BLUE, RED])
    text = "".join(deltas_through(mode, stream))
    red, blue = "a PNG image of 11x10 pixels, mostly red", "a JPEG image of 5x6 pixels, mostly blue"
    assert [text.count(red), text.count(blue)] == [2, 1]
    assert text.index(red) < text.index(blue) < text.rindex(red)
    assert 'You asked: "What are these?' in text
    assert stream.result().raw


def test_the_placeholder_of_the_answer_is_no_part_of_it(mode: str, spaces: Mapping[str, QwenSpace]) -> None:
    stream = spaces["qwen-2.5-1m"].stream("Hi [[wait=0.2]]")
    deltas = deltas_through(mode, stream)
    assert "".join(deltas).startswith("You asked:")
    assert not any("thinking..." in delta for delta in deltas)
    assert not stream.result().rewritten


@pytest.mark.parametrize("name", STEPPED)
def test_a_stream_closed_during_the_first_calls_sends_no_prompt(
    name: str, mode: str, servers: Servers
) -> None:
    reached, go_on = threading.Event(), threading.Event()

    def interfere(request: Request) -> None:
        if request.kind == "data":
            reached.set()
            go_on.wait(PATIENCE)

    with recording(servers[name], interfere) as front, QwenSpace(name, src=front.url) as space:
        stream = space.stream("Hi")
        threading.Thread(target=lambda: (reached.wait(PATIENCE), stream.cancel()), daemon=True).start()
        assert deltas_through(mode, stream) == []
        assert stream._reader.mailbox.finished.wait(PATIENCE)
        go_on.set()
        assert count(front, "join") == 1
        assert stream.text == ""
        assert "Hi" in space.ask("Hi [[pace=0]]").text


@pytest.mark.parametrize(
    ("kind", "answer", "error"),
    [("join", Answer(404), ContractError), ("data", 10, ConnectionLostError)],
    ids=["refused", "cut"],
)
@pytest.mark.parametrize("name", STEPPED)
def test_a_failure_of_a_first_step_is_a_typed_error(
    name: str, kind: str, answer: Answer | int, error: type[QwenSpacesError], servers: Servers
) -> None:
    with (
        recording(servers[name], lambda request: answer if request.kind == kind else None) as front,
        pytest.raises(error),
    ):
        QwenSpace(name, src=front.url, retries=0).ask("Hi")
    assert count(front, "join") == 1


def count(front: Recorder, kind: str) -> int:
    return sum(request.kind == kind for request in front.seen)
