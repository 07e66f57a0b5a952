"""The config of a Gradio app: fetched, and checked before the SDK sees it.

The SDK joins the ``api_prefix`` of a config to the address unchecked, and searches a page that is no
config by a regular expression of quadratic cost (gradio_client 2.7.2, `Client._get_config`).
"""

from __future__ import annotations

import time
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import httpx

from .._stream.mailbox import Mailbox
from .._types.events import Status
from ..errors import AuthenticationError, ContractError, SpaceTimeoutError, StreamCancelledError
from .errors import check_config, retry_after
from .guard import origin

T = TypeVar("T")

CONNECT_TIMEOUT = 1.5  # seconds for one attempt at a TCP connection, which nothing can cut; others follow
POLL_INTERVAL = 0.5, 5.0  # seconds between two requests to a sleeping Space: at first, at most
MAX_RETRY_AFTER = 60.0  # seconds until such a request, whatever the server asks for
MAX_REDIRECTS = 5


def fetch_config(
    base: str,
    get: Callable[[str], httpx.Response],
    *,
    mailbox: Mailbox,
    wake: float | None,
    on_status: Callable[[Status], None],
) -> dict[str, Any]:
    """Return the config of the app at `base`; blocks.

    Redirects to https or to another path of the same host are followed. A server that answers 503, as
    that of a sleeping Space, is awaited.

    Args:
        base: the address that was asked, with a slash at its end.
        get: asks for the config below a base, which becomes the app's address, and raises
            `httpx.HTTPStatusError` unless the status is 2xx.
        mailbox: the request for which it is; its end ends the wait.
        wake: seconds to wait for a sleeping Space; ``None`` waits for ever.
        on_status: is called with the status ``"waking"``.

    Raises:
        ContractError: it redirects to another host, or its config is none of Gradio.
        AuthenticationError: it redirects to a login.
        SpaceTimeoutError: it did not wake up in time.
        httpx.HTTPError: whatever else went wrong.
    """
    pause, began, redirects = POLL_INTERVAL[0], time.monotonic(), 0
    while True:
        try:
            return checked_config(get(base).json(), base)
        except httpx.HTTPStatusError as error:
            if error.response.has_redirect_location and redirects < MAX_REDIRECTS:
                redirects += 1
                base = follow_redirect(base, error.response)
                continue
            if error.response.status_code != 503:
                raise
            longer = min(retry_after(error) or 0.0, MAX_RETRY_AFTER)
        if wake is not None and time.monotonic() - began >= wake:
            raise SpaceTimeoutError(
                f"{base} still answers with HTTP status 503 after {wake:g} s, as a Space that sleeps or "
                "is broken. Look at its page, or allow more with timeouts=Timeouts(wake=...).",
                phase="wake",
            )
        on_status(Status("waking"))
        mailbox.sleep(max(pause, longer))
        if mailbox.ended:
            raise StreamCancelledError("The stream was cancelled.")
        pause = min(pause * 1.5, POLL_INTERVAL[1])


def follow_redirect(base: str, response: httpx.Response) -> str:
    """Return the base address to which a request for the config is redirected."""
    target = redirect_target(base, response)
    path = target.path.rstrip("/")
    if path.endswith("/login"):
        raise AuthenticationError(
            f"{base} asks for a login. Pass auth=(user, password), or a token that opens it."
        )
    return str(target.copy_with(path=path.removesuffix("/config") + "/", query=None, fragment=None))


def redirect_target(asked: str, response: httpx.Response) -> httpx.URL:
    """Return where a request for `asked` is redirected: to https, or to another path of the same host.

    Raises:
        ContractError: it is redirected to another host.
    """
    try:
        target = response.url.join(response.headers["location"])
        scheme, host, port = origin(target)
    except (httpx.InvalidURL, ValueError) as error:
        raise ContractError(f"{asked} redirects to an address that is none. Check yours.") from error
    before = origin(asked)
    secured = before[0] == "http" and scheme == "https"
    if host != before[1] or not (secured or (scheme, port) == (before[0], before[2])):
        raise ContractError(
            f"{asked} redirects to {target.scheme}://{target.netloc.decode(errors='replace')}, another "
            "place, and a redirect is followed within one host only. Pass that address as src=... if you "
            "trust it."
        )
    return target


def not_followed(space: str, response: httpx.Response) -> ContractError | None:
    """Return the error for a redirect of anything but the config, ``None`` if it is no redirect."""
    if not response.has_redirect_location:
        return None
    return ContractError(
        f"{space} redirects a request to {response.headers['location'][:200]!r}, and only its config may be "
        "redirected. Nothing was sent there. Pass the address where the app is as src=..."
    )


def checked_config(config: object, base: str) -> dict[str, Any]:
    """Return the config of the app at `base`, with an ``api_prefix`` that the SDK joins to it rightly.

    Raises:
        ContractError: it is none of Gradio, or its ``api_prefix`` leads to another place.
    """
    check_config(config, base)
    known: Mapping[str, Any] = config  # type: ignore[assignment]
    # The SDK makes "/" of an empty one, which leads out of a sub-path (Gradio 4 has none).
    prefix = known.get("api_prefix") or "."
    try:
        joined = urllib.parse.urljoin(base, f"{prefix.lstrip('/')}/")
        inside = origin(joined) == origin(base) and joined.startswith(urllib.parse.urljoin(base, "."))
    except (AttributeError, ValueError, httpx.InvalidURL):
        inside = False
    if not inside:
        raise ContractError(
            f"The config of {base} names {str(prefix)[:200]!r} as the place of its API, which is outside "
            "the address that was asked. Nothing was sent there."
        )
    # A heartbeat keeps a session's state alive between jobs; a session of ours has one job.
    return {**known, "api_prefix": prefix, "connect_heartbeat": False}


def retry_connecting(call: Callable[[], T], mailbox: Mailbox, seconds: float | None) -> T:
    """Call again after each attempt at a TCP connection that got no answer.

    So nobody waits longer than `CONNECT_TIMEOUT` in an attempt that cannot be cut.

    Args:
        call: is repeated as a whole; nothing of it has reached the server.
        mailbox: the request for which it is; after its end there is no other attempt.
        seconds: for all attempts; ``None`` is without a bound.
    """
    began = time.monotonic()
    while True:
        try:
            return call()
        except httpx.ConnectTimeout:
            if mailbox.ended or (seconds is not None and time.monotonic() - began >= seconds):
                raise
