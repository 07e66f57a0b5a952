"""Find Spaces: those with an alias, and those on the Hub whose chat runs."""

from __future__ import annotations

import reprlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import NamedTuple

from .._client.search import search_hub
from .._facade.registry import FACADES
from .._stream.task import Task
from .._types.listed import Listed
from .._types.status import SpaceStatus
from .._types.timeouts import Timeouts
from ..errors import QwenSpacesError, UnsupportedOptionError
from .space import QwenSpace

AT_ONCE = 4  # Spaces that are checked at the same time
# Of a check. One that sleeps is not woken: its owner may pay for that, and it takes minutes.
CHECK = Timeouts(connect=10.0, wake=0.0)
Progress = Callable[[int, int, int], object]


class Found(NamedTuple):
    """A Space whose chat was found.

    Attributes:
        space: the Space, not connected.
        status: what its check returned.
        likes: how many it has on the Hub.
    """

    space: QwenSpace
    status: SpaceStatus
    likes: int

    @property
    def takes_images(self) -> bool:
        """Whether its chat takes images."""
        if self.space.contract.discover:
            return not {"image", "images"}.isdisjoint(self.status.parameters)
        return self.space.max_images != 0


def available_spaces() -> list[type[QwenSpace]]:
    """Return the facades of all Spaces that have an alias.

    Example:
        >>> [facade.alias for facade in available_spaces()][:3]
        ['qvq-72b', 'qwen-2-72b', 'qwen-2.5']
    """
    facades = [facade for facade in set(FACADES.values()) if issubclass(facade, QwenSpace)]
    return sorted(facades, key=lambda facade: facade.alias)


def find_spaces(query: str, limit: int = 10) -> list[QwenSpace]:
    """Search the Hub for Gradio Spaces whose chat runs; blocks for seconds.

    It searches by meaning, and among Qwen's own Spaces by name, and connects to what it finds, four at a
    time, until it has found `limit` chats. Those on free hardware (``cpu-basic``) come first, those on
    ZeroGPU, which use up your quota, last; among equals, those with more likes. No Space is woken, and none
    gets a prompt, so one of them may still fail to answer.

    The saved token goes to the Hub. A Space that is found has ``token=False``: it never gets the token, not
    even Qwen's, unless its owner is the account of the token (an organisation is not). The owner of a Space
    sees your prompts, so use only those that you trust.

    Args:
        query: what to look for, in words.
        limit: the most Spaces to return.

    Returns:
        The Spaces, the one to try first at the beginning; empty if none was found.

    Raises:
        ConnectError: the Hub cannot be reached, or refuses the saved token (`AuthenticationError`).
        RateLimitedError: the Hub gets too many requests.
        UnsupportedOptionError: an argument cannot be used.

    Example:
        for space in find_spaces("qwen chat", limit=3):
            print(space.name)
    """
    return [found.space for found in search(query, limit)]


def search(
    query: str, limit: int, *, token: str | None = None, on_progress: Progress | None = None
) -> list[Found]:
    """Do the work of `find_spaces`.

    `token` takes the place of the saved one. `on_progress` gets three numbers: the Spaces that were checked,
    all that the Hub lists, and those whose chat was found.
    """
    _check_arguments(query, limit)
    listed = sorted(search_hub(query.strip(), token), key=_preference)
    return _check_all(listed, limit, token, on_progress or (lambda *_: None))


def _check_arguments(query: object, limit: object) -> None:
    text = query.encode(errors="ignore").decode().strip() if isinstance(query, str) else ""
    if not text or text != str(query).strip():
        raise UnsupportedOptionError(f"query={reprlib.repr(query)} is no text to search for.")
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
        raise UnsupportedOptionError(f"limit={reprlib.repr(limit)} is not a number of Spaces: pass 1, 2 ...")


def _preference(space: Listed) -> tuple[int, int]:
    """Return the key that sorts Spaces: those that cost nobody's quota first, then by likes."""
    hardware = space.hardware or ""
    tier = 0 if hardware == "cpu-basic" else 2 if hardware.startswith("zero-") else 1
    return tier, -space.likes


def _check_all(listed: Sequence[Listed], limit: int, token: str | None, on_progress: Progress) -> list[Found]:
    """Return the first Spaces whose chat is found, in the order of the list."""
    found: dict[int, Found] = {}
    running: list[Task] = []
    stopped = threading.Event()

    def check(space: Listed) -> Found | None:
        task, status = _open(space, token, CHECK)._probe()
        running.append(task)
        if stopped.is_set():  # too late for the one who cancels what is running
            task.cancel()
        try:
            task.wait()
        except QwenSpacesError:
            return None
        finally:
            running.remove(task)
        return Found(_open(space, token), status.result(), space.likes)

    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        on_progress(0, len(listed), 0)
        places = {pool.submit(check, space): place for place, space in enumerate(listed)}
        for checked, future in enumerate(as_completed(places), 1):
            if result := future.result():
                found[places[future]] = result
            on_progress(checked, len(listed), len(found))
            if len(found) >= limit:
                break
    finally:
        stopped.set()
        for task in list(running):
            task.cancel()
        pool.shutdown(cancel_futures=True)
    return [found[place] for place in sorted(found)]


def _open(space: Listed, token: str | None, timeouts: Timeouts | None = None) -> QwenSpace:
    """Return the Space, which gets a token only if it is the account's own."""
    return QwenSpace(space.space_id, token=token if space.is_own else False, timeouts=timeouts)
