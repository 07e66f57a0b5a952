"""Where a Space of the Hub is, and whether it runs; one that sleeps is woken, one that builds is awaited."""

from __future__ import annotations

import contextlib
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import huggingface_hub
import huggingface_hub.utils as hub

from ..errors import SpaceTimeoutError, SpaceUnavailableError, StreamCancelledError
from ..feed import Feed, Status

LOOK = 0.5, 5.0  # seconds between two looks at a Space that is not there yet: at first, at most
# Stages as the Hub names them (huggingface_hub 2.4, `SpaceStage`; SLEEPING is the Hub's, not in that list).
_UP = ("RUNNING", "RUNNING_BUILDING", "RUNNING_APP_STARTING")
_COMING = ("SLEEPING", "BUILDING", "APP_STARTING")


class Located(NamedTuple):
    """Where a Space runs, and on what, as the Hub tells; ``None`` where it does not."""

    url: str
    stage: str | None = None
    hardware: str | None = None


_quiet = threading.RLock()


@contextlib.contextmanager
def no_telemetry() -> Iterator[None]:
    """Keep the Hub's library from asking its Hub, past any proxy, by which program it is used.

    It does so once a process and day when headers are made (huggingface_hub 2.4, `detect_agent`).
    """
    with _quiet:
        constants = huggingface_hub.constants
        before, constants.HF_HUB_DISABLE_TELEMETRY = constants.HF_HUB_DISABLE_TELEMETRY, True
        try:
            yield
        finally:
            constants.HF_HUB_DISABLE_TELEMETRY = before


def locate(
    space_id: str,
    *,
    token: str | bool | None,
    proxy: str | None,
    verify: ssl.SSLContext,
    wake: float | None,
    feed: Feed,
    say: Callable[[Status], None],
) -> Located:
    """Where the Space `space_id` is, once it runs; blocks.

    Args:
        space_id: ``owner/name``.
        token: as for `Connection`.
        proxy: the address of a proxy.
        verify: for TLS.
        wake: seconds to wait for a Space that sleeps or builds; ``None`` waits for ever.
        feed: whose end ends the waiting.
        say: told that the Space is awaited.

    Raises:
        SpaceUnavailableError: it does not run and will not by itself.
        SpaceTimeoutError: it did not run in time.
    """
    # The Hub's own client class, since its errors are made from its answers; the shared one has no proxy.
    with type(hub.get_session())(proxy=proxy, verify=verify, timeout=30.0) as client:
        pause, began = LOOK[0], time.monotonic()
        while True:
            info = _info(client, space_id, token)
            runtime, host = info.get("runtime") or {}, str(info.get("host"))
            stage = runtime.get("stage", "RUNNING")
            if stage in _UP:
                return Located(host, stage, (runtime.get("hardware") or {}).get("current"))
            if stage not in _COMING:
                raise _unavailable(space_id, stage)
            if wake is not None and time.monotonic() - began >= wake:
                raise SpaceTimeoutError(
                    f"The Space {space_id} is still {stage} after {wake:g} s.", phase="wake"
                )
            say(Status("waking"))
            if stage == "SLEEPING":
                _knock(client, host)
            feed.pause(pause)
            if feed.ended:
                raise StreamCancelledError("The stream was cancelled.")
            pause = min(pause * 1.5, LOOK[1])


def _unavailable(space_id: str, stage: str) -> SpaceUnavailableError:
    return SpaceUnavailableError(
        f"The Space {space_id} does not run: {stage}. Ask its owner to restart it, pass a "
        "duplicate as src=..., take another alias, or answer from a local replica (--local).",
        stage=stage,
    )


def _info(client: Any, space_id: str, token: str | bool | None) -> dict[str, Any]:
    url = f"{huggingface_hub.constants.ENDPOINT}/api/spaces/{space_id}"
    with no_telemetry():
        headers = hub.build_hf_headers(token=token)
    response = client.get(url, headers=headers)
    hub.hf_raise_for_status(response)
    info: dict[str, Any] = response.json()
    return info


def _knock(client: Any, host: str) -> None:
    """Ask a sleeping Space for its page, which wakes it; what it answers does not matter."""
    with contextlib.suppress(Exception):  # the next look at its stage tells more
        client.get(host, timeout=5.0)
