"""Which endpoint of a Space to call, and under which parameter names, from its API info."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ..errors import ContractError
from .endpoint import Endpoint, HistoryForm, Step

ApiInfo: TypeAlias = Mapping[str, Mapping[str, Any]]  # "/name" -> {"parameters": [...], ...}
ByName: TypeAlias = Mapping[str, Mapping[str, Any]]  # a parameter's name -> what the API info says of it

# Our argument -> the names that Spaces give it, best first (public apps and their callers, read 2026-11).
PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "prompt": ("query", "message", "prompt", "text", "question", "input_value", "sender_value"),
    "history": ("history", "chat_history", "_chatbot"),
    "system": ("system", "system_prompt", "system_message", "sys_prompt"),
}
_SENT = {"prompt", "history", "chat", "images"}  # ours that every request has
_EMPTY: Mapping[str, object] = {"Textbox": "", "Image": None}  # what a page sends if nothing was filled in
_CHATS = ("/chat", "/model_chat")  # of several endpoints that fit, these are it
_NO_CHAT = ("/update_", "/clear", "/reset", "/modify", "/lambda", "/regenerate", "/undo")


@dataclass(frozen=True, slots=True)
class Contract:
    """What a facade knows of its Space's API before it has seen it.

    Attributes:
        space_id: ``owner/name`` on the Hub.
        endpoints: api names of the chat endpoint, best first.
        parameters: our argument -> the Space's name for it, where that is not one of `PARAMETERS`. A name
            with a dot, such as ``"message.text"``, is a key of the dict that the parameter takes.
        options: our option -> the Space's names for it.
        positional: our arguments in the order of the endpoint's inputs, where their names are unknown.
        defaults: our argument -> its value, used only where the Space's API has no default of its own.
        before: the calls that come before the one that answers.
        placeholder: what the answer says before there is one.
        remembers: whether the Space keeps the earlier turns of a session.
        open: whether nothing is known of it, so that each further parameter is an option.
    """

    space_id: str
    endpoints: tuple[str, ...] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    positional: tuple[str, ...] = ()
    defaults: Mapping[str, object] = field(default_factory=dict)
    before: tuple[Step, ...] = ()
    placeholder: str = ""
    remembers: bool = False
    open: bool = False


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
    has = f"The Space has: {'; '.join(_signatures(info)) or 'none'}."
    if missing := [step.endpoint for step in contract.before if step.endpoint not in info]:
        raise ContractError(f"There is no endpoint {', '.join(missing)}. {has}")
    for name in (*contract.endpoints, *(f"{name}_1" for name in contract.endpoints)):
        if name in info and (found := _fit(name, info[name], contract)):
            return found
    chats = {
        name: endpoint
        for name, endpoint in info.items()
        # An endpoint that puts out nothing, as a "like" button's, cannot answer.
        if not (
            contract.before or name.startswith(_NO_CHAT) or (contract.open and not endpoint.get("returns"))
        )
    }
    fits = (_fit(name, endpoint, contract, by_kind=True) for name, endpoint in chats.items())
    best = [found for found in fits if found]
    if not best and contract.open:
        best = [found for name, endpoint in chats.items() if (found := _fit_text(name, endpoint, contract))]
    best = [found for found in best if found.name in generators] or best
    best = [found for found in best if not _is_twin(found.name, info)] or best
    if contract.open:
        best = [found for found in best if found.name in _CHATS] or best
    if len(best) == 1:
        return best[0]
    problem = "Several endpoints could be the chat" if best else "No endpoint takes a chat message"
    raise ContractError(f"{problem}. {has}")


def _fit(
    name: str, endpoint: Mapping[str, Any], contract: Contract, *, by_kind: bool = False
) -> Endpoint | None:
    parameters = endpoint.get("parameters", [])
    if contract.positional:
        return _fit_positional(name, parameters, contract.positional, by_kind=by_kind)
    by_name = _by_name(endpoint)
    # Where calls come before the one that answers, they take the prompt.
    usual = {} if contract.before else PARAMETERS
    own = {ours: (theirs,) for ours, theirs in contract.parameters.items()}
    names = {
        ours: theirs
        for ours, candidates in {**usual, **contract.options, **own}.items()
        if (theirs := next((theirs for theirs in candidates if _holder(theirs) in by_name), None))
    }
    asked = "chat" if contract.before else "prompt"
    if asked not in names:
        return None
    parameter = by_name[_holder(names[asked])]
    if contract.open and {"text", "files"} <= set(_schema(parameter).get("properties", ())):
        names |= {"prompt": f"{names[asked]}.text", "images": f"{names[asked]}.files"}
    elif asked not in own and not _is_text(parameter):
        return None
    return _whole(name, names, by_name, contract)


def _fit_text(name: str, endpoint: Mapping[str, Any], contract: Contract) -> Endpoint | None:
    """Return an endpoint that takes one text, whatever its name, and gives a text."""
    by_name = _by_name(endpoint)
    texts = [theirs for theirs, parameter in by_name.items() if parameter.get("component") == "Textbox"]
    given = [_schema(output).get("type") for output in endpoint.get("returns", [])]
    if len(texts) != 1 or "string" not in given:
        return None
    return _whole(name, {"prompt": texts[0]}, by_name, contract)


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
    return Endpoint(name, {ours: ours for ours in wanted}, by_position=True)


def _whole(name: str, names: Mapping[str, str], by_name: ByName, contract: Contract) -> Endpoint | None:
    """Return the endpoint with all that it takes; ``None`` if it needs what nothing of ours is for."""
    options = None
    if contract.open:
        pictures = [theirs for theirs, parameter in by_name.items() if parameter.get("component") == "Image"]
        if pictures and "images" not in names:
            names = {**names, "image": pictures[0]}
        taken = {*names, *map(_holder, names.values()), *_SENT, "image"}
        options = {theirs: _schema(parameter) for theirs, parameter in by_name.items() if theirs not in taken}
        names = {**names, **{option: option for option in options}}
    required: dict[str, object] = {}
    dicts: dict[str, dict[str, object]] = {}
    needed = set()
    for theirs, parameter in by_name.items():
        default = parameter.get("parameter_default")
        keys = {place.partition(".")[2]: ours for ours, place in names.items() if _holder(place) == theirs}
        ours = keys.get("", "")
        if keys and not ours:
            known = {one: contract.defaults[one] for one in keys.values() if one in contract.defaults}
            by_key = {key: known[one] for key, one in keys.items() if one in known}
            dicts[theirs] = {**by_key, **(default if isinstance(default, Mapping) else {})}
            if not parameter.get("parameter_has_default"):  # else it is left out where nothing is asked
                required |= known
        elif parameter.get("parameter_has_default") or ours in _SENT:
            continue
        elif ours in contract.defaults:
            required[ours] = contract.defaults[ours]
        elif options is None or not ours:
            return None
        elif parameter.get("component") in _EMPTY:
            required[ours] = _EMPTY[parameter["component"]]
        else:
            needed.add(ours)
    form = _history_form(by_name[names["history"]]) if "history" in names else None
    return Endpoint(
        name,
        names,
        form,
        required,
        before=contract.before,
        dicts=dicts,
        options=options,
        needed=frozenset(needed),
    )


def _by_name(endpoint: Mapping[str, Any]) -> ByName:
    return {str(parameter.get("parameter_name")): parameter for parameter in endpoint.get("parameters", [])}


def _holder(place: str) -> str:
    """Return the parameter that a name means, which may be a key of its dict."""
    return place.partition(".")[0]


def _schema(parameter: Mapping[str, Any]) -> Mapping[str, Any]:
    return parameter.get("type") or {}


def _is_text(parameter: Mapping[str, Any]) -> bool:
    return bool(_schema(parameter).get("type") == "string")


def _is_twin(name: str, info: ApiInfo) -> bool:
    stem, _, number = name.rpartition("_")
    return number.isdigit() and stem in info


def _signatures(info: ApiInfo) -> Iterator[str]:
    for name, endpoint in info.items():
        yield f"{name}({', '.join(_by_name(endpoint))})"


def _history_form(parameter: Mapping[str, Any]) -> HistoryForm:
    """Return the form of a chat history by its JSON schema (Gradio 4.44, 5.50, 6.31 compared, 2026-11)."""
    schema = _schema(parameter)
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
