"""Which endpoint of a Space is the chat, by its API info: requirements first, then a ranking."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import NamedTuple, TypeAlias

from ..errors import ContractError
from .api import ApiEndpoint, ApiInfo, parse_api
from .contract import Contract
from .endpoint import Endpoint
from .matching import match_lone_text, match_names, match_position

_CHATS = ("/chat", "/model_chat")
_NO_CHAT = ("/update_", "/clear", "/reset", "/modify", "/lambda", "/regenerate", "/undo")


class Candidate(NamedTuple):
    """An endpoint that could be the chat; `guessed` if only its one text suggests it."""

    api: ApiEndpoint
    endpoint: Endpoint
    guessed: bool = False


Rule: TypeAlias = Callable[[Candidate], bool]


def ranking(contract: Contract) -> Sequence[Rule]:
    """Return what makes some candidates better than others, the most important first.

    Each rule keeps the candidates that it holds for, unless it holds for none; a new rule is one more line.
    """
    return (
        *(_has_name(name) for name in contract.known_endpoints),
        lambda candidate: not candidate.guessed,
        lambda candidate: candidate.api.streams,
        lambda candidate: not candidate.api.is_twin,
        lambda candidate: contract.discover and candidate.api.name in _CHATS,
    )


def resolve(info: ApiInfo, contract: Contract, *, generators: Collection[str] = frozenset()) -> Endpoint:
    """Find the chat endpoint.

    Args:
        info: the ``named_endpoints`` of the Space's API info.
        contract: what to look for.
        generators: the endpoints that stream.

    Raises:
        ContractError: none fits, or several fit equally well; it lists what there is.
    """
    endpoints = parse_api(info, generators)
    has = f"The Space has: {'; '.join(endpoint.signature for endpoint in endpoints) or 'none'}."
    if missing := [step.endpoint for step in contract.steps if step.endpoint not in info]:
        raise ContractError(f"There is no endpoint {', '.join(missing)}. {has}")
    candidates = [found for endpoint in endpoints if (found := _match(endpoint, contract))]
    best = _narrow(candidates, ranking(contract))
    if len(best) != 1:
        problem = "Several endpoints could be the chat" if best else "No endpoint takes a chat message"
        raise ContractError(f"{problem}. {has}")
    return best[0].endpoint


def _narrow(candidates: Sequence[Candidate], rules: Iterable[Rule]) -> Sequence[Candidate]:
    for rule in rules:
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
    """Return whether an endpoint is a known one or, where others may be tried, one that could answer."""
    if api.name in contract.known_endpoints:
        return True
    if contract.steps or api.name.startswith(_NO_CHAT):
        return False
    # An endpoint without outputs, such as a "like" button's, cannot answer.
    return bool(api.returns) or not contract.discover


def _has_name(name: str) -> Rule:
    return lambda candidate: candidate.api.name == name
