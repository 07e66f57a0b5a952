"""A conversation keeps completed answers, and nothing else."""

from __future__ import annotations

import pickle

import pytest

from qwen_spaces import InvalidImageError, InvalidMessagesError, Message, QwenSpace, SpaceError

from .conftest import Servers, run_async
from .test_images import picture


def test_the_space_is_told_the_earlier_turns(servers: Servers) -> None:
    chat = QwenSpace("qwen-2.5", src=servers["qwen-2.5"]).conversation(system="Be brief.", size="7B")
    first = chat.ask("My name is Ada.")
    second = chat.ask("What is my name?")
    assert "This is turn 1." in first.text
    assert "This is turn 2." in second.text
    assert 'you said: "My name is Ada."' in second.text
    for reply in (first, second):
        assert 'System prompt: "Be brief."' in reply.text
        assert "Model: 7B." in reply.text
    assert chat.messages == (
        Message("system", "Be brief."),
        Message("user", "My name is Ada."),
        first.message,
        Message("user", "What is my name?"),
        second.message,
    )


def test_a_turn_that_failed_or_was_left_leaves_no_trace(servers: Servers) -> None:
    chat = QwenSpace("qwen-2-72b", src=servers["qwen-2-72b"]).conversation()
    with pytest.raises(SpaceError):
        chat.ask("Fail [[error-after=3]]")
    for _ in chat.stream("Go on [[forever]]"):
        break
    with pytest.raises(InvalidMessagesError):
        chat.ask("   ")
    assert chat.messages == ()
    assert "This is turn 1." in chat.ask("Hi").text


def test_a_stream_in_a_conversation_counts_when_it_is_complete(servers: Servers, backend: str) -> None:
    chat = QwenSpace("qwen-2.5", src=servers["qwen-2.5"]).conversation()

    async def talk() -> None:
        stream = chat.stream("Hi")
        async for _ in stream:
            assert chat.messages == ()
        assert chat.messages == (Message("user", "Hi"), Message("assistant", stream.text))

    run_async(backend, talk)


def test_the_image_of_an_earlier_turn_stays(servers: Servers) -> None:
    chat = QwenSpace("qvq-72b", src=servers["qvq-72b"]).conversation()
    assert "PNG" in chat.ask("What is this?", images=picture("PNG", (10, 20), "red")).text
    again = chat.ask("Which colour?").text
    assert "PNG" in again
    assert "10x20" in again
    assert "User: What is this?" in again
    with pytest.raises(InvalidImageError, match="2 were given"):
        chat.ask("And this?", images=picture("PNG", (10, 20), "blue"))


def test_a_space_is_pickled_as_its_recipe(servers: Servers) -> None:
    space = QwenSpace("qwen-2.5", src=servers["qwen-2.5"], token="hf_secret", timeouts=30)
    space.status()
    again = pickle.loads(pickle.dumps(space))
    assert repr(again) == repr(space)
    assert again.timeouts == space.timeouts
    assert "Hi" in again.ask("Hi").text
    assert "hf_secret" not in repr(space)
    assert b"hf_" not in pickle.dumps(QwenSpace("qwen-2.5"))
