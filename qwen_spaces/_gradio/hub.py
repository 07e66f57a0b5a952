"""Find a Space on the Hub, and wait until it runs; wake it if it sleeps."""

from __future__ import annotations

import contextlib
import re
import ssl
import threading
import urllib.parse
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import httpx
import huggingface_hub
import huggingface_hub.utils as hub

from .._addresses import redact
from .._stream.mailbox import Mailbox
from ..errors import (
    AuthenticationError,
    ConnectError,
    QwenSpacesError,
    SpaceNotFoundError,
    SpaceUnavailableError,
)
from .config import MAX_REDIRECTS, redirect_target
from .errors import connect_error
from .guard import RequestGuard
from .pages import describe, title_of
from .proxies import proxy_in_use
from .waiting import CONNECT_TIMEOUT, WakePoll, retry_connecting

HUB_TIMEOUT = 30.0  # seconds for one request to the Hub
WAKE_TIMEOUT = 5.0  # seconds for a sleeping Space's page
# The Hub's stages (huggingface_hub 2.4, `SpaceStage`, which lacks SLEEPING).
RUNNING = ("RUNNING", "RUNNING_BUILDING", "RUNNING_APP_STARTING")
_STARTING = ("SLEEPING", "BUILDING", "APP_STARTING")


class Located(NamedTuple):
    """Where a Space runs, and on what, according to the Hub."""

    url: str
    stage: str | None = None
    hardware: str | None = None


_telemetry_lock = threading.RLock()


@contextlib.contextmanager
def no_telemetry() -> Iterator[None]:
    """Keep the Hub's library from reporting, past any proxy, which program uses it.

    It does so when it makes headers, once a process and day (huggingface_hub 2.4, `detect_agent`).
    """
    with _telemetry_lock:
        constants = huggingface_hub.constants
        before, constants.HF_HUB_DISABLE_TELEMETRY = constants.HF_HUB_DISABLE_TELEMETRY, True
        try:
            yield
        finally:
            constants.HF_HUB_DISABLE_TELEMETRY = before


class _Description(NamedTuple):
    """The Hub's description of a Space, checked except for its address."""

    space_id: str
    stage: str
    hardware: str | None
    host: object


def locate(
    space_id: str, *, token: str | bool, proxy: str | None, verify: ssl.SSLContext, poll: WakePoll
) -> Located:
    """Return where the Space ``owner/name`` is, once it runs; blocks.

    Raises:
        SpaceUnavailableError: it does not run and will not by itself.
        SpaceTimeoutError: it did not run in time.
        ConnectError: or one of its kinds; the Hub does not say where it is.
    """
    http = {"proxy": proxy, "verify": verify}
    poll.start()
    while True:
        space = _describe(space_id, token, poll.mailbox, http)
        if space.stage in RUNNING:
            return Located(_address(space), space.stage, space.hardware)
        if space.stage not in _STARTING:
            raise SpaceUnavailableError(
                f"The Space {space.space_id} does not run: {space.stage}. Ask its owner to restart it, pass "
                "a duplicate as src=..., take another alias, or answer from a local replica (--local). "
                f"{_finds_others(space.space_id)}",
                stage=space.stage,
            )
        poll.check(f"The Space {space.space_id} is still {space.stage}")
        if space.stage == "SLEEPING":
            _wake(_address(space), poll.mailbox, http)
        poll.sleep()


def _describe(space_id: str, token: str | bool, mailbox: Mailbox, http: Mapping[str, Any]) -> _Description:
    """Return the Hub's description of a Space."""
    try:
        url = f"{huggingface_hub.constants.ENDPOINT}/api/spaces/{space_id}"
        response = get(url, token, mailbox, http)
    except httpx.HTTPStatusError as error:
        raise _refusal(error, space_id, http["proxy"]) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        proxy = proxy_in_use(huggingface_hub.constants.ENDPOINT, http["proxy"])
        raise connect_error(error, hub_name(), proxy) from error
    try:
        return _parse_description(response.json(), space_id)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ConnectError(
            f"{hub_name()} does not describe the Space {space_id}: {describe(response)}. Check HF_ENDPOINT, "
            "the network and the proxy, or pass the address of the Space as src=..."
        ) from error


