"""What goes wrong, as OpenAI says it: a status code, headers, and an error body."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import NamedTuple

from openai.types.shared import ErrorObject
from pydantic import BaseModel
from starlette.responses import Response

from ..errors import (
    AuthenticationError,
    ConnectError,
    ContractError,
    InvalidImageError,
    InvalidMessagesError,
    QueueFullError,
    QuotaExceededError,
    QwenSpacesError,
    RateLimitedError,
    SpaceNotFoundError,
    SpaceTimeoutError,
    StreamCancelledError,
    StreamError,
    UnknownSpaceError,
    UnsupportedOptionError,
)

WAIT = 5.0  # seconds to wait before another try, where nobody says how many
DAY = 86_400.0  # seconds, the longest that is said
TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
FAULTS: tuple[tuple[type[QwenSpacesError], int, str, str | None], ...] = (  # the first that fits
    (UnknownSpaceError, 404, "model_not_found", "model"),
    (InvalidMessagesError, 400, "invalid_messages", "messages"),
    (InvalidImageError, 400, "invalid_image", "messages"),
    (UnsupportedOptionError, 400, "unsupported_value", None),
    (AuthenticationError, 401, "space_authentication", None),
    (SpaceNotFoundError, 404, "space_not_found", None),
    (ContractError, 502, "space_contract", None),
    (ConnectError, 503, "space_unavailable", None),
    (QueueFullError, 429, "space_queue_full", None),
    (RateLimitedError, 429, "rate_limit_exceeded", None),
    (QuotaExceededError, 429, "insufficient_quota", None),
    (SpaceTimeoutError, 504, "space_timeout", None),
    (StreamCancelledError, 503, "shutting_down", None),
    (StreamError, 502, "space_error", None),
)


class ErrorBody(BaseModel):
    """OpenAI's error response."""

    error: ErrorObject


class ErrorResponse(NamedTuple):
    """An error on its way to the client."""

    status: int
    message: str
    code: str | None = None
    param: str | None = None
    headers: Mapping[str, str] = {}

    @property
    def body(self) -> str:
        """As JSON of ASCII characters, whatever half of a character the message quotes."""
        kind = TYPES.get(self.status, "invalid_request_error" if self.status < 500 else "server_error")
        error = ErrorObject(message=self.message, type=kind, param=self.param, code=self.code)
        return json.dumps(ErrorBody(error=error).model_dump())

    def response(self) -> Response:
        """As a whole response."""
        return Response(self.body, self.status, self.headers, "application/json")


class RequestRejectedError(Exception):
    """The gateway itself refuses a request."""

    def __init__(self, fault: ErrorResponse) -> None:
        super().__init__(fault.message)
        self.fault = fault


def error_response_for(error: Exception) -> ErrorResponse:
    """Return the form of an error.

    What is no fault of the client's is not to be tried again by the client's library: where that may help,
    it was tried again here.
    """
    if isinstance(error, RequestRejectedError):
        return error.fault
    known = next((entry for entry in FAULTS if isinstance(error, entry[0])), None)
    if known is None:
        return ErrorResponse(500, "The gateway failed unexpectedly; its log says more.", "internal_error")
    _, status, code, param = known
    message = "The gateway is shutting down." if code == "shutting_down" else str(error)
    headers = {}
    if status == 429:
        after = getattr(error, "retry_after", None) or WAIT  # a server may have said "inf", or "nan"
        headers = {"Retry-After": str(math.ceil(max(0.0, min(DAY, after))))}
    elif status >= 500:
        headers = {"x-should-retry": "false"}  # of the openai SDK (2.54, `_should_retry`)
    return ErrorResponse(status, message, code, param, headers)
