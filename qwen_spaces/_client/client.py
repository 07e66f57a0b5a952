"""How requests get to a Space: reached once, its endpoint found once, shared by all of its streams."""

from __future__ import annotations

import atexit
import contextlib
import copy
import os
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import _markup as markup
from .._contract.discovery import Contract, resolve
from .._contract.endpoint import Endpoint, HistoryForm, kind_of
from ..errors import AuthenticationError, ConnectError, ContractError, StreamCancelledError
from .._stream.mailbox import Feed, Status
from .request import Request

if TYPE_CHECKING:
    from .._gradio import Connection

LEAVE = 2.0  # seconds that `close` waits for the servers to be told, all together
EXIT = 1.0  # seconds that the end of the program waits for the same

# What an API that is not of its form makes of the code that reads it.
_MALFORMED = (TypeError, ValueError, LookupError, AttributeError, RecursionError)
_requests: dict[Feed, Transport] = {}  # what runs, in all Spaces; a fork has its parent's, too


@dataclass(frozen=True, slots=True)
class SpaceStatus:
    """What was found at a Space.

    Attributes:
        url: where it is.
        gradio: the version of its Gradio server.
        endpoint: the api name of the chat endpoint.
        parameters: our argument -> the Space's own name for it, what the endpoint takes.
        options: what an address that is no facade's was found to take beyond that, as name -> its kind.
        history: how earlier turns are sent: ``"pairs"``, ``"messages"``, ``"parts"``, or ``None`` where
            they are folded into the prompt.
        stage: of a Space on the Hub, such as ``"RUNNING"``, when it was reached; ``None`` for an address.
        hardware: of a Space on the Hub, such as ``"a10g-small"``, where the Hub tells.
        queue_size: requests that wait there, where the server tells.
    """

    url: str
    gradio: str
    endpoint: str
    parameters: Mapping[str, str]
    history: HistoryForm | None
    options: Mapping[str, str] = field(default_factory=dict)
    stage: str | None = None
    hardware: str | None = None
    queue_size: int | None = None

    def _repr_markdown_(self) -> str:
        line, code = markup.line, markup.code
        facts = {
            "url": line(self.url),
            "stage": self.stage and line(self.stage),
            "hardware": self.hardware and line(self.hardware),
            "queue": self.queue_size,
            "Gradio": line(self.gradio),
            "endpoint": code(self.endpoint),
            "parameters": ", ".join(f"{line(ours)}: {code(name)}" for ours, name in self.parameters.items()),
            "options": ", ".join(f"{code(name)}: {line(kind)}" for name, kind in self.options.items())
            or None,
            "history": self.history or "folded into the prompt",
        }
        rows = [f"| {name} | {value} |" for name, value in facts.items() if value is not None]
        return "\n".join(["| | |", "| --- | --- |", *rows])


