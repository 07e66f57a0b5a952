"""Tools, their calls and results, and response formats as the text of messages. Pure.

`TRAINED` is the wording of Qwen's published chat templates (Qwen2.5 and Qwen3, read 2026-11), on which the
models were trained: only that way does a Space's own template make the prompt that native tools would.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from .._types.messages import Message, system_prompt
from .._types.tools import ToolCall

TRAINED = """# Tools

You may call one or more functions to assist with the user query.

You are provided with function signatures within <tools></tools> XML tags:
<tools>
{tools}
</tools>

For each function call, return a json object with function name and arguments within <tool_call></tool_call> XML tags:
<tool_call>
{{"name": <function-name>, "arguments": <args-json-object>}}
</tool_call>"""  # noqa: E501
GENERIC = """# Tools

You can use functions to help the user. Each line within <tools></tools> describes one of them in JSON:
<tools>
{tools}
</tools>

To call a function, write its name and its arguments as one JSON object in a block like this:
<tool_call>
{{"name": "name_of_the_function", "arguments": {{"name_of_an_argument": "its value"}}}}
</tool_call>

Write one block for each call, and nothing after the last one: the results come in the next message, within \
<tool_response></tool_response>. Never invent a result. If you need no function, or have all the results \
that you need, answer in plain text without any block."""
REQUIRED = "You must call one of these functions now. Answer with the call alone."
NAMED = "You must call the function {name} now. Answer with the call alone."
FORMAT = (
    "# Response format\n\n{condition} one JSON {kind} and nothing else: no explanation and no code fence."
)
SCHEMA = "It must match this JSON schema:\n<schema>\n{schema}\n</schema>"
RETRY = "This answer cannot be used: {problem}\n\nAnswer again, with {what} alone."


def tools_text(tools: Iterable[Mapping[str, Any]], *, trained: bool, choice: str) -> str:
    """Return the system text that offers tools; `choice` is as in `Plan`."""
    lines = "\n".join(json.dumps(tool, ensure_ascii=False) for tool in tools)
    text = (TRAINED if trained else GENERIC).format(tools=lines)
    if choice == "auto":
        return text
    return f"{text}\n\n{REQUIRED if choice == 'required' else NAMED.format(name=choice)}"


def format_text(schema: Mapping[str, Any] | None, *, with_tools: bool) -> str:
    """Return the system text that asks for JSON, of a schema unless that is ``None``."""
    condition = "Unless you call a function, answer with" if with_tools else "Answer with"
    is_object = schema is None or schema.get("type") == "object"
    text = FORMAT.format(condition=condition, kind="object" if is_object else "value")
    return (
        text if schema is None else f"{text} {SCHEMA.format(schema=json.dumps(schema, ensure_ascii=False))}"
    )


def render_turns(messages: Iterable[Message]) -> Iterator[Message]:
    r"""Yield the messages, with calls and results of tools as text of the assistant and of the user.

    Consecutive results become one turn, in the order of the calls.

    Example:
        >>> call = ToolCall("call_1", "add", {"a": 1})
        >>> for turn in render_turns([Message("assistant", "", tool_calls=[call]), Message("tool", "3")]):
        ...     print(turn.role, repr(turn.content))
        assistant '<tool_call>\n{"name": "add", "arguments": {"a": 1}}\n</tool_call>'
        user '<tool_response>\n3\n</tool_response>'
    """
    order: dict[str, int] = {}
    for is_result, turns in itertools.groupby(messages, lambda message: message.role == "tool"):
        if is_result:
            results = sorted(turns, key=lambda turn: order.get(turn.tool_call_id, len(order)))
            blocks = (f"<tool_response>\n{turn.content}\n</tool_response>" for turn in results)
            yield Message("user", "\n".join(blocks))
            continue
        for turn in turns:
            if turn.tool_calls:
                order = {call.id: place for place, call in enumerate(turn.tool_calls)}
            yield render_calls(turn)


def render_calls(message: Message) -> Message:
    """Return a message with its calls as text."""
    if not message.tool_calls:
        return message
    blocks = map(_block, message.tool_calls)
    return replace(message, content="\n".join(filter(None, [message.content, *blocks])), tool_calls=())


def _block(call: ToolCall) -> str:
    value = {"name": call.name, "arguments": dict(call.arguments)}
    return f"<tool_call>\n{json.dumps(value, ensure_ascii=False)}\n</tool_call>"


def with_system(messages: Sequence[Message], parts: Iterable[str], default: str) -> tuple[Message, ...]:
    """Return the messages with `parts` behind their system prompt, or behind `default` if they have none."""
    given = system_prompt(messages)
    text = "\n\n".join(filter(None, [default if given is None else given, *parts]))
    turns = tuple(message for message in messages if message.role != "system")
    return (Message("system", text), *turns) if text else turns
