"""Search the Hub for Spaces.

By the request of `huggingface_hub.HfApi.search_spaces` (1.16 to 2.4), but not by that method, which waits for
ever, reads without a limit, and cannot be cancelled.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeAlias

import httpx
import huggingface_hub

from .._addresses import parse_address
from .._stream.mailbox import Mailbox
from .._types.listed import Listed
from ..errors import AuthenticationError, ConnectError, QwenSpacesError
from .certificates import context
from .connection import token_for
from .errors import connect_error
from .hub import RUNNING, get, hub_name
from .pages import describe
from .proxies import check_proxies, proxy_in_use

QWEN = "Qwen"
MAX_LISTED = 100  # Spaces in a list of the Hub
_FIELDS = ["likes", "runtime", "sdk"]
# Words of a query that hold for all of Qwen's Spaces, and that their names mostly lack.
_GENERIC = {"a", "chat", "chatbot", "demo", "for", "gradio", "model", "models", "qwen", "space", "spaces"}
_LACKING = (400, 401, 403, 404, 405)  # HTTP statuses of a Hub, such as a mirror, without the search
Request: TypeAlias = Callable[..., Any]


def search(query: str, token: str | bool | None, mailbox: Mailbox) -> list[Listed]:
    """Return the Gradio Spaces that run and that the Hub finds, Qwen's own among them; blocks.

    The end of `mailbox` aborts it. `token` is as `QwenSpace` takes it; only the Hub gets it.

    Raises:
        AuthenticationError: the Hub refuses the token.
        ConnectError: or another kind; the Hub cannot be reached, or does not answer as one.
    """
    endpoint = huggingface_hub.constants.ENDPOINT
    sent = token_for(f"{QWEN}/any", token)
    try:
        verify = context(True)
        check_proxies(endpoint, None, verify)
        request = partial(_request, sent, mailbox, {"proxy": None, "verify": verify})
        listed = [*_search(request, query), *_of_qwen(request, query)]
        owner = _account(request) if sent else None
    except httpx.HTTPStatusError as error:
        raise _refusal(error, has_token=bool(sent)) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise connect_error(error, hub_name(), proxy_in_use(endpoint, None)) from error
    unique = dict[str, Listed]()
    for space in listed:
        is_own = owner is not None and space.space_id.lower().startswith(f"{owner}/")
        unique.setdefault(space.space_id, space._replace(is_own=is_own))
    return list(unique.values())


def _request(token: str | bool, mailbox: Mailbox, http: dict[str, Any], path: str, **params: Any) -> Any:
    """Return the JSON of a path of the Hub's API."""
    url = httpx.URL(f"{huggingface_hub.constants.ENDPOINT}/api/{path}", params=params)
    response = get(str(url), token, mailbox, http)
    try:
        return response.json()
    except (ValueError, RecursionError) as error:
        raise _no_list(response) from error


def _refusal(error: httpx.HTTPStatusError, *, has_token: bool) -> QwenSpacesError:
    """Return why the Hub does not list Spaces."""
    response = error.response
    if response.status_code == 401 and has_token:
        return AuthenticationError(
            f"{hub_name()} refuses the token. Log in again (hf auth login), pass another, or unset HF_TOKEN."
        )
    if response.status_code in (403, 407, 429) or response.status_code >= 500:
        return connect_error(error, hub_name(), proxy_in_use(str(response.url), None))
    return _no_list(response)


def _no_list(response: httpx.Response) -> ConnectError:
    return ConnectError(
        f"{hub_name()} does not list Spaces: {describe(response)}. Check HF_ENDPOINT and the network."
    )


def _search(request: Request, query: str) -> Iterator[Listed]:
    """Yield what the Hub finds by meaning; where it cannot, by name."""
    try:
        found = request("spaces/semantic-search", q=query, sdk="gradio")
    except httpx.HTTPStatusError as error:
        if error.response.status_code not in _LACKING:
            raise
        found = request(
            "spaces", search=query, filter="gradio", sort="likes", limit=MAX_LISTED, expand=_FIELDS
        )
    return _parse(found)


def _of_qwen(request: Request, query: str) -> Iterator[Listed]:
    """Yield Qwen's own Spaces whose names have the query's words."""
    found = request("spaces", author=QWEN, sort="likes", limit=MAX_LISTED, expand=_FIELDS)
    return (space for space in _parse(found) if is_meant(space.space_id, query))


def is_meant(space_id: str, query: str) -> bool:
    """Return whether a Space of Qwen's has in its name all that a query asks of one.

    Example:
        >>> is_meant("Qwen/Qwen2.5-Coder-demo", "qwen coder"), is_meant("Qwen/Qwen2.5", "qwen coder")
        (True, False)
    """
    words = set(re.findall(r"[\w.]+", query.lower())) - _GENERIC
    return all(word in space_id.lower() for word in words)


def _account(request: Request) -> str | None:
    """Return the name of the token's account, ``None`` if the Hub does not tell it, as when it is busy."""
    with contextlib.suppress(httpx.HTTPError, ConnectError, AttributeError):
        name = request("whoami-v2").get("name")
        return name.lower() if isinstance(name, str) else None
    return None


def _parse(found: object) -> Iterator[Listed]:
    """Yield the Gradio Spaces of a list that run."""
    if not isinstance(found, list):
        raise ConnectError(f"{hub_name()} does not list Spaces, but answers otherwise. Check HF_ENDPOINT.")
    return filter(None, map(_parse_space, found))


def _parse_space(item: Any) -> Listed | None:
    """Return a Space of a list, ``None`` if it does not run, or is no Gradio app."""
    try:
        space_id, likes, runtime = item["id"], item.get("likes"), item.get("runtime") or {}
        hardware = (runtime.get("hardware") or {}).get("current")
        runs = runtime.get("stage", "RUNNING") in RUNNING and item.get("sdk", "gradio") == "gradio"
        address = parse_address(space_id)
    except (AttributeError, LookupError, TypeError, QwenSpacesError):
        return None
    if not runs or address is None or "://" in address.place or address.place != space_id:
        return None
    return Listed(
        space_id,
        likes if isinstance(likes, int) else 0,
        hardware[:50] if isinstance(hardware, str) else None,
    )
