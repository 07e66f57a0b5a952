"""The options of a Space: what each one takes, and whether what was given fits."""

from __future__ import annotations

import contextlib
import json
import reprlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeAlias

from ..errors import UnsupportedOptionError

# What an option takes: the values that its facade lists, or the JSON schema that was found in the API info.
Takes: TypeAlias = Sequence[object] | Mapping[str, Any]

# JSON schema types, in Python and in words.
_PYTHON: Mapping[str, Any] = {"number": (int, float), "integer": int, "boolean": bool, "string": str}
_WORDS = {"number": "a number", "integer": "a number", "boolean": "true or false", "string": "text"}


def check_options(
    options: Mapping[str, object],
    known: Mapping[str, Takes],
    *,
    space: str = "The Space",
    owner: str = "It",
    required: Collection[str] = (),
) -> dict[str, object]:
    """Return the options as they are sent; text, as from the command line, may stand for a number.

    Args:
        options: what was given.
        known: the options there are, and what each takes.
        space: who takes them, for the errors.
        owner: what has them, for the errors; an endpoint's name.
        required: the options that have no default.

    Raises:
        UnsupportedOptionError: there is no such option, or not with that value, or one is missing.

    Example:
        >>> check_options({"size": "7B", "n": "2"}, {"size": ("7B", "72B"), "n": {"type": "integer"}})
        {'size': '7B', 'n': 2}
    """
    has = f"{owner} has: {', '.join(known) or 'none'}."
    for missing in sorted(set(required) - set(options)):
        raise UnsupportedOptionError(f"{space} needs the option {missing!r}. {has}")
    for unknown in (option for option in options if option not in known):
        raise UnsupportedOptionError(f"{space} has no option {unknown!r}. {has}")
    return {option: _convert(option, value, known[option], space) for option, value in options.items()}


def describe_option(takes: Takes) -> str:
    """Return what an option takes, in words.

    Example:
        >>> describe_option(range(1, 39)), describe_option({"enum": ["a", "b"], "type": "string"})
        ('1 to 38', 'a, b')
    """
    if isinstance(takes, range):
        return f"{takes[0]} to {takes[-1]}"
    if not isinstance(takes, Mapping):
        return ", ".join(map(str, takes))
    if "enum" in takes:
        return describe_option(takes["enum"])
    return str(takes.get("description") or _WORDS.get(takes.get("type", ""), "any value"))


def _convert(option: str, value: object, takes: Takes, space: str) -> object:
    try:
        return _of_schema(value, takes) if isinstance(takes, Mapping) else _of_values(value, takes)
    except ValueError:
        raise UnsupportedOptionError(
            f"{space} does not take {option}={reprlib.repr(value)}. It takes: {describe_option(takes)}."
        ) from None


def _of_values(value: object, takes: Sequence[object]) -> object:
    if isinstance(value, (str, int, float)):
        for known in takes:
            if value in (known, str(known)):
                return known
    raise ValueError


def _of_schema(value: object, schema: Mapping[str, Any]) -> object:
    kind = schema.get("type", "")
    if isinstance(value, str) and kind in ("number", "integer", "boolean"):
        with contextlib.suppress(ValueError):
            value = json.loads(value.lower())
    # To Python, true is a number.
    is_kind = isinstance(value, _PYTHON.get(kind, object))
    is_bool = isinstance(value, bool) and kind in ("number", "integer")
    if not is_kind or is_bool or value not in schema.get("enum", [value]):
        raise ValueError
    return value
