"""Messages: every usual form is taken, and checked once."""

from __future__ import annotations

import base64
import dataclasses
import pickle
from typing import Any

import pytest
from hypothesis import given

from qwen_spaces import InvalidImageError, InvalidMessagesError, Message
from qwen_spaces._types.images import Image, as_images
from qwen_spaces._types.messages import as_messages, folded, pairs, split, system_prompt

from ..support.strategies import requests, words

PNG = b"\x89PNG\r\n\x1a\n"
DATA_URI = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
USER = {"role": "user", "content": "Hi"}


def test_a_string_is_the_users_message() -> None:
    assert as_messages("Hi") == as_messages(Message("user", "Hi")) == (Message("user", "Hi"),)
    assert as_messages({"role": "user", "content": "Hi"}) == (Message("user", "Hi"),)


def test_the_system_prompt_comes_first_and_several_are_joined() -> None:
    messages = as_messages([{"role": "system", "content": "Two."}, {"role": "user", "content": "Hi"}], "One.")
    assert system_prompt(messages) == "One.\nTwo."
    assert system_prompt(as_messages("Hi")) is None
    assert system_prompt(as_messages("Hi", "")) == ""


def test_parts_become_text_and_image_addresses() -> None:
    (message,) = as_messages(
        [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What"},
                    {"type": "image_url", "image_url": {"url": "https://example.org/cat.png"}},
                    {"type": "text", "text": "is this?"},
                    {"type": "image_url", "image_url": DATA_URI},
                ],
            }
        ]
    )
    assert message.content == "What\nis this?"
    assert message.images == (Image(url="https://example.org/cat.png"), Image(data=PNG, suffix="png"))
    assert message.image_urls == ("https://example.org/cat.png", DATA_URI)


@pytest.mark.parametrize(
    "message",
    [
        Message("user", "Hi", (Image(url=DATA_URI),)),
        Message("user", "Hi", [DATA_URI]),
        Message("user", "Hi", image_urls=(DATA_URI,)),
        Message("user", "Hi", as_images(PNG)),
    ],
    ids=["image", "address", "image_urls", "bytes"],
)
def test_a_message_takes_its_images_in_each_form(message: Message) -> None:
    assert message.image_urls == (DATA_URI,)
    (checked,) = as_messages(message)
    assert checked == Message("user", "Hi", (Image(data=PNG, suffix="png"),))
    assert pickle.loads(pickle.dumps(message)) == message
    assert dataclasses.replace(message, content="Bye").image_urls == (DATA_URI,)


@pytest.mark.parametrize("url", ["cat.png", "/etc/passwd", "", None, 7])
def test_a_message_cannot_name_a_file(url: Any) -> None:
    for message in (Message("user", "Hi", [url]), Message("user", "Hi", [Image(url=url)])):
        with pytest.raises(InvalidMessagesError, match="Message 1 has an image_url that is not an https:"):
            as_messages([USER, message])


def test_an_image_that_cannot_be_read_is_named_by_its_place_in_all_messages() -> None:
    message = Message("user", "Hi", ["https://example.org/cat.png", DATA_URI])
    with pytest.raises(InvalidImageError, match="Image 2 is a data: URI that cannot be read"):
        as_messages([message, Message("user", "Hi", ["data:image/png;base64,!!!"])])


@pytest.mark.parametrize(
    ("messages", "why"),
    [
        ([], "no messages"),
        (7, "not int"),
        (None, "not NoneType"),
        ([USER, "Hi"], "Message 1 is a str"),
        ([{"role": "robot", "content": "Hi"}, USER], "Message 0 has the role 'robot'"),
        ([{"content": "Hi"}], "Message 0 has the role None"),
        ([{"role": ["user"], "content": "Hi"}], "Message 0 has the role"),
        ([{"role": "user", "content": None}], "Message 0 has content of type NoneType"),
        ([{"role": "user"}], "Message 0 has content of type NoneType"),
        ([USER, {"role": "assistant", "content": "Hi"}], "Message 1 is the last one and must be the user's"),
        ([{"role": "system", "content": "Hi"}], "Message 0 is the last one"),
        ("  \n", "Message 0, the one to answer, is empty"),
        ([{"role": "user", "content": [{"type": "audio"}]}], "Message 0 has a part of type 'audio'"),
        ([{"role": "user", "content": ["Hi"]}], "Message 0 has a part of type None"),
        ([{"role": "user", "content": [{"type": "text"}]}], "Message 0, a text part has content of type"),
        (
            [{"role": "system", "content": [{"type": "image_url", "image_url": "https://a.b"}]}, USER],
            "Message 0 is the system's and has an image",
        ),
        ([USER, {"role": "user", "content": "\ud83d"}], "Message 1 has half a surrogate pair at character 0"),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, str) else None,
)
def test_what_cannot_be_sent_is_refused_by_index(messages: Any, why: str) -> None:
    with pytest.raises(InvalidMessagesError, match=why):
        as_messages(messages)


def test_a_system_prompt_must_be_text() -> None:
    with pytest.raises(InvalidMessagesError, match="The system prompt has content of type int"):
        as_messages("Hi", 7)  # type: ignore[arg-type]


def test_the_messages_of_the_user_since_the_last_answer_are_the_prompt() -> None:
    messages = as_messages(
        [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": "b"},
            {"role": "user", "content": "c"},
            {"role": "user", "content": "d"},
        ]
    )
    history, prompt = split(messages)
    assert prompt == "c\nd"
    assert pairs(history) == [["a", "b"]]


def test_the_ways_of_a_history_that_is_no_dialogue() -> None:
    def of(*roles: str) -> list[list[str]]:
        return pairs([Message(role, str(index)) for index, role in enumerate(roles)])  # type: ignore[arg-type]

    assert of("assistant", "user", "assistant") == [["", "0"], ["1", "2"]]
    assert of("user", "user", "assistant", "assistant") == [["0\n1", "2\n3"]]
    assert of("system", "user", "system", "assistant") == [["1", "3"]]
    assert of() == []


@given(requests)
def test_no_text_of_any_message_is_lost(messages: tuple[Message, ...]) -> None:
    checked = as_messages(messages)
    assert checked == messages
    history, prompt = split(checked)
    sent = "\n".join(
        [system_prompt(checked) or "", *(text for pair in pairs(history) for text in pair), prompt]
    )
    for message in messages:
        assert message.content in sent
        assert message.content in folded(checked)


@given(requests)
def test_pairs_alternate_and_keep_the_order(messages: tuple[Message, ...]) -> None:
    history, prompt = split(messages)
    flat = "\n".join(text for pair in pairs(history) for text in pair if text)
    spoken = [message.content for message in messages if message.role != "system"]
    assert "\n".join(text for text in (flat, prompt) if text) == "\n".join(spoken)
    assert all(assistant for _, assistant in pairs(history))


@given(words)
def test_a_lone_prompt_is_folded_into_itself(text: str) -> None:
    assert folded(as_messages(text)) == text
