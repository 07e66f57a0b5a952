"""How long a Space rests after an error. Pure, but for its jitter."""

from __future__ import annotations

import random
from typing import NamedTuple

from ..errors import (
    ConnectError,
    ConnectionLostError,
    InvalidImageError,
    InvalidMessagesError,
    QueueFullError,
    QuotaExceededError,
    QwenSpacesError,
    RateLimitedError,
    SpaceTimeoutError,
    SpaceUnavailableError,
    StreamCancelledError,
    StreamError,
    UnsupportedOptionError,
)

LONGEST = 600.0  # seconds
JITTER = 0.25


class Rest(NamedTuple):
    """What an error before the first text means for its Space."""

    seconds: float
    from_failure: int = 1  # in a row, from which it rests


_RESTS: tuple[tuple[tuple[type[QwenSpacesError], ...], Rest], ...] = (  # the first that fits
    ((QueueFullError, RateLimitedError), Rest(10.0)),
    ((QuotaExceededError,), Rest(600.0)),
    ((SpaceTimeoutError,), Rest(30.0)),
    ((ConnectionLostError,), Rest(15.0)),
    ((SpaceUnavailableError,), Rest(300.0)),
    ((StreamError,), Rest(30.0, from_failure=2)),  # its own error, no text, no text that can be read
)
_UNREACHED, _WRONG = Rest(15.0), Rest(600.0)


def is_ours(error: QwenSpacesError) -> bool:
    """Return whether the request itself is at fault, so that no other Space is asked."""
    ours = (InvalidMessagesError, InvalidImageError, UnsupportedOptionError, StreamCancelledError)
    return isinstance(error, ours)


def rest_after(error: QwenSpacesError, failures: int) -> float:
    """Return the seconds that a Space rests after so many failures in a row, 0 if it does not.

    Example:
        >>> 7.5 <= rest_after(QueueFullError("full"), 1) <= 12.5, rest_after(StreamError("odd"), 1)
        (True, 0.0)
        >>> rest_after(QueueFullError("full", retry_after=3.0), 5)
        3.0
    """
    rest = next((rest for kinds, rest in _RESTS if isinstance(error, kinds)), None)
    if rest is None:
        # A plain ConnectError is the network's; its subclasses say that this Space will not do.
        rest = _UNREACHED if type(error) is ConnectError else _WRONG
    if failures < rest.from_failure:
        return 0.0
    if error.retry_after is not None:
        return min(error.retry_after, LONGEST)
    doubled = rest.seconds * 2.0 ** (failures - rest.from_failure)
    return min(doubled * random.uniform(1 - JITTER, 1 + JITTER), LONGEST)  # noqa: S311
