"""A conversation keeps completed answers, and nothing else."""

from __future__ import annotations

import base64
import errno
import json
import os
import pickle
from collections.abc import Sequence
from pathlib import Path

import pytest
from pytest_mock import MockerFixture

from qwen_spaces import (
    Conversation,
    InvalidImageError,
    InvalidMessagesError,
    Message,
    QwenSpace,
    Reply,
    SpaceError,
)
from qwen_spaces._client.request import Request, SessionStore
from qwen_spaces._markup.markdown import markdown

from ..support.images import picture
from ..support.modes import run_async
from ..support.servers import Servers


def test_earlier_turns_reach_the_space(servers: Servers) -> None:
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


def test_a_turn_that_failed_or_was_cancelled_is_not_kept(servers: Servers) -> None:
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


@pytest.mark.parametrize("known", [True, False], ids=["facade", "by its address"])
def test_a_space_that_takes_one_image_gets_the_newest(servers: Servers, known: bool) -> None:
    src = servers["qvq-72b"]
    chat = (QwenSpace("qvq-72b", src=src) if known else QwenSpace(src)).conversation()
    red, blue = picture("PNG", (10, 20), "red"), picture("PNG", (30, 40), "blue")
    assert "10x20" in chat.ask("What is this?", images=red).text
    assert "30x40" in (newer := chat.ask("And this?", images=blue).text)
    assert "10x20" not in newer.partition("Image")[2]
    assert "30x40" in chat.ask("Which colour?").text
    assert [len(message.images) for message in chat.messages] == [1, 0, 1, 0, 0, 0]
    with pytest.raises(InvalidImageError, match="takes one image in a request; 2 were given"):
        chat.ask("And these?", images=[red, blue])


def test_a_text_space_continues_a_conversation_with_images(servers: Servers) -> None:
    seen = QwenSpace("qvq-72b", src=servers["qvq-72b"]).conversation()
    seen.ask("What is this?", images=picture("PNG", (10, 20), "red"))
    for name in ("qwen-2.5", servers["qwen-2.5"]):
        chat = QwenSpace(name, src=servers["qwen-2.5"]).conversation()
        chat.messages = seen.messages
        assert "This is turn 2." in chat.ask("And now?").text
        assert len(chat.messages[0].images) == 1


@pytest.mark.slow
def test_earlier_images_are_sent_as_they_are_and_only_saving_encodes_them(
    servers: Servers, tmp_path: Path, mocker: MockerFixture
) -> None:
    encode, decode = mocker.spy(base64, "b64encode"), mocker.spy(base64, "b64decode")
    file = tmp_path / "red.png"
    file.write_bytes(picture("PNG", (10, 20), "red"))
    chat = QwenSpace("qwen-3-vl", src=servers["qwen-3-vl"]).conversation()
    assert "10x20" in chat.ask("What is this?", images=file).text
    file.unlink()
    image = chat.messages[0].images[0]
    assert "30x40" in chat.ask("And this?", images=picture("PNG", (30, 40), "blue")).text
    chat.ask("Which is larger?")
    assert chat.messages[0].images[0].data is image.data
    assert (encode.call_count, decode.call_count) == (0, 0)

    chat.save(tmp_path / "talk.json")
    assert (encode.call_count, decode.call_count) == (2, 0)
    # Another conversation has no session to resume, so it sends the images of all turns.
    other = QwenSpace("qwen-3-vl", src=servers["qwen-3-vl"]).conversation()
    other.load(tmp_path / "talk.json")
    assert other.messages == chat.messages
    assert decode.call_count == 2
    text = other.ask("Compare them.").text
    assert "10x20" in text
    assert "30x40" in text
    assert decode.call_count == 2


def test_a_space_is_pickled_as_its_recipe(servers: Servers) -> None:
    space = QwenSpace("qwen-2.5", src=servers["qwen-2.5"], token="hf_secret", timeouts=30)
    space.status()
    again = pickle.loads(pickle.dumps(space))
    assert repr(again) == repr(space)
    assert again.timeouts == space.timeouts
    assert "Hi" in again.ask("Hi").text
    assert "hf_secret" not in repr(space)
    assert b"hf_" not in pickle.dumps(QwenSpace("qwen-2.5"))


@pytest.fixture
def talk(servers: Servers) -> Conversation:
    """A conversation of one turn with an image."""
    chat = QwenSpace("qvq-72b", src=servers["qvq-72b"]).conversation(system="Be brief.")
    chat.ask("What is this? \u2028 \U0001f600", images=picture("PNG", (2, 3), "red"))
    return chat


def test_a_turn_can_be_undone_and_repeated(talk: Conversation) -> None:
    before = talk.messages
    for images in ("images", "image_urls"):
        message = talk.undo()
        assert message == before[1]
        assert talk.messages == before[:1]
        talk.ask(message.content, images=getattr(message, images))
        assert talk.messages == before
    talk.undo()
    assert talk.undo() is None


def test_the_system_prompt_can_be_changed_and_removed(talk: Conversation) -> None:
    turns = talk.messages[1:]
    talk.system = "Be long."
    assert talk.messages == (Message("system", "Be long."), *turns)
    assert "System: Be long." in talk.ask("And this?").text
    talk.system = None
    assert talk.system is None
    assert talk.messages[:2] == turns