def get(url: str, token: str | bool, mailbox: Mailbox, http: Mapping[str, Any]) -> httpx.Response:
    """Request something of the Hub, following redirects within its own host; the end of `mailbox` aborts it.

    Raises:
        httpx.HTTPError: it is refused, or the Hub cannot be reached.
        ContractError: it is redirected to another host, or too large.
    """
    with no_telemetry():
        headers = hub.build_hf_headers(token=token)
    return retry_connecting(lambda: _follow(url, headers, mailbox, http), mailbox, HUB_TIMEOUT)


def _follow(url: str, headers: dict[str, str], mailbox: Mailbox, http: Mapping[str, Any]) -> httpx.Response:
    timeout = httpx.Timeout(HUB_TIMEOUT, connect=CONNECT_TIMEOUT)
    redirects = 0
    while True:
        guard = RequestGuard(url)
        mailbox.on_cancel(guard.abort)
        try:
            with guard.within(HUB_TIMEOUT):
                return httpx.get(url, headers=headers, auth=guard, timeout=timeout, **http)
        except httpx.HTTPStatusError as error:
            if not error.response.has_redirect_location or redirects >= MAX_REDIRECTS:
                raise
            redirects += 1
            url = str(redirect_target(url, error.response))


def _parse_description(info: Any, space_id: str) -> _Description:
    """Parse the Hub's description; its ``id`` is the new name of a Space that was renamed."""
    runtime = info.get("runtime") or {}
    stage = runtime.get("stage", "RUNNING")
    current = (runtime.get("hardware") or {}).get("current")
    if not isinstance(stage, str):
        raise TypeError("the stage is no text")
    with contextlib.suppress(hub.HFValidationError):
        hub.validate_repo_id(info.get("id"))
        space_id = info["id"]
    hardware = current[:50] if isinstance(current, str) else None
    return _Description(space_id, stage[:50], hardware, info.get("host"))


def _address(space: _Description) -> str:
    try:
        parts = urllib.parse.urlsplit(space.host if isinstance(space.host, str) else "")
        if parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc:
            return str(httpx.URL(parts.geturl()))
    except (ValueError, httpx.InvalidURL):
        pass
    raise ConnectError(
        f"The Hub names no address for {space.space_id}: it may have no app yet. Look at its page, or pass "
        "the address of the app as src=..."
    )


def _refusal(error: httpx.HTTPStatusError, space_id: str, proxy: str | None) -> QwenSpacesError:
    """Return why the Hub does not describe a Space."""
    response = error.response
    status, code = response.status_code, response.headers.get("x-error-code")
    page = title_of(response) is not None
    if code == "RepoNotFound" or (status == 404 and not page):
        return SpaceNotFoundError(
            f"There is no Space {space_id!r} on the Hub, or it is private. Check the name, or pass a token. "
            f"{_finds_others(space_id)}"
        )
    if status in (401, 403) and not page:
        return AuthenticationError(
            f"The Hub does not open the Space {space_id} (HTTP status {status}): it is private or gated, or "
            "does not exist. Check the name, or pass a token of an account that may use it."
        )
    if status in (403, 407, 429) or status >= 500:
        return connect_error(error, hub_name(), proxy_in_use(str(response.url), proxy))
    return ConnectError(
        f"{hub_name()} does not describe the Space {space_id}: {describe(response)}. Check the name and "
        "HF_ENDPOINT, or pass the address of the Space as src=..."
    )


def _finds_others(space_id: str) -> str:
    """Return a sentence with the command that finds Spaces in place of one that is gone."""
    words = re.sub("[-_]+", " ", space_id.partition("/")[2]).strip()
    return f'Find others: qwen-spaces spaces --find "{words or "qwen chat"}".'


def hub_name() -> str:
    """Return the Hub's name for errors, with its address."""
    return f"Hugging Face's Hub ({redact(huggingface_hub.constants.ENDPOINT)})"


def _wake(host: str, mailbox: Mailbox, http: Mapping[str, Any]) -> None:
    """Request a sleeping Space's page, which wakes it; the response does not matter."""
    guard = RequestGuard(host)
    mailbox.on_cancel(guard.abort)
    with contextlib.suppress(Exception), guard.within(WAKE_TIMEOUT):  # the next poll shows its stage
        httpx.get(host, auth=guard, timeout=httpx.Timeout(WAKE_TIMEOUT, connect=CONNECT_TIMEOUT), **http)