class Transport:
    """The way to one Space; safe to share between threads.

    Args:
        src: the address of a Gradio app, or ``owner/name`` on the Hub.
        contract: what is known of its API.
        retries: how often a request is tried again before its first text, where that may help.
        how: the remaining arguments of `sdk.Connection`.
    """

    def __init__(
        self,
        src: str,
        contract: Contract,
        *,
        retries: int,
        how: Mapping[str, Any],
        max_chars: int | None = None,
    ) -> None:
        self._src, self._how, self._retries = src, how, retries
        self._contract, self._max_chars = contract, max_chars
        self.process = os.getpid()
        self._lock = threading.Lock()  # held for moments only
        self._reached: tuple[Connection, Endpoint] | None = None
        self._attempt: Future[tuple[Connection, Endpoint]] | None = None  # to reach it, under way
        self._era = 0  # counts the closings: what was begun before one is not kept after it

    def run(self, request: Request, feed: Feed) -> None:
        """Do one request from beginning to end, and feed what comes; blocks.

        Raises:
            QwenSpacesError: one of its kinds, for whatever went wrong.
        """
        from .retries import retrying

        feed.max_chars = self._max_chars
        with self._registered(feed):
            retrying(feed, self._retries)(self._log_in_again, request, feed)

    def _log_in_again(self, request: Request, feed: Feed) -> None:
        """Try once more where a server that was started again has forgotten the login."""
        logged_in = self._reached is not None and self._how.get("auth") is not None
        try:
            self._try(request, feed)
        except AuthenticationError:
            if not logged_in or feed.ended:
                raise
            self._try(request, feed)

    def _try(self, request: Request, feed: Feed) -> None:
        connection, endpoint = self._connect(feed)
        if feed.ended:  # its reader has left meanwhile
            return
        messages, images, feed.turns = request.resumed()
        feed.placeholder = self._contract.placeholder
        # The SDK uploads a file when its job runs, so it must live as long.
        with tempfile.TemporaryDirectory(prefix="qwen_spaces_") if images else nullcontext("") as folder:
            saved = [image.saved(Path(folder), f"image{place or ''}") for place, image in enumerate(images)]
            upload = sum(path.stat().st_size for path in saved if isinstance(path, Path)) or None
            names = [image.named(place) for place, image in enumerate(images)]
            files = [connection.file(path, name) for path, name in zip(saved, names, strict=True)]
            addresses = [image.url for image in images if image.url]
            calls = endpoint.calls(messages, request.options, files, resumed=feed.turns > 0)
            try:
                how: dict[str, Any] = {"session_hash": request.session_hash, "upload": upload}
                connection.run(calls, feed, addresses=addresses, **how)
            except ConnectError:  # it has gone, or changed: what was fetched of it holds no more
                self._reached = None
                raise

    def look(self, feed: Feed) -> SpaceStatus:
        """Reach the Space and tell what was found; blocks until it is, or `feed` is at its end."""
        with self._registered(feed):
            connection, endpoint = self._connect(feed)
            return SpaceStatus(
                url=connection.url,
                gradio=connection.version,
                endpoint=endpoint.name,
                parameters=endpoint.parameters,
                history=endpoint.history,
                options={option: kind_of(schema) for option, schema in (endpoint.options or {}).items()},
                stage=connection.located.stage,
                hardware=connection.located.hardware,
                queue_size=connection.queue_size(feed),
            )

    def close(self) -> None:
        """Cancel what runs and forget the connection; blocks, 2 seconds at most."""
        # Without the lock, which is held as long as somebody connects.
        self._era += 1
        self._reached = None
        running = self._running()
        for feed in running:
            feed.cancel("The QwenSpace was closed.")
        until = time.monotonic() + LEAVE
        for feed in running:
            if feed.submitted is not None:
                feed.released.wait(max(0.0, until - time.monotonic()))

    def _connect(self, feed: Feed) -> tuple[Connection, Endpoint]:
        if os.getpid() != self.process:
            raise ConnectError(
                "This QwenSpace was made in another process and cannot be shared by a fork. Make a new one."
            )
        while True:
            with self._lock:
                if self._reached:
                    return self._reached
                attempt = self._attempt
                if attempt is None:
                    own = self._attempt = Future()
            if attempt is None:
                return self._open(own, feed)
            if reached := _awaited(attempt, feed):
                return reached

    def _open(self, attempt: Future[tuple[Connection, Endpoint]], feed: Feed) -> tuple[Connection, Endpoint]:
        """Reach the Space, for all who wait for `attempt` as well."""
        from .._gradio import Connection  # slow to import, so only at the first connection

        era = self._era
        try:
            connection = Connection(self._src, feed=feed, say=self._say, **self._how)
            endpoint = resolve(connection.endpoints, self._contract, generators=connection.generators)
        except BaseException as error:
            malformed = isinstance(error, _MALFORMED)
            failure = (
                ContractError(f"{self._src} has no readable API: {error!r:.300}") if malformed else error
            )
            self._attempt = None
            if feed.ended:  # its reader has left; the others have not
                attempt.cancel()
            else:
                attempt.set_exception(failure)
            if failure is error:
                raise
            raise failure from error
        with self._lock:
            self._attempt = None
            if era == self._era:
                self._reached = connection, endpoint
        attempt.set_result((connection, endpoint))
        return connection, endpoint

    @contextlib.contextmanager
    def _registered(self, feed: Feed) -> Iterator[None]:
        """Let `close`, and the end of the program, end it."""
        _requests[feed] = self
        try:
            yield
        finally:
            del _requests[feed]

    def _running(self) -> list[Feed]:
        return [feed for feed, transport in list(_requests.items()) if transport is self]

    def _say(self, status: Status) -> None:
        """Tell all who wait for the connection."""
        for feed in self._running():
            if feed.submitted is None:
                feed.say(status)


def _awaited(attempt: Future[tuple[Connection, Endpoint]], feed: Feed) -> tuple[Connection, Endpoint] | None:
    """Wait for the attempt of another request; ``None`` if that was left, and this one has to try."""
    over = threading.Event()
    attempt.add_done_callback(lambda _: over.set())
    feed.attach(over.set)
    over.wait()
    if feed.ended:
        raise StreamCancelledError("The stream was cancelled.")
    if attempt.cancelled():
        return None
    if error := attempt.exception():
        raise copy.copy(error)  # each request has its own, for each adds its traceback
    return attempt.result()


@atexit.register
def _leave() -> None:
    """Tell the servers that the program ends; its daemon threads would be frozen before they could."""
    ours = [feed for feed, transport in list(_requests.items()) if transport.process == os.getpid()]
    for feed in ours:
        feed.cancel("The program ended.")
    until = time.monotonic() + EXIT
    for feed in ours:
        feed.released.wait(max(0.0, until - time.monotonic()))
