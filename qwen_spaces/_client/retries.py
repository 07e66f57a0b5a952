"""When a request is tried again; imported at the first request, for `tenacity` is slow to import."""

from __future__ import annotations

from tenacity import (
    RetryCallState,
    Retrying,
    stop_after_attempt,
    wait_exponential,
    wait_random,
)

from .._stream.mailbox import Mailbox
from ..errors import QuotaExceededError, QwenSpacesError
from ..events import Status

LONGEST = 120.0  # seconds that a server may ask us to wait for another try
_BACKOFF = wait_exponential(multiplier=0.5, max=10.0) + wait_random(0.0, 0.5)  # seconds


def retrying(mailbox: Mailbox, retries: int) -> Retrying:
    """Return what calls a function until it does not fail, or fails for good.

    Args:
        mailbox: the request's, told of each pause; a pause ends when its reader leaves, and so do the tries.
        retries: how often it is called again at most.
    """

    def tell(state: RetryCallState) -> None:
        error, pause = state.outcome and state.outcome.exception(), state.upcoming_sleep
        mailbox.set_status(
            Status("queued" if mailbox.submitted else "connecting", eta=pause, reason=str(error))
        )

    return Retrying(
        retry=lambda state: not mailbox.ended and _is_worth_a_wait(state),
        stop=stop_after_attempt(retries + 1),
        wait=_pause,
        sleep=mailbox.sleep,
        before_sleep=tell,
        reraise=True,
    )


def _is_worth_a_wait(state: RetryCallState) -> bool:
    error = state.outcome and state.outcome.exception()
    after = getattr(error, "retry_after", None)
    most = getattr(error, "max_retries", None)
    if most is not None and state.attempt_number > most:
        return False
    if isinstance(error, QuotaExceededError) and after is None:  # it is not renewed in a minute
        return False
    return isinstance(error, QwenSpacesError) and error.transient and (after is None or after <= LONGEST)


def _pause(state: RetryCallState) -> float:
    """Seconds until the next try: what the server asks for, or ever more, with some chance in it."""
    after = getattr(state.outcome and state.outcome.exception(), "retry_after", None)
    return float(_BACKOFF(state) if after is None else after)
