"""The replicas of --local: their URLs are known at once, while a thread imports Gradio for seconds."""

from __future__ import annotations

import contextlib
import importlib.util
import selectors
import socket
import threading
from collections.abc import Iterable
from concurrent.futures import Future

import click

from .._hosts import listen, url_of
from .._space import available_spaces
from ..errors import MissingExtraError
from ._terminal import StatusLine, echo

HOST = "127.0.0.1"
STOP_TIMEOUT = 10.0  # seconds


class Replicas(contextlib.ExitStack):
    """Replicas in this process. A connection to one that does not run yet waits in its backlog.

    `on_request`: start each at its first connection, and not all of them at once.
    """

    def __init__(self, aliases: Iterable[str], *, on_request: bool = False) -> None:
        super().__init__()
        self._listeners: dict[str, socket.socket] = {}
        for alias in aliases:
            check_replica(alias)
            self._listeners[alias] = self.enter_context(listen(HOST, 0))
        self.urls = {
            alias: url_of(HOST, listener.getsockname()[1]) for alias, listener in self._listeners.items()
        }
        self._on_request, self._started = on_request, Future[None]()
        self._closing, closed = socket.socketpair()
        self._thread = threading.Thread(target=self._run, args=(closed,), name="replicas", daemon=True)
        self._thread.start()
        self.callback(self._stop)

    def wait(self) -> None:
        """Wait until those that start at once run; raise the error of one that could not."""
        with StatusLine() as status:
            if not self._started.done():
                status.show("Starting a replica on this machine")
            self._started.result()

    def _stop(self) -> None:
        self._closing.close()
        if self._started.done():  # the import of Gradio would hold up the end of the program
            self._thread.join(STOP_TIMEOUT)

    def _run(self, closed: socket.socket) -> None:
        with closed, contextlib.ExitStack() as running, selectors.DefaultSelector() as selector:
            selector.register(closed, selectors.EVENT_READ)
            try:
                for alias, listener in self._listeners.items():
                    if self._on_request:
                        selector.register(listener, selectors.EVENT_READ, alias)
                    else:
                        self._start(alias, running)
            except Exception as error:
                self._started.set_exception(error)
                return
            self._started.set_result(None)
            while requested := self._next_request(selector):
                try:
                    self._start(requested, running)
                except Exception as error:
                    echo(f"The replica of {requested} did not start: {error}", err=True)
                    self._listeners[requested].close()

    def _start(self, alias: str, running: contextlib.ExitStack) -> None:
        from ..replicas._server import serve_on  # imports Gradio

        running.enter_context(serve_on(self._listeners[alias], alias, host=HOST))

    def _next_request(self, selector: selectors.BaseSelector) -> str | None:
        """Wait for a first connection, and return whose it is; ``None`` at the end."""
        ready = {key.data: key.fileobj for key, _ in selector.select()}
        if None in ready:
            return None
        alias, listener = ready.popitem()
        selector.unregister(listener)
        return str(alias)


def check_replica(alias: str) -> None:
    """Raise if the Space has no replica, or Gradio is missing, without importing it."""
    known = [facade.alias for facade in available_spaces()]
    if alias not in known:
        raise click.UsageError(f"There is no replica of {alias}. Known: {', '.join(known)}.")
    if importlib.util.find_spec("gradio") is None:
        raise MissingExtraError("The replicas need Gradio: pip install 'qwen-spaces[local]'")
