"""Send requests to a Space: connect once, find its endpoint once, share both among all streams."""

from __future__ import annotations

import atexit
import contextlib
import copy
import os
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._contract.chat import Chat
from .._contract.contract import Contract
from .._contract.discovery import Found, resolve
from .._contract.endpoint import Endpoint
from .._contract.exchange import Exchange
from .._stream.mailbox import Mailbox
from .._types.events import Status
from .._types.images import Image
from .._types.messages import Message, with_newest_images
from .._types.options import describe_option
from .._types.status import SpaceStatus, StepStatus
from ..errors import (
    AuthenticationError,
    ConnectError,
    ContractError,
    EmptyReplyError,
    StreamCancelledError,
)
from .request import Request

if TYPE_CHECKING:
    from .._gradio import Connection

CLOSE_TIMEOUT = 2.0  # seconds that `close` waits until the server knows of all cancels
EXIT_TIMEOUT = 1.0  # seconds that the end of the program waits for that

# Errors of code that reads a malformed API.
_MALFORMED = (TypeError, ValueError, LookupError, AttributeError, RecursionError)
_running: dict[Mailbox, SpaceClient] = {}  # in all Spaces; a fork has its parent's, too


class SpaceClient:
    """The client of one Space; safe to share between threads."""

    def __init__(
        self,
        src: str,
        contract: Contract,
        *,
        retries: int,  # of a request that fails before its first text
        settings: Mapping[str, Any],  # the other arguments of `_gradio.Connection`
        max_chars: int | None = None,  # of an answer and its reasoning; a longer one fails
        endpoint: str | None = None,  # the api name of the chat
    ) -> None:
        self._src, self._settings, self._retries = src, settings, retries
        self._contract, self._max_chars, self._endpoint = contract, max_chars, endpoint
        self.process = os.getpid()
        self._lock = threading.RLock()  # held for moments only; a signal may close in one of them
        self._reached: tuple[Connection, Found] | None = None
        self._attempt: Future[tuple[Connection, Found]] | None = None  # to connect, under way
        self._era = 0  # counts calls of `close`: a connection begun before one is not kept after it

    @property
    def on_hub(self) -> bool:
        """Whether the Space is on Hugging Face's own hosts."""
        from .._gradio.connection import is_hugging_face

        return is_hugging_face(self._src)

    def run(self, request: Request, mailbox: Mailbox) -> None:
        """Carry out one request, and put the answer into `mailbox`; blocks until it is over."""
        from .retries import retrying

        mailbox.max_chars = self._max_chars
        with self._registered(mailbox):
            retries = self._retries if request.retries is None else request.retries
            retrying(mailbox, retries)(self._log_in_again, request, mailbox)

    def _log_in_again(self, request: Request, mailbox: Mailbox) -> None:
        """Try once more if the server has forgotten the login, as after a restart."""
        logged_in = self._reached is not None and self._settings.get("auth") is not None
        try:
            self._try(request, mailbox)
        except AuthenticationError:
            if not logged_in or mailbox.ended:
                raise
            self._try(request, mailbox)

    def _try(self, request: Request, mailbox: Mailbox) -> None:
        connection, found = self._connect(mailbox)
        if mailbox.ended:
            return
        endpoint = found.for_request(len(request.images))
        messages, images, turns, resumed = request.unsent(stateful=endpoint.stateful)
        if request.on_reply:  # a conversation, which a Space's limit must not end
            messages = with_newest_images(messages, endpoint.max_images)
            images = _images_of(messages)
        with _save(images) as paths:
            names = [image.named(place, len(images)) for place, image in enumerate(images)]
            files = [connection.file(path, name) for path, name in zip(paths, names, strict=True)]
            exchange = endpoint.exchange(messages, request.options, files, resumed=resumed, turns=turns)
            try:
                connection.run(
                    exchange,
                    mailbox,
                    session_hash=request.session_hash,
                    upload=_size_of(paths),
                    addresses=[image.url for image in images if image.url],
                )
            except ConnectError:  # the Space is gone or has changed, and its API with it
                self._reached = None
                raise
        request.values = exchange.values
        self._finish(exchange, endpoint, request, mailbox)

    def _finish(
        self, exchange: Exchange, endpoint: Endpoint | Chat, request: Request, mailbox: Mailbox
    ) -> None:
        """Ask again with all turns where the Space kept none; raise if nothing came from an unknown app."""
        if exchange.forgotten and request.sessions is not None and not mailbox.ended:
            request.sessions.forgetful = True
            self._try(request, mailbox)
        elif isinstance(endpoint, Chat) and not (mailbox.has_answer or mailbox.ended):
            raise EmptyReplyError(f"{self._src} {endpoint.nothing_came}")

    def probe(self, mailbox: Mailbox) -> SpaceStatus:
        """Connect, and describe the Space; blocks until then, or until the end of `mailbox`."""
        with self._registered(mailbox):
            connection, found = self._connect(mailbox)
            endpoint = found.text
            options = endpoint.options if isinstance(endpoint, Chat) else {}
            return SpaceStatus(
                url=connection.url,
                gradio=connection.version,
                endpoint=endpoint.name,
                parameters=endpoint.parameters,
                history=endpoint.history,
                options={name: describe_option(schema) for name, schema in options.items()},
                stage=connection.located.stage,
                hardware=connection.located.hardware,
                queue_size=connection.queue_size(mailbox),
                steps=tuple(StepStatus(*step) for step in endpoint.describe()),
                tools="trained" if self._contract.trained else "instructed",
            )

    def close(self) -> None:
        """Cancel all requests and forget the connection; blocks, 2 seconds at most."""
        with self._lock:
            self._era += 1
            self._reached = None
        running = self._mailboxes()
        for mailbox in running:
            mailbox.cancel("The QwenSpace was closed.")
        until = time.monotonic() + CLOSE_TIMEOUT
        for mailbox in running:
            if mailbox.timeline.submitted is not None:
                mailbox.finished.wait(max(0.0, until - time.monotonic()))

    def _connect(self, mailbox: Mailbox) -> tuple[Connection, Found]:
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
            if reached := _wait_for(attempt, mailbox):
                return reached

    def _open(self, attempt: Future[tuple[Connection, Found]], mailbox: Mailbox) -> tuple[Connection, Found]:
        """Connect for this request, and for those that wait for `attempt`."""
        from .._gradio import Connection  # slow to import, so only at the first connection

        era = self._era
        try:
            connection = Connection(self._src, mailbox=mailbox, on_status=self._set_status, **self._settings)
            found = resolve(
                connection.endpoints, self._contract, config=connection.config, endpoint=self._endpoint
            )
        except BaseException as error:
            malformed = isinstance(error, _MALFORMED)
            failure = (
                ContractError(f"{self._src} has no readable API: {error!r:.300}") if malformed else error
            )
            self._attempt = None
            if mailbox.ended:  # the others try for themselves
                attempt.cancel()
            else:
                attempt.set_exception(failure)
            if failure is error:
                raise
            raise failure from error
        with self._lock:
            self._attempt = None
            if era == self._era:
                self._reached = connection, found
        attempt.set_result((connection, found))
        return connection, found

    @contextlib.contextmanager
    def _registered(self, mailbox: Mailbox) -> Iterator[None]:
        """Register a request, which `close` and the end of the program cancel."""
        _running[mailbox] = self
        try:
            yield
        finally:
            del _running[mailbox]

    def _mailboxes(self) -> list[Mailbox]:
        return [mailbox for mailbox, client in list(_running.items()) if client is self]

    def _set_status(self, status: Status) -> None:
        """Report the status to all requests that wait for the connection."""
        for mailbox in self._mailboxes():
            if mailbox.timeline.submitted is None:
                mailbox.set_status(status)


