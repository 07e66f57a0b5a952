"""The schema of a request's body, and its conversion for a Space."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import Field, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError

from ._errors import ErrorResponse, RequestRejectedError
from ._forms import ChatForm, CompletionForm, LegacyChatForm
from ._params import AnswerRequest, FailFastList, Strict
from ._tool_schema import (
    MAX_TOOLS,
    AllowedChoice,
    Call,
    CalledFunction,
    Calls,
    Choice,
    Function,
    FunctionTool,
    Named,
    NamedChoice,
    ResponseFormat,
    ToolRequest,
    Tools,
)

if TYPE_CHECKING:
    from typing_extensions import Self

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

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    name: str | None = None
    content: str | FailFastList[Part] | None = None
    tool_calls: Calls | None = None
    tool_call_id: str | None = None
    function_call: CalledFunction | None = None  # the form of 2023
    audio: None = None

    @model_validator(mode="after")
    def _check_content(self) -> Self:
        called = self.role == "assistant" and (self.tool_calls or self.function_call)
        if self.content is None and not called:
            error = PydanticCustomError("missing", "It is text, or a list of parts")
            details: InitErrorDetails = {"type": error, "loc": ("content",), "input": None}
            raise ValidationError.from_exception_data("Turn", [details])
        return self

    @property
    def tool_field(self) -> str | None:
        """The field that makes this a call or a result of a tool."""
        if self.role in ("tool", "function"):
            return "role"
        return "tool_calls" if self.tool_calls else "function_call" if self.function_call else None

    def to_message(self) -> dict[str, Any]:
        """Return the message for `QwenSpace.stream`."""
        fields = {"role", "content", "tool_calls", "tool_call_id"}
        message = self.model_dump(include=fields, exclude_none=True)
        if self.function_call:
            call = Call(id=self.function_call.name, function=self.function_call)
            message["tool_calls"] = [call.model_dump()]
        if self.role == "function":
            message.update(role="tool", tool_call_id=self.name or "")
        return message


class ChatRequest(ToolRequest):
    """The body of ``/v1/chat/completions``."""

    messages: FailFastList[Turn] = Field(min_length=1)

    tools: Tools | None = None
    tool_choice: Choice | NamedChoice | AllowedChoice | None = None
    functions: Annotated[FailFastList[Function], Field(max_length=MAX_TOOLS)] | None = None
    function_call: Literal["none", "auto"] | Named | None = None
    logprobs: Literal[False] | None = None
    top_logprobs: Literal[0] | None = None
    response_format: ResponseFormat | None = None
    modalities: FailFastList[Literal["text"]] | None = None
    audio: None = None
    moderation: None = None
    web_search_options: None = None

    def requested(self) -> tuple[list[Any], Any, Any]:
        """Return the tools, the choice among them, and the format."""
        if not self._legacy:
            return self.tools or [], self.tool_choice, self.response_format
        tools = [FunctionTool(type="function", function=each) for each in self.functions or ()]
        choice: Any = self.function_call
        if isinstance(choice, Named):
            choice = NamedChoice(type="function", function=choice)
        return tools, choice, self.response_format

    @property
    def _legacy(self) -> bool:
        """Whether the tools are functions in the form of 2023, and a call is in that form, too."""
        return not self.tools and (bool(self.functions) or isinstance(self.function_call, Named))

    @property
    def tool_params(self) -> tuple[str, str]:
        """The names of the parameters of the tools, and of the choice among them."""
        return ("functions", "function_call") if self._legacy else super().tool_params

    @property
    def one_call(self) -> bool:
        """Whether the client wants one call of a tool at most."""
        return self._legacy or super().one_call

    def tool_turn(self) -> str | None:
        """Return where the first call or result of a tool is in the history."""
        turns = ((index, turn.tool_field) for index, turn in enumerate(self.messages))
        return next((f"messages[{index}].{field}" for index, field in turns if field), None)

    def to_messages(self) -> list[dict[str, Any]]:
        """Return the messages for `QwenSpace.stream`; raise if the images are too many or too large."""
        parts = [part for turn in self.messages for part in turn.content or ()]
        check_images([part.image_url.url for part in parts if isinstance(part, ImagePart)])
        return for_a_space([turn.to_message() for turn in self.messages])

    def form(self, model: str) -> ChatForm:
        """Return the form of the answer."""
        return (LegacyChatForm if self._legacy else ChatForm)(model, usage=self.include_usage)


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

    def form(self, model: str) -> CompletionForm:
        """Return the form of the answer."""
        return CompletionForm(model, usage=self.include_usage)


def for_a_space(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return messages with the roles that a Space has, the last of which it answers."""
    for message in messages:
        if message["role"] == "developer":
            message["role"] = "system"
    if messages and messages[-1]["role"] == "system":  # OpenAI's models answer it; a Space only a user
        messages[-1]["role"] = "user"
    return messages


def check_images(urls: Sequence[str]) -> None:
    """Raise if the images are too many or too large."""
    if len(urls) > MAX_IMAGES:
        message = f"There are {len(urls)} images; {MAX_IMAGES} are allowed."
        raise RequestRejectedError(ErrorResponse(400, message, "too_many_images", "messages"))
    for index, url in enumerate(urls):
        if url.startswith("data:") and len(url) * 3 // 4 > MAX_IMAGE_BYTES:
            message = f"Image {index} is larger than {MAX_IMAGE_BYTES // 2**20} MiB."
            raise RequestRejectedError(ErrorResponse(400, message, "image_too_large", "messages"))
