"""JSON as models write it: in a fence, with a comma too many or a brace too few. Pure."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

MAX_REPAIR = 100_000  # characters; a longer text is read only if it is valid
MAX_BRACKETS = 1_000  # in a text to repair, as nested ones take `json_repair` quadratic time
_DECODER = json.JSONDecoder(strict=False)  # a line break in a string is a common mistake
_FENCED = re.compile(r"```[A-Za-z_]*[ \t]*\n(.*?)\n?[ \t]*```", re.DOTALL)


class Read(NamedTuple):
    """A JSON value at the beginning of a text."""

    value: Any
    end: int  # of the value in the text


def read_prefix(text: str, begin: int = 0) -> Read | None:
    """Return the valid JSON object or array that begins there; ``None`` if there is none.

    >>> read_prefix('{"a": 1} and more')
    Read(value={'a': 1}, end=8)
    """
    if not text.startswith(("{", "["), begin):
        return None
    try:
        return Read(*_DECODER.raw_decode(text, begin))
    except (ValueError, RecursionError):
        return None


def read_json(text: str) -> Any:
    r"""Return the JSON object or array in a text, repaired if need be; ``None`` if it has none.

    >>> read_json('```json\n{"a": [1, 2,]}\n```'), read_json('{"a": {"b": 1}'), read_json("Hi")
    ({'a': [1, 2]}, {'a': {'b': 1}}, None)
    """
    text = without_fence(text)
    if (read := read_prefix(text)) and read.end == len(text):
        return read.value
    if not text.startswith(("{", "[")) or len(text) > MAX_REPAIR:
        return None
    if text.count("{") + text.count("[") > MAX_BRACKETS:
        return None
    from .extra import json_repair

    try:
        value = json_repair.loads(text, skip_json_loads=True)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, (dict, list)) and value else None


def without_fence(text: str) -> str:
    """Return the content of the only code fence in a text, or the text, without white space around it."""
    text = text.strip()
    fences = _FENCED.findall(text)
    return fences[0].strip() if len(fences) == 1 else text


def is_open_string(text: str) -> bool:
    r"""Return whether a JSON text ends within a string.

    >>> is_open_string('{"a": "b'), is_open_string('{"a": "b\\""')
    (True, False)
    """
    return len(re.findall(r'"', re.sub(r"\\.", "", text, flags=re.DOTALL))) % 2 == 1
