"""Which endpoint of a Space to call, and under which parameter names, from its API info."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from .errors import ContractError, InvalidImageError
from .messages import Message, folded, pairs, split, system_prompt

HistoryForm = Literal["pairs", "messages", "parts"]
ApiInfo: TypeAlias = Mapping[str, Mapping[str, Any]]  # "/name" -> {"parameters": [...], ...}

# Our argument -> the names that Spaces give it, best first (public apps and their callers, read 2026-11).
PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "prompt": ("query", "message", "prompt", "text", "question", "input_value", "sender_value"),
    "history": ("history", "chat_history", "_chatbot"),
    "system": ("system", "system_prompt", "system_message", "sys_prompt"),
}
_NO_CHAT = ("/update_", "/clear", "/reset", "/modify", "/lambda", "/regenerate", "/undo")


@dataclass(frozen=True, slots=True)
class Contract:
    """What a facade knows of its Space's API before it has seen it.

    Attributes:
        space_id: ``owner/name`` on the Hub.
        endpoints: api names of the chat endpoint, best first.
        options: our option -> the Space's parameter names.
        positional: our arguments in the order of the endpoint's inputs, where their names are unknown.
        defaults: our argument -> its value, used only where the Space's API has no default of its own.
    """

    space_id: str
    endpoints: tuple[str, ...] = ()
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    positional: tuple[str, ...] = ()
    defaults: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The endpoint that was found.

    Attributes:
        name: its api name, such as ``"/model_chat"``.
        names: our argument -> the Space's parameter name, in the endpoint's order; by position, our own.
        history: the form in which it takes earlier turns; ``None`` if it takes none.
        required: what has no default in the Space's API, as our argument -> the value to send.
        by_position: whether it is called by position.
    """

    name: str
    names: Mapping[str, str]
    history: HistoryForm | None
    required: Mapping[str, object]
    by_position: bool

    def bind(
        self, messages: Sequence[Message], options: Mapping[str, object], files: Sequence[object]
    ) -> tuple[tuple[object, ...], dict[str, object]]:
        """The positional and the keyword arguments of one call.

        What the endpoint has no parameter for, be it the earlier turns or the system prompt, is
        folded into the prompt.
        """
        turns, prompt = split(messages)
        system = system_prompt(messages)
        if (turns and self.history is None) or (system is not None and "system" not in self.names):
            turns, prompt, system = (), folded(messages), None
        given: dict[str, object] = {**self.required, **options, "prompt": prompt}
        if self.history is not None:
            given["history"] = _rendered(turns, self.history)
        if system is not None:
            given["system"] = system
        if files:
            given["image"] = files[0]
        if homeless := [name for name in given if name not in self.names]:
            raise ContractError(
                f"The Space's endpoint {self.name} has no parameter for {', '.join(homeless)}."
            )
        if self.by_position:
            return tuple(given.get(name) for name in self.names), {}
        return (), {self.names[name]: value for name, value in given.items()}


def resolve(info: ApiInfo, contract: Contract, *, generators: frozenset[str] = frozenset()) -> Endpoint:
    """Find the chat endpoint.

    The names that the contract knows come first, then their ``_1`` twins (Gradio numbers an
    api name that is used twice), then any endpoint whose signature is that of a chat.

    Args:
        info: the ``named_endpoints`` of the Space's API info.
        contract: what to look for.
        generators: the endpoints that stream, which are preferred.

    Raises:
        ContractError: none fits, or several fit equally well; it lists what there is.
    """
    for name in (*contract.endpoints, *(f"{name}_1" for name in contract.endpoints)):
        if name in info and (found := _fit(name, info[name], contract)):
            return found
    fits = [
        found
        for name, endpoint in info.items()
        if not name.startswith(_NO_CHAT) and (found := _fit(name, endpoint, contract, by_kind=True))
    ]
    best = [found for found in fits if found.name in generators] or fits
    best = [found for found in best if not _is_twin(found.name, info)] or best
    if len(best) == 1:
        return best[0]
    problem = "several endpoints could be the chat" if best else "no endpoint takes a chat message"
    raise ContractError(f"{problem.capitalize()}. The Space has: {'; '.join(_signatures(info)) or 'none'}.")


