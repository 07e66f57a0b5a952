"""The mailbox: newest wins, the end stays, and its readers wake at once."""

from __future__ import annotations

import threading
import time

import anyio
import pytest

from qwen_spaces import StreamCancelledError
from qwen_spaces._stream.mailbox import Feed, Status
from qwen_spaces._contract.output import Snapshot

from .conftest import run_async


def test_the_newest_output_replaces_the_unread_one() -> None:
    feed = Feed()
    for output in ("a", "ab", "abc"):
        feed.put(output)
    feed.say(Status("queued"))
    feed.say(Status("running"))
    news = feed.take()
    assert (news.snapshot, news.status, news.ended) == (Snapshot("abc"), Status("running"), False)
    assert feed.take()[:2] == (None, None)


def test_text_that_goes_behind_is_one_with_the_unread_snapshot() -> None:
    feed = Feed()
    feed.put("a")
    feed.grow("b")
    feed.grow("c")
    assert feed.take()[1:3] == (Snapshot("abc"), "")
    feed.grow("d")
    feed.grow("e")
    assert feed.take()[1:3] == (None, "de")
    feed.grow("f")
    feed.put("another")
    assert feed.take()[1:3] == (Snapshot("another"), "")
    feed.end()
    feed.grow("late")
    assert feed.take()[1:3] == (None, "")


def test_the_first_end_stands_and_nothing_comes_after() -> None:
    feed = Feed()
    error = ValueError()
    feed.end(error)
    feed.end()
    feed.put("late")
    assert feed.error is error
    assert feed.take().snapshot is None
    assert feed.take().ended
    feed.wait(None)  # does not block


def test_leaving_cancels_once_whenever_the_canceller_comes() -> None:
    for early in (True, False):
        calls: list[int] = []
        feed = Feed()
        if early:
            feed.attach(lambda calls=calls: calls.append(1))  # type: ignore[misc]
        feed.cancel()
        feed.cancel()
        if not early:
            feed.attach(lambda calls=calls: calls.append(1))  # type: ignore[misc]
        assert calls == [1]
        assert isinstance(feed.error, StreamCancelledError)


@pytest.mark.parametrize("door", ["sync", "asyncio", "trio"])
def test_a_waiting_reader_is_woken_from_another_thread(door: str) -> None:
    feed = Feed()
    thread = threading.Timer(0.05, feed.put, ["text"])
    start = time.monotonic()
    thread.start()
    if door == "sync":
        feed.wait(90)
    else:
        run_async(door, lambda: feed.wait_async(25))
    assert time.monotonic() - start < 24
    assert feed.take().snapshot == Snapshot("text")
    thread.join()


@pytest.mark.parametrize("door", ["sync", "asyncio", "trio"])
def test_waiting_is_bounded(door: str) -> None:
    feed = Feed()
    if door == "sync":
        feed.wait(0.01)
    else:
        run_async(door, lambda: feed.wait_async(0.01))
    assert feed.take().snapshot is None


def test_a_reader_whose_loop_is_gone_does_not_hurt_the_writer(backend: str) -> None:
    feed = Feed()

    async def leave() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(feed.wait_async, None)
            await anyio.sleep(0.01)
            # As if the loop ended with the waker still known.
            kept = set(feed._wakers)
            tasks.cancel_scope.cancel()
        feed._wakers.update(kept)

    run_async(backend, leave)
    feed.put("text")
    assert feed.take().snapshot == Snapshot("text")
