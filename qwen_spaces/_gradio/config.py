"""Fetch the config of a Gradio app, and check it before the SDK sees it.

The SDK joins the ``api_prefix`` of a config to the address unchecked, and searches a page that is no
config by a regular expression of quadratic cost (gradio_client 2.7.2, `Client._get_config`).
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Callable
from typing import Any

import httpx

from ..errors import AuthenticationError, ContractError
from .errors import retry_after
from .guard import origin
from .waiting import WakePoll

MAX_RETRY_AFTER = 60.0  # seconds until the next request to a sleeping Space, even if the server wants more
MAX_REDIRECTS = 5


def fetch_config(base: str, get: Callable[[str], httpx.Response], poll: WakePoll) -> dict[str, Any]:
    """Return the config of the app at `base`, which ends with a slash; blocks while a Space sleeps.

    `get` requests the config below a base, and raises `httpx.HTTPStatusError` unless the status is 2xx.

    Raises:
        ContractError: it redirects to another host, or is no Gradio app.
        AuthenticationError: it redirects to a login.
        SpaceTimeoutError: it did not wake up in time.
        httpx.HTTPError: the request failed in another way.
    """
    poll.start()
    redirects = 0
    while True:
        try:
            return parse_config(get(base).json(), base)
        except httpx.HTTPStatusError as error:
            if error.response.has_redirect_location and redirects < MAX_REDIRECTS:
                redirects += 1
                base = follow_redirect(base, error.response)
                continue
            if error.response.status_code != 503:
                raise
            wanted = min(retry_after(error) or 0.0, MAX_RETRY_AFTER)
        poll.check(f"{base} still answers with HTTP status 503, as a Space that sleeps or is broken,")
        poll.sleep(wanted)


def follow_redirect(base: str, response: httpx.Response) -> str:
    """Return the base address to which a request for the config is redirected."""
    target = redirect_target(base, response)
    path = target.path.rstrip("/")
    if path.endswith("/login"):
        raise AuthenticationError(
            f"{base} asks for a login. Pass auth=(user, password), or a token that opens it."
        )
    return str(target.copy_with(path=path.removesuffix("/config") + "/", query=None, fragment=None))


def redirect_target(url: str, response: httpx.Response) -> httpx.URL:
    """Return where a request is redirected: to https, or to another path of the same host.

    Raises:
        ContractError: it is redirected to another host.
    """
    try:
        target = response.url.join(response.headers["location"])
        scheme, host, port = origin(target)
    except (httpx.InvalidURL, ValueError) as error:
        raise ContractError(f"{url} redirects to an address that is none. Check yours.") from error
    before = origin(url)
    secured = before[0] == "http" and scheme == "https"
    if host != before[1] or not (secured or (scheme, port) == (before[0], before[2])):
        raise ContractError(
            f"{url} redirects to {target.scheme}://{target.netloc.decode(errors='replace')}, another "
            "place, and a redirect is followed within one host only. Pass that address as src=... if you "
            "trust it."
        )
    return target


def parse_config(config: object, base: str) -> dict[str, Any]:
    """Return the config of the app at `base`, with an ``api_prefix`` that the SDK joins correctly.

    Raises:
        ContractError: it is no config of Gradio's, or its ``api_prefix`` leads to another place.
    """
    if not isinstance(config, dict) or "dependencies" not in config:
        raise ContractError(f"{base} is no Gradio app: its config is some other JSON. Check the address.")
    version, protocol = str(config.get("version", "unknown")), str(config.get("protocol", "ws"))
    if not protocol.startswith("sse_v"):
        raise ContractError(
            f"{base} runs Gradio {version[:50]}, whose protocol {protocol[:50]!r} is not spoken "
            "any more. It takes Gradio 4.8 or newer."
        )
    # The SDK makes "/" of an empty one, which leads out of a sub-path (Gradio 4 has none).
    prefix = config.get("api_prefix") or "."
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
    # A heartbeat keeps a session's state alive between jobs, and each of our sessions has one job.
    return {**config, "api_prefix": prefix, "connect_heartbeat": False}
