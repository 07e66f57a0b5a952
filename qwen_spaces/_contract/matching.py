"""Match the parameters of an endpoint with our arguments, if it can take a chat message at all."""

from __future__ import annotations

from collections.abc import Mapping

from .api import ApiEndpoint, history_form, mapping
from .contract import Contract
from .endpoint import Endpoint, parameter_of

# Our argument -> the names that Spaces give it, best first (public apps and their callers, read 2026-11).
PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "prompt": ("query", "message", "prompt", "text", "question", "input_value", "sender_value"),
    "history": ("history", "chat_history", "_chatbot"),
    "system": ("system", "system_prompt", "system_message", "sys_prompt"),
}
_SENT = {"prompt", "history", "chat", "images"}  # the arguments that every request has


def match_position(api: ApiEndpoint, contract: Contract) -> Endpoint | None:
    """Return the endpoint if it can be called by position.

    If the contract names it, the number of its parameters decides; otherwise their kinds do, too.
    """
    ours = contract.positional
    own, extra = api.parameters[: len(ours)], api.parameters[len(ours) :]
    if len(own) < len(ours) or not all(parameter.has_default for parameter in extra):
        return None
    kinds = [parameter.is_text for parameter in own]
    if api.name not in contract.known_endpoints and kinds != [one == "prompt" for one in ours]:
        return None
    return Endpoint(
        api.name,
        {one: one for one in ours},
        by_position=True,
        placeholder=contract.placeholder,
        html=contract.html,
        stateful=contract.stateful,
    )


def match_names(api: ApiEndpoint, contract: Contract) -> Endpoint | None:
    """Return the endpoint if the names of its parameters are those of a chat."""
    names = _find_names(api, contract)
    wanted = "chat" if contract.steps else "prompt"
    if wanted not in names:
        return None
    if wanted not in contract.parameters and not api.by_name[parameter_of(names[wanted])].is_text:
        return None
    taken = set(map(parameter_of, names.values()))
    if not all(parameter.has_default or name in taken for name, parameter in api.by_name.items()):
        return None
    required, needed = _fill(api, names, contract)
    if needed:
        return None
    return Endpoint(
        api.name,
        names,
        history_form(api.by_name[names["history"]].schema) if "history" in names else None,
        required,
        steps=contract.steps,
        dicts=_dict_defaults(api, names, contract),
        placeholder=contract.placeholder,
        html=contract.html,
        stateful=contract.stateful,
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


def _fill(
    api: ApiEndpoint, names: Mapping[str, str], contract: Contract
) -> tuple[dict[str, object], frozenset[str]]:
    """Return values for required arguments that a request may lack, and the arguments without one."""
    filled: dict[str, object] = {}
    needed = set()
    for ours, theirs in names.items():
        parameter = api.by_name.get(parameter_of(theirs))  # none for an option whose own name has a dot
        if parameter is None or parameter.has_default or ours in _SENT:
            continue
        if ours in contract.defaults:
            filled[ours] = contract.defaults[ours]
        elif "." not in theirs:
            needed.add(ours)
    return filled, frozenset(needed)


def _dict_defaults(
    api: ApiEndpoint, names: Mapping[str, str], contract: Contract
) -> dict[str, dict[str, object]]:
    """Return the default of each dict: the API's own, else the facade's."""
    dicts: dict[str, dict[str, object]] = {}
    for ours, theirs in names.items():
        parameter, dot, key = theirs.partition(".")
        if dot and parameter in api.by_name:
            known = {key: contract.defaults[ours]} if ours in contract.defaults else {}
            dicts[parameter] = {**known, **dicts.get(parameter, mapping(api.by_name[parameter].default))}
    return dicts
