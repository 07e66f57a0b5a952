"""The mailbox between the threads that hear a Space and whoever reads the answer."""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import anyio
import anyio.lowlevel

from .._contract.output import Snapshot, count_user_turns, parse
from ..errors import ConnectionLostError, StreamCancelledError, UnexpectedOutputError
from ..events import Status

_HALVES = re.compile("[\ud800-\udfff]")  # of surrogate pairs


def _whole_characters(text: str) -> str:
    """Return the text with U+FFFD for what no encoding can carry."""
    return text if text.isascii() else _HALVES.sub("\ufffd", text)


class Update(NamedTuple):
    """What a reader takes from the mailbox: the latest of each kind that was not yet taken."""

    status: Status | None
    snapshot: Snapshot | None
    more: str  # text to go behind that of the latest snapshot
    arrived: float  # when the newest of them did, in seconds of `time.monotonic()`
    ended: bool


class Mailbox:
    """A one-slot mailbox: the newest snapshot replaces the one not yet read.

    So a slow reader costs no memory and falls behind by nothing, since each snapshot holds all the
    text so far. Text that is known to go behind it is kept as that, for a long answer is slow to
    compare. The end is kept for ever; the first one given stands.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._wakers: set[Callable[[], object]] = set()
        self._status: Status | None = None
        self._snapshot: Snapshot | None = None
        self._more: list[str] = []
        self._arrived = 0.0
        self._length = 0  # characters of the answer and its reasoning so far
        self._cancel_job: Callable[[], None] | None = None
        self.ended = False
        self.error: BaseException | None = None
        self.turns = 0  # of the user's, which the Space must know; 0 where it need not
        self.placeholder = ""  # what the answer says before there is one
        self.max_chars: int | None = None  # of text and reasoning; what is longer ends the request
        self.raw: object = None  # the newest output that said something, as the SDK gave it
        self.finished = threading.Event()  # set once nothing of the request is left on our side
        self.waking = False  # whether the Space is awaited, not yet reached
        self.since = time.monotonic()  # when reaching or awaiting it began, as the next three
        self.submitted: float | None = None
        self.started: float | None = None  # when the Space began to work on it
        self.closed: float | None = None

    def set_status(self, status: Status) -> None:
        """Tell the reader where the request stands."""
        with self._changed:
            now = time.monotonic()
            if status.stage == "running" and self.started is None:
                self.started = now
            if status.stage == "connecting" or (status.stage == "waking" and not self.waking):
                self.waking = status.stage == "waking"
                self.since = now + (status.eta or 0.0)  # a pause before another try is not part of it
            self._status = status
            self._wake()

    def set_snapshot(self, output: object) -> None:
        """Give the reader what an output of the Space says; one that nobody can read ends the request."""
        try:
            snapshot = parse(output)
            if snapshot:
                snapshot = Snapshot(_whole_characters(snapshot.text), _whole_characters(snapshot.reasoning))
            if snapshot and self.placeholder and snapshot.text.strip() == self.placeholder:
                snapshot = Snapshot("", snapshot.reasoning)
            if (count_user_turns(output) or self.turns) < self.turns:
                raise ConnectionLostError(
                    "The Space has forgotten the conversation, as one does that was started again. "
                    "Ask again: the earlier turns are then sent along."
                )
        except Exception as error:
            if not isinstance(error, (UnexpectedOutputError, ConnectionLostError)):
                error = UnexpectedOutputError(f"The Space put out what cannot be read: {error!r}", raw=output)
            self.fail(error)
            return
        with self._changed:
            if snapshot is not None and not self.ended:
                self._snapshot, self.raw, self._arrived = snapshot, output, time.monotonic()
                self._length = len(snapshot.text) + len(snapshot.reasoning)
                self._more.clear()
                self._wake()
        self._check_length()

    def append(self, text: str) -> None:
        """Give the reader text that goes behind all that was put so far."""
        with self._changed:
            if not self.ended:
                self._more.append(_whole_characters(text))
                self._length += len(text)
                self._arrived = time.monotonic()
                self._wake()
        self._check_length()

    def end(self, error: BaseException | None = None) -> None:
        """Nothing comes after this."""
        with self._changed:
            if not self.ended:
                self.ended, self.error, self.closed = True, error, time.monotonic()
                self._cancel_job = None  # it holds the whole session
                self._wake()

    def on_cancel(self, cancel: Callable[[], None]) -> None:
        """Have `cancel` called when the reader leaves; at once if it already has. It must not block."""
        with self._changed:
            self._cancel_job = cancel
            left = self.ended
        if left:
            cancel()

    def fail(self, error: BaseException) -> None:
        """End the reading for the reason `error`, and cancel the request."""
        with self._changed:
            if self.ended:
                return
            cancel = self._cancel_job
            self.end(error)
        if cancel:
            cancel()

    def cancel(self, why: str = "The stream was cancelled.") -> None:
        """`fail` because somebody wants it so."""
        self.fail(StreamCancelledError(why))

    def take(self) -> Update:
        """All that is new, without waiting."""
        with self._changed:
            snapshot, more = self._snapshot, "".join(self._more)
            if snapshot is not None and more:  # both are new, so that they are one delta
                snapshot, more = Snapshot(snapshot.text + more, snapshot.reasoning), ""
            news = Update(self._status, snapshot, more, self._arrived, self.ended)
            self._status = self._snapshot = None
            self._more.clear()
            return news

    def sleep(self, seconds: float) -> None:
        """Sleep so long, or until the reader has left."""
        with self._changed:
            self._changed.wait_for(lambda: self.ended, seconds)

    def wait(self, timeout: float | None) -> None:
        """Block until there is news, for `timeout` seconds at most."""
        with self._changed:
            self._changed.wait_for(self._has_news, timeout)

    async def wait_async(self, timeout: float | None) -> None:
        """Wait until there is news, for `timeout` seconds at most, under asyncio or trio."""
        event = anyio.Event()
        loop: Any = anyio.lowlevel.current_token().native_token
        # The SDK's threads must never block on a reader's loop, so no `anyio.from_thread`.
        soon = loop.call_soon_threadsafe if hasattr(loop, "call_soon_threadsafe") else loop.run_sync_soon

        def wake() -> None:
            with contextlib.suppress(RuntimeError):  # that loop is closed and its reader gone
                soon(event.set)

        with self._changed:
            if self._has_news():
                event.set()
            else:
                self._wakers.add(wake)
        try:
            with anyio.move_on_after(timeout):
                await event.wait()
        finally:
            with self._changed:
                self._wakers.discard(wake)

    def _check_length(self) -> None:
        if self.max_chars is not None and self._length > self.max_chars:
            self.fail(
                UnexpectedOutputError(
                    f"The answer has more than {self.max_chars:,} characters. What came is in partial_text; "
                    "allow more with QwenSpace(..., max_chars=...)."
                )
            )

    def _has_news(self) -> bool:
        return bool(self.ended or self._more or self._snapshot is not None or self._status is not None)

    def _wake(self) -> None:
        self._changed.notify_all()
        for wake in self._wakers:
            wake()
        self._wakers.clear()
