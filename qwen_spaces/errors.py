"""Every way a request can fail, as one tree.

    QwenSpacesError
    ├── UnknownSpaceError (LookupError)
    ├── InvalidMessagesError (ValueError)
    ├── InvalidImageError (ValueError)
    ├── UnsupportedOptionError (TypeError)
    ├── MissingExtraError (ImportError)
    ├── ConnectError
    │   ├── SpaceNotFoundError
    │   ├── SpaceUnavailableError           `stage`
    │   ├── AuthenticationError
    │   └── ContractError
    └── StreamError                         `partial_text`
        ├── QueueFullError                  `retry_after`
        ├── RateLimitedError                `retry_after`
        ├── QuotaExceededError              `retry_after`
        ├── SpaceError                      `title`, `message`
        ├── ConnectionLostError
        ├── EmptyReplyError
        ├── UnexpectedOutputError           `raw`
        ├── AllFailedError                  `errors`, `retry_after`
        ├── StreamCancelledError
        └── SpaceTimeoutError (TimeoutError)  `phase`

A message says what happened, at which Space, and what to do next.
"""

from __future__ import annotations

from typing import Literal

Phase = Literal["connect", "wake", "first", "gap", "total"]


class QwenSpacesError(Exception):
    """Base class of all errors that this package raises.

    Attributes:
        transient: whether the same request may succeed later.
        max_retries: how many retries are worthwhile then; ``None`` for as many as the user allows.
        retry_after: seconds to wait before the next one, if the server gave them, else ``None``.
    """

    transient = False
    max_retries: int | None = None
    retry_after: float | None = None
    _of_request = False  # whether the Space refused this request, and may well take another


class UnknownSpaceError(QwenSpacesError, LookupError):
    """No Space has that name; the message suggests the nearest one."""


class InvalidMessagesError(QwenSpacesError, ValueError):
    """The messages cannot be sent; the error names the message by index and says why."""


class InvalidImageError(QwenSpacesError, ValueError):
    """An image cannot be sent; the message says which one and why."""


class UnsupportedOptionError(QwenSpacesError, TypeError):
    """The Space has no such option, or the option does not take that value."""


class MissingExtraError(QwenSpacesError, ImportError):
    """An optional dependency is not installed; the message has the command that installs it."""


class ConnectError(QwenSpacesError):
    """The Space cannot be reached."""


class SpaceNotFoundError(ConnectError):
    """There is no such Space, or it is private and the token gives no access."""


class SpaceUnavailableError(ConnectError):
    """The Space exists but is not running.

    Attributes:
        stage: its state on the Hub, such as ``"PAUSED"`` or ``"BUILD_ERROR"``.
    """

    def __init__(self, message: str, *, stage: str = "") -> None:
        super().__init__(message)
        self.stage = stage


class AuthenticationError(ConnectError):
    """The login or the token was refused, or the Space is gated."""


class ContractError(ConnectError):
    """No endpoint of the Space takes the request; the message lists its endpoints."""


class StreamError(QwenSpacesError):
    """An answer failed.

    Attributes:
        partial_text: the text that had arrived by then.
    """

    def __init__(self, message: str, *, partial_text: str = "") -> None:
        super().__init__(message)
        self.partial_text = partial_text


class _RetryableError(StreamError):
    transient = True

    def __init__(self, message: str, *, retry_after: float | None = None, partial_text: str = "") -> None:
        super().__init__(message, partial_text=partial_text)
        self.retry_after = retry_after


class QueueFullError(_RetryableError):
    """The Space's queue is full."""


class RateLimitedError(_RetryableError):
    """The server answered 429, too many requests."""


class QuotaExceededError(_RetryableError):
    """The caller's GPU quota is used up.

    Attributes:
        retry_after: seconds until it is renewed, if the Space's message has them, else ``None``.
    """


class _SeveralError(_RetryableError):
    errors: tuple[tuple[str, QwenSpacesError], ...] = ()


class AllFailedError(_SeveralError):
    """No Space of a `Router` answered.

    Attributes:
        errors: the name and the error of each Space that was tried, in their order.
        retry_after: seconds until one of them may be tried again.
    """


class SpaceError(StreamError):
    """The Space's own code failed.

    Attributes:
        title: the Space's title for the error, ``"Error"`` by default.
        message: the Space's message, ``""`` if it hides it.
    """

    def __init__(self, text: str, *, title: str = "Error", message: str = "", partial_text: str = "") -> None:
        super().__init__(text, partial_text=partial_text)
        self.title = title
        self.message = message


class ConnectionLostError(StreamError):
    """The connection broke before the answer was complete, or the Space restarted."""


class EmptyReplyError(StreamError):
    """The Space finished without sending any text."""


class UnexpectedOutputError(StreamError):
    """The Space's output is not the text of a chat.

    Attributes:
        raw: the output, as `gradio_client` returns it.
    """

    def __init__(self, message: str, *, raw: object = None, partial_text: str = "") -> None:
        super().__init__(message, partial_text=partial_text)
        self.raw = raw


class StreamCancelledError(StreamError):
    """The stream was cancelled before its answer was complete; `TextStream.result` raises it."""


class SpaceTimeoutError(StreamError, TimeoutError):
    """A phase took longer than `Timeouts` allows.

    Attributes:
        phase: ``"connect"``, ``"wake"``, ``"first"``, ``"gap"`` or ``"total"``.
    """

    def __init__(self, message: str, *, phase: Phase = "total", partial_text: str = "") -> None:
        super().__init__(message, partial_text=partial_text)
        self.phase: Phase = phase
