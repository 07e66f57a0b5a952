"""An answer as it grows: snapshots in, events out. Pure."""

from __future__ import annotations

from typing import Any

from .._contract.content import Snapshot
from .._contract.output import diff
from .._types.events import Event, Reasoning, Text
from .._types.tools import ToolCall


class Accumulator:
    """One answer while it arrives."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._length = 0  # characters of all parts
        self.reasoning: str = ""
        self.files: tuple[str, ...] = ()  # the addresses of those beside the text
        self.tool_calls: tuple[ToolCall, ...] = ()
        self.parsed: Any = None  # the answer as the response format has it
        self.rewritten: bool = False  # text was changed that had been passed on
        self.deltas: int = 0
        self.first: float | None = None  # when the first delta arrived, in seconds of `time.monotonic()`
        self.latest: float | None = None  # when the newest one did

    @property
    def text(self) -> str:
        """The answer so far."""
        if len(self._parts) > 1:
            self._parts[:] = ["".join(self._parts)]
        return self._parts[0] if self._parts else ""

    def update(self, new: Snapshot, arrived: float) -> list[Event]:
        """Return the events that turn the answer into that of `new`."""
        events: list[Event] = []
        if thought := diff(self.reasoning, new.reasoning):
            self.rewritten |= thought.start < len(self.reasoning)
            events.append(self._count(Reasoning(thought.text), arrived))
        if delta := diff(self.text, new.text):
            self.rewritten |= delta.start < self._length
            events.append(self._count(Text(delta.text, delta.start), arrived))
        self._parts, self._length, self.reasoning = [new.text], len(new.text), new.reasoning
        self.files = new.files
        return events

    @property
    def received(self) -> str:
        """All text that has arrived."""
        return self.text

    def append(self, text: str, arrived: float) -> Event | None:
        """Return the event that appends `text` to the answer; ``None`` if nothing is to be passed on yet."""
        event = self._count(Text(text, self._length), arrived)
        self._parts.append(text)
        self._length += len(text)
        return event

    def _count(self, event: Event, arrived: float) -> Event:
        self.deltas += 1
        self.latest = arrived
        self.first = arrived if self.first is None else self.first
        return event
