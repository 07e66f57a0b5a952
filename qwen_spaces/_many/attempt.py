"""The mailbox of one attempt of a `Router`, which passes everything on to that of the stream."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable
from typing import Any

from .._stream.mailbox import Mailbox
from .._types.events import Status
from .._types.timeouts import Timeouts
from ..errors import Phase, SpaceTimeoutError

GLANCE = 0.5  # seconds between two looks at the time


class Attempt(Mailbox):
    """One attempt at one Space.

    Its end is not that of the stream, which goes on with another Space if no text has come.

    Args:
        stream: the mailbox of the stream.
        space: the name of the Space.
    """

    def __init__(self, stream: Mailbox, space: str) -> None:
        super().__init__()
        self._stream, self.space = stream, space
        self.first: float | None = None  # seconds to the first text
        stream.timeline.started = None
        stream.parse = _as_it_is
        stream.on_cancel(self.cancel)

    def set_status(self, status: Status) -> None:
        """Pass on a status, with the name of the Space."""
        super().set_status(status)
        if self._stream.timeline.submitted is None:  # that of the first attempt bounds the whole
            self._stream.timeline.submitted = self.timeline.submitted
        self._stream.set_status(dataclasses.replace(status, space=self.space))

    def set_snapshot(self, output: object) -> None:
        """Pass on the answer in an output."""
        super().set_snapshot(output)
        snapshot = self.take().snapshot
        if snapshot is not None:
            self._begin()
            self._stream.set_snapshot(snapshot)
            self._stream.raw = self.raw

    def append(self, text: str) -> None:
        """Pass on text."""
        super().append(text)
        if appended := self.take().appended:
            self._begin()
            self._stream.append(appended)

    def watch(self, timeouts: Timeouts, patience: float | None, others: Callable[[], bool]) -> None:
        """Fail if no text has come in time, or within `patience` seconds while there are others to ask.

        It looks in a thread of its own, until the first text or the end.
        """

        def look() -> None:
            began = time.monotonic()
            while not (self.ended or self.has_answer):
                now = time.monotonic()
                bound = timeouts.nearest(self.timeline, None)
                if bound and now >= bound[0]:
                    self._give_up(bound[1], bound[2])
                elif patience is not None and now - began >= patience and others():
                    self._give_up("first", patience, transient=True)
                else:
                    self.wait_for_text(GLANCE)

        threading.Thread(target=look, name="qwen_spaces_watch", daemon=True).start()

    def wait_for_text(self, seconds: float) -> None:
        """Wait for the first text, or the end."""
        with self._changed:
            self._changed.wait_for(lambda: self.ended or self.has_answer, seconds)

    def _give_up(self, phase: Phase, seconds: float, *, transient: bool = False) -> None:
        late = SpaceTimeoutError(f"{self.space}: no text came within {seconds:g} s.", phase=phase)
        late.transient = transient
        self.fail(late)

    def _begin(self) -> None:
        if self.has_answer and self.first is None:
            self.first = time.monotonic() - (self.timeline.submitted or self.timeline.since)
            self._stream.space = self.space


def _as_it_is(snapshot: Any) -> Any:  # the mailbox of the attempt has parsed the output
    return snapshot
