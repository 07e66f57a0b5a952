"""Find the chat of a Space in its config and API info: by requirements first, then by a ranking."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias, TypeVar

from ..errors import ContractError
from .api import ApiEndpoint, ApiInfo, parse_api
from .chains import Chain, answer_outputs, find_chains
from .chat import Chat
from .contract import Contract
from .endpoint import Endpoint
from .matching import match_names, match_position
from .roles import assign
from .steps import fit_steps

_CHATS = ("/chat", "/model_chat", "/respond", "/generate", "/predict")
_TALKS = re.compile(r"chat|ask|answer|respon|reply|talk|bot|message|generat|predict|complet|stream", re.I)
_NO_CHAT = (
    "/update_",
    "/clear",
    "/reset",
    "/modify",
    "/regenerate",
    "/undo",
    "/retry",
    "/delete",
    "/load_example",
)

T = TypeVar("T")


class Candidate(NamedTuple):
    """An endpoint that could be the one that a facade knows."""

    api: ApiEndpoint
    endpoint: Endpoint


class Found(NamedTuple):
    """The endpoints of a Space that answer."""

    text: Endpoint | Chat
    vision: Endpoint | Chat  # for a request with images

    def for_request(self, images: int) -> Endpoint | Chat:
        """Return the endpoint for a request with so many images."""
        return self.vision if images else self.text


Rule: TypeAlias = Callable[[Candidate], bool]
ChatRule: TypeAlias = Callable[[Chat], bool]


def ranking(contract: Contract) -> Sequence[Rule]:
    """Return the rules that narrow the candidates of a facade, the most important first."""
    return (
        *(_has_name(name) for name in contract.known_endpoints),
        lambda candidate: candidate.api.streams,
        lambda candidate: not candidate.api.is_twin,
    )


CHAT_RANKING: Sequence[ChatRule] = (  # the rules that narrow the chats of an unknown app
    lambda chat: chat.chain.is_public,
    lambda chat: chat.chain.is_sent,
    lambda chat: chat.roles.certain,
    lambda chat: chat.shown.is_chatbot or _is_chat_interface(chat),
    lambda chat: chat.chain.last.streams,
    lambda chat: chat.shown.id not in chat.chain.fresh or chat.shown.is_chatbot,
    lambda chat: not chat.needed,
    lambda chat: (
        chat.chain.steps[0].targets != ()
        and any(event == "submit" for _, event in chat.chain.steps[0].targets)
    ),
    lambda chat: not chat.roles.images,
    lambda chat: not chat.name.startswith("/lambda"),
    lambda chat: re.sub(r"_\d+$", "", chat.name) in _CHATS,  # Gradio numbers a name that is used twice
    lambda chat: bool(_TALKS.search(chat.name)),
)


def resolve(
    info: ApiInfo, contract: Contract, *, config: Mapping[str, Any] | None = None, endpoint: str | None = None
) -> Found:
    """Return the chat of an app, by its API info and its config.

    Raises:
        ContractError: none fits, or several fit equally well.
    """
    endpoints = parse_api(info, config)
    if contract.discover:
        return _discover(endpoints, endpoint)
    found = _match_facade([each for each in endpoints if each.name in info], contract, endpoint)
    return Found(found, found)


def _match_facade(endpoints: Sequence[ApiEndpoint], contract: Contract, wanted: str | None) -> Endpoint:
    """Return the one of the API's endpoints that a facade knows."""
    has = _list(endpoints)
    names = {each.name for each in endpoints}
    if missing := [step.endpoint for step in contract.steps if step.endpoint not in names]:
        raise ContractError(f"There is no endpoint {', '.join(missing)}. {has}")
    fitting = [found for each in endpoints if (found := _match(each, contract))]
    candidates = _narrow([each for each in fitting if wanted in (None, each.api.name)], ranking(contract))
    if len(candidates) != 1:
        problem = "Several endpoints could be the chat" if candidates else "No endpoint takes a chat message"
        raise ContractError(f"{problem}. {has}")
    chosen = candidates[0].endpoint
    return dataclasses.replace(chosen, steps=fit_steps(chosen.steps, endpoints))


def _discover(endpoints: Sequence[ApiEndpoint], wanted: str | None) -> Found:
    has = _list(endpoints)
    chats = _find_chats(endpoints, wanted) or _find_chats(endpoints, wanted, chat_alone=True)
    if not chats:
        problem = "No endpoint takes a chat message" if wanted is None else f"No chat goes through {wanted}"
        hidden = "" if endpoints else " Its page may work, but the app keeps its endpoints from API clients."
        raise ContractError(f"{problem}. {has}{hidden}")
    text = _pick(chats, CHAT_RANKING, has)
    seeing = [chat for chat in chats if chat.max_images != 0]
    vision = text if text.max_images != 0 or not seeing else _pick(seeing, CHAT_RANKING, has)
    return Found(text, vision)


def _find_chats(
    endpoints: Sequence[ApiEndpoint], wanted: str | None, *, chat_alone: bool = False
) -> list[Chat]:
    chains = find_chains(endpoints)
    if wanted is None:
        chains = [chain for chain in chains if not chain.last.name.startswith(_NO_CHAT)]
    else:
        chains = _chains_through(wanted, chains, endpoints)
    roles = ((chain, assign(chain, endpoints, chat_alone=chat_alone)) for chain in chains)
    return [Chat(chain, found, endpoints) for chain, found in roles if found]


def _chains_through(wanted: str, chains: Sequence[Chain], endpoints: Sequence[ApiEndpoint]) -> list[Chain]:
    """Return the chains with the endpoint of that name, else the endpoint alone."""
    through = [chain for chain in chains if wanted in [step.name for step in chain.steps]]
    return through or [Chain((each,)) for each in endpoints if each.name == wanted and answer_outputs(each)]


def _pick(chats: list[Chat], rules: Sequence[ChatRule], has: str) -> Chat:
    """Return the first of the best chats, if they are all the same."""
    best = _narrow(chats, rules)
    if len({chat.ends for chat in best}) > 1:
        names = ", ".join(chat.name for chat in best)
        raise ContractError(
            f"Several endpoints could be the chat: choose one with endpoint=..., of {names}. {has}"
        )
    return best[0]


def _narrow(candidates: list[T], rules: Sequence[Callable[[T], bool]]) -> list[T]:
    for rule in rules:  # a rule that no candidate meets excludes none
        candidates = [candidate for candidate in candidates if rule(candidate)] or candidates
    return candidates


def _match(api: ApiEndpoint, contract: Contract) -> Candidate | None:
    if api.name not in contract.known_endpoints and (
        contract.steps or api.name.startswith((*_NO_CHAT, "/lambda"))
    ):
        return None
    match = match_position if contract.positional else match_names
    endpoint = match(api, contract)
    return None if endpoint is None else Candidate(api, endpoint)


def _is_chat_interface(chat: Chat) -> bool:
    """Return whether this is the endpoint that a `gr.ChatInterface` has for API clients.

    A hidden button triggers it, and a state holds its history (Gradio 4.44 to 6.31).
    """
    step = chat.chain.last
    return bool(chat.chain.kept_states) and len(chat.chain.steps) == 1 and step.outputs[0].label == "Response"


def _list(endpoints: Sequence[ApiEndpoint]) -> str:
    public = [endpoint.signature for endpoint in endpoints if endpoint.is_public]
    return f"The Space has: {'; '.join(public) or 'none'}."


def _has_name(name: str) -> Rule:
    return lambda candidate: candidate.api.name == name
