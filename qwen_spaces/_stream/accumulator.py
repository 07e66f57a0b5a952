"""An answer as it grows: snapshots in, events out, and the reply at the end. All pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from .mailbox import Status
from .._markup import markdown
from ..messages import Message
from .._contract.output import Snapshot, cut


@dataclass(frozen=True, slots=True)
class Metrics:
    """How long an answer took, in seconds; ``None`` where that was not seen.

    Attributes:
        connect: to reach the Space; about 0 if it was reached before.
        queued: from submit until the Space began to work on it.
        first: from submit to the first text or reasoning.
        total: from submit to the end.
        deltas: how many pieces of text and reasoning there were.
    """

    connect: float | None = None
    queued: float | None = None
    first: float | None = None
    total: float | None = None
    deltas: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """The whole answer; `str` of it is its text.

    Attributes:
        text: the answer.
        reasoning: the thinking before it, where the Space marks it.
        rewritten: whether the Space changed text that it had already given.
        metrics: how long it took.
        raw: the Space's last output as `gradio_client` gave it.
    """

    text: str
    reasoning: str = ""
    rewritten: bool = False
    metrics: Metrics = field(default_factory=Metrics)
    raw: Any = field(default=None, repr=False)

    @property
    def message(self) -> Message:
        """The answer as a message, to go on with."""
        return Message("assistant", self.text)

    def __str__(self) -> str:
        return self.text

    def _repr_markdown_(self) -> str:
        return markdown(self.text)


@dataclass(frozen=True, slots=True)
class Reasoning:
    """More of the thinking before the answer."""

    text: str
    type: Literal["reasoning"] = field(default="reasoning", init=False, repr=False)


@dataclass(frozen=True, slots=True)
class Text:
    """More of the answer, which is now ``answer[:start] + text``; `start` counts characters."""

    text: str
    start: int
    type: Literal["text"] = field(default="text", init=False, repr=False)


@dataclass(frozen=True, slots=True)
class Done:
    """The end of the answer."""

    reply: Reply
    type: Literal["done"] = field(default="done", init=False, repr=False)


Event: TypeAlias = Status | Reasoning | Text | Done


class Answer:
    """One answer while it arrives.

    Attributes:
        reasoning: the thinking so far.
        rewritten: whether text was changed that had been given.
        deltas: how many pieces there were.
        first: when the first piece arrived, in seconds of `time.monotonic()`.
        latest: when the newest did.
    """

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._length = 0  # characters of all parts
        self.reasoning = ""
        self.rewritten = False
        self.deltas = 0
        self.first: float | None = None
        self.latest: float | None = None

    @property
    def text(self) -> str:
        """The answer so far."""
        if len(self._parts) > 1:
            self._parts[:] = ["".join(self._parts)]
        return self._parts[0] if self._parts else ""

    def add(self, new: Snapshot, arrived: float) -> list[Event]:
        """The events by which the answer becomes what `new` says."""
        events: list[Event] = []
        if thought := cut(self.reasoning, new.reasoning):
            self.rewritten |= thought.start < len(self.reasoning)
            events.append(self._said(Reasoning(thought.text), arrived))
        if delta := cut(self.text, new.text):
            self.rewritten |= delta.start < self._length
            events.append(self._said(Text(delta.text, delta.start), arrived))
        self._parts, self._length, self.reasoning = [new.text], len(new.text), new.reasoning
        return events

    def grow(self, more: str, arrived: float) -> Event:
        """The event by which the answer becomes longer by `more`."""
        event = self._said(Text(more, self._length), arrived)
        self._parts.append(more)
        self._length += len(more)
        return event

    def _said(self, event: Event, arrived: float) -> Event:
        self.deltas += 1
        self.latest = arrived
        self.first = arrived if self.first is None else self.first
        return event
