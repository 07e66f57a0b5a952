"""The schema of a request's body, and its conversion for a Space."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeAlias

from openai.types.shared_params import ResponseFormatText
from pydantic import Field

from ._errors import ErrorResponse, RequestRejectedError
from ._params import AnswerRequest, EmptyList, FailFastList, Strict

MAX_IMAGES = 16  # in one request
MAX_IMAGE_BYTES = 10 * 2**20  # of one image, decoded


class TextPart(Strict):
    """A text part of a message."""

    type: Literal["text"]
    text: str


class ImageUrl(Strict):
    """The URL of an image, which the Space fetches, never the gateway; or its data."""

    url: str = Field(pattern="^(https://|data:)")


class ImagePart(Strict):
    """An image part of a message."""

    type: Literal["image_url"]
    image_url: ImageUrl


Part: TypeAlias = Annotated[TextPart | ImagePart, Field(discriminator="type")]


class Turn(Strict):
    """One message; other fields are ignored."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | FailFastList[Part]
    tool_calls: EmptyList | None = None
    function_call: None = None
    audio: None = None


class ChatRequest(AnswerRequest):
    """The body of ``/v1/chat/completions``."""

    messages: FailFastList[Turn] = Field(min_length=1)

    tools: EmptyList | None = None
    tool_choice: Literal["none", "auto"] | None = None
    functions: EmptyList | None = None
    function_call: Literal["none", "auto"] | None = None
    logprobs: Literal[False] | None = None
    top_logprobs: Literal[0] | None = None
    response_format: ResponseFormatText | None = None
    modalities: FailFastList[Literal["text"]] | None = None
    audio: None = None
    moderation: None = None
    web_search_options: None = None

    def to_messages(self) -> list[dict[str, Any]]:
        """Return the messages for `QwenSpace.stream`; raise if the images are too many or too large."""
        parts = [part for turn in self.messages for part in turn.content]
        _check_images([part for part in parts if isinstance(part, ImagePart)])
        messages = [turn.model_dump(include={"role", "content"}) for turn in self.messages]
        for message in messages:
            if message["role"] == "developer":
                message["role"] = "system"
        if messages[-1]["role"] == "system":  # OpenAI's models answer it; a Space answers only a user
            messages[-1]["role"] = "user"
        return messages


class CompletionRequest(AnswerRequest):
    """The body of ``/v1/completions``: the prompt is the user's message."""

    prompt: str | Annotated[list[str], Field(min_length=1, max_length=1)]

    echo: Literal[False] | None = None
    suffix: Literal[""] | None = None
    logprobs: None = None

    def to_messages(self) -> list[dict[str, Any]]:
        """Return the message for `QwenSpace.stream`."""
        prompt = self.prompt if isinstance(self.prompt, str) else self.prompt[0]
        return [{"role": "user", "content": prompt}]


SUPPORTED_PARAMS = {"model", "messages", "prompt", "stream", "stream_options", "stop"}
UNSUPPORTED_PARAMS = {*ChatRequest.model_fields, *CompletionRequest.model_fields} - SUPPORTED_PARAMS


def validation_error_response(errors: Sequence[Any]) -> ErrorResponse:
    """Return the response to an invalid body; `errors` are pydantic's."""
    # A union reports the errors of all its members; the deepest error is the relevant one.
    error = max(errors, key=lambda error: len(error["loc"]))
    path = error["loc"][1:]
    if error["type"] == "json_invalid" or not path:
        message = "The body is not a JSON object; is the content type application/json?"
        return ErrorResponse(400, message, "invalid_body")
    param = str(path[0])
    if param in UNSUPPORTED_PARAMS:
        message = f"No Space supports this use of {param!r}. Leave it out."
        return ErrorResponse(400, message, "unsupported_parameter", param)
    if param == "prompt":
        message = "prompt: It is a string, or a list of one string; a Space takes no tokens and one prompt."
        return ErrorResponse(400, message, "invalid_value", param)
    if param == "messages":
        param += "".join(f"[{index}]" for index in path[1:2]) + "".join(f".{name}" for name in path[2:3])
    return ErrorResponse(400, f"{param}: {error['msg']}.", "invalid_value", param)


def _check_images(images: Sequence[ImagePart]) -> None:
    if len(images) > MAX_IMAGES:
        message = f"There are {len(images)} images; {MAX_IMAGES} are allowed."
        raise RequestRejectedError(ErrorResponse(400, message, "too_many_images", "messages"))
    for index, image in enumerate(images):
        url = image.image_url.url
        if url.startswith("data:") and len(url) * 3 // 4 > MAX_IMAGE_BYTES:
            message = f"Image {index} is larger than {MAX_IMAGE_BYTES // 2**20} MiB."
            raise RequestRejectedError(ErrorResponse(400, message, "image_too_large", "messages"))
