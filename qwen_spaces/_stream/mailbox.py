"""The mailbox between the thread that listens to a Space and the reader of the answer."""

from __future__ import annotations

import re
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from .._contract.content import Snapshot
from .._contract.output import AnswerParser
from .._types.events import Status
from .._types.timeouts import Timeline
from ..errors import ConnectionLostError, StreamCancelledError, UnexpectedOutputError
from .signal import Signal

MAX_MESSAGES = 16  # of a Space, that a reader has not read
_SURROGATES = re.compile("[\ud800-\udfff]")


def _encodable(text: str) -> str:
    """Return the text with U+FFFD in place of lone surrogates, which no encoding can carry."""
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)


class Update(NamedTuple):
    """The latest news that a reader takes from the mailbox; each is taken once."""

    status: Status | None
    snapshot: Snapshot | None
    appended: str  # text that follows that of the latest snapshot
    arrived: float  # when the newest text did, in seconds of `time.monotonic()`
    ended: bool
    messages: tuple[Status, ...] = ()  # of the Space's own, before `status`


class Mailbox(Signal):
    """A one-slot mailbox: the newest snapshot replaces the one not yet read.

    So a slow reader costs no memory and never lags, since each snapshot holds all the text so far. Appended
    text stays apart, for it is slow to compare long snapshots. The first end is final.
    """

    def __init__(self) -> None:
        super().__init__()
        self._status: Status | None = None
        self._messages: deque[Status] = deque(maxlen=MAX_MESSAGES)  # unread ones, before the status
        self._snapshot: Snapshot | None = None
        self._appended: list[str] = []
        self._arrived = 0.0
        self._length = 0  # characters of the answer and its reasoning so far
        self._cancel_job: Callable[[], None] | None = None
        self.timeline: Timeline = Timeline(since=time.monotonic())
        self.parse: Callable[[object], Snapshot | None] = AnswerParser()  # an output -> the answer
        self.max_chars: int | None = None  # of text and reasoning; a longer answer ends the request
        self.has_answer: bool = False  # whether anything has come that is text, reasoning or a file
        self.raw: object = None  # the newest output that held a snapshot, as the SDK returned it
        self.on_change: Callable[[], object] | None = (
            None  # called at each status and at the end; never blocks
        )
        self.space: str = ""  # the one that answers, if it is one of several
        self.ended: bool = False
        self.error: BaseException | None = None
        self.finished: threading.Event = threading.Event()  # set when the work has ended here

    def set_status(self, status: Status) -> None:
        """Give the reader the status of the request."""
        with self._changed:
            self.timeline.enter(status.stage, status.eta or 0.0)
            if self._status is not None and self._status.level:  # it says more than where the request is
                self._messages.append(self._status)
            self._status = status
            self._wake()
            if self.on_change:
                self.on_change()

    def set_snapshot(self, output: object) -> None:
        """Give the reader the answer in an output of the Space; an unreadable one ends the request."""
        try:
            snapshot = self.parse(output)
        except (UnexpectedOutputError, ConnectionLostError) as error:
            self.fail(error)
            return
        except Exception as error:
            self.fail(UnexpectedOutputError(f"The Space's output cannot be read: {error!r}", raw=output))
            return
        if snapshot is None:
            return
        snapshot = Snapshot(_encodable(snapshot.text), _encodable(snapshot.reasoning), snapshot.files)
        with self._changed:
            if not self.ended:
                self._snapshot, self.raw, self._arrived = snapshot, output, time.monotonic()
                self._length = len(snapshot.text) + len(snapshot.reasoning)
                self.has_answer = bool(self._length or snapshot.files)
                self._appended.clear()
                self._wake()
        self._check_length()

    def append(self, text: str) -> None:
        """Give the reader text that follows all text so far."""
        with self._changed:
            if not self.ended:
                self._appended.append(_encodable(text))
                self._length += len(text)
                self.has_answer = True
                self._arrived = time.monotonic()
                self._wake()
        self._check_length()

    def end(self, error: BaseException | None = None) -> None:
        """End the request, with an error if it failed; ignore everything after it."""
        with self._changed:
            if not self.ended:
                self.ended, self.error, self.timeline.closed = True, error, time.monotonic()
                self._cancel_job = None  # it holds the whole session
                self._wake()
                if self.on_change:
                    self.on_change()

    def on_cancel(self, cancel: Callable[[], None]) -> None:
        """Call `cancel`, which must not block, when the reader cancels; at once if it already has."""
        with self._changed:
            self._cancel_job = cancel
            ended = self.ended
        if ended:
            cancel()

    def fail(self, error: BaseException) -> None:
        """Stop the reader because of `error`, and cancel the request."""
        with self._changed:
            if self.ended:
                return
            cancel = self._cancel_job
            self.end(error)
        if cancel:
            cancel()

    def cancel(self, why: str = "The stream was cancelled.") -> None:
        """Stop the reader on request, and cancel the job."""
        self.fail(StreamCancelledError(why))

    def take(self) -> Update:
        """Return all that is new, without waiting."""
        with self._changed:
            snapshot, appended = self._snapshot, "".join(self._appended)
            if snapshot is not None and appended:  # both are new and become one delta
                snapshot = Snapshot(snapshot.text + appended, snapshot.reasoning, snapshot.files)
                appended = ""
            messages = tuple(self._messages)
            update = Update(self._status, snapshot, appended, self._arrived, self.ended, messages)
            self._status = self._snapshot = None
            self._appended.clear()
            self._messages.clear()
            return update

    def sleep(self, seconds: float) -> None:
        """Sleep for so many seconds, or until the end."""
        with self._changed:
            self._changed.wait_for(lambda: self.ended, seconds)

    def _check_length(self) -> None:
        if self.max_chars is not None and self._length > self.max_chars:
            self.fail(
                UnexpectedOutputError(
                    f"The answer has more than {self.max_chars:,} characters. What came is in partial_text; "
                    "allow more with QwenSpace(..., max_chars=...)."
                )
            )

    def _has_update(self) -> bool:
        return bool(self.ended or self._appended or self._snapshot is not None or self._status is not None)
