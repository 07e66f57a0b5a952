"""The timeouts of a request, one per phase."""

from __future__ import annotations

import math
import reprlib
import threading
import time
from dataclasses import dataclass, fields
from typing import Literal

from ..errors import Phase, UnsupportedOptionError

Stage = Literal["connecting", "waking", "queued", "running"]


@dataclass(slots=True)
class Timeline:
    """The times of a request, in seconds of `time.monotonic()`; ``None`` if still to come.

    Attributes:
        since: the start of connecting, or of the wait if `waking`.
        waking: whether the request waits for the Space to wake.
        submitted: when the request was submitted.
        started: when the Space started on it.
        closed: when it ended.
    """

    since: float
    waking: bool = False
    submitted: float | None = None
    started: float | None = None
    closed: float | None = None

    def enter(self, stage: Stage, pause: float) -> None:
        """Record the start of a stage, after a pause of this many seconds before a retry."""
        now = time.monotonic()
        if stage == "running" and self.started is None:
            self.started = now
        if stage == "connecting" or (stage == "waking" and not self.waking):
            self.waking, self.since = stage == "waking", now + pause


@dataclass(frozen=True, slots=True)
class Timeouts:
    """The most seconds for each phase of a request; ``None`` waits for ever.

    Attributes:
        connect: to connect to the Space and read its API.
        wake: for a sleeping or building Space to start.
        first: from submit to the first text, the queue included.
        gap: from text to more text; heartbeats do not count.
        total: from submit to the end.

    Raises:
        UnsupportedOptionError: one of them is not a number of seconds.
    """

    connect: float | None = 30.0
    wake: float | None = 300.0
    first: float | None = 120.0
    gap: float | None = 60.0
    total: float | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            bound = getattr(self, field.name)
            if bound is not None and not is_seconds(bound):
                given = f"Timeouts({field.name}={reprlib.repr(bound)})"
                raise UnsupportedOptionError(f"{given} is not a number of seconds; None waits for ever.")

    def nearest(self, timeline: Timeline, latest: float | None) -> tuple[float, Phase, float] | None:
        """Return the next timeout as (when, phase, seconds), ``None`` if there is none.

        `latest` is the time of the newest text, ``None`` before the first; times are of `time.monotonic()`.
        """
        since, submitted = timeline.since, timeline.submitted
        running: list[tuple[float, Phase, float | None]]
        if submitted is None:
            running = [(since, "wake", self.wake) if timeline.waking else (since, "connect", self.connect)]
        elif latest is None:
            running = [(submitted, "first", self.first), (submitted, "total", self.total)]
        else:
            running = [(latest, "gap", self.gap), (submitted, "total", self.total)]
        bounded = [(since + bound, phase, bound) for since, phase, bound in running if bound is not None]
        return min(bounded, default=None)


def is_seconds(value: object) -> bool:
    """Return whether `value` is a number of seconds that a thread can wait."""
    if isinstance(value, bool) or not hasattr(type(value), "__float__"):
        return False
    try:
        seconds = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return False
    return math.isfinite(seconds) and 0 <= seconds <= threading.TIMEOUT_MAX
