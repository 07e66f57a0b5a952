"""Retry requests; imported at the first request, for `tenacity` is slow to import."""

from __future__ import annotations

from tenacity import RetryCallState, Retrying, stop_after_attempt, wait_exponential, wait_random

from .._stream.mailbox import Mailbox
from .._types.events import Status
from ..errors import QuotaExceededError, QwenSpacesError

MAX_RETRY_AFTER = 120.0  # seconds that a server may ask us to wait before a retry
_BACKOFF = wait_exponential(multiplier=0.5, max=10.0) + wait_random(0.0, 0.5)  # seconds


def retrying(mailbox: Mailbox, retries: int) -> Retrying:
    """Return the caller of a function that may fail; each pause is a status, and ends with the mailbox."""

    def set_status(state: RetryCallState) -> None:
        error, pause = state.outcome and state.outcome.exception(), state.upcoming_sleep
        mailbox.set_status(
            Status("queued" if mailbox.timeline.submitted else "connecting", eta=pause, reason=str(error))
        )

    return Retrying(
        retry=lambda state: not mailbox.ended and _is_worth_retrying(state),
        stop=stop_after_attempt(retries + 1),
        wait=_pause,
        sleep=mailbox.sleep,
        before_sleep=set_status,
        reraise=True,
    )


def _is_worth_retrying(state: RetryCallState) -> bool:
    error = state.outcome and state.outcome.exception()
    if not isinstance(error, QwenSpacesError) or not error.transient:
        return False
    if error.max_retries is not None and state.attempt_number > error.max_retries:
        return False
    if error.retry_after is None:
        return not isinstance(error, QuotaExceededError)  # a quota is not renewed within a minute
    return error.retry_after <= MAX_RETRY_AFTER


def _pause(state: RetryCallState) -> float:
    """Return the seconds until the next try: the server's wish, or a growing pause with jitter."""
    after = getattr(state.outcome and state.outcome.exception(), "retry_after", None)
    return float(_BACKOFF(state) if after is None else after)