def _images_of(messages: Sequence[Message]) -> list[Image]:
    return [image for message in messages for image in message.images]


def _size_of(paths: Sequence[Path | str]) -> int | None:
    """Return the bytes of the files, ``None`` if there are none."""
    return sum(path.stat().st_size for path in paths if isinstance(path, Path)) or None


@contextlib.contextmanager
def _save(images: Sequence[Image]) -> Iterator[list[Path | str]]:
    """Save the images that have no address, until the SDK has uploaded the files."""
    if not images:
        yield []
        return
    with tempfile.TemporaryDirectory(prefix="qwen_spaces_") as folder:
        yield [image.to_upload(Path(folder), f"image{place or ''}") for place, image in enumerate(images)]


def _wait_for(attempt: Future[tuple[Connection, Found]], mailbox: Mailbox) -> tuple[Connection, Found] | None:
    """Wait for the attempt of another request; return ``None`` if that was cancelled."""
    over = threading.Event()
    attempt.add_done_callback(lambda _: over.set())
    mailbox.on_cancel(over.set)
    over.wait()
    if mailbox.ended:
        raise StreamCancelledError("The stream was cancelled.")
    if attempt.cancelled():
        return None
    if error := attempt.exception():
        raise copy.copy(error)  # a copy each, for each request adds its traceback
    return attempt.result()


@atexit.register
def _cancel_all() -> None:
    """Cancel all requests before the end of the program freezes their daemon threads."""
    ours = [mailbox for mailbox, client in list(_running.items()) if client.process == os.getpid()]
    for mailbox in ours:
        mailbox.cancel("The program ended.")
    until = time.monotonic() + EXIT_TIMEOUT
    with contextlib.suppress(KeyboardInterrupt):  # a second Ctrl-C, after that which ended the program
        for mailbox in ours:
            mailbox.finished.wait(max(0.0, until - time.monotonic()))