def check_images(count: int, most: int, space: str) -> None:
    """Raise `InvalidImageError` where there are more images than a Space takes."""
    if count > most:
        takes = {0: "no images", 1: "one image"}.get(most, f"at most {most} images")
        raise InvalidImageError(f"{space} takes {takes} in a request; {count} were given.")


def _fit(
    name: str, endpoint: Mapping[str, Any], contract: Contract, *, by_kind: bool = False
) -> Endpoint | None:
    parameters = endpoint.get("parameters", [])
    if contract.positional:
        return _fit_positional(name, parameters, contract.positional, by_kind=by_kind)
    wanted = {**PARAMETERS, **contract.options}
    by_name = {parameter.get("parameter_name"): parameter for parameter in parameters}
    names = {
        ours: theirs
        for ours, candidates in wanted.items()
        if (theirs := next((candidate for candidate in candidates if candidate in by_name), None))
    }
    required: dict[str, object] = {}
    ours_of = {theirs: ours for ours, theirs in names.items()}
    for theirs, parameter in by_name.items():
        ours = ours_of.get(theirs, "")
        if parameter.get("parameter_has_default") or ours in ("prompt", "history"):
            continue
        if ours not in contract.defaults:
            return None
        required[ours] = contract.defaults[ours]
    if "prompt" not in names or not _is_text(by_name[names["prompt"]]):
        return None
    form = _history_form(by_name[names["history"]]) if "history" in names else None
    return Endpoint(name, names, form, required, by_position=False)


def _fit_positional(
    name: str, parameters: Sequence[Mapping[str, Any]], wanted: tuple[str, ...], *, by_kind: bool
) -> Endpoint | None:
    extra = parameters[len(wanted) :]
    if len(parameters) < len(wanted) or not all(p.get("parameter_has_default") for p in extra):
        return None
    if by_kind and not all(
        _is_text(parameter) == (ours == "prompt") for ours, parameter in zip(wanted, parameters, strict=False)
    ):
        return None
    return Endpoint(name, {ours: ours for ours in wanted}, None, {}, by_position=True)


def _is_text(parameter: Mapping[str, Any]) -> bool:
    return bool((parameter.get("type") or {}).get("type") == "string")


def _is_twin(name: str, info: ApiInfo) -> bool:
    stem, _, number = name.rpartition("_")
    return number.isdigit() and stem in info


def _signatures(info: ApiInfo) -> Iterator[str]:
    for name, endpoint in info.items():
        yield f"{name}({', '.join(str(p.get('parameter_name')) for p in endpoint.get('parameters', []))})"


def _history_form(parameter: Mapping[str, Any]) -> HistoryForm:
    """The form of a chat history, told by its JSON schema (Gradio 4.44, 5.50 and 6.31 compared, 2026-11)."""
    schema = parameter.get("type") or {}
    definitions = {**schema.get("$defs", {}), **schema.get("definitions", {})}

    def followed(part: Any) -> Mapping[str, Any]:
        if not isinstance(part, Mapping):
            return {}
        reference = str(part.get("$ref", ""))
        return definitions.get(reference.rpartition("/")[2], {}) if reference else part

    message = followed(followed(schema).get("items"))
    for choice in (message, *map(followed, message.get("anyOf", []))):
        properties = choice.get("properties", {})
        if "role" in properties and "content" in properties:
            content = followed(properties["content"])
            return "parts" if content.get("type") == "array" else "messages"
    return "pairs"


def _rendered(turns: Sequence[Message], form: HistoryForm) -> list[Any]:
    if form == "pairs":
        return pairs(turns)
    if form == "messages":
        return [{"role": turn.role, "content": turn.content} for turn in turns]
    return [{"role": turn.role, "content": [{"type": "text", "text": turn.content}]} for turn in turns]
