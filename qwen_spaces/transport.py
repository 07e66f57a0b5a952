"""How requests get to a Space: reached once, its endpoint found once, shared by all of its streams."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .contract import Contract, Endpoint, HistoryForm, resolve
from .feed import Feed
from .images import Image
from .messages import Message

if TYPE_CHECKING:
    from .sdk import Connection

LEAVE = 5.0  # seconds that `close` waits for the server to be told


@dataclass(frozen=True, slots=True)
class SpaceStatus:
    """What was found at a Space.

    Attributes:
        url: where it is.
        gradio: the version of its Gradio server.
        endpoint: the api name of the chat endpoint.
        parameters: our argument -> the Space's own name for it, what the endpoint takes.
        history: how earlier turns are sent: ``"pairs"``, ``"messages"``, ``"parts"``, or ``None`` where
            they are folded into the prompt.
    """

    url: str
    gradio: str
    endpoint: str
    parameters: Mapping[str, str]
    history: HistoryForm | None


class Transport:
    """The way to one Space; safe to share between threads.

    Args:
        src: the address of a Gradio app, or ``owner/name`` on the Hub.
        contract: what is known of its API.
        how: the remaining arguments of `sdk.Connection`.
    """

    def __init__(self, src: str, contract: Contract, how: Mapping[str, Any]) -> None:
        self.src, self.how = src, how
        self._contract = contract
        self._lock = threading.Lock()
        self._reached: tuple[Connection, Endpoint] | None = None
        self._running: set[Feed] = set()

    def run(
        self,
        messages: Sequence[Message],
        options: Mapping[str, object],
        images: Sequence[Image],
        feed: Feed,
    ) -> None:
        """Do one request from beginning to end, and feed what comes; blocks.

        Raises:
            QwenSpacesError: one of its kinds, for whatever went wrong.
        """
        self._running.add(feed)
        try:
            connection, endpoint = self._connect()
            if feed.ended:  # its reader has left meanwhile
                return
            # The SDK uploads a file when its job runs, so it must live as long.
            with tempfile.TemporaryDirectory(prefix="qwen_spaces_") if images else nullcontext("") as folder:
                files = [connection.file(image.saved(Path(folder))) for image in images]
                args, kwargs = endpoint.bind(messages, options, files)
                connection.run(endpoint.name, args, kwargs, feed)
        finally:
            self._running.discard(feed)

    def status(self) -> SpaceStatus:
        """Reach the Space and tell what was found; blocks."""
        connection, endpoint = self._connect()
        return SpaceStatus(
            url=connection.url,
            gradio=connection.version,
            endpoint=endpoint.name,
            parameters=dict(endpoint.names),
            history=endpoint.history,
        )

    def close(self) -> None:
        """Cancel what runs and forget the connection; blocks, 5 seconds a request at most."""
        with self._lock:
            self._reached = None
        running = list(self._running)
        for feed in running:
            feed.cancel("The QwenSpace was closed.")
        for feed in running:
            feed.released.wait(LEAVE)

    def _connect(self) -> tuple[Connection, Endpoint]:
        with self._lock:
            if self._reached is None:
                from .sdk import Connection  # slow to import, so only at the first connection

                connection = Connection(self.src, **self.how)
                endpoint = resolve(connection.endpoints, self._contract, generators=connection.generators)
                self._reached = connection, endpoint
            return self._reached
