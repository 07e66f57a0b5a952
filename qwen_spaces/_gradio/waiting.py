"""Wait for a Space: for its TCP connection, and until it runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import httpx

from .._stream.mailbox import Mailbox
from .._types.events import Status
from ..errors import SpaceTimeoutError, StreamCancelledError

T = TypeVar("T")

CONNECT_TIMEOUT = 1.5  # seconds for one attempt at a TCP connection, which cannot be aborted
POLL_INTERVAL = 0.5, 5.0  # seconds between two requests to a Space that does not run yet: at first, at most


class WakePoll:
    """The pauses between requests to a Space that sleeps or builds; the end of `mailbox` ends them."""

    def __init__(
        self,
        mailbox: Mailbox,
        wake: float | None,  # seconds for all of them; `None` waits for ever
        on_status: Callable[[Status], None],
    ) -> None:
        self.mailbox = mailbox
        self._wake, self._on_status = wake, on_status
        self.start()

    def start(self) -> None:
        """Start anew, with a short pause and all the time."""
        self._started, self._pause = time.monotonic(), POLL_INTERVAL[0]

    def check(self, problem: str) -> None:
        """Report that the Space wakes up; raise `SpaceTimeoutError` if there is no time left."""
        if self._wake is not None and time.monotonic() - self._started >= self._wake:
            raise SpaceTimeoutError(
                f"{problem} after {self._wake:g} s. Look at its page, or allow more with "
                "timeouts=Timeouts(wake=...).",
                phase="wake",
            )
        self._on_status(Status("waking"))

    def sleep(self, least: float = 0.0) -> None:
        """Sleep until the next request, for `least` seconds at least; raise if the request is cancelled."""
        self.mailbox.sleep(max(self._pause, least))
        if self.mailbox.ended:
            raise StreamCancelledError("The stream was cancelled.")
        self._pause = min(self._pause * 1.5, POLL_INTERVAL[1])


def retry_connecting(call: Callable[[], T], mailbox: Mailbox, seconds: float | None) -> T:
    """Repeat a call whose TCP connection gets no answer, until `seconds` are over or `mailbox` has ended.

    So nobody waits longer than `CONNECT_TIMEOUT` for an attempt that cannot be aborted.
    """
    started = time.monotonic()
    while True:
        try:
            return call()
        except httpx.ConnectTimeout:
            if mailbox.ended or (seconds is not None and time.monotonic() - started >= seconds):
                raise
