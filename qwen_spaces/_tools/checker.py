"""Values checked by a JSON schema of strangers: the work is limited, and nothing is loaded. Pure.

Of `jsonschema`, four things could hold the process for hours: patterns, which it gives to `re`; references,
which can multiply; lists without repetition, compared in pairs; and errors that quote a large value.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import cache, lru_cache
from typing import Any, TypeAlias

from ..errors import UnsupportedOptionError
from .extra import jsonschema, pydantic_core, referencing
from .json_text import read_json

MAX_STEPS = 1_000_000  # in one check, of some microseconds each
MAX_DEPTH = 200  # keywords within each other, each of three frames
MAX_MATCHED = 100_000  # characters; a longer text fits each pattern
MAX_MESSAGE = 300  # characters
PATTERN_STEPS = 20_000  # to compile a pattern, which takes up to 0.2 seconds
_CHOICES = ("type", "anyOf", "oneOf", "enum", "const")  # keywords for which a string may be the wrong type
_LITERALS = {"true": "true", "false": "false", "none": "null"}
_NOTHING = object()
_Keyword: TypeAlias = Callable[[Any, Any, Any, Any], Any]  # of a validator, the value, instance and schema


class _TooMuchWorkError(Exception):
    """A check takes more than `MAX_STEPS`."""


class _Work(threading.local):
    """What is left for this thread's check to do."""

    steps = MAX_STEPS
    to_refer = 1  # steps
    depth = 0

    def spend(self, steps: int) -> None:
        self.steps -= steps
        if self.steps < 0:
            raise _TooMuchWorkError

    @contextlib.contextmanager
    def deeper(self) -> Iterator[None]:
        """Count a level; at Python's own limit, `rpds`, which `referencing` uses, panics."""
        if self.depth >= MAX_DEPTH:
            raise RecursionError
        self.depth += 1
        try:
            yield
        finally:
            self.depth -= 1


_work = _Work()


class Checker:
    """A JSON schema that checks values.

    It loads nothing that the schema refers to. It ignores patterns that take more than linear time, with a
    look-around or a back-reference, and the keywords ``unevaluatedItems`` and ``unevaluatedProperties``.
    """

    def __init__(self, schema: Mapping[str, Any], where: str) -> None:
        self.schema: Mapping[str, Any] = schema
        kind = _kind_of(schema)
        try:
            self._to_refer = 1 + len(repr(schema)) // 1000  # as an anchor may be looked for everywhere
            error = next(_errors(_limited(kind)(kind.META_SCHEMA), schema, 1), None)
        except RecursionError:
            raise UnsupportedOptionError(f"{where} is a JSON schema with too many levels.") from None
        except _TooMuchWorkError:
            raise UnsupportedOptionError(f"{where} is a JSON schema that is too large to check.") from None
        if error is not None:
            raise UnsupportedOptionError(f"{where} is no JSON schema: {_short(error.message)}")
        self._validator = _limited(kind)(schema, registry=referencing.Registry())

    def problem(self, value: object) -> str:
        """Return what is wrong with a value, ``""`` if nothing is."""
        try:
            errors = list(_errors(self._validator, value, self._to_refer))
        except referencing.exceptions.Unresolvable as error:
            return f"the schema refers to {error.ref!r}, which is not in it."
        except RecursionError:
            return "the answer has too many levels, or the schema refers to itself without end."
        except _TooMuchWorkError:
            return f"to check it takes more than {MAX_STEPS:,} steps; use a simpler schema."
        except Exception as error:  # of `referencing`, in a schema of several dialects
            return f"the schema cannot be used: {error!r:.300}"
        errors.sort(key=lambda error: list(map(str, error.path)))
        return "; ".join(f"{_short(error.json_path)}: {_short(error.message)}" for error in errors[:3])

    def convert(self, value: Any) -> Any:
        """Return a value in which a string that should be a number, a list and so on has become one.

        >>> check = Checker({"properties": {"n": {"type": "integer"}}}, "The schema")
        >>> check.convert({"n": "3"})
        {'n': 3}
        """
        value = json.loads(json.dumps(value))  # a copy to write to
        try:
            for error in list(_errors(self._validator, value, self._to_refer)):
                if error.validator in _CHOICES and isinstance(error.instance, str):
                    check = self._validator.evolve(schema={error.validator: error.validator_value})
                    fitting = (each for each in _readings(error.instance) if check.is_valid(each))
                    _replace(value, list(error.absolute_path), fitting)
        except Exception:  # which `problem` describes
            return value
        return value


def _readings(text: str) -> Iterator[Any]:
    """Yield what a text may mean as JSON, or as Python writes it."""
    for each in (text, _LITERALS.get(text.lower(), text)):
        with contextlib.suppress(ValueError, RecursionError):
            yield json.loads(each)
    if text.lstrip().startswith(("{", "[")) and (read := read_json(text)) is not None:
        yield read


