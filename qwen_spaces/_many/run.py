"""The work on many prompts, step by step, in the thread of whoever reads the rows."""

from __future__ import annotations

import inspect
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from .._stream.mailbox import Mailbox
from .._stream.signal import Bell
from .._stream.text_stream import TextStream
from .._types.events import Reply
from .._types.messages import Message, as_messages
from ..errors import QwenSpacesError
from .journal import Journal
from .pace import Pace
from .progress import Progress
from .row import Named, Prompt, ResumedRow, Row

HELD = 16  # times as many finished rows as requests may run at once
GLANCE = 0.5  # seconds after which a request that waits is looked at, whatever its Space reports


class Flight(NamedTuple):
    """A prompt, and the stream of its answer."""

    prompt: Prompt
    stream: TextStream

    @property
    def mailbox(self) -> Mailbox:
        """The mailbox of the stream."""
        return self.stream._reader.mailbox

    @property
    def waits(self) -> bool:
        """Return whether the Space has not begun."""
        mailbox = self.mailbox
        return mailbox.timeline.started is None and not (mailbox.has_answer or mailbox.ended)


class Run:
    """The prompts, the requests that run, and the rows that nobody has read yet."""

    def __init__(
        self,
        open_stream: Callable[[tuple[Message, ...]], TextStream],
        prompts: Iterable[Any],
        *,
        concurrency: int,
        ordered: bool,
        journal: Callable[[], Journal] | None,  # which opens it
        progress: bool,
        queues: int = 1,
    ) -> None:
        self.bell: Bell = Bell()  # rings when something has changed
        self.leaving: list[Mailbox] = []  # the requests that a cancel ended
        self.over: bool = False  # whether there will be no more rows
        self.cancelled: bool = False
        self._open, self._ordered = open_stream, ordered
        self._open_journal = journal
        self._journal: Journal | None = None
        self._progress = Progress(prompts, on=progress)
        self._prompts: Iterator[Any] | None = iter(prompts)
        self._pace, self._most_held = Pace(concurrency, queues), HELD * concurrency
        self._lock = threading.RLock()
        self._flights: list[Flight] = []
        self._again: deque[Prompt] = deque()
        self._rows: dict[int, Row] = {}
        self._pulled = self._returned = 0  # how many prompts, how many rows

    def step(self) -> Row | None:
        """Return the next row if there is one, and start what may start; never blocks for an answer."""
        with self._lock:
            if self.over or self.cancelled:
                self._finish()
                return None
            if self._open_journal:
                self._journal, self._open_journal = self._open_journal(), None
            self._progress.start()
            self.bell.reset()
            self._harvest()
            self._fill()
            self._report()
            index = self._returned if self._ordered else next(iter(self._rows), -1)
            if row := self._rows.pop(index, None):
                self._returned += 1
            elif not (self._flights or self._again or self._prompts):
                self._finish(complete=True)
            return row

    def patience(self) -> float | None:
        """Return the seconds until the next step, if nothing happens before; ``None``: none is needed."""
        with self._lock:
            now = time.monotonic()
            pauses = [flight.stream._reader.patience() for flight in self._flights]
            if any(flight.waits for flight in self._flights):
                pauses.append(GLANCE)
            pauses += [max(prompt.not_before, self._pace.not_before) - now for prompt in self._again]
            if self._pace.not_before > now:
                pauses.append(self._pace.not_before - now)
            return max(0.0, min((pause for pause in pauses if pause is not None), default=GLANCE))

    def cancel(self) -> None:
        """End all requests, here and on the server; from any thread, without blocking."""
        self.cancelled = True
        for flight in list(self._flights):
            flight.stream.cancel()
        if self._lock.acquire(blocking=False):  # else the step that runs now does it
            try:
                self._finish()
            finally:
                self._lock.release()
        self.bell.ring()

    def _finish(self, *, complete: bool = False) -> None:
        if self.over:
            return
        self.over = True
        for flight in self._flights:
            flight.stream.cancel()
            if flight.mailbox.timeline.submitted is not None:
                self.leaving.append(flight.mailbox)
        self._flights.clear()
        prompts, self._prompts = self._prompts, None
        self._progress.close()
        if self._journal:
            self._journal.close(complete=complete)
        if inspect.isgenerator(prompts):
            prompts.close()

    def _harvest(self) -> None:
        """Take the answers that are complete, and the errors."""
        for flight in list(self._flights):
            try:
                reply = flight.stream._reader.poll()
            except QwenSpacesError as error:
                self._flights.remove(flight)
                self._fail(flight.prompt, error.with_traceback(None))
            else:
                if reply is not None:
                    self._flights.remove(flight)
                    self._pace.succeed()
                    self._keep(flight.prompt, reply=reply)

    def _fail(self, prompt: Prompt, error: QwenSpacesError) -> None:
        prompt.failures += 1
        now = time.monotonic()
        pause = self._pace.fail(error, prompt.failures, now)
        if pause is None:
            self._keep(prompt, error=error)
        else:
            prompt.not_before = now + pause
            self._again.append(prompt)

    def _fill(self) -> None:
        """Start as many requests as may run."""
        while not self.cancelled:
            waiting = sum(flight.waits for flight in self._flights)
            if not self._pace.allows(len(self._flights), waiting, time.monotonic()):
                return
            prompt = self._next()
            if prompt is None:
                return
            try:
                stream = self._open(prompt.messages)
            except QwenSpacesError as error:
                self._keep(prompt, error=error.with_traceback(None))
                continue
            flight = Flight(prompt, stream)
            flight.mailbox.on_change = self.bell.ring
            self._flights.append(flight)
            stream._reader.poll()  # starts it

    def _next(self) -> Prompt | None:
        """Return the next prompt to send: one that is due again, or a new one."""
        now = time.monotonic()
        for prompt in self._again:
            if prompt.not_before <= now:
                self._again.remove(prompt)
                return prompt
        while self._prompts is not None and len(self._rows) < self._most_held:
            try:
                given = next(self._prompts)
            except StopIteration:
                self._prompts = None
                break
            if new := self._take(given):
                return new
        return None

    def _take(self, given: Any) -> Prompt | None:
        """Check a new prompt; return ``None`` if its row is known already."""
        named = given if isinstance(given, Named) else Named(given)
        prompt = Prompt(self._pulled, *named)
        self._pulled += 1
        invalid: QwenSpacesError | None = None
        try:
            prompt.messages = as_messages(prompt.given)
        except QwenSpacesError as error:
            invalid = error.with_traceback(None)
        if self._journal:
            prompt.key = self._journal.key(prompt)
        if invalid:
            self._keep(prompt, error=invalid)
            return None
        if self._journal and (reply := self._journal.find(prompt)):
            self._rows[prompt.index] = ResumedRow(prompt.index, prompt.given, reply)
            self._progress.add(failed=False)
            return None
        return prompt

    def _keep(
        self, prompt: Prompt, *, reply: Reply | None = None, error: QwenSpacesError | None = None
    ) -> None:
        row = Row(prompt.index, prompt.given, reply, error)
        self._rows[prompt.index] = row
        self._progress.add(failed=error is not None)
        if self._journal:
            self._journal.write(prompt, row)

    def _report(self) -> None:
        waiting = [flight for flight in self._flights if flight.waits]
        statuses = [flight.stream.status for flight in waiting]
        places = [status.position for status in statuses if status and status.position is not None]
        self._progress.show(len(waiting), min(places, default=None))
