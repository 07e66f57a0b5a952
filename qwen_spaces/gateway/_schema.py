"""The schema of a request's body, and its conversion for a Space."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal, TypeAlias, TypeVar

from openai.types.shared_params import ResponseFormatText
from pydantic import BaseModel, ConfigDict, Field

from .._space import QwenSpace
from ._errors import ErrorResponse, RequestRejectedError

MAX_IMAGES = 16  # in one request
MAX_IMAGE_BYTES = 10 * 2**20  # of one image, decoded

# Parameters that no Space has, and that do not change the form of the answer.
IGNORED_PARAMS = {
    *("temperature", "top_p", "top_k", "min_p", "seed"),
    *("presence_penalty", "frequency_penalty", "repetition_penalty"),
    *("max_tokens", "max_completion_tokens", "reasoning_effort", "verbosity"),
    *("user", "metadata", "store", "service_tier", "safety_identifier", "prediction", "parallel_tool_calls"),
    *("prompt_cache_key", "prompt_cache_options", "prompt_cache_retention"),
}
# Parameters of `QwenSpace.stream` that are not options: `images` would let a client read files.
RESERVED = set(inspect.signature(QwenSpace.stream).parameters)
EmptyList: TypeAlias = Annotated[list[Any], Field(max_length=0)]
T = TypeVar("T")
FailFastList: TypeAlias = Annotated[list[T], Field(fail_fast=True)]  # one error, not a million


class _Strict(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(strict=True)


class TextPart(_Strict):
    """A text part of a message."""

    type: Literal["text"]
    text: str


class ImageUrl(_Strict):
    """The URL of an image, which the Space fetches, never the gateway; or its data."""

    url: str = Field(pattern="^(https://|data:)")


class ImagePart(_Strict):
    """An image part of a message."""

    type: Literal["image_url"]
    image_url: ImageUrl


Part: TypeAlias = Annotated[TextPart | ImagePart, Field(discriminator="type")]


class Turn(_Strict):
    """One message; other fields are ignored."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | FailFastList[Part]
    tool_calls: EmptyList | None = None
    function_call: None = None
    audio: None = None


class StreamOptions(_Strict):
    """OpenAI's options of a stream."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


def _extend_schema(schema: dict[str, Any]) -> None:
    # The options of the Spaces depend on the model, and are not listed.
    schema["properties"].update({name: {"description": "Ignored."} for name in sorted(IGNORED_PARAMS)})
    schema["additionalProperties"] = False


class ChatRequest(_Strict):
    """The body of ``/v1/chat/completions``.

    Fields that would change the form of the answer take only values that change nothing, since no Space can
    do more. Further fields are the options of the model's Space, such as `size`.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="allow", json_schema_extra=_extend_schema)

    model: str = Field(examples=["qwen-2.5"])
    messages: FailFastList[Turn] = Field(min_length=1)
    stream: bool | None = None
    stream_options: StreamOptions | None = None

    n: Literal[1] | None = None
    stop: EmptyList | None = None
    tools: EmptyList | None = None
    tool_choice: Literal["none", "auto"] | None = None
    functions: EmptyList | None = None
    function_call: Literal["none", "auto"] | None = None
    logprobs: Literal[False] | None = None
    top_logprobs: Literal[0] | None = None
    logit_bias: Annotated[dict[str, Any], Field(max_length=0)] | None = None
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

    def options(self, space: QwenSpace) -> dict[str, Any]:
        """Return the options for the Space; raise if neither it nor OpenAI has such a field."""
        options = {}
        for name, value in (self.model_extra or {}).items():
            if _is_option(space, name, value):
                options[name] = value
            elif name not in IGNORED_PARAMS:
                known = ", ".join(space.options) or "none"
                message = f"{name!r} is not a parameter, or its value is not valid. "
                message += f"{space.name} has the options: {known}."
                raise RequestRejectedError(ErrorResponse(400, message, "unknown_parameter", name))
        return {name: value for name, value in options.items() if value is not None}

    def ignored_params(self) -> list[str]:
        """Return the names of the parameters that have no effect."""
        extra = (self.model_extra or {}).items()
        return sorted(name for name, value in extra if name in IGNORED_PARAMS and value is not None)


UNSUPPORTED_PARAMS = set(ChatRequest.model_fields) - {"model", "messages", "stream", "stream_options"}


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
    if param == "messages":
        param += "".join(f"[{index}]" for index in path[1:2]) + "".join(f".{name}" for name in path[2:3])
    return ErrorResponse(400, f"{param}: {error['msg']}.", "invalid_value", param)


def _is_option(space: QwenSpace, name: str, value: object) -> bool:
    # Clients send temperatures and the like unasked, and a Space refuses a value beyond its slider.
    known = (name in space.options or space.contract.discover) and name not in IGNORED_PARAMS
    return known and name not in RESERVED and isinstance(value, (str, int, float, type(None)))


def _check_images(images: Sequence[ImagePart]) -> None:
    if len(images) > MAX_IMAGES:
        message = f"There are {len(images)} images; {MAX_IMAGES} are allowed."
        raise RequestRejectedError(ErrorResponse(400, message, "too_many_images", "messages"))
    for index, image in enumerate(images):
        url = image.image_url.url
        if url.startswith("data:") and len(url) * 3 // 4 > MAX_IMAGE_BYTES:
            message = f"Image {index} is larger than {MAX_IMAGE_BYTES // 2**20} MiB."
            raise RequestRejectedError(ErrorResponse(400, message, "image_too_large", "messages"))