def _replace(value: Any, path: list[str | int], new: Iterator[Any]) -> None:
    """Put the first of the new values, if there is any, in the place of the old."""
    if path and (found := next(new, _NOTHING)) is not _NOTHING:
        *way, last = path
        for key in way:
            value = value[key]
        value[last] = found


def _short(message: str) -> str:
    """Return a message whose beginning may quote a long value."""
    return message if len(message) <= MAX_MESSAGE else f"{message[:100]} ... {message[100 - MAX_MESSAGE :]}"


def _errors(validator: Any, value: object, to_refer: int) -> Iterator[Any]:
    """Yield the errors of a value; raise if that takes too many steps."""
    _work.steps, _work.to_refer, _work.depth = MAX_STEPS, to_refer, 0
    yield from validator.iter_errors(value)


def _kind_of(schema: Mapping[str, Any]) -> Any:
    """Return the validator class of the dialect that a schema names."""
    latest = jsonschema.Draft202012Validator
    named = isinstance(schema.get("$schema"), str)
    return jsonschema.validators.validator_for(schema, default=latest) if named else latest


@cache
def _limited(kind: Any) -> Any:
    """Return a validator class with limits."""
    keywords = {name: _SAFE.get(name, keyword) for name, keyword in kind.VALIDATORS.items()}
    limited = jsonschema.validators.extend(
        kind, {name: _counted(name, keyword) for name, keyword in keywords.items()}
    )
    limited.evolve = _evolve
    return limited


def _evolve(validator: Any, **changes: Any) -> Any:
    """Return a changed validator of the same class; that of `jsonschema` follows an inner ``$schema``."""
    kept = {each.alias: getattr(validator, each.name) for each in validator.__attrs_attrs__ if each.init}
    return type(validator)(**{**kept, **changes})


def _counted(name: str, keyword: _Keyword) -> _Keyword:
    refers = name in ("$ref", "$dynamicRef", "$recursiveRef")

    def check(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
        _work.spend(_work.to_refer if refers else 1)
        _work.spend(len(value) if isinstance(value, (dict, list)) else 0)
        _work.spend(len(instance) // 2 if isinstance(instance, (dict, list)) else 0)
        with _work.deeper():
            for error in keyword(validator, value, instance, schema) or ():
                _work.spend(1 + len(error.message) // 100)
                yield error

    return check


def _pattern(validator: Any, pattern: str, instance: Any, _schema: Any) -> Iterator[Any]:
    if validator.is_type(instance, "string") and _fits(pattern, instance) is False:
        yield jsonschema.ValidationError(f"{instance!r} does not match {pattern!r}")


def _pattern_properties(validator: Any, patterns: Any, instance: Any, _schema: Any) -> Iterator[Any]:
    if validator.is_type(instance, "object"):
        for pattern, schema in patterns.items():
            for name, value in instance.items():
                if _fits(pattern, name):
                    yield from validator.descend(value, schema, path=name, schema_path=pattern)


def _additional_properties(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
    """Do as `jsonschema`, but for properties that may have one of the patterns."""
    if validator.is_type(instance, "object"):
        known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
        others = {
            name: each
            for name, each in instance.items()
            if name not in known and all(_fits(pattern, name) is False for pattern in patterns)
        }
        yield from _ADDITIONAL(validator, value, others, {})


def _unique_items(validator: Any, value: bool, instance: Any, _schema: Any) -> Iterator[Any]:
    if value and validator.is_type(instance, "array"):
        whole = (int(each) if isinstance(each, float) and each.is_integer() else each for each in instance)
        if len({json.dumps(each, sort_keys=True) for each in whole}) < len(instance):
            yield jsonschema.ValidationError(f"{instance!r} has non-unique elements")


def _ignored(*_: Any) -> Iterator[Any]:
    yield from ()


_ADDITIONAL: _Keyword = jsonschema.Draft202012Validator.VALIDATORS["additionalProperties"]
_SAFE: Mapping[str, _Keyword] = {
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "uniqueItems": _unique_items,
    "unevaluatedItems": _ignored,
    "unevaluatedProperties": _ignored,
}


def _fits(pattern: str, text: str) -> bool | None:
    """Return whether a text has the pattern; ``None`` if only more than linear time could tell."""
    if len(text) > MAX_MATCHED:
        return None
    _work.spend(1 + len(text))
    compiled = _compile(pattern)
    return None if compiled is None else bool(compiled.isinstance_python(text))


@lru_cache(maxsize=256)
def _compile(pattern: str) -> Any:
    """Return a pattern of pydantic's engine, which takes linear time, unlike `re`; ``None`` if it cannot."""
    _work.spend(PATTERN_STEPS)
    try:
        return pydantic_core.SchemaValidator(pydantic_core.core_schema.str_schema(pattern=pattern))
    except pydantic_core.SchemaError:
        return None
