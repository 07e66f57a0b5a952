"""Tools and response formats as users pass them -> JSON schemas, and values checked by these. Pure."""

from __future__ import annotations

import inspect
import json
import reprlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from ..errors import UnsupportedOptionError
from .checker import Checker
from .extra import pydantic


class Tool(NamedTuple):
    """A tool that is offered."""

    name: str
    declaration: Mapping[str, Any]  # in the OpenAI form
    check: Checker  # of its arguments


def as_tools(given: object) -> Iterator[Tool]:
    """Yield the tools that the user passed, each a schema in the OpenAI form or a function.

    Raises:
        UnsupportedOptionError: one of them is neither; it names the tool.
    """
    if isinstance(given, (str, bytes, Mapping)) or not hasattr(given, "__iter__"):
        raise UnsupportedOptionError(f"tools={reprlib.repr(given)} is not a list of tools.")
    names = set[str]()
    for index, each in enumerate(given):
        tool = _tool(each, f"Tool {index}")
        if tool.name in names:
            raise UnsupportedOptionError(f"Tool {index} has the name of another: {tool.name!r}.")
        names.add(tool.name)
        yield tool


def _tool(given: object, where: str) -> Tool:
    if isinstance(given, Mapping):
        function = given.get("function", given)  # the flat form is that of the Responses API
        named = isinstance(function, Mapping) and isinstance(function.get("name"), str)
        if given.get("type", "function") != "function" or not named or not function["name"].strip():
            raise UnsupportedOptionError(
                f"{where} is {reprlib.repr(given)}; a tool is a Python function, or {{'type': 'function', "
                "'function': {'name': ..., 'description': ..., 'parameters': a JSON schema}}."
            )
        kept = {key: function[key] for key in ("name", "description", "parameters") if function.get(key)}
    elif callable(given) and hasattr(given, "__name__"):
        kept = _describe(given, where)
    else:
        raise UnsupportedOptionError(f"{where} is a {type(given).__name__}, not a schema or a function.")
    parameters = kept.setdefault("parameters", {"type": "object", "properties": {}})
    if not isinstance(parameters, Mapping):
        raise UnsupportedOptionError(f"{where} has parameters that are no JSON schema.")
    check = Checker(parameters, f"The parameters of {kept['name']}")
    return Tool(kept["name"], {"type": "function", "function": kept}, check)


def _describe(function: Callable[..., Any], where: str) -> dict[str, Any]:
    """Return the declaration of a Python function, from its signature and its docstring."""
    name = function.__name__
    try:
        signature: Any = function
        schema = pydantic.TypeAdapter(signature).json_schema()
    except (pydantic.errors.PydanticUserError, NameError, TypeError, ValueError) as error:
        raise UnsupportedOptionError(f"{where}, {name}, has a signature without a schema: {error}") from error
    if schema.get("type") != "object":
        raise UnsupportedOptionError(f"{where}, {name}, has arguments without names.")
    for parameter in schema.get("properties", {}).values():
        parameter.pop("title", None)
    described = {"name": name, "description": inspect.getdoc(function) or "", "parameters": schema}
    return {key: value for key, value in described.items() if value}


class Format:
    """A response format: JSON, of a schema or of any, and what `Reply.parsed` becomes."""

    def __init__(self, schema: Mapping[str, Any] | None, model: Any = None) -> None:
        self.schema: Mapping[str, Any] | None = schema
        self._model = model  # of pydantic
        self._check = Checker({"type": "object"} if schema is None else schema, "The response_format")

    def parse(self, value: Any) -> tuple[Any, str]:
        """Return what becomes `Reply.parsed`, and what is wrong with the value, ``""`` if nothing is."""
        if self._model is None:
            value = self._check.convert(value)
            return value, self._check.problem(value)
        try:
            return pydantic.TypeAdapter(self._model).validate_json(json.dumps(value)), ""
        except pydantic.ValidationError as error:
            first = error.errors(include_url=False)[:3]
            return None, "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in first)


def as_format(given: object) -> Format | None:
    """Return the response format that the user passed, ``None`` for plain text.

    Raises:
        UnsupportedOptionError: it is none.
    """
    kind = given.get("type") if isinstance(given, Mapping) else given
    if given is None or kind == "text":
        return None
    if kind == "json_object":
        return Format(None)
    if isinstance(given, Mapping) and kind == "json_schema":
        inner = given.get("json_schema", given)  # the flat form is that of the Responses API
        schema = inner.get("schema") if isinstance(inner, Mapping) else None
        if isinstance(schema, Mapping):
            return Format(schema)
    if isinstance(given, type):
        try:
            return Format(pydantic.TypeAdapter(given).json_schema(), given)
        except (pydantic.errors.PydanticUserError, NameError, TypeError) as error:
            raise UnsupportedOptionError(
                f"response_format={given.__name__} has no schema: {error}"
            ) from error
    raise UnsupportedOptionError(
        f"response_format={reprlib.repr(given)} is none; pass a pydantic model, 'json_object', or "
        "{'type': 'json_schema', 'json_schema': {'schema': ...}}."
    )
