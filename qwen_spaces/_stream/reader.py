"""The reader's side of a request for text: turn what arrives into events."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Any, Protocol

import anyio.lowlevel

from .._types.events import Done, Event, Metrics, Reply, Status
from .._types.timeouts import Timeouts
from ..errors import EmptyReplyError, SpaceTimeoutError, StreamCancelledError, StreamError
from .accumulator import Accumulator
from .mailbox import Mailbox
from .task import Task


class Client(Protocol):
    """A client of a Space."""

    def run(self, request: Any, mailbox: Mailbox, /) -> None:
        """Carry out a request, and put the answer into the mailbox; blocks until it is over."""


class Request(Protocol):
    """A request to a Space."""

    def complete(self, reply: Reply) -> None:
        """Take the whole answer."""


class Reader(Task):
    """The state that all loops over one stream share."""

    def __init__(self, client: Client, request: Request, *, timeouts: Timeouts, space: str) -> None:
        super().__init__(timeouts=timeouts, space=space)
        self._client, self._request = client, request
        self._lock = threading.RLock()
        self._events: deque[Event] = deque()
        self.answer: Accumulator = Accumulator()
        self.status: Status | None = None
        self.reply: Reply | None = None

    @property
    def latest(self) -> float | None:
        """When the newest text came."""
        return self.answer.latest

    def pull(self, until: float | None = None) -> Event | None:
        """Wait for the next event, ``None`` after the last; blocks, until `until` at most."""
        try:
            while (event := self._next()) is None and self.reply is None:
                patience = self.patience()
                if until is not None:
                    remaining = until - time.monotonic()
                    if remaining <= 0:
                        raise SpaceTimeoutError(
                            f"{self.space} is not done in that time and goes on: wait again, or cancel().",
                            partial_text=self.answer.text,
                        )
                    patience = remaining if patience is None else min(patience, remaining)
                self.mailbox.wait(patience)
                self._process()
        except BaseException as error:
            self.cancel_for(error)
            raise
        return event

    async def pull_async(self) -> Event | None:
        """Wait for the next event, ``None`` after the last, under asyncio or trio."""
        try:
            if self._events or self.started_at is None:
                # Before an event is taken, never after: being cancelled here must lose no text.
                await anyio.lowlevel.checkpoint()
            while (event := self._next()) is None and self.reply is None:
                await self.mailbox.wait_async(self.patience())
                self._process()
        except BaseException as error:
            self.cancel_for(error)
            raise
        return event

    def poll(self) -> Reply | None:
        """Return the reply, ``None`` if it is not complete; start the request first, and never wait.

        Raises what `pull` raises. Events are dropped; to hear of the next one, set ``mailbox.on_change``.
        """
        while self.reply is None and (self._next() is not None or self._has_events()):
            pass
        return self.reply

    def _has_events(self) -> bool:
        self._process()
        return bool(self._events)

    def _next(self) -> Event | None:
        """Return the next event if one is here; start the request first."""
        with self._lock:
            if self.started_at is None:
                self._start()
            return self._events.popleft() if self._events else None

    def _start(self) -> None:
        if not self.mailbox.ended:
            # Not through the mailbox, where the next status would replace it.
            self.status = Status("connecting")
            self._events.append(self.status)
        self.start(self._client.run, self._request)

    def _process(self) -> None:
        """Turn what is new in the mailbox into events; text that arrived comes before an error."""
        with self._lock:
            if not self._events and self.reply is None:
                self._take()

    def _take(self) -> None:
        update = self.mailbox.take()
        cancelled = isinstance(self.mailbox.error, StreamCancelledError)  # then no status matters
        for status in () if cancelled else (*update.messages, update.status):
            if status and status != self.status:
                self.status = status
                self._events.append(status)
        if update.snapshot is not None:
            self._events.extend(self.answer.update(update.snapshot, update.arrived))
        if update.appended and (event := self.answer.append(update.appended, update.arrived)):
            self._events.append(event)
        if self._events:
            return
        if update.ended:
            self._finish()
        elif late := self.lateness():
            self.mailbox.fail(late)
            self._finish()

    def _finish(self) -> None:
        """Raise the error that ended the request, or make the reply."""
        answer = self.answer
        if self.mailbox.error is None and not (
            answer.text or answer.reasoning or answer.files or answer.tool_calls
        ):
            self.mailbox.error = EmptyReplyError(
                f"{self.space} reports success and said nothing. Its model may be overloaded: try again."
            )
        if (error := self.mailbox.error) is not None:
            if isinstance(error, StreamError):
                error.partial_text = answer.received
            # Without the frames of earlier readers, which would pile up in its traceback.
            raise error.with_traceback(None)
        self.reply = Reply(
            answer.text,
            answer.reasoning,
            answer.rewritten,
            metrics=self._metrics(),
            raw=self.mailbox.raw,
            files=answer.files,
            tool_calls=answer.tool_calls,
            parsed=answer.parsed,
            space=self.mailbox.space or self.space,
        )
        self._events.append(Done(self.reply))
        self._request.complete(self.reply)

    def _metrics(self) -> Metrics:
        timeline = self.mailbox.timeline
        return Metrics(
            connect=_between(self.started_at, timeline.submitted),
            queued=_between(timeline.submitted, timeline.started),
            first=_between(timeline.submitted, self.answer.first),
            total=_between(timeline.submitted, timeline.closed),
            deltas=self.answer.deltas,
        )


def _between(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else max(0.0, end - start)
