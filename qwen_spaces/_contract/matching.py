"""Whether an endpoint can take a chat message, and which of its parameters takes what of ours."""

from __future__ import annotations

from collections.abc import Mapping

from .api import ApiEndpoint, Parameter, Schema, history_form, mapping
from .contract import Contract
from .endpoint import Endpoint, parameter_of

# Our argument -> the names that Spaces give it, best first (public apps and their callers, read 2026-11).
PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "prompt": ("query", "message", "prompt", "text", "question", "input_value", "sender_value"),
    "history": ("history", "chat_history", "_chatbot"),
    "system": ("system", "system_prompt", "system_message", "sys_prompt"),
}
_SENT = {"prompt", "history", "chat", "images"}  # ours that every request has
_BLANKS: Mapping[str, object] = {"Textbox": "", "Image": None}  # what a page sends for an empty component


def match_position(api: ApiEndpoint, contract: Contract) -> Endpoint | None:
    """Return the endpoint if it can be called by position, whatever the names of its parameters.

    One that the contract names needs the right number of them; any other needs the right kinds, too.
    """
    ours = contract.positional
    own, extra = api.parameters[: len(ours)], api.parameters[len(ours) :]
    if len(own) < len(ours) or not all(parameter.has_default for parameter in extra):
        return None
    kinds = [parameter.is_text for parameter in own]
    if api.name not in contract.known_endpoints and kinds != [one == "prompt" for one in ours]:
        return None
    return Endpoint(api.name, {one: one for one in ours}, by_position=True)


def match_names(api: ApiEndpoint, contract: Contract) -> Endpoint | None:
    """Return the endpoint if the names of its parameters are those of a chat."""
    names = _find_names(api, contract)
    wanted = "chat" if contract.steps else "prompt"
    if wanted not in names:
        return None
    parameter = api.by_name[parameter_of(names[wanted])]
    if contract.discover and parameter.is_multimodal:
        names |= {"prompt": f"{parameter.name}.text", "images": f"{parameter.name}.files"}
    elif wanted not in contract.parameters and not parameter.is_text:
        return None
    return build(api, names, contract)


def match_lone_text(api: ApiEndpoint, contract: Contract) -> Endpoint | None:
    """Return the endpoint if it takes one text, whatever its name, and puts out a text."""
    texts = [parameter.name for parameter in api.parameters if parameter.component == "Textbox"]
    if len(texts) != 1 or "string" not in [schema.get("type") for schema in api.returns]:
        return None
    return build(api, {"prompt": texts[0]}, contract)


def build(api: ApiEndpoint, names: Mapping[str, str], contract: Contract) -> Endpoint | None:
    """Return the endpoint with all that it takes; ``None`` if it needs what nothing of ours is for.

    Args:
        api: the endpoint.
        names: our argument -> the Space's name for it, as far as it was found.
        contract: what is known of the Space.
    """
    options = None
    if contract.discover:
        names = {**names, **_find_image(api, names)}
        options = _find_options(api, names)
        names = {**names, **{option: option for option in options}}
    takers = _group(names)
    unfilled = [parameter for parameter in api.by_name.values() if not parameter.has_default]
    if any(parameter.name not in takers for parameter in unfilled):
        return None
    ours = {one: parameter for parameter in unfilled for one in takers[parameter.name] if one not in _SENT}
    values = {**(_blanks(ours) if contract.discover else {}), **contract.defaults}
    needed = frozenset(one for one in ours if one not in values and "." not in names[one])
    if needed and not contract.discover:
        return None
    return Endpoint(
        api.name,
        names,
        history_form(api.by_name[names["history"]].schema) if "history" in names else None,
        required={one: values[one] for one in ours if one in values},
        steps=contract.steps,
        dicts=_dict_defaults(api, names, contract),
        options=options,
        needed=needed,
    )


def _find_names(api: ApiEndpoint, contract: Contract) -> dict[str, str]:
    """Return our argument -> the first of its names that a parameter of the endpoint has."""
    usual = {} if contract.steps else PARAMETERS  # where there are steps, they take the prompt
    own = {ours: (theirs,) for ours, theirs in contract.parameters.items()}
    candidates = {**usual, **contract.options, **own}
    return {
        ours: found[0]
        for ours, names in candidates.items()
        if (found := [theirs for theirs in names if parameter_of(theirs) in api.by_name])
    }


def _find_image(api: ApiEndpoint, names: Mapping[str, str]) -> dict[str, str]:
    """Return the parameter for one image, unless there is one for several."""
    images = [parameter.name for parameter in api.parameters if parameter.component == "Image"]
    return {"image": images[0]} if images and "images" not in names else {}


def _find_options(api: ApiEndpoint, names: Mapping[str, str]) -> dict[str, Schema]:
    """Return the parameters that take nothing of ours, and are not called as an argument of ours is."""
    taken = {*names, *map(parameter_of, names.values()), *_SENT, "image"}
    return {theirs: parameter.schema for theirs, parameter in api.by_name.items() if theirs not in taken}


def _group(names: Mapping[str, str]) -> dict[str, list[str]]:
    """Return each parameter -> our arguments that go there, whole or into its dict."""
    takers: dict[str, list[str]] = {}
    for ours, theirs in names.items():
        takers.setdefault(parameter_of(theirs), []).append(ours)
    return takers


def _blanks(parameters: Mapping[str, Parameter]) -> dict[str, object]:
    """Return what a page would send for those of our arguments that nobody filled in."""
    kinds = {ours: parameter.component for ours, parameter in parameters.items()}
    return {ours: _BLANKS[kind] for ours, kind in kinds.items() if kind in _BLANKS}


def _dict_defaults(
    api: ApiEndpoint, names: Mapping[str, str], contract: Contract
) -> dict[str, dict[str, object]]:
    """Return what each dict holds where nothing is given: the API's own defaults, else the facade's."""
    dicts: dict[str, dict[str, object]] = {}
    for ours, theirs in names.items():
        parameter, dot, key = theirs.partition(".")
        if dot and parameter in api.by_name:
            known = {key: contract.defaults[ours]} if ours in contract.defaults else {}
            dicts[parameter] = {**known, **dicts.get(parameter, mapping(api.by_name[parameter].default))}
    return dicts
