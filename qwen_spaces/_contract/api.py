"""Parse a Gradio app's config and API info, so that no other module digs in nested mappings."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeAlias

from .._types.status import HistoryForm

ApiInfo: TypeAlias = Mapping[str, Mapping[str, Any]]  # "/name" -> {"parameters": [...], "returns": [...]}
Schema: TypeAlias = Mapping[str, Any]
MAX_EVENTS = 2000  # of a page; no app comes near it

# Components whose value is a string that nobody types.
_NOT_TYPED = {
    *("dropdown", "radio", "image", "audio", "video", "file", "html", "markdown", "label", "colorpicker"),
    *("datetime", "code", "fileexplorer", "button", "uploadbutton", "downloadbutton"),
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """A component of the page as an input or an output of an endpoint."""

    name: str  # in the API info; the label of one that is not there
    schema: Schema  # of its values
    component: str  # its kind on the page, such as "Textbox"
    has_default: bool  # so that a call may omit it
    default: object
    id: int = -1  # of the component, one for all endpoints that share it
    label: str = ""
    props: Mapping[str, Any] = field(default_factory=dict)
    skipped: bool = False  # what no API client sees, such as a state or a button

    @property
    def kind(self) -> str:
        """The kind of the component in lower case, such as ``"textbox"``."""
        return self.component.lower()

    @property
    def is_state(self) -> bool:
        """Whether the server keeps its value for each session."""
        return self.kind == "state"

    @property
    def is_chatbot(self) -> bool:
        """Whether it shows a chat."""
        return "chatbot" in self.kind

    @property
    def is_text(self) -> bool:
        """Whether it takes a string."""
        return bool(self.schema.get("type") == "string")

    @property
    def is_typed(self) -> bool:
        """Whether it takes a text that the user types."""
        return self.is_text and "enum" not in self.schema and self.kind not in _NOT_TYPED

    @property
    def is_multimodal(self) -> bool:
        """Whether it takes a text with files."""
        return {"text", "files"} <= set(mapping(self.schema.get("properties")))

    @property
    def is_list(self) -> bool:
        """Whether it takes a list."""
        return self.schema.get("type") == "array" or any(
            mapping(choice).get("type") == "array" for choice in self.schema.get("anyOf") or ()
        )


@dataclass(frozen=True)
class ApiEndpoint:
    """An endpoint of a Gradio app: what one event of its page calls."""

    name: str  # such as "/model_chat"
    parameters: tuple[Parameter, ...]  # as the API info lists them
    streams: bool = False  # more than one output for a call
    is_twin: bool = False  # "/chat_1" beside "/chat": Gradio numbers a name that is used twice
    index: int | None = None  # of its event in the config
    inputs: tuple[Parameter, ...] = ()  # all, in the order of the event's arguments
    outputs: tuple[Parameter, ...] = ()  # those that an API client sees
    writes: frozenset[int] = frozenset()  # the ids of all its outputs
    targets: tuple[tuple[int, str], ...] = ()  # (component id, event), such as (7, "submit")
    after: int | None = None  # the event that it follows
    is_public: bool = True  # in the app's API docs

    @cached_property
    def by_name(self) -> dict[str, Parameter]:
        """Its parameters by their names."""
        return {parameter.name: parameter for parameter in self.parameters}

    @cached_property
    def reads(self) -> frozenset[int]:
        """The ids of its inputs."""
        return frozenset(each.id for each in self.inputs)

    @property
    def signature(self) -> str:
        """Its name and those of its parameters, for an error."""
        return f"{self.name}({', '.join(self.by_name)})"


def parse_api(info: ApiInfo, config: Mapping[str, Any] | None = None) -> tuple[ApiEndpoint, ...]:
    """Return the endpoints in the ``named_endpoints`` of an API info, and those of a config that it hides.

    An endpoint that the app keeps from API clients is left out (``api_name=False``, Gradio 4 and 5;
    ``api_visibility="private"``, Gradio 6).

    Example:
        >>> (chat,) = parse_api({"/chat": {"parameters": [{"parameter_name": "message"}]}})
        >>> chat.signature
        '/chat(message)'
    """
    config = mapping(config)
    components = {
        each.get("id"): each for each in config.get("components") or () if isinstance(each, Mapping)
    }
    events = list(itertools.islice(config.get("dependencies") or (), MAX_EVENTS))
    by_id = {event.get("id"): event for event in events}
    found: dict[str, ApiEndpoint] = {}
    for place, event in enumerate(events):
        if not _is_hidden(event):
            begun = {**event, **_visible_trigger(event, by_id)}
            found.setdefault(f"/{event['api_name']}", _parse_event(begun, place, components, info))
    alone = {name: _parse_endpoint(name, endpoint) for name, endpoint in info.items() if name not in found}
    every = {**alone, **found}
    # In the order of the API info, then of the config.
    return tuple(
        replace(every[name], is_twin=_is_twin(name, every)) for name in dict.fromkeys((*info, *every))
    )


def _is_hidden(event: Mapping[str, Any]) -> bool:
    """Return whether an event is a script of the page, or is kept from API clients."""
    private = event.get("api_visibility") == "private" or not isinstance(event.get("api_name"), str)
    return private or event.get("backend_fn", True) is False


def _visible_trigger(event: Mapping[str, Any], by_id: Mapping[Any, Mapping[str, Any]]) -> dict[str, Any]:
    """Return what starts an event: of hidden ones that it follows, the trigger of the first."""
    seen: set[Any] = set()
    while (before := by_id.get(event.get("trigger_after"))) and _is_hidden(before):
        if before.get("id") in seen:
            break
        seen.add(before.get("id"))
        event = before
    return {"targets": event.get("targets"), "trigger_after": event.get("trigger_after")}


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


def _parse_endpoint(name: str, endpoint: Mapping[str, Any]) -> ApiEndpoint:
    """Return an endpoint of which only the API info is known, whose components are its own."""
    numbers = itertools.count(-1 - 1000 * zlib.crc32(name.encode()), -1)
    inputs = tuple(_parse_parameter(row, next(numbers)) for row in endpoint.get("parameters", []))
    rows = [mapping(row) for row in endpoint.get("returns") or ()]
    outputs = tuple(
        Parameter("", mapping(row.get("type")), str(row.get("component")), False, None, id=next(numbers))
        for row in rows
    )
    return ApiEndpoint(
        name, inputs, inputs=inputs, outputs=outputs, writes=frozenset(each.id for each in outputs)
    )


def _parse_event(
    event: Mapping[str, Any], place: int, components: Mapping[Any, Mapping[str, Any]], info: ApiInfo
) -> ApiEndpoint:
    name = f"/{event['api_name']}"
    listed = mapping(info.get(name))

    def components_of(side: str) -> list[Parameter]:
        return [_parse_component(mapping(components.get(each)), each) for each in event.get(side) or ()]

    inputs = _merge_inputs(components_of("inputs"), name, listed)
    outputs = _merge_outputs(components_of("outputs"), listed)
    return ApiEndpoint(
        name=name,
        parameters=_without_skipped(inputs),
        streams=bool(mapping(event.get("types")).get("generator")),
        index=event.get("id", place),
        inputs=tuple(inputs),
        outputs=_without_skipped(outputs),
        writes=frozenset(output.id for output in outputs),
        targets=tuple((target[0], str(target[1])) for target in event.get("targets") or ()),
        after=event.get("trigger_after"),
        is_public=event.get("api_visibility", "public") == "public" and event.get("show_api") is not False,
    )


def _without_skipped(components: list[Parameter]) -> tuple[Parameter, ...]:
    return tuple(each for each in components if not each.skipped)


def _merge_inputs(own: list[Parameter], name: str, listed: Mapping[str, Any]) -> list[Parameter]:
    """Return the inputs of an event with what the API info knows of them.

    It lists those that it does not skip, in the same order (Gradio 4.44 to 6.31).
    """
    rows = listed.get("parameters") or ()
    if len(rows) > sum(not each.skipped for each in own):  # the config lacks what the API info has
        return list(_parse_endpoint(name, listed).inputs)
    left = iter(rows)
    found = [(each, None if each.skipped else next(left, None)) for each in own]
    return [each if row is None else _parse_parameter(row, each.id, each) for each, row in found]


def _merge_outputs(own: list[Parameter], listed: Mapping[str, Any]) -> list[Parameter]:
    """Return the outputs, each under the kind that it has in the API info.

    A component may pass for another one there, as an app's own chatbot does.
    """
    left = iter(listed.get("returns") or ())
    found = [(each, None if each.skipped else next(left, None)) for each in own]
    return [
        each if row is None else replace(each, component=str(mapping(row).get("component")))
        for each, row in found
    ]


def _parse_component(component: Mapping[str, Any], number: int) -> Parameter:
    """Return a component of the config, under its label as a name."""
    props = mapping(component.get("props"))
    kind = str(component.get("type"))
    label = props.get("label")
    label = label if isinstance(label, str) else ""
    schema = component.get("api_info_as_input", component.get("api_info"))
    value = props.get("value")
    return Parameter(
        name=label or f"{kind}_{number}",
        schema=mapping(schema),
        component=kind,
        has_default=value is not None,
        default=value,
        id=number,
        label=label,
        props=props,
        skipped=bool(component.get("skip_api", kind == "state")),
    )


def _parse_parameter(info: Mapping[str, Any], number: int, component: Parameter | None = None) -> Parameter:
    parameter = Parameter(
        name=str(info.get("parameter_name")),
        schema=mapping(info.get("type")),
        component=str(info.get("component")),
        has_default=bool(info.get("parameter_has_default")),
        default=info.get("parameter_default"),
        id=number,
        label=str(info.get("label") or ""),
    )
    if component is None:
        return parameter
    return replace(parameter, label=component.label, props=component.props)


def _is_twin(name: str, names: Mapping[str, object]) -> bool:
    stem, _, number = name.rpartition("_")
    return number.isdigit() and stem in names


def mapping(value: object) -> Mapping[str, Any]:
    """Return the value if it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else {}
