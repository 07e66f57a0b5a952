r"""Calls as Qwen3-Coder and Qwen3.5 write them, whose arguments are text between tags. Pure.

They are ``<function=NAME>\n<parameter=NAME>\nvalue\n</parameter>\n</function>`` (the chat template of
Qwen3-Coder, read 2026-11). Nothing in a value is escaped, so it ends where a tag does. The models sometimes
omit the end of a value, or ``<tool_call>`` before the function (ollama#18530).
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

FUNCTION = "<function="
_FUNCTION = re.compile(r"<function=([^<>\n]+)>")
_FUNCTION_END = re.compile(r"\s*</function>")
_PARAMETER = re.compile(r"\s*<parameter=([^<>\n]+)>\n?")
_VALUE_END = re.compile(r"\n?</parameter>|\n(?=<parameter=|</function>)")


class Function(NamedTuple):
    """The call at some place in a text."""

    call: dict[str, Any] | None  # as JSON has it, but each argument is a string; `None`: unreadable
    end: int  # of the call in the text


def read_function(text: str, begin: int) -> Function:
    r"""Return the call that begins there.

    >>> read_function("<function=add>\n<parameter=a>\n1\n</parameter>\n</function>", 0)
    Function(call={'name': 'add', 'arguments': {'a': '1'}}, end=55)
    """
    opening = _FUNCTION.match(text, begin)
    if opening is None:
        return Function(None, begin + len(FUNCTION))
    arguments, end = {}, opening.end()
    while parameter := _PARAMETER.match(text, end):
        closing = _VALUE_END.search(text, parameter.end())
        if closing is None:  # cut off in an argument, which would be half of itself
            return Function(None, parameter.end())
        arguments[parameter[1].strip()] = text[parameter.end() : closing.start()]
        end = closing.end()
    call = {"name": opening[1].strip(), "arguments": arguments}
    if ended := _FUNCTION_END.match(text, end):
        return Function(call, ended.end())
    cut_off = arguments and not text[end:].strip()  # between arguments
    return Function(call if cut_off else None, end)
