"""Calls of tools, and the forms in which users pass tools."""

from __future__ import annotations

import json
import reprlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from ..errors import InvalidMessagesError

Tools: TypeAlias = Iterable[Mapping[str, Any] | Callable[..., Any]] | None
ToolChoice: TypeAlias = str | Mapping[str, Any] | None
ResponseFormat: TypeAlias = str | Mapping[str, Any] | type[Any] | None


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of a tool that the model asks for. Its result goes back in a message of role ``"tool"``.

    Attributes:
        id: the ``tool_call_id`` of that message.
        name: the tool's name.
        arguments: name -> value, as JSON has them.

    Example:
        {"role": "tool", "tool_call_id": call.id, "content": str(get_weather(**call.arguments))}
    """

    id: str
    name: str
    arguments: Mapping[str, Any]
    type: Literal["tool_call"] = field(default="tool_call", init=False, repr=False)


def as_tool_calls(given: object, where: str) -> tuple[ToolCall, ...]:
    """Return the ``tool_calls`` of a message, each a `ToolCall` or in the OpenAI form.

    Raises:
        InvalidMessagesError: one of them is neither; it begins with `where`.

    Example:
        >>> function = {"name": "add", "arguments": '{"a": 1}'}
        >>> as_tool_calls([{"id": "call_1", "type": "function", "function": function}], "Message 0")
        (ToolCall(id='call_1', name='add', arguments={'a': 1}),)
    """
    if given is None:
        return ()
    if not isinstance(given, (list, tuple)):
        raise InvalidMessagesError(f"{where} has tool_calls that are no list: {reprlib.repr(given)}.")
    return tuple(each if isinstance(each, ToolCall) else _tool_call(each, where) for each in given)


def arguments_of(call: ToolCall) -> str:
    """Return the arguments of a call as the JSON text that OpenAI's API has."""
    return json.dumps(dict(call.arguments), ensure_ascii=False)


def as_openai(call: ToolCall) -> dict[str, object]:
    """Return a call in the OpenAI form, with its arguments as a string."""
    function = {"name": call.name, "arguments": arguments_of(call)}
    return {"id": call.id, "type": "function", "function": function}


def _tool_call(given: object, where: str) -> ToolCall:
    function = given.get("function") if isinstance(given, Mapping) else None
    name = function.get("name") if isinstance(function, Mapping) else None
    if not (isinstance(given, Mapping) and isinstance(function, Mapping) and isinstance(name, str) and name):
        raise InvalidMessagesError(
            f"{where} has a tool call {reprlib.repr(given)}; it must be a ToolCall or a dict with 'id' and "
            "'function', which has 'name' and 'arguments'."
        )
    return ToolCall(str(given.get("id") or ""), name, _arguments(function.get("arguments")))


def _arguments(given: object) -> dict[str, Any]:
    """Return the arguments of a call; what is no JSON object is kept, for the tool's result may name it."""
    read = given
    if isinstance(given, str):
        try:
            read = json.loads(given or "{}")
        except (ValueError, RecursionError):
            return {"invalid_json": given}
    if isinstance(read, Mapping):
        return dict(read)
    return {} if read is None else {"invalid_json": read}
