"""The reader of an answer that may call tools or must have a format."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

from .._contract.content import Snapshot
from .._contract.output import AnswerParser
from .._stream.accumulator import Accumulator
from .._stream.mailbox import Mailbox, Update
from .._stream.reader import Client, Reader
from .._types.events import Event
from .._types.messages import Message
from .._types.timeouts import Timeouts
from ..errors import Phase, UnexpectedOutputError
from .parser import StreamParser
from .plan import Outcome, Plan
from .prompt import render_calls


class Request(Protocol):
    """A request whose messages can be changed."""

    messages: Any
    answer: Message | None  # for the session of a stateful Space, if not that of the reply

    def complete(self, reply: Any) -> None:
        """Take the whole answer."""


class ToolMailbox(Mailbox):
    """A mailbox that also keeps the text that a reader has taken, for the worker to judge."""

    def __init__(self) -> None:
        super().__init__()
        self._taken: list[str] = []
        self.outcome: Outcome = Outcome("")
        self.restarted: float | None = None  # when a second answer was asked for, in `time.monotonic()`

    def take(self) -> Update:
        """Return all that is new, without waiting."""
        with self._changed:
            update = super().take()
            if update.snapshot is not None:
                self._taken[:] = [update.snapshot.text]
            self._taken.append(update.appended)
            return update

    def text(self) -> str:
        """Return the whole answer so far, whether or not it was taken."""
        with self._changed:
            before = self._taken if self._snapshot is None else [self._snapshot.text]
            return "".join([*before, *self._appended])

    def restart(self) -> None:
        """Forget the answer, for the next one to the same request."""
        with self._changed:
            self.restarted, self.has_answer, self._length = time.monotonic(), False, 0
            self.parse, self._snapshot, self._arrived = AnswerParser(), Snapshot("", ""), 0.0
            self._appended.clear()
            self._taken.clear()


class ToolClient:
    """A client that judges an answer, and asks once more if it is not what was asked for."""

    def __init__(self, client: Client, plan: Plan, *, space: str, retry: bool) -> None:
        self._client, self._plan, self._space, self._retry = client, plan, space, retry

    def run(self, request: Request, mailbox: Mailbox) -> None:
        """Carry out a request, and put the answer and its outcome into the mailbox."""
        assert isinstance(mailbox, ToolMailbox)  # noqa: S101  (for type checkers: `ToolReader` gives it one)
        self._client.run(request, mailbox)
        self._judge(mailbox)
        if mailbox.outcome.problem and self._retry and not mailbox.ended:
            first = request.messages
            request.messages = self._plan.retry(first, mailbox.text(), mailbox.outcome.problem)
            mailbox.restart()
            try:
                self._client.run(request, mailbox)
            finally:
                request.messages = first
            self._judge(mailbox)
        if mailbox.outcome.problem and not mailbox.ended:
            raise UnexpectedOutputError(
                f"{mailbox.space or self._space} did not answer as asked: {mailbox.outcome.problem:.1000} "
                "The answer is in partial_text. Try again, or another Space.",
                raw=mailbox.raw,
            )

    def _judge(self, mailbox: ToolMailbox) -> None:
        if mailbox.has_answer and not mailbox.ended:
            mailbox.outcome = self._plan.judge(mailbox.text())
        else:
            mailbox.outcome = Outcome("")


class ToolAnswer(Accumulator):
    """An answer of which only the text is passed on that is certain to be text."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self._plan = plan
        self._parser = StreamParser(plan.names)
        self._received: list[str] = []

    @property
    def received(self) -> str:
        """All text that has arrived."""
        if len(self._received) > 1:
            self._received[:] = ["".join(self._received)]
        return self._received[0] if self._received else ""

    def update(self, new: Snapshot, arrived: float) -> list[Event]:
        """Return the events for what is certain of `new`."""
        self._received[:] = [new.text]
        self._parser = StreamParser(self._plan.names)
        if not (new.text or new.reasoning or new.files):  # another answer follows
            return super().update(Snapshot("", self.reasoning), arrived)
        self._arrive(arrived)
        visible = "" if self._plan.holds else self._parser.feed(new.text)
        return super().update(Snapshot(visible, new.reasoning, new.files), arrived)

    def append(self, text: str, arrived: float) -> Event | None:
        """Return the event for what is certain now."""
        self._received.append(text)
        self._arrive(arrived)
        certain = "" if self._plan.holds else self._parser.feed(text)
        return super().append(certain, arrived) if certain else None

    def conclude(self, outcome: Outcome, arrived: float) -> list[Event]:
        """Return the events for all that was held back."""
        events = super().update(Snapshot(outcome.text, self.reasoning, self.files), arrived)
        self.tool_calls, self.parsed = outcome.calls, outcome.parsed
        return [*events, *outcome.calls]

    def _arrive(self, arrived: float) -> None:
        """Keep the time of text that may not be passed on; `Timeouts.gap` counts from it."""
        self.latest = arrived
        self.first = arrived if self.first is None else self.first


class ToolReader(Reader):
    """A reader of one answer with tools or a format."""

    answer: ToolAnswer
    mailbox: ToolMailbox
    _request: Request

    def __init__(
        self, client: Client, request: Request, *, timeouts: Timeouts, space: str, plan: Plan, retry: bool
    ) -> None:
        judging = ToolClient(client, plan, space=space, retry=retry)
        super().__init__(judging, request, timeouts=timeouts, space=space)
        self.mailbox, self.answer = ToolMailbox(), ToolAnswer(plan)

    @property
    def latest(self) -> float | None:
        """When the newest text came; ``None`` while a second answer has not begun."""
        waits = self.mailbox.restarted is not None and not self.answer.received
        return None if waits else self.answer.latest

    def _bound(self) -> tuple[float, Phase, float] | None:
        """Return the next timeout; `Timeouts.first` counts again from the second submit."""
        first, timeline = self._timeouts.first, self.mailbox.timeline
        if first is None or self.mailbox.restarted is None or timeline.submitted is None:
            return super()._bound()
        later = first + self.mailbox.restarted - timeline.submitted
        bound = replace(self._timeouts, first=later).nearest(timeline, self.latest)
        return (bound[0], "first", first) if bound and bound[1] == "first" else bound

    def _finish(self) -> None:
        if self.mailbox.error is None:
            arrived = self.answer.latest or 0.0
            self._events.extend(self.answer.conclude(self.mailbox.outcome, arrived))
            message = Message("assistant", self.answer.text, tool_calls=self.answer.tool_calls)
            self._request.answer = render_calls(message)
        super()._finish()


def open_reader(plan: Plan, *, retry: bool) -> Callable[..., Reader]:
    """Return what makes the reader of a stream with such a plan."""
    if not plan.tools and plan.format is None:
        return Reader

    def make(client: Client, request: Request, *, timeouts: Timeouts, space: str) -> Reader:
        return ToolReader(client, request, timeouts=timeouts, space=space, plan=plan, retry=retry)

    return make