def test_what_was_saved_is_loaded_in_another_conversation(
    talk: Conversation, servers: Servers, tmp_path: Path
) -> None:
    path = tmp_path / "talk.json"
    path.write_text("something older")
    talk.save(path)
    assert json.loads(path.read_text("utf-8"))["messages"][0] == {"role": "system", "content": "Be brief."}
    other = QwenSpace("qvq-72b", src=servers["qvq-72b"]).conversation(system="Lost.")
    other.load(str(path))
    assert other.messages == talk.messages
    assert other.system == "Be brief."
    another = QwenSpace("qvq-72b").conversation()
    another.messages = talk.messages[:1]
    assert another.system == "Be brief."
    assert list(tmp_path.iterdir()) == [path]


def test_a_notebook_shows_each_message_with_its_role_and_a_reply_as_its_markdown(talk: Conversation) -> None:
    shown = talk._repr_markdown_()
    for message in talk.messages:
        assert f"**{message.role}**\n\n{markdown(message.content)}" in shown
    reply = talk.ask("And this?")
    assert reply._repr_markdown_() == markdown(reply.text)
    assert QwenSpace("qvq-72b")._repr_markdown_() == (
        "**qvq-72b**: Qwen QVQ-72B, Qwen/QVQ-72B-preview, takes text and images"
    )


def test_a_file_that_cannot_be_written_whole_stays_as_it_was(
    talk: Conversation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "talk.json"
    path.write_text("something older")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as caught:
        talk.save(path)
    assert caught.value.filename == str(path)
    assert path.read_text() == "something older"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "holds no conversation"),
        ("[1, 2]", "holds no conversation"),
        ('{"messages": []}', "holds no conversation"),
        ('{"qwen_spaces": 2, "messages": []}', "newer qwen_spaces"),
        (
            '{"qwen_spaces": 1, "messages": [{"role": "king", "content": ""}]}',
            "Message 0 has the role 'king'",
        ),
        (
            '{"qwen_spaces": 1, "messages": [{"role": "user", "content": [{"type": "image_url", '
            '"image_url": {"url": "data:image/png;base64,AAAA"}}]}]}',
            "The image is not an image",
        ),
        ('{"qwen_spaces": 1, "messages": 5}', "holds no conversation"),
    ],
)
def test_a_file_of_something_else_is_refused(text: str, why: str, tmp_path: Path) -> None:
    path = tmp_path / "talk.json"
    path.write_text(text)
    chat = QwenSpace("qvq-72b").conversation(system="Be brief.")
    with pytest.raises((InvalidMessagesError, InvalidImageError), match=why):
        chat.load(path)
    assert chat.system == "Be brief."


def test_a_session_is_resumed_by_the_next_turn_and_by_one_alone() -> None:
    dialogue = [
        Message("user", f"q{place}") if place % 2 == 0 else Message("assistant", "a") for place in range(8)
    ]
    memory = SessionStore()

    def ask(*messages: Message) -> tuple[Request, Sequence[Message], int]:
        request = Request(messages, {}, (), memory)
        sent, _, turns, _ = request.unsent(stateful=True)
        return request, sent, turns

    # The first three messages are sent at once, so they are one turn of the session.
    first, sent, turns = ask(*dialogue[:3])
    assert (list(sent), turns) == (dialogue[:3], 0)
    first.complete(Reply(dialogue[3].content))
    second, sent, turns = ask(*dialogue[:5])
    assert (list(sent), turns, second.session_hash) == (dialogue[4:5], 2, first.session_hash)
    at_once, sent, turns = ask(*dialogue[:5])
    assert (list(sent), turns) == (dialogue[:5], 0)
    second.complete(Reply(dialogue[5].content))
    third, sent, turns = ask(*dialogue[:7])
    assert (list(sent), turns, third.session_hash) == (dialogue[6:7], 3, first.session_hash)
    after_a_failure, sent, turns = ask(*dialogue[:7])
    assert (list(sent), turns) == (dialogue[:7], 0)
    after_a_failure.complete(Reply(dialogue[7].content))
    changed, sent, turns = ask(dialogue[2], dialogue[1], dialogue[0])
    assert (list(sent), turns) == ([dialogue[2], dialogue[1], dialogue[0]], 0)
    sessions = {request.session_hash for request in (first, at_once, after_a_failure, changed)}
    assert len(sessions - {None}) == 4
    assert Request(dialogue[:1], {}, ()).unsent(stateful=True) == (dialogue[:1], (), 0, None)
    memory.forgetful = True
    assert Request(dialogue[:7], {}, (), memory).unsent(stateful=True) == (dialogue[:7], (), 0, None)


def test_a_resumed_session_gets_the_new_images_and_the_system_prompt() -> None:
    url = "https://example.org/{}.png".format
    system, answer = Message("system", "S"), Message("assistant", "a")
    questions = [
        Message("user", "q", (url(1), url(2))),
        Message("user", "q", (url(3),)),
        Message("user", "q"),
    ]
    memory = SessionStore()
    messages = [system]
    for message, new in zip(questions, ([1, 2], [3], []), strict=True):
        messages.append(message)
        images = [image for message in messages for image in message.images]
        request = Request(tuple(messages), {}, images, memory)
        sent, uploads, *_ = request.unsent(stateful=True)
        assert list(sent) == [system, message]
        assert [image.url for image in uploads] == [url(number) for number in new]
        messages.append(answer)
        request.complete(Reply(answer.content))
