"""The mailbox: newest wins, the end stays, and its readers wake at once."""

from __future__ import annotations

import threading
import time

import anyio
import pytest

from qwen_spaces import StreamCancelledError
from qwen_spaces._contract.content import Snapshot
from qwen_spaces._stream.mailbox import Mailbox
from qwen_spaces._types.events import Status

from ..support.modes import run_async


def test_the_newest_output_replaces_the_unread_one() -> None:
    mailbox = Mailbox()
    for output in ("a", "ab", "abc"):
        mailbox.set_snapshot(output)
    mailbox.set_status(Status("queued"))
    mailbox.set_status(Status("running"))
    news = mailbox.take()
    assert (news.snapshot, news.status, news.ended) == (Snapshot("abc"), Status("running"), False)
    assert mailbox.take()[:2] == (None, None)


def test_text_that_goes_behind_is_one_with_the_unread_snapshot() -> None:
    mailbox = Mailbox()
    mailbox.set_snapshot("a")
    mailbox.append("b")
    mailbox.append("c")
    assert mailbox.take()[1:3] == (Snapshot("abc"), "")
    mailbox.append("d")
    mailbox.append("e")
    assert mailbox.take()[1:3] == (None, "de")
    mailbox.append("f")
    mailbox.set_snapshot("another")
    assert mailbox.take()[1:3] == (Snapshot("another"), "")
    mailbox.end()
    mailbox.append("late")
    assert mailbox.take()[1:3] == (None, "")


def test_the_first_end_stands_and_nothing_comes_after() -> None:
    mailbox = Mailbox()
    error = ValueError()
    mailbox.end(error)
    mailbox.end()
    mailbox.set_snapshot("late")
    assert mailbox.error is error
    assert mailbox.take().snapshot is None
    assert mailbox.take().ended
    mailbox.wait(None)  # does not block


def test_leaving_cancels_once_whenever_the_canceller_comes() -> None:
    for early in (True, False):
        calls: list[int] = []
        mailbox = Mailbox()
        if early:
            mailbox.on_cancel(lambda calls=calls: calls.append(1))  # type: ignore[misc]
        mailbox.cancel()
        mailbox.cancel()
        if not early:
            mailbox.on_cancel(lambda calls=calls: calls.append(1))  # type: ignore[misc]
        assert calls == [1]
        assert isinstance(mailbox.error, StreamCancelledError)


@pytest.mark.parametrize("mode", ["sync", "asyncio", "trio"])
def test_a_waiting_reader_is_woken_from_another_thread(mode: str) -> None:
    mailbox = Mailbox()
    thread = threading.Timer(0.05, mailbox.set_snapshot, ["text"])
    start = time.monotonic()
    thread.start()
    if mode == "sync":
        mailbox.wait(90)
    else:
        run_async(mode, lambda: mailbox.wait_async(25))
    assert time.monotonic() - start < 24
    assert mailbox.take().snapshot == Snapshot("text")
    thread.join()


@pytest.mark.parametrize("mode", ["sync", "asyncio", "trio"])
def test_waiting_is_bounded(mode: str) -> None:
    mailbox = Mailbox()
    if mode == "sync":
        mailbox.wait(0.01)
    else:
        run_async(mode, lambda: mailbox.wait_async(0.01))
    assert mailbox.take().snapshot is None


def test_a_reader_whose_loop_is_gone_does_not_hurt_the_writer(backend: str) -> None:
    mailbox = Mailbox()

    async def leave() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(mailbox.wait_async, None)
            await anyio.sleep(0.01)
            # As if the loop ended with the waker still known.
            kept = set(mailbox._wakers)
            tasks.cancel_scope.cancel()
        mailbox._wakers.update(kept)

    run_async(backend, leave)
    mailbox.set_snapshot("text")
    assert mailbox.take().snapshot == Snapshot("text")
