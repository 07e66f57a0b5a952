"""The reader's side of a request: starts it, turns what comes into events, and knows when it is late."""

from __future__ import annotations

import functools
import sys
import threading
import time
import traceback
import warnings
from collections import deque
from collections.abc import Callable

import anyio.lowlevel

from ..errors import (
    EmptyReplyError,
    Phase,
    QwenSpacesError,
    SpaceTimeoutError,
    StreamCancelledError,
    StreamError,
)
from ..events import Done, Event, Metrics, Reply, Status
from ..timeouts import Timeouts
from .accumulator import Accumulator
from .mailbox import Mailbox

_LATE: dict[Phase, str] = {
    "connect": "the Space was not reached",
    "wake": "the Space did not wake up",
    "first": "no text came",
    "gap": "no more text came",
    "total": "the answer was not complete",
}


STOPPED = (
    1.0  # seconds that a look at the mailbox may come late before something must have stopped the process
)
REPRIEVE = 1.0  # seconds for what came meanwhile to be read


class Reader:
    """What all loops over one stream share.

    Args:
        run: does the request and feeds its answer; blocks until it is over.
        timeouts: how long each phase may take.
        space: the Space's name, for errors.
        on_reply: called with the complete answer.
    """

    def __init__(
        self,
        run: Callable[[Mailbox], None],
        *,
        timeouts: Timeouts,
        space: str,
        on_reply: Callable[[Reply], None] | None = None,
    ) -> None:
        self._run, self._on_reply = run, on_reply
        self._timeouts, self.space = timeouts, space
        self._lock = threading.RLock()
        self._events: deque[Event] = deque()
        self.mailbox = Mailbox()
        self.answer = Accumulator()
        self.began: float | None = None  # seconds of `time.monotonic()`
        self.status: Status | None = None
        self.reply: Reply | None = None
        self._reprieve = 0.0  # until when nothing is late, in seconds of `time.monotonic()`

    def __del__(self) -> None:
        if self.began is not None and not self.mailbox.ended:
            self.cancel()
            if not sys.is_finalizing():  # at the end of a program everything is dropped
                warnings.warn(
                    f"A stream from {self.space} was dropped before its end.", ResourceWarning, stacklevel=2
                )

    def cancel(self) -> None:
        """End the request, here and on the server; does not block."""
        self.mailbox.cancel()

    def pull(self, until: float | None = None) -> Event | None:
        """Wait for the next event, ``None`` after the last; blocks, until `until` at most."""
        try:
            while (event := self._next()) is None and self.reply is None:
                patience = self._patience()
                if until is not None:
                    left = until - time.monotonic()
                    if left <= 0:
                        raise SpaceTimeoutError(
                            f"{self.space} is not done in that time and goes on: wait again, or cancel().",
                            partial_text=self.answer.text,
                        )
                    patience = left if patience is None else min(patience, left)
                self.mailbox.wait(patience)
                self._digest()
        except BaseException as error:
            self._leave(error)
            raise
        return event

    async def pull_async(self) -> Event | None:
        """Wait for the next event, ``None`` after the last, under asyncio or trio."""
        try:
            if self._events or self.began is None:
                # Before an event is taken, never after: being cancelled here must lose no text.
                await anyio.lowlevel.checkpoint()
            while (event := self._next()) is None and self.reply is None:
                await self.mailbox.wait_async(self._patience())
                self._digest()
        except BaseException as error:
            self._leave(error)
            raise
        return event

    def wait(self) -> None:
        """Block until a request that puts out no text is over, and raise what ended it."""
        self._next()
        try:
            while not self._is_over():
                self.mailbox.wait(self._patience())
        except BaseException as error:
            self._leave(error)
            raise

    async def wait_async(self) -> None:
        """Like `wait`, under asyncio or trio; being cancelled ends the request."""
        self._next()
        try:
            while not self._is_over():
                await self.mailbox.wait_async(self._patience())
        except BaseException as error:
            self._leave(error)
            raise

    def _is_over(self) -> bool:
        self.mailbox.take()
        if not self.mailbox.ended and (late := self._overdue()):
            self.mailbox.fail(late)
        if self.mailbox.error is not None:
            raise self.mailbox.error.with_traceback(None)
        return self.mailbox.ended

    def _leave(self, error: BaseException) -> None:
        """Cancel for a reader that leaves with `error`, if that is not ours: Ctrl-C, a cancelled task ..."""
        if not isinstance(error, QwenSpacesError):
            self.cancel()

    def _next(self) -> Event | None:
        """Return the next event that is here, and start the request."""
        with self._lock:
            if self.began is None:
                self._start()
            return self._events.popleft() if self._events else None

    def _start(self) -> None:
        self.began = time.monotonic()
        if not self.mailbox.ended:
            self.mailbox.since = self.began
            # Not by the mailbox, where what comes next would replace it.
            self.status = Status("connecting")
            self._events.append(self.status)
            work = functools.partial(_work, self._run, self.mailbox)
            threading.Thread(target=work, name="qwen_spaces", daemon=True).start()

    def _digest(self) -> None:
        """Turn what is new in the mailbox into events; what had arrived comes before what went wrong."""
        with self._lock:
            if not self._events and self.reply is None:
                self._take()

    def _take(self) -> None:
        news = self.mailbox.take()
        cancelled = isinstance(self.mailbox.error, StreamCancelledError)  # then where it stood is no news
        if not cancelled and news.status and news.status != self.status:
            self.status = news.status
            self._events.append(news.status)
        if news.snapshot is not None:
            self._events.extend(self.answer.add(news.snapshot, news.arrived))
        if news.more:
            self._events.append(self.answer.grow(news.more, news.arrived))
        if self._events:
            return
        if news.ended:
            self._finish()
        elif late := self._overdue():
            self.mailbox.fail(late)
            self._finish()

    def _finish(self) -> None:
        """Raise what ended the mailbox, or make the reply."""
        if self.mailbox.error is None and not (self.answer.text or self.answer.reasoning):
            self.mailbox.error = EmptyReplyError(
                f"{self.space} reports success and said nothing. Its model may be overloaded: try again."
            )
        if (error := self.mailbox.error) is not None:
            if isinstance(error, StreamError):
                error.partial_text = self.answer.text
            # Without the frames of earlier readers, which would pile up in its traceback.
            raise error.with_traceback(None)
        self.reply = Reply(
            self.answer.text,
            self.answer.reasoning,
            self.answer.rewritten,
            metrics=self._metrics(),
            raw=self.mailbox.raw,
        )
        self._events.append(Done(self.reply))
        if self._on_reply:
            self._on_reply(self.reply)

    def _metrics(self) -> Metrics:
        submitted = self.mailbox.submitted
        return Metrics(
            connect=_between(self.began, submitted),
            queued=_between(submitted, self.mailbox.started),
            first=_between(submitted, self.answer.first),
            total=_between(submitted, self.mailbox.closed),
            deltas=self.answer.deltas,
        )

    def _bound(self) -> tuple[float, Phase, float] | None:
        mailbox = self.mailbox
        return self._timeouts.nearest(
            since=mailbox.since, waking=mailbox.waking, submitted=mailbox.submitted, latest=self.answer.latest
        )

    def _patience(self) -> float | None:
        """Seconds until the nearest bound; ``None`` waits for ever."""
        bound = self._bound()
        return None if bound is None else max(0.0, max(bound[0], self._reprieve) - time.monotonic())

    def _overdue(self) -> SpaceTimeoutError | None:
        bound, now = self._bound(), time.monotonic()
        if bound is None or now < max(bound[0], self._reprieve):
            return None
        when, phase, seconds = bound
        if now - max(when, self._reprieve) > STOPPED:
            # Nobody looked for so long because the process was stopped, by a debugger or Ctrl-Z. What came
            # meanwhile is still unread.
            self._reprieve = now + REPRIEVE
            return None
        return SpaceTimeoutError(
            f"{self.space}: {_LATE[phase]} within {seconds:g} s. Try again, or allow more with "
            f"timeouts=Timeouts({phase}=...).",
            phase=phase,
        )


def _work(run: Callable[[Mailbox], None], mailbox: Mailbox) -> None:
    """Do a whole request, in a thread of its own; readers only wait on the mailbox."""
    try:
        run(mailbox)
        mailbox.end()
    except QwenSpacesError as error:
        _release_frames(error, unread=mailbox.ended)
        mailbox.end(error)
    except BaseException as error:
        _release_frames(error, unread=mailbox.ended)
        unforeseen = StreamError(f"The request failed: {type(error).__name__}: {error}")
        unforeseen.__cause__ = error
        mailbox.end(unforeseen)
    finally:
        mailbox.finished.set()


def _release_frames(error: BaseException, *, unread: bool) -> None:
    """Drop what the frames of a failure hold: else a session and its texts live until a garbage collection.

    Args:
        error: the failure, with those behind it.
        unread: whether nobody will see it; then it needs no traceback.
    """
    links: list[BaseException] = [error]
    for link in links:
        traceback.clear_frames(link.__traceback__)
        links += [one for one in (link.__cause__, link.__context__) if one is not None and one not in links]
        if unread:
            link.__traceback__ = None


def _between(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else max(0.0, end - start)
