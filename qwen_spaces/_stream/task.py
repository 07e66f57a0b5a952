"""Do the work of one request in a thread of its own, within the bounds of its phases."""

from __future__ import annotations

import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable

from .._types.timeouts import Timeouts
from ..errors import Phase, QwenSpacesError, SpaceTimeoutError, StreamError
from .mailbox import Mailbox

_LATE: dict[Phase, str] = {
    "connect": "the Space was not reached",
    "wake": "the Space did not wake up",
    "first": "no text came",
    "gap": "no more text came",
    "total": "the answer was not complete",
}

FREEZE = 1.0  # seconds after a bound from which the process must have been stopped meanwhile
REPRIEVE = 1.0  # seconds to read what arrived during that


class Task:
    """Work for one request to the Space called `space`, and the bounds of its phases."""

    def __init__(self, *, timeouts: Timeouts, space: str) -> None:
        self._timeouts = timeouts
        self.space: str = space
        self.mailbox: Mailbox = Mailbox()
        self.started_at: float | None = None  # seconds of `time.monotonic()`
        self._reprieve = 0.0  # until when nothing is late, in seconds of `time.monotonic()`

    @property
    def latest(self) -> float | None:
        """When the newest text came, in seconds of `time.monotonic()`."""
        return None

    def __del__(self) -> None:
        if self.started_at is not None and not self.mailbox.ended:
            self.cancel()
            if not sys.is_finalizing():  # at the end of a program everything is dropped
                warnings.warn(
                    f"A stream from {self.space} was dropped before its end.", ResourceWarning, stacklevel=2
                )

    def cancel(self) -> None:
        """End the request, here and on the server; does not block."""
        self.mailbox.cancel()

    def start(self, work: Callable[..., object], *args: object) -> None:
        """Call ``work(*args, mailbox)`` in a thread, unless this is already cancelled."""
        self.started_at = time.monotonic()
        if not self.mailbox.ended:
            self.mailbox.timeline.since = self.started_at
            # The thread holds no reference to this object, because its deletion must cancel the work.
            threading.Thread(
                target=_run, args=(work, args, self.mailbox), name="qwen_spaces", daemon=True
            ).start()

    def wait(self) -> None:
        """Block until work that puts out no text is over; raise its error."""
        try:
            while not self._is_over():
                self.mailbox.wait(self.patience())
        except BaseException as error:
            self.cancel_for(error)
            raise

    async def wait_async(self) -> None:
        """Like `wait`, under asyncio or trio; being cancelled ends the work."""
        try:
            while not self._is_over():
                await self.mailbox.wait_async(self.patience())
        except BaseException as error:
            self.cancel_for(error)
            raise

    def _is_over(self) -> bool:
        self.mailbox.take()
        if not self.mailbox.ended and (late := self.lateness()):
            self.mailbox.fail(late)
        if self.mailbox.error is not None:
            raise self.mailbox.error.with_traceback(None)
        return self.mailbox.ended

    def cancel_for(self, error: BaseException) -> None:
        """Cancel if a reader leaves with an error that is not ours: Ctrl-C, a cancelled task ..."""
        if not isinstance(error, QwenSpacesError):
            self.cancel()

    def _bound(self) -> tuple[float, Phase, float] | None:
        return self._timeouts.nearest(self.mailbox.timeline, self.latest)

    def patience(self) -> float | None:
        """Return the seconds until the nearest bound; ``None`` waits for ever."""
        bound = self._bound()
        return None if bound is None else max(0.0, max(bound[0], self._reprieve) - time.monotonic())

    def lateness(self) -> SpaceTimeoutError | None:
        """Return the error of a phase that takes too long, if there is one."""
        bound, now = self._bound(), time.monotonic()
        if bound is None or now < max(bound[0], self._reprieve):
            return None
        when, phase, seconds = bound
        if now - max(when, self._reprieve) > FREEZE:
            # A debugger or Ctrl-Z stopped the process. What arrived meanwhile is still unread.
            self._reprieve = now + REPRIEVE
            return None
        return SpaceTimeoutError(
            f"{self.space}: {_LATE[phase]} within {seconds:g} s. Try again, or allow more with "
            f"timeouts=Timeouts({phase}=...).",
            phase=phase,
        )


def _run(work: Callable[..., object], args: tuple[object, ...], mailbox: Mailbox) -> None:
    """Do the work, and report its end to the mailbox."""
    try:
        work(*args, mailbox)
        mailbox.end()
    except QwenSpacesError as error:
        _release_frames(error, unread=mailbox.ended)
        mailbox.end(error)
    except BaseException as error:
        _release_frames(error, unread=mailbox.ended)
        unforeseen = StreamError(f"The request failed: {type(error).__name__}: {error}")
        unforeseen.__cause__ = error
        mailbox.end(unforeseen)
    finally:
        mailbox.finished.set()


def _release_frames(error: BaseException, *, unread: bool) -> None:
    """Clear the frames of an error and its causes, which keep a session and its texts alive.

    If it is `unread`, nobody will see it, and it needs no traceback.
    """
    links: list[BaseException] = [error]
    for link in links:
        traceback.clear_frames(link.__traceback__)
        links += [one for one in (link.__cause__, link.__context__) if one is not None and one not in links]
        if unread:
            link.__traceback__ = None
