"""What a Space says meanwhile, with `gr.Info` and the like, is a status: plain, bounded, in its order."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_spaces import Event, QwenSpace, Status, Text
from qwen_spaces._display.plain import waiting
from qwen_spaces._gradio.statuses import MAX_REASON, Statuses, logged
from qwen_spaces._stream.mailbox import MAX_MESSAGES, Mailbox

from ..support.modes import POLLING, run_async
from ..support.servers import Servers


@pytest.fixture
def space(servers: Servers) -> Iterator[QwenSpace]:
    with QwenSpace(servers["talker"]) as made:
        yield made


def events_of(mode: str, space: QwenSpace, prompt: str) -> list[Event]:
    stream = space.stream(prompt)

    async def read() -> list[Event]:
        return [event async for event in stream.events()]

    return list(stream.events()) if mode == "sync" else run_async(mode, read)


def said(events: list[Event]) -> list[Status]:
    """The messages of the Space among the events, each once: polling shows other statuses between them."""
    return [event for event in events if isinstance(event, Status) and event.level]


def test_what_a_space_says_is_a_status(mode: str, space: QwenSpace) -> None:
    events = events_of(mode, space, "Hi")
    info = Status("running", reason="Waiting for a GPU", level="info")
    warning = Status("running", reason="ZeroGPU client: Falling back to IP-based quotas", level="warning")
    half = Status("running", reason="Half-way", level="info")
    assert said(events) == [info, warning, half]
    assert str(info) == "The Space says: Waiting for a GPU"
    if not POLLING:
        texts = [event for event in events if isinstance(event, Text) or event in (info, warning, half)]
        assert [event.type for event in texts] == ["status", "status", "text", "status", "text"]
    assert "".join(event.text for event in events if isinstance(event, Text)) == "You said: Hi"


def test_a_message_is_bounded_and_plain(space: QwenSpace) -> None:
    long = said(events_of("sync", space, "Hi [[long]]"))[2]
    assert long.reason.startswith("[31m<script> xxx")
    assert len(long.reason) == MAX_REASON + len("...")


def test_the_status_of_the_stream_is_shown_while_it_waits(space: QwenSpace) -> None:
    stream = space.stream("Hi")
    for event in stream.events():
        if isinstance(event, Status) and event.level == "warning":
            shown = waiting(event, 2)
            break
    stream.cancel()
    assert shown == "The Space says: ZeroGPU client: Falling back to IP-based quotas, 2 s so far ..."


@given(
    st.dictionaries(st.sampled_from(["log", "level", "title", "visible", "duration"]), st.none() | st.text())
)
def test_any_message_is_a_line_or_nothing(fields: dict[str, Any]) -> None:
    status = logged({"msg": "log", **fields})
    if status:
        assert status.reason == " ".join(status.reason.split())
        assert not any(character < " " for character in status.reason)
        assert len(str(status)) < 2 * MAX_REASON
        status.reason.encode()


@pytest.mark.parametrize("log", [None, "", " \n", "<b></b>", 7, ["x"]])
def test_a_message_without_text_is_none(log: Any) -> None:
    assert logged({"msg": "log", "log": log, "level": "info", "title": "Info"}) is None


def test_where_the_request_is_does_not_replace_what_the_space_says() -> None:
    statuses, mailbox = Statuses(), Mailbox()
    say = {"msg": "log", "log": "Wait", "level": "warning", "title": "Warning"}
    for message in ({"msg": "process_starts"}, say, {"msg": "process_generating"}, {"msg": "progress"}):
        if status := statuses.read(message):
            mailbox.set_status(status)
    update = mailbox.take()
    assert (update.status, update.messages) == (Status("running", reason="Wait", level="warning"), ())
    assert statuses.read({"msg": "progress"}, answering=True) is None
    assert statuses.read(say, answering=True)
    for count in range(10 * MAX_MESSAGES):  # a reader that is away misses the oldest
        mailbox.set_status(Status("running", reason=f"{count}", level="info"))
    mailbox.set_status(Status("running"))
    update = mailbox.take()
    assert update.status == Status("running")
    assert [message.reason for message in update.messages] == [f"{count}" for count in range(144, 160)]
    assert mailbox.take().messages == ()


def test_a_retry_is_still_told_from_a_message() -> None:
    assert str(Status("queued", eta=2.0, reason="It is full.")) == "Another try follows: It is full."
    began = time.monotonic()
    mailbox = Mailbox()
    mailbox.set_status(Status("running", reason="Wait", level="info"))
    assert mailbox.timeline.started is not None
    assert mailbox.timeline.started >= began
