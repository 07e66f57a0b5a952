"""Find the chat endpoint of a Space in its API info: by requirements first, then by a ranking."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple, TypeAlias

from ..errors import ContractError
from .api import ApiEndpoint, ApiInfo, parse_api
from .contract import Contract
from .endpoint import Endpoint
from .matching import match_lone_text, match_names, match_position
from .steps import fit_steps

_CHATS = ("/chat", "/model_chat")
_NO_CHAT = ("/update_", "/clear", "/reset", "/modify", "/lambda", "/regenerate", "/undo")


class Candidate(NamedTuple):
    """An endpoint that could be the chat; `guessed` if only its one text suggests it."""

    api: ApiEndpoint
    endpoint: Endpoint
    guessed: bool = False


Rule: TypeAlias = Callable[[Candidate], bool]


def ranking(contract: Contract) -> Sequence[Rule]:
    """Return the rules that narrow the candidates, the most important first."""
    return (
        *(_has_name(name) for name in contract.known_endpoints),
        lambda candidate: not candidate.guessed,
        lambda candidate: candidate.api.streams,
        lambda candidate: not candidate.api.is_twin,
        lambda candidate: contract.discover and candidate.api.name in _CHATS,
    )


def resolve(info: ApiInfo, contract: Contract, *, generators: Collection[str] = frozenset()) -> Endpoint:
    """Return the chat endpoint of an API info; `generators` are the endpoints that stream.

    Raises:
        ContractError: none fits, or several fit equally well.
    """
    endpoints = parse_api(info, generators)
    has = f"The Space has: {'; '.join(endpoint.signature for endpoint in endpoints) or 'none'}."
    if missing := [step.endpoint for step in contract.steps if step.endpoint not in info]:
        raise ContractError(f"There is no endpoint {', '.join(missing)}. {has}")
    candidates = _narrow([found for each in endpoints if (found := _match(each, contract))], contract)
    if len(candidates) != 1:
        problem = "Several endpoints could be the chat" if candidates else "No endpoint takes a chat message"
        raise ContractError(f"{problem}. {has}")
    chosen = candidates[0].endpoint
    return dataclasses.replace(chosen, steps=fit_steps(chosen.steps, endpoints))


def _narrow(candidates: list[Candidate], contract: Contract) -> list[Candidate]:
    for rule in ranking(contract):  # a rule that no candidate meets excludes none
        candidates = [candidate for candidate in candidates if rule(candidate)] or candidates
    return candidates


def _match(api: ApiEndpoint, contract: Contract) -> Candidate | None:
    if not _may_answer(api, contract):
        return None
    match = match_position if contract.positional else match_names
    if endpoint := match(api, contract):
        return Candidate(api, endpoint)
    if contract.discover and (endpoint := match_lone_text(api, contract)):
        return Candidate(api, endpoint, guessed=True)
    return None


def _may_answer(api: ApiEndpoint, contract: Contract) -> bool:
    """Return whether the contract names this endpoint, or allows others and this one could answer."""
    if api.name in contract.known_endpoints:
        return True
    if contract.steps or api.name.startswith(_NO_CHAT):
        return False
    # An endpoint without outputs, such as a "like" button's, cannot answer.
    return bool(api.returns) or not contract.discover


def _has_name(name: str) -> Rule:
    return lambda candidate: candidate.api.name == name
