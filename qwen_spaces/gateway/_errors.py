"""Errors in OpenAI's form: a status code, headers, and an error body."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

from pydantic import BaseModel
from starlette.responses import Response

from .. import errors

DEFAULT_RETRY_AFTER = 5.0  # seconds
MAX_RETRY_AFTER = 86_400.0  # seconds
TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
STATUSES: tuple[tuple[type[errors.QwenSpacesError], int, str, str | None], ...] = (  # the first match counts
    (errors.UnknownSpaceError, 404, "model_not_found", "model"),
    (errors.InvalidMessagesError, 400, "invalid_messages", "messages"),
    (errors.InvalidImageError, 400, "invalid_image", "messages"),
    (errors.UnsupportedOptionError, 400, "unsupported_value", None),
    (errors.AuthenticationError, 401, "space_authentication", None),
    (errors.SpaceNotFoundError, 404, "space_not_found", None),
    (errors.ContractError, 502, "space_contract", None),
    (errors.ConnectError, 503, "space_unavailable", None),
    (errors.QueueFullError, 429, "space_queue_full", None),
    (errors.RateLimitedError, 429, "rate_limit_exceeded", None),
    (errors.QuotaExceededError, 429, "insufficient_quota", None),
    (errors.SpaceTimeoutError, 504, "space_timeout", None),
    (errors.StreamCancelledError, 503, "shutting_down", None),
    (errors.AllFailedError, 503, "spaces_unavailable", None),
    (errors.StreamError, 502, "space_error", None),
)


_BUSY = (errors.QueueFullError, errors.RateLimitedError, errors.QuotaExceededError)


class ErrorDetail(BaseModel):
    """The four keys of an OpenAI error, whatever the installed `openai` adds to them."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorBody(BaseModel):
    """The body of OpenAI's error response."""

    error: ErrorDetail


class ErrorResponse(Response):
    """An error in OpenAI's form, in ASCII: its message may quote a lone surrogate."""

    media_type: str = "application/json"

    def __init__(
        self,
        status: int,
        message: str,
        code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        kind = TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
        error = ErrorDetail(message=message, type=kind, param=param, code=code)
        super().__init__(json.dumps(ErrorBody(error=error).model_dump()), status, headers)
        self.code: str | None = code
        self.message: str = message


class RequestRejectedError(Exception):
    """The gateway itself rejects a request."""

    def __init__(self, response: ErrorResponse) -> None:
        super().__init__(response.code)
        self.response = response


def error_response_for(error: Exception) -> ErrorResponse:
    if isinstance(error, RequestRejectedError):
        return error.response
    known = next((entry for entry in STATUSES if isinstance(error, entry[0])), None)
    if known is None:
        close = {"Connection": "close"}  # for uvicorn will: a client must not use it again
        message = "The gateway failed unexpectedly; its log says more."
        return ErrorResponse(500, message, "internal_error", headers=close)
    _, status, code, param = known
    if isinstance(error, errors.AllFailedError) and all(isinstance(each, _BUSY) for _, each in error.errors):
        status, code = 429, "spaces_busy"
    message = "The gateway is shutting down." if code == "shutting_down" else str(error)
    headers: dict[str, str] = {}
    if status == 429:
        delay = getattr(error, "retry_after", None) or DEFAULT_RETRY_AFTER  # a Space may send "inf" or "nan"
        headers["Retry-After"] = str(math.ceil(max(0.0, min(MAX_RETRY_AFTER, delay))))
    elif status >= 500:
        # The gateway has retried already. The openai SDK reads this header (2.54, `_should_retry`).
        headers["x-should-retry"] = "false"
    return ErrorResponse(status, message, code, param, headers)
