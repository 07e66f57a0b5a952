"""How many requests to run at once, and when to send the next one. Pure, but for its jitter."""

from __future__ import annotations

import random

from ..errors import (
    AllFailedError,
    ConnectError,
    ConnectionLostError,
    QueueFullError,
    QuotaExceededError,
    QwenSpacesError,
    RateLimitedError,
    SpaceTimeoutError,
)

MAX_FAILURES = 3  # of one prompt, after which its error is its row
MAX_PAUSE = 120.0  # seconds that a server may ask us to wait
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0  # seconds, if it does not say; doubled at each refusal in a row


class Pace:
    """The rule of politeness: one request of ours waits in a queue, and fewer run after a refusal.

    Args:
        concurrency: the most requests at once.
        queues: how many requests may wait in queues, one for each Space.
    """

    def __init__(self, concurrency: int, queues: int = 1) -> None:
        self._most, self._queues = concurrency, queues
        self._limit = float(concurrency)
        self._in_a_row = 0  # refusals
        self._answered = False  # whether anything was
        self.not_before: float = 0.0  # when the next request may start, in seconds of `time.monotonic()`

    def allows(self, running: int, waiting: int, now: float) -> bool:
        """Return whether another request may start, beside `running`, of which `waiting` have no turn.

        Example:
            >>> pace = Pace(4)
            >>> pace.allows(3, 0, 0.0), pace.allows(3, 1, 0.0), pace.allows(4, 0, 0.0)
            (True, False, False)
        """
        return running < int(self._limit) and waiting < self._queues and now >= self.not_before

    def succeed(self) -> None:
        """Record an answer."""
        self._answered = True
        self._in_a_row = 0
        self._limit = min(float(self._most), self._limit + 1 / self._limit)

    def fail(self, error: QwenSpacesError, failures: int, now: float) -> float | None:
        """Return the seconds until a prompt with so many failures is sent again, ``None`` if never."""
        if failures > MAX_FAILURES or not _passes(error, failures, answered=self._answered):
            return None
        pause = error.retry_after
        if pause is None:
            pause = min(FIRST_PAUSE * 2.0**self._in_a_row, LONGEST_PAUSE) * random.uniform(0.75, 1.25)  # noqa: S311
        self._in_a_row += 1
        if isinstance(error, (QueueFullError, RateLimitedError, QuotaExceededError, AllFailedError)):
            self._limit = max(1.0, self._limit / 2)
            self.not_before = max(self.not_before, now + pause)
        return pause


def _passes(error: QwenSpacesError, failures: int, *, answered: bool) -> bool:
    silent = isinstance(error, SpaceTimeoutError) and error.phase == "gap"
    if silent or isinstance(error, ConnectionLostError):  # nobody has seen the text that had come
        return True
    if type(error) is ConnectError and answered:  # it was there, and may be again
        return True
    if not error.transient or (error.max_retries is not None and failures > error.max_retries):
        return False
    if error.retry_after is None:
        return not isinstance(error, QuotaExceededError)  # a quota is not renewed within minutes
    return error.retry_after <= MAX_PAUSE
