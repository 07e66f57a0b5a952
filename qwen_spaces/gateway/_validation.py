"""The response to a body that does not fit its schema."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ._errors import ErrorResponse
from ._params import unsupported
from ._responses_schema import ResponsesRequest
from ._schema import ChatRequest, CompletionRequest

SUPPORTED_PARAMS = {
    *("model", "messages", "prompt", "stream", "stream_options", "stop", "input", "instructions"),
    *("tools", "tool_choice", "parallel_tool_calls", "response_format", "text"),
    *("functions", "function_call"),
}
STORED_PARAMS = {"previous_response_id", "conversation", "background"}
NESTED_PARAMS = {"messages", "tools", "functions"}  # lists, in which an error names the entry
REQUESTS = (ChatRequest, CompletionRequest, ResponsesRequest)
UNSUPPORTED_PARAMS = {param for request in REQUESTS for param in request.model_fields} - SUPPORTED_PARAMS


def validation_error_response(errors: Sequence[Any]) -> ErrorResponse:
    """Return the response to an invalid body; `errors` are pydantic's."""
    # A union reports the errors of all its members; the deepest error is the relevant one.
    error = max(errors, key=lambda error: len(error["loc"]))
    path = error["loc"][1:]
    if error["type"] == "json_invalid" or not path:
        message = "The body is not a JSON object; is the content type application/json?"
        return ErrorResponse(400, message, "invalid_body")
    param = str(path[0])
    if param in STORED_PARAMS:
        message = f"The server keeps nothing, so it has no {param!r}. Send the whole conversation as input."
        return ErrorResponse(400, message, "unsupported_parameter", param)
    if param in UNSUPPORTED_PARAMS:
        return unsupported(param)
    if param == "prompt":
        message = "prompt: It is a string, or a list of one string; a Space takes no tokens and one prompt."
        return ErrorResponse(400, message, "invalid_value", param)
    if param == "input":  # a string, or a list of items of several types, whose names are in the path
        param += "".join(f"[{index}]" for index in path[1:] if isinstance(index, int))
    if param in NESTED_PARAMS:
        param += "".join(f"[{index}]" for index in path[1:2]) + "".join(f".{name}" for name in path[2:3])
    return ErrorResponse(400, f"{param}: {error['msg']}.", "invalid_value", param)
