"""Check and describe the options of a Space."""

from __future__ import annotations

import contextlib
import json
import reprlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal, TypeAlias

from ..errors import UnsupportedOptionError

# The values of an option that a facade lists, or the JSON schema in the API info.
OptionSpec: TypeAlias = Sequence[object] | Mapping[str, Any]

# JSON schema types, in Python and in words.
_PYTHON: Mapping[str, Any] = {"number": (int, float), "integer": int, "boolean": bool, "string": str}
_WORDS = {"number": "a number", "integer": "a number", "boolean": "true or false", "string": "text"}


def check_options(
    options: Mapping[str, object],
    known: Mapping[str, OptionSpec],
    *,
    space: str = "The Space",
    owner: str = "It",
    required: Collection[str] = (),
) -> dict[str, object]:
    """Return the options as they are sent; text, as from the command line, may stand for a number.

    Errors name the `space`, and list the options of the `owner`, such as an endpoint.

    Raises:
        UnsupportedOptionError: an option is unknown, does not take that value, or is missing.

    Example:
        >>> check_options({"size": "7B", "n": "2"}, {"size": ("7B", "72B"), "n": {"type": "integer"}})
        {'size': '7B', 'n': 2}
    """
    has = f"{owner} has: {', '.join(known) or 'none'}."
    if missing := sorted(set(required) - set(options)):
        kind = describe_option(known.get(missing[0], {}))
        raise UnsupportedOptionError(f"{space} needs the option {missing[0]!r}, which takes {kind}. {has}")
    if unknown := [option for option in options if option not in known]:
        raise UnsupportedOptionError(f"{space} has no option {unknown[0]!r}. {has}")
    return {option: _check_value(option, value, known[option], space) for option, value in options.items()}


def describe_option(spec: OptionSpec) -> str:
    """Return what an option takes, in words.

    Example:
        >>> describe_option(range(1, 39)), describe_option({"enum": ["a", "b"], "type": "string"})
        ('1 to 38', 'a, b')
    """
    if isinstance(spec, range):
        return f"{spec[0]} to {spec[-1]}"
    if not isinstance(spec, Mapping):
        return ", ".join(map(str, spec))
    if "enum" in spec:
        return describe_option(spec["enum"])
    return str(spec.get("description") or _WORDS.get(spec.get("type", ""), "any value"))


def type_of_option(spec: OptionSpec) -> Any:
    """Return what an option takes, as a type.

    Example:
        >>> type_of_option(range(1, 39)), type_of_option(("a", "b")), type_of_option({"type": "number"})
        (<class 'int'>, typing.Literal['a', 'b'], <class 'float'>)
    """
    if isinstance(spec, Mapping):
        return {"number": float, "integer": int, "boolean": bool, "string": str}.get(
            spec.get("type", ""), Any
        )
    literal: Any = Literal
    return int if isinstance(spec, range) else literal[tuple(spec)]


def _check_value(option: str, value: object, spec: OptionSpec, space: str) -> object:
    try:
        return _coerce(value, spec) if isinstance(spec, Mapping) else _pick(value, spec)
    except ValueError:
        raise UnsupportedOptionError(
            f"{space} does not take {option}={reprlib.repr(value)}. It takes: {describe_option(spec)}."
        ) from None


def _pick(value: object, values: Sequence[object]) -> object:
    """Return the listed value that equals the given one, as itself or as text."""
    if isinstance(value, (str, int, float)):
        for known in values:
            if value in (known, str(known)):
                return known
    raise ValueError


def _coerce(value: object, schema: Mapping[str, Any]) -> object:
    """Return the value in the schema's type; text may stand for a number or a bool."""
    kind = schema.get("type", "")
    if isinstance(value, str) and kind in ("number", "integer", "boolean"):
        with contextlib.suppress(ValueError):
            value = json.loads(value.lower())
    # In Python a bool is an int.
    is_kind = isinstance(value, _PYTHON.get(kind, object))
    is_bool = isinstance(value, bool) and kind in ("number", "integer")
    if not is_kind or is_bool or value not in schema.get("enum", [value]):
        raise ValueError
    return value
