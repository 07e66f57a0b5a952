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
from .._stream.mailbox import Mailbox
from ..errors import AuthenticationError, ConnectError, ContractError, StreamCancelledError
from ..events import Status
from .request import Request

if TYPE_CHECKING:
    from .._gradio import Connection

LEAVE = 2.0  # seconds that `close` waits for the servers to hear of it, all together
EXIT = 1.0  # seconds that the end of the program waits for the same

# What an API that is not of its form makes of the code that reads it.
_MALFORMED = (TypeError, ValueError, LookupError, AttributeError, RecursionError)
_requests: dict[Mailbox, SpaceClient] = {}  # what runs, in all Spaces; a fork has its parent's, too


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


class SpaceClient:
    """The way to one Space; safe to share between threads.

    Args:
        src: the address of a Gradio app, or ``owner/name`` on the Hub.
        contract: what is known of its API.
        retries: how often a request is tried again before its first text, where that may help.
        how: the remaining arguments of `_gradio.Connection`.
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
        self._lock = threading.RLock()  # held for moments only; a signal may close in one of them
        self._reached: tuple[Connection, Endpoint] | None = None
        self._attempt: Future[tuple[Connection, Endpoint]] | None = None  # to reach it, under way
        self._era = 0  # counts the closings: what was begun before one is not kept after it

    def run(self, request: Request, mailbox: Mailbox) -> None:
        """Do one request from beginning to end, and feed what comes; blocks.

        Raises:
            QwenSpacesError: one of its kinds, for whatever went wrong.
        """
        from .retries import retrying

        mailbox.max_chars = self._max_chars
        with self._registered(mailbox):
            retrying(mailbox, self._retries)(self._log_in_again, request, mailbox)

    def _log_in_again(self, request: Request, mailbox: Mailbox) -> None:
        """Try once more where a server that was started again has forgotten the login."""
        logged_in = self._reached is not None and self._how.get("auth") is not None
        try:
            self._try(request, mailbox)
        except AuthenticationError:
            if not logged_in or mailbox.ended:
                raise
            self._try(request, mailbox)

    def _try(self, request: Request, mailbox: Mailbox) -> None:
        connection, endpoint = self._connect(mailbox)
        if mailbox.ended:  # its reader has left meanwhile
            return
        messages, images, mailbox.turns = request.resumed()
        mailbox.placeholder = self._contract.placeholder
        # The SDK uploads a file when its job runs, so it must live as long.
        with tempfile.TemporaryDirectory(prefix="qwen_spaces_") if images else nullcontext("") as folder:
            saved = [
                image.to_upload(Path(folder), f"image{place or ''}") for place, image in enumerate(images)
            ]
            upload = sum(path.stat().st_size for path in saved if isinstance(path, Path)) or None
            names = [image.named(place) for place, image in enumerate(images)]
            files = [connection.file(path, name) for path, name in zip(saved, names, strict=True)]
            addresses = [image.url for image in images if image.url]
            calls = endpoint.calls(messages, request.options, files, resumed=mailbox.turns > 0)
            try:
                how: dict[str, Any] = {"session_hash": request.session_hash, "upload": upload}
                connection.run(calls, mailbox, addresses=addresses, **how)
            except ConnectError:  # it has gone, or changed: what was fetched of it holds no more
                self._reached = None
                raise

    def look(self, mailbox: Mailbox) -> SpaceStatus:
        """Reach the Space and tell what was found; blocks until it is, or `mailbox` is at its end."""
        with self._registered(mailbox):
            connection, endpoint = self._connect(mailbox)
            return SpaceStatus(
                url=connection.url,
                gradio=connection.version,
                endpoint=endpoint.name,
                parameters=endpoint.parameters,
                history=endpoint.history,
                options={option: kind_of(schema) for option, schema in (endpoint.options or {}).items()},
                stage=connection.located.stage,
                hardware=connection.located.hardware,
                queue_size=connection.queue_size(mailbox),
            )

    def close(self) -> None:
        """Cancel what runs and forget the connection; blocks, 2 seconds at most."""
        with self._lock:
            self._era += 1
            self._reached = None
        running = self._running()
        for mailbox in running:
            mailbox.cancel("The QwenSpace was closed.")
        until = time.monotonic() + LEAVE
        for mailbox in running:
            if mailbox.submitted is not None:
                mailbox.finished.wait(max(0.0, until - time.monotonic()))

    def _connect(self, mailbox: Mailbox) -> tuple[Connection, Endpoint]:
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
                return self._open(own, mailbox)
            if reached := _awaited(attempt, mailbox):
                return reached

    def _open(
        self, attempt: Future[tuple[Connection, Endpoint]], mailbox: Mailbox
    ) -> tuple[Connection, Endpoint]:
        """Reach the Space, for all who wait for `attempt` as well."""
        from .._gradio import Connection  # slow to import, so only at the first connection

        era = self._era
        try:
            connection = Connection(self._src, mailbox=mailbox, say=self._say, **self._how)
            endpoint = resolve(connection.endpoints, self._contract, generators=connection.generators)
        except BaseException as error:
            malformed = isinstance(error, _MALFORMED)
            failure = (
                ContractError(f"{self._src} has no readable API: {error!r:.300}") if malformed else error
            )
            self._attempt = None
            if mailbox.ended:  # its reader has left; the others have not
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
    def _registered(self, mailbox: Mailbox) -> Iterator[None]:
        """Let `close`, and the end of the program, end it."""
        _requests[mailbox] = self
        try:
            yield
        finally:
            del _requests[mailbox]

    def _running(self) -> list[Mailbox]:
        return [mailbox for mailbox, client in list(_requests.items()) if client is self]

    def _say(self, status: Status) -> None:
        """Tell all who wait for the connection."""
        for mailbox in self._running():
            if mailbox.submitted is None:
                mailbox.set_status(status)


def _awaited(
    attempt: Future[tuple[Connection, Endpoint]], mailbox: Mailbox
) -> tuple[Connection, Endpoint] | None:
    """Wait for the attempt of another request; ``None`` if that was left, and this one has to try."""
    over = threading.Event()
    attempt.add_done_callback(lambda _: over.set())
    mailbox.on_cancel(over.set)
    over.wait()
    if mailbox.ended:
        raise StreamCancelledError("The stream was cancelled.")
    if attempt.cancelled():
        return None
    if error := attempt.exception():
        raise copy.copy(error)  # each request has its own, for each adds its traceback
    return attempt.result()


@atexit.register
def _leave() -> None:
    """Tell the servers that the program ends; its daemon threads would be frozen before they could."""
    ours = [mailbox for mailbox, client in list(_requests.items()) if client.process == os.getpid()]
    for mailbox in ours:
        mailbox.cancel("The program ended.")
    until = time.monotonic() + EXIT
    for mailbox in ours:
        mailbox.finished.wait(max(0.0, until - time.monotonic()))
