"""Parse a Space's API info, so that no other module digs in nested mappings."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias

ApiInfo: TypeAlias = Mapping[str, Mapping[str, Any]]  # "/name" -> {"parameters": [...], "returns": [...]}
Schema: TypeAlias = Mapping[str, Any]
HistoryForm = Literal["pairs", "messages", "parts"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """An input of an endpoint."""

    name: str
    schema: Schema  # of its values
    component: str  # on the page, such as "Textbox"
    has_default: bool  # so that a call may omit it
    default: object

    @property
    def is_text(self) -> bool:
        """Whether it takes a string."""
        return bool(self.schema.get("type") == "string")

    @property
    def is_multimodal(self) -> bool:
        """Whether it takes a text with files."""
        return {"text", "files"} <= set(mapping(self.schema.get("properties")))


@dataclass(frozen=True)
class ApiEndpoint:
    """A named endpoint of the API info."""

    name: str  # such as "/model_chat"
    parameters: tuple[Parameter, ...]
    returns: tuple[Schema, ...]  # the schemas of its outputs
    streams: bool = False  # more than one output for a call
    is_twin: bool = False  # "/chat_1" beside "/chat": Gradio numbers a name that is used twice

    @cached_property
    def by_name(self) -> dict[str, Parameter]:
        """Its parameters by their names."""
        return {parameter.name: parameter for parameter in self.parameters}

    @property
    def signature(self) -> str:
        """Its name and those of its parameters, for an error."""
        return f"{self.name}({', '.join(self.by_name)})"


def parse_api(info: ApiInfo, generators: Collection[str] = ()) -> tuple[ApiEndpoint, ...]:
    """Return the endpoints in the ``named_endpoints`` of an API info; `generators` are those that stream.

    Example:
        >>> (chat,) = parse_api({"/chat": {"parameters": [{"parameter_name": "message"}]}})
        >>> chat.signature
        '/chat(message)'
    """
    return tuple(
        ApiEndpoint(
            name=name,
            parameters=tuple(map(_parse_parameter, endpoint.get("parameters", []))),
            returns=tuple(mapping(mapping(output).get("type")) for output in endpoint.get("returns") or ()),
            streams=name in generators,
            is_twin=_is_twin(name, info),
        )
        for name, endpoint in info.items()
    )


def history_form(schema: Schema) -> HistoryForm:
    """Return the form of a chat history by its JSON schema (Gradio 4.44, 5.50, 6.31 compared, 2026-11)."""
    definitions = {**mapping(schema.get("$defs")), **mapping(schema.get("definitions"))}

    def follow(part: object) -> Schema:
        """Return the schema that `part` is or refers to."""
        reference = str(mapping(part).get("$ref", ""))
        return mapping(definitions.get(reference.rpartition("/")[2]) if reference else part)

    message = follow(follow(schema).get("items"))
    for choice in (message, *map(follow, message.get("anyOf", []))):
        properties = mapping(choice.get("properties"))
        if {"role", "content"} <= set(properties):
            return "parts" if follow(properties["content"]).get("type") == "array" else "messages"
    return "pairs"


def _parse_parameter(info: Mapping[str, Any]) -> Parameter:
    return Parameter(
        name=str(info.get("parameter_name")),
        schema=mapping(info.get("type")),
        component=str(info.get("component")),
        has_default=bool(info.get("parameter_has_default")),
        default=info.get("parameter_default"),
    )


def _is_twin(name: str, info: ApiInfo) -> bool:
    stem, _, number = name.rpartition("_")
    return number.isdigit() and stem in info


def mapping(value: object) -> Mapping[str, Any]:
    """Return the value if it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else {}
