"""Every way a request can fail, as one tree.

    QwenSpacesError
    ├── UnknownSpaceError (LookupError)     no Space of that name
    ├── InvalidMessagesError (ValueError)   messages that cannot be sent
    ├── InvalidImageError (ValueError)      an image that cannot be sent
    ├── UnsupportedOptionError (TypeError)  an option, or its value, that the Space does not have
    ├── MissingExtraError (ImportError)     an optional part is not installed
    ├── ConnectError                        the Space could not be opened
    │   ├── SpaceNotFoundError              no such Space, or a private one
    │   ├── SpaceUnavailableError           the Space does not run: `stage`
    │   ├── AuthenticationError             login, token or gate refused
    │   └── ContractError                   no endpoint of the Space fits
    └── StreamError                         the answer failed: `partial_text`
        ├── QueueFullError                  `retry_after`
        ├── RateLimitedError                `retry_after`
        ├── QuotaExceededError              `retry_after`
        ├── SpaceError                      the Space's own error: `title`, `message`
        ├── ConnectionLostError             cut in the middle
        ├── EmptyReplyError                 finished and said nothing
        ├── UnexpectedOutputError           an output nobody can read: `raw`
        ├── StreamCancelledError            the result of a stream that was cancelled
        └── SpaceTimeoutError (TimeoutError)  `phase`

A text of an error says what happened, at which Space, and what to do next.
"""

from __future__ import annotations

from typing import Literal

Phase = Literal["connect", "wake", "first", "gap", "total"]


class QwenSpacesError(Exception):
    """The root: catch this to catch everything the package raises.

    Attributes:
        transient: whether the same request may well succeed in a while.
        max_retries: how often it is worth another try then; ``None`` as often as the user allows.
        retry_after: seconds to wait before that, where the server said so, else ``None``.
    """

    transient = False
    max_retries: int | None = None
    retry_after: float | None = None


class UnknownSpaceError(QwenSpacesError, LookupError):
    """No Space has that name; the text offers the nearest one."""


class InvalidMessagesError(QwenSpacesError, ValueError):
    """The messages cannot be sent; the text names the message by index and says why."""


class InvalidImageError(QwenSpacesError, ValueError):
    """An image cannot be sent; the text says which one and why."""


class UnsupportedOptionError(QwenSpacesError, TypeError):
    """The Space has no such option, or the option does not take that value."""


class MissingExtraError(QwenSpacesError, ImportError):
    """An optional part is not installed; the text holds the command that brings it."""


class ConnectError(QwenSpacesError):
    """The Space could not be opened."""


class SpaceNotFoundError(ConnectError):
    """There is no such Space, or it is private and the token does not open it."""


class SpaceUnavailableError(ConnectError):
    """The Space exists but does not run.

    Attributes:
        stage: the Hub's word for its state, such as ``"PAUSED"`` or ``"BUILD_ERROR"``.
    """

    def __init__(self, message: str, *, stage: str = "") -> None:
        super().__init__(message)
        self.stage = stage


class AuthenticationError(ConnectError):
    """The login, the token or the Space's gate was refused."""


class ContractError(ConnectError):
    """No endpoint of the Space takes what we would send; the text lists those there are."""


class StreamError(QwenSpacesError):
    """An answer failed.

    Attributes:
        partial_text: the text that had arrived, ``""`` if none.
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
    """The Space's queue takes no more requests.

    Attributes:
        retry_after: seconds to wait, where the server said so, else ``None``.
    """


class RateLimitedError(_RetryableError):
    """The server answered 429, too many requests.

    Attributes:
        retry_after: seconds to wait, where the server said so, else ``None``.
    """


class QuotaExceededError(_RetryableError):
    """The GPU quota of the caller is used up.

    Attributes:
        retry_after: seconds until the quota is renewed, read from the Space's text, else ``None``.
    """


class SpaceError(StreamError):
    """The Space's own code failed.

    Attributes:
        title: the headline the Space gave, ``"Error"`` by default.
        message: the Space's own words; ``""`` where it hides them.
    """

    def __init__(self, text: str, *, title: str = "Error", message: str = "", partial_text: str = "") -> None:
        super().__init__(text, partial_text=partial_text)
        self.title = title
        self.message = message


class ConnectionLostError(StreamError):
    """The connection was cut before the answer was complete, or the Space restarted."""


class EmptyReplyError(StreamError):
    """The Space reported success and said nothing."""


class UnexpectedOutputError(StreamError):
    """The Space put out something that is no chat text.

    Attributes:
        raw: that output, as `gradio_client` gave it.
    """

    def __init__(self, message: str, *, raw: object = None, partial_text: str = "") -> None:
        super().__init__(message, partial_text=partial_text)
        self.raw = raw


class StreamCancelledError(StreamError):
    """Raised by ``result()`` of a stream that was cancelled."""


class SpaceTimeoutError(StreamError, TimeoutError):
    """A phase took longer than its bound in `Timeouts`.

    Attributes:
        phase: ``"connect"``, ``"wake"``, ``"first"``, ``"gap"`` or ``"total"``.
    """

    def __init__(self, message: str, *, phase: Phase = "total", partial_text: str = "") -> None:
        super().__init__(message, partial_text=partial_text)
        self.phase: Phase = phase
