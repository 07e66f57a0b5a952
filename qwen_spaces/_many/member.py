"""A Space of a `Router`: what is known of its queue, its speed and its failures."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from .._stream.mailbox import Mailbox
from .._stream.task import Task
from .._stream.text_stream import TextStream
from .._types.timeouts import Timeouts
from ..errors import QuotaExceededError, QwenSpacesError
from .rests import is_ours, rest_after

FRESH = 10.0  # seconds that a queue's size is good for
WEIGHT = 0.3  # of the newest time to first text in the mean
GPU = "zero"  # the beginning of the hardware whose quota is the account's


@dataclass(frozen=True, slots=True)
class Place:
    """A Space by its name, and its address, if that is not the usual one."""

    name: str
    src: str | None = None


class Space(Protocol):
    """What a `Router` needs of a `QwenSpace`."""

    name: str
    max_images: ClassVar[int | None]
    src: str
    timeouts: Timeouts
    _client: Any
    _open: Callable[..., TextStream]

    def _check_options(self, options: Mapping[str, object]) -> dict[str, object]: ...

    def _memory(self) -> Any: ...

    def _with_token(self, token: str) -> Any: ...

    def _probe(self) -> tuple[Task, Future[Any]]: ...

    async def astatus(self) -> Any:
        """Return the state of the Space."""

    def close(self) -> None:
        """Cancel all running streams and close the connection."""


class Member:
    """One Space; threads share it.

    Args:
        space: the `QwenSpace`.
        name: its name, or its address where several have that name.
        tier: 0 for those that are tried first.
        owned: whether the router made it, and closes it.
    """

    def __init__(self, space: Space, name: str, tier: int, *, owned: bool) -> None:
        self.space, self.name, self.tier, self.owned = space, name, tier, owned
        self._lock = threading.Lock()
        self.in_flight: int = 0
        self.failures: int = 0  # in a row
        self.rests_until: float = 0.0  # seconds of `time.monotonic()`, as all times here
        self.queue_size: int | None = None
        self.hardware: str = ""
        self._first: float | None = None  # mean seconds to the first text
        self._probed_at = -FRESH
        self._probe: threading.Event | None = None  # set when the probe that runs is over

    def is_ready(self, now: float) -> bool:
        """Return whether it does not rest; after a rest, one request tries it out."""
        return now >= self.rests_until and not (self.failures and self.in_flight)

    def slowness(self) -> float:
        """Return how long it lets us wait, as far as that is known."""
        return (self._first or 0.0) * (1 + self.in_flight)

    def begin(self) -> None:
        """Count a request that is about to run."""
        with self._lock:
            self.in_flight += 1

    def end(self) -> None:
        """Count it no longer."""
        with self._lock:
            self.in_flight -= 1

    def succeed(self, first: float | None) -> None:
        """Record an answer, whose first text came after so many seconds."""
        with self._lock:
            self.failures, self.rests_until = 0, 0.0
            if first is not None:
                before = first if self._first is None else self._first
                self._first = before + WEIGHT * (first - before)

    def fail(self, error: QwenSpacesError) -> None:
        """Record a failure, and let the Space rest."""
        if is_ours(error) or error._of_request:
            return
        with self._lock:
            self.failures += 1
            self.rests_until = time.monotonic() + rest_after(error, self.failures)

    def shares_quota(self, error: QwenSpacesError) -> bool:
        """Return whether a quota that is used up elsewhere is this Space's, too."""
        return isinstance(error, QuotaExceededError) and self.hardware.startswith(GPU)

    def probe(self) -> threading.Event | None:
        """Ask for the size of the queue, unless it is fresh; return what is set when it is here."""
        with self._lock:
            if self._probe is None and time.monotonic() - self._probed_at > FRESH:
                self._probe = threading.Event()
                threading.Thread(target=self._ask, args=[self._probe], daemon=True).start()
            return self._probe

    def _ask(self, over: threading.Event) -> None:
        size = None
        try:
            status = self.space._client.probe(Mailbox())
            size, self.hardware = status.queue_size, status.hardware or ""
        except QwenSpacesError as error:
            self.fail(error)
        finally:
            with self._lock:
                self.queue_size, self._probed_at, self._probe = size, time.monotonic(), None
            over.set()
