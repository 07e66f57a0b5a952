"""Tools and formats of the answer in the body of a request."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import Field

from ._errors import ErrorResponse, RequestRejectedError
from ._params import AnswerRequest, FailFastList, Strict, unsupported

MAX_TOOLS = 128  # as in OpenAI's API
MAX_SCHEMA_CHARS = 200_000  # of all tools, as JSON; to check so long a schema takes 2 seconds
MAX_NAME = 128  # characters
Name: TypeAlias = Annotated[str, Field(min_length=1, max_length=MAX_NAME)]


class Function(Strict):
    """A function that may be called; `parameters` is a JSON schema."""

    name: Name
    description: str | None = None
    parameters: dict[str, Any] | None = None


class FunctionTool(Strict):
    """A tool of ``/v1/chat/completions``."""

    type: Literal["function"]
    function: Function


class Named(Strict):
    """The name of a function."""

    name: Name


class NamedChoice(Strict):
    """The function to call, in ``/v1/chat/completions``."""

    type: Literal["function"]
    function: Named


class Allowed(Strict):
    """Some of the tools."""

    mode: Literal["auto", "required"]
    tools: FailFastList[dict[str, Any]]


class AllowedChoice(Strict):
    """The tools that may be called, in ``/v1/chat/completions``."""

    type: Literal["allowed_tools"]
    allowed_tools: Allowed


class TextFormat(Strict):
    """Plain text."""

    type: Literal["text"]


class JsonFormat(Strict):
    """A JSON object."""

    type: Literal["json_object"]


class NamedSchema(Strict):
    """A JSON schema."""

    schema_: dict[str, Any] = Field(alias="schema")


class SchemaFormat(Strict):
    """JSON of a schema, in ``/v1/chat/completions``."""

    type: Literal["json_schema"]
    json_schema: NamedSchema


class CalledFunction(Strict):
    """The function of an earlier call."""

    name: Name
    arguments: str


class Call(Strict):
    """A call in an earlier answer."""

    id: str
    type: Literal["function"] = "function"
    function: CalledFunction


Choice: TypeAlias = Literal["none", "auto", "required"]
Tools: TypeAlias = Annotated[FailFastList[FunctionTool], Field(max_length=MAX_TOOLS)]
Calls: TypeAlias = Annotated[FailFastList[Call], Field(max_length=MAX_TOOLS)]
ResponseFormat: TypeAlias = Annotated[TextFormat | JsonFormat | SchemaFormat, Field(discriminator="type")]


class ToolRequest(AnswerRequest):
    """What the requests share that may have tools, and a format of the answer."""

    format_param: ClassVar[str] = "response_format"

    parallel_tool_calls: bool | None = None

    def requested(self) -> tuple[list[Any], Any, Any]:
        """Return the tools, the choice among them, and the format."""
        raise NotImplementedError

    def tool_turn(self) -> str | None:
        """Return where the first call or result of a tool is in the history."""
        raise NotImplementedError

    @property
    def tool_params(self) -> tuple[str, str]:
        """The names of the parameters of the tools, and of the choice among them."""
        return "tools", "tool_choice"

    @property
    def one_call(self) -> bool:
        """Whether the client wants one call of a tool at most."""
        return self.parallel_tool_calls is False

    def emulated_options(self) -> dict[str, Any]:
        """Return the tools and the format for `QwenSpace.stream`, nothing if there are none."""
        tools, choice, given = self.requested()
        options: dict[str, Any] = {}
        if tools and choice != "none":
            options["tools"] = _dumped(tools, self.tool_params[0])
        if choice not in (None, "none", "auto"):
            options["tool_choice"] = choice if isinstance(choice, str) else choice.model_dump()
        if given is not None and given.type != "text":
            options["response_format"] = _dumped([given], self.format_param)[0]
        return options

    def emulated(self, options: Collection[str]) -> dict[str, ErrorResponse]:
        """Return what no Space has and the prompt emulates, each with the error where that is off."""
        turn, emulated = self.tool_turn(), {}
        if named := [name for name in ("tools", "tool_choice") if name in options]:
            emulated["tools"] = unsupported(self.tool_params["tools" not in named])
        elif turn:
            message = f"{turn}: Calls and results of tools are off here; see --emulate."
            emulated["tools"] = ErrorResponse(400, message, "invalid_value", turn)
        if "response_format" in options:
            emulated["response_format"] = unsupported(self.format_param)
        return emulated


def _dumped(models: list[Any], param: str) -> list[dict[str, Any]]:
    """Return the values of pydantic models; raise if they are too long."""
    values = [model.model_dump(exclude_none=True, by_alias=True) for model in models]
    if len(json.dumps(values)) > MAX_SCHEMA_CHARS:
        message = f"{param}: It is longer than {MAX_SCHEMA_CHARS:,} characters."
        raise RequestRejectedError(ErrorResponse(400, message, "value_too_long", param))
    return values
