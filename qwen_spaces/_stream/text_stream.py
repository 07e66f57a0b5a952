"""One answer as it arrives: read it in a loop, sync or async, wait for the whole, or cancel it."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Protocol, TypeVar

import anyio
import anyio.to_thread

from .._types.events import Event, Reply, Status, Text
from .._types.timeouts import Timeouts
from .._types.tools import ToolCall
from ..errors import StreamCancelledError
from .closeable import Closeable
from .reader import Client, Reader, Request

if TYPE_CHECKING:
    from typing_extensions import Self

T = TypeVar("T")
P = ParamSpec("P")

CLOSE_TIMEOUT = 2.0  # seconds that close() and aclose() wait until the server knows


class TextStream(Closeable):
    """One answer arriving. Nothing is sent before its first use.

    Iterate over it for the pieces of text, with ``for`` or ``async for`` (asyncio and trio); ``await``
    it or call `result` for the whole; iterate over `events` for the status too. Leaving a loop before
    its end, in whatever way, ends the job on the server; so do `cancel`, `close` and ``with``.

    Every way of reading raises a `QwenSpacesError` where the request fails, and a `StreamError`
    carries the text that had arrived.

    Example:
        for delta in space.stream("Why is the sky blue?"):
            print(delta, end="", flush=True)
    """

    def __init__(
        self,
        client: Client,
        request: Request,
        *,
        timeouts: Timeouts,
        space: str,
        reader: Callable[..., Reader] = Reader,
    ) -> None:
        self._reader = reader(client, request, timeouts=timeouts, space=space)

    def __repr__(self) -> str:
        state = "done" if self.done else "not started" if self._reader.started_at is None else "running"
        return f"<TextStream from {self._reader.space}: {state}, {len(self.text)} characters>"

    @property
    def text(self) -> str:
        """The answer so far."""
        return self._reader.answer.text

    @property
    def reasoning(self) -> str:
        """The thinking so far."""
        return self._reader.answer.reasoning

    @property
    def status(self) -> Status | None:
        """The latest status of the request; ``None`` before its start."""
        return self._reader.status

    @property
    def done(self) -> bool:
        """Whether the stream is over: read to the end, failed or cancelled."""
        return self._reader.reply is not None or self._reader.mailbox.error is not None

    def __iter__(self) -> StreamIterator[str]:
        return StreamIterator(self._reader, _text_of)

    def __aiter__(self) -> StreamIterator[str]:
        return StreamIterator(self._reader, _text_of)

    def __await__(self) -> Generator[Any, None, Reply]:
        return self._whole().__await__()

    def events(self) -> StreamIterator[Event]:
        """Status, reasoning, text and calls as they come, then `Done`; for ``for`` and for ``async for``."""
        return StreamIterator(self._reader, lambda event: event)

    def result(self, timeout: float | None = None) -> Reply:
        """Wait for the whole answer; blocks.

        Args:
            timeout: seconds to wait at most; the stream goes on when they are over.

        Raises:
            StreamCancelledError: the stream was cancelled.
            SpaceTimeoutError: `timeout` is over, or a phase of `Timeouts`.
            QwenSpacesError: whatever else went wrong.
        """
        until = None if timeout is None else time.monotonic() + timeout
        while (reply := self._reader.reply) is None:
            self._reader.pull(until)
        return reply

    async def _whole(self) -> Reply:
        while (reply := self._reader.reply) is None:
            await self._reader.pull_async()
        return reply

    def cancel(self) -> None:
        """End the job on the server; from any thread or task, without blocking, once or many times."""
        self._reader.cancel()

    def close(self) -> None:
        """Cancel what still runs and wait, 2 seconds at most, until the server knows."""
        self.cancel()
        if self._is_being_cancelled():
            self._reader.mailbox.finished.wait(CLOSE_TIMEOUT)

    async def aclose(self) -> None:
        """Like `close`, without blocking the event loop."""
        self.cancel()
        if self._is_being_cancelled():
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(self._reader.mailbox.finished.wait, CLOSE_TIMEOUT)

    def _is_being_cancelled(self) -> bool:
        # After a timeout the server is unlikely to hear of a cancel either.
        mailbox = self._reader.mailbox
        submitted = mailbox.timeline.submitted is not None and not mailbox.finished.is_set()
        return submitted and isinstance(mailbox.error, StreamCancelledError)


class Streams(Protocol[P]):
    """An object with a `stream`, whose parameters `ask` and `show` take as well."""

    def stream(self, *args: P.args, **kwargs: P.kwargs) -> TextStream: ...


class StreamIterator(Generic[T]):
    """One loop over a stream, for ``for`` and ``async for`` alike; dropped early, it cancels the stream."""

    # Not a generator: an abandoned async generator is closed late, or with a complaint (trio).

    def __init__(self, reader: Reader, pick: Callable[[Event], T | None]) -> None:
        self._reader, self._pick = reader, pick
        self._used = False

    def __iter__(self) -> Self:
        return self

    def __aiter__(self) -> Self:
        return self

    def __next__(self) -> T:
        self._used = True
        try:
            while (event := self._reader.pull()) is not None:
                if (item := self._pick(event)) is not None:
                    return item
        except StreamCancelledError:
            pass
        raise StopIteration

    async def __anext__(self) -> T:
        self._used = True
        try:
            while (event := await self._reader.pull_async()) is not None:
                if (item := self._pick(event)) is not None:
                    return item
        except StreamCancelledError:
            pass
        raise StopAsyncIteration

    def __del__(self) -> None:
        if self._used and self._reader.reply is None:
            self._reader.cancel()


def tool_calls_of(stream: TextStream) -> tuple[ToolCall, ...]:
    """Return the calls so far. They are complete when the last text comes, which may contain a stop."""
    return stream._reader.answer.tool_calls


def space_of(stream: TextStream) -> str:
    """Return the name of the Space; that of the one that answers, of several, once its text has come."""
    return stream._reader.mailbox.space or stream._reader.space


def _text_of(event: Event) -> str | None:
    return event.text if isinstance(event, Text) else None
