"""What a client asks: the body of a request, and what of it a Space can do."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from ..space import QwenSpace
from .errors import ErrorResponse, RequestRejectedError

IMAGES = 16  # in one request
IMAGE = 10 * 2**20  # bytes of one, decoded

# What a client may wish for and a Space does not know; the answer keeps its form without it.
IGNORED_PARAMS = {
    *("temperature", "top_p", "top_k", "min_p", "seed"),
    *("presence_penalty", "frequency_penalty", "repetition_penalty"),
    *("max_tokens", "max_completion_tokens", "reasoning_effort", "verbosity"),
    *("user", "metadata", "store", "service_tier", "safety_identifier", "prediction", "parallel_tool_calls"),
    *("prompt_cache_key", "prompt_cache_options", "prompt_cache_retention"),
}
# What `QwenSpace.stream` takes besides options: nobody may name a file there.
RESERVED = set(inspect.signature(QwenSpace.stream).parameters)
EmptyList: TypeAlias = Annotated[list[Any], Field(max_length=0)]
T = TypeVar("T")
FailFastList: TypeAlias = Annotated[list[T], Field(fail_fast=True)]  # one complaint, not a million of them


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True)


class TextPart(_Strict):
    """A part of a message that is text."""

    type: Literal["text"]
    text: str


class ImageUrl(_Strict):
    """Where an image is: the Space fetches an address, the gateway never does."""

    url: str = Field(pattern="^(https://|data:)")


class ImagePart(_Strict):
    """A part of a message that is an image."""

    type: Literal["image_url"]
    image_url: ImageUrl


Part: TypeAlias = Annotated[TextPart | ImagePart, Field(discriminator="type")]


class Turn(_Strict):
    """One message; what else a client keeps in it is not looked at."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | FailFastList[Part]
    tool_calls: EmptyList | None = None
    function_call: None = None
    audio: None = None


class StreamOptions(_Strict):
    """OpenAI's options of a stream; for `include_usage` see `said.chunks`."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class ResponseFormat(_Strict):
    """The one format that a Space has."""

    type: Literal["text"]


def _document(schema: dict[str, Any]) -> None:
    # Without the Spaces' options, for which of them may be there depends on the model.
    schema["properties"].update({name: {"description": "Ignored."} for name in sorted(IGNORED_PARAMS)})
    schema["additionalProperties"] = False


class ChatRequest(BaseModel):
    """The body of ``/v1/chat/completions``.

    The fields are those with a meaning here, and those that would change the form of the answer, which no
    Space can do: of these only what asks for nothing is taken. The options of the model's Space, such as
    `size`, are further fields.
    """

    model_config = ConfigDict(strict=True, extra="allow", json_schema_extra=_document)

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
    response_format: ResponseFormat | None = None
    modalities: FailFastList[Literal["text"]] | None = None
    audio: None = None
    moderation: None = None
    web_search_options: None = None

    def turns(self) -> list[dict[str, Any]]:
        """Return the messages as `QwenSpace.stream` takes them.

        Raises:
            RefusedError: there are too many images, or one is too large.
        """
        turns = [turn.model_dump(include={"role", "content"}) for turn in self.messages]
        for turn in turns:
            turn["role"] = {"developer": "system"}.get(turn["role"], turn["role"])
        if turns[-1]["role"] == "system":  # OpenAI's models answer that, too; a Space answers a user only
            turns[-1]["role"] = "user"
        _check_images(
            [part for turn in self.messages for part in turn.content if isinstance(part, ImagePart)]
        )
        return turns

    def options(self, space: QwenSpace) -> dict[str, Any]:
        """Those for the Space.

        Raises:
            RefusedError: there is something that neither the Space nor OpenAI knows, or not as a plain value.
        """
        found = {}
        for name, value in (self.model_extra or {}).items():
            known = name in space.options or (space.contract.discover and name not in IGNORED_PARAMS)
            if known and name not in RESERVED and isinstance(value, (str, int, float, type(None))):
                found[name] = value
            elif name not in IGNORED_PARAMS:
                count = (
                    f"{name!r} is no parameter, or this is no value for it. {space.name} has the options: "
                )
                count += f"{', '.join(space.options) or 'none'}."
                raise RequestRejectedError(ErrorResponse(400, count, "unknown_parameter", name))
        return {name: value for name, value in found.items() if value is not None}

    def ignored(self) -> list[str]:
        """Return what the client wished for in vain."""
        return sorted(
            name
            for name, value in (self.model_extra or {}).items()
            if name in IGNORED_PARAMS and value is not None
        )


REFUSED = set(ChatRequest.model_fields) - {"model", "messages", "stream", "stream_options"}


def invalid(errors: Sequence[Any]) -> ErrorResponse:
    """Return what is wrong with a request that is no `ChatRequest`, as pydantic tells it."""
    # Of the kinds of content that there are, the one that was meant.
    error = max(errors, key=lambda error: len(error["loc"]))
    where = error["loc"][1:]
    if error["type"] == "json_invalid" or not where:
        count = "The body is not a JSON object; is the content type application/json?"
        return ErrorResponse(400, count, "invalid_body")
    param = str(where[0])
    if param in REFUSED:
        count = f"No Space can do what {param!r} asks for. Leave it out."
        return ErrorResponse(400, count, "unsupported_parameter", param)
    if param == "messages":
        param += "".join(f"[{piece}]" for piece in where[1:2]) + "".join(f".{piece}" for piece in where[2:3])
    return ErrorResponse(400, f"{param}: {error['msg']}.", "invalid_value", param)


def _check_images(images: Sequence[ImagePart]) -> None:
    if len(images) > IMAGES:
        count = f"There are {len(images)} images; {IMAGES} are allowed."
        raise RequestRejectedError(ErrorResponse(400, count, "too_many_images", "messages"))
    for index, image in enumerate(images):
        url = image.image_url.url
        if url.startswith("data:") and len(url) * 3 // 4 > IMAGE:
            count = f"Image {index} has more than {IMAGE // 2**20} MiB."
            raise RequestRejectedError(ErrorResponse(400, count, "image_too_large", "messages"))
