"""The schema of the body of ``/v1/responses``, and its conversion for a Space."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Discriminator, Field, Tag, field_validator
from pydantic_core import PydanticCustomError

from ._params import FailFastList, Strict
from ._responses_form import REASONING, ResponsesForm
from ._schema import check_images, for_a_space
from ._tool_schema import MAX_TOOLS, Allowed, Choice, JsonFormat, Name, TextFormat, ToolRequest


class InputText(Strict):
    """A text part of a message or of a result."""

    type: Literal["input_text", "output_text", "text"]
    text: str


class Refusal(Strict):
    """A part of an answer from elsewhere."""

    type: Literal["refusal"]
    refusal: str


class InputImage(Strict):
    """An image part of a message; the Space fetches its URL, never the gateway."""

    type: Literal["input_image"]
    image_url: str = Field(pattern="^(https://|data:)")


Part: TypeAlias = Annotated[InputText | Refusal | InputImage, Field(discriminator="type")]


class MessageItem(Strict):
    """A message, whose type may be missing."""

    type: Literal["message"] = "message"
    role: Literal["system", "developer", "user", "assistant"]
    content: str | FailFastList[Part]


class CallItem(Strict):
    """A call of a function in an earlier answer."""

    type: Literal["function_call"]
    call_id: str
    name: Name
    arguments: str


class OutputItem(Strict):
    """The result of a call."""

    type: Literal["function_call_output"]
    call_id: str
    output: str | FailFastList[Part]


class ReasoningItem(Strict):
    """Reasoning in an earlier answer, which no Space takes."""

    type: Literal["reasoning"]


class ReferenceItem(Strict):
    """A reference to an item of an earlier answer, by which ai-sdk means reasoning and messages."""

    type: Literal["item_reference"]
    id: str

    @field_validator("id")
    @classmethod
    def _check_kind(cls, value: str) -> str:
        if not value.startswith(f"{REASONING}_"):
            message = "The server keeps nothing, so it has no item {id}. Send the item itself (store: false)"
            raise PydanticCustomError("item_reference", message, {"id": repr(value[:80])})
        return value


def _type_of(item: Any) -> str:
    kind = item.get("type", "message") if isinstance(item, dict) else getattr(item, "type", None)
    return kind if isinstance(kind, str) else "message"


Item: TypeAlias = Annotated[
    Annotated[MessageItem, Tag("message")]
    | Annotated[CallItem, Tag("function_call")]
    | Annotated[OutputItem, Tag("function_call_output")]
    | Annotated[ReasoningItem, Tag("reasoning")]
    | Annotated[ReferenceItem, Tag("item_reference")],
    Discriminator(
        _type_of,
        custom_error_type="item_type",
        custom_error_message="It is a message, a function_call, a function_call_output or reasoning",
    ),
]


class FlatTool(Strict):
    """A tool; OpenAI's own, such as its web search, are not here."""

    type: Literal["function"]  # the first, whose error is the one that is reported
    name: Name
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class FlatChoice(Strict):
    """The function to call."""

    type: Literal["function"]
    name: Name


class FlatAllowed(Allowed):
    """The tools that may be called."""

    type: Literal["allowed_tools"]


class FlatSchema(Strict):
    """JSON of a schema."""

    type: Literal["json_schema"]
    name: str = "answer"
    schema_: dict[str, Any] = Field(alias="schema")


class TextOptions(Strict):
    """The format of the answer."""

    format: Annotated[TextFormat | JsonFormat | FlatSchema, Field(discriminator="type")] | None = None


class ResponsesRequest(ToolRequest):
    """The body of ``/v1/responses``. The server keeps nothing, so `input` is the whole conversation."""

    format_param = "text"

    input: str | Annotated[FailFastList[Item], Field(min_length=1)]
    instructions: str | None = None

    tools: Annotated[FailFastList[FlatTool], Field(max_length=MAX_TOOLS)] | None = None
    tool_choice: Choice | FlatChoice | FlatAllowed | None = None
    text: TextOptions | None = None
    previous_response_id: None = None
    conversation: None = None
    background: Literal[False] | None = None
    prompt: None = None
    top_logprobs: Literal[0] | None = None
    moderation: None = None

    def requested(self) -> tuple[list[Any], Any, Any]:
        """Return the tools, the choice among them, and the format."""
        return self.tools or [], self.tool_choice, self.text and self.text.format

    def tool_turn(self) -> str | None:
        """Return where the first call or result of a tool is in the history."""
        items = [] if isinstance(self.input, str) else self.input
        kinds = (CallItem, OutputItem)
        return next((f"input[{index}]" for index, item in enumerate(items) if isinstance(item, kinds)), None)

    def to_messages(self) -> list[dict[str, Any]]:
        """Return the messages for `QwenSpace.stream`; raise if the images are too many or too large."""
        messages: list[dict[str, Any]] = []
        if self.instructions is not None:
            messages.append({"role": "system", "content": self.instructions})
        if isinstance(self.input, str):
            return [*messages, {"role": "user", "content": self.input}]
        for item in self.input:
            _append(messages, item)
        parts = [part for message in messages for part in message["content"] if isinstance(part, dict)]
        check_images([part["image_url"]["url"] for part in parts if part["type"] == "image_url"])
        return for_a_space(messages)

    def form(self, model: str) -> ResponsesForm:
        """Return the form of the answer."""
        choice: Any = self.tool_choice or "auto"
        given = self.text and self.text.format
        echo = {
            "instructions": self.instructions,
            "parallel_tool_calls": self.parallel_tool_calls is not False,
            "tool_choice": choice if isinstance(choice, str) else choice.model_dump(),
            "tools": [tool.model_dump() for tool in self.tools or []],
            "text": {"format": given.model_dump(by_alias=True) if given else {"type": "text"}},
        }
        return ResponsesForm(model, echo)


def _append(messages: list[dict[str, Any]], item: Any) -> None:
    """Append an item in the form of a chat; calls belong to the answer before them."""
    if isinstance(item, MessageItem):
        messages.append({"role": item.role, "content": _content(item.content)})
    elif isinstance(item, OutputItem):
        result = {"role": "tool", "tool_call_id": item.call_id, "content": _content(item.output)}
        messages.append(result)
    elif isinstance(item, CallItem):
        if not messages or messages[-1]["role"] != "assistant":
            messages.append({"role": "assistant", "content": ""})
        function = {"name": item.name, "arguments": item.arguments}
        call = {"id": item.call_id, "type": "function", "function": function}
        messages[-1].setdefault("tool_calls", []).append(call)


def _content(given: str | list[Any]) -> str | list[dict[str, Any]]:
    return given if isinstance(given, str) else [_part(part) for part in given]


def _part(part: InputText | Refusal | InputImage) -> dict[str, Any]:
    if isinstance(part, InputImage):
        return {"type": "image_url", "image_url": {"url": part.image_url}}
    return {"type": "text", "text": part.text if isinstance(part, InputText) else part.refusal}
