"""`Answers`, the rows that answer many prompts."""

from __future__ import annotations

import dataclasses
import functools
import os
import reprlib
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread

from .._stream.closeable import Closeable
from .._stream.text_stream import TextStream
from .._types.timeouts import Timeouts
from ..errors import InvalidMessagesError, StreamCancelledError, UnsupportedOptionError
from .journal import Journal
from .row import Row
from .run import Run

FIRST = 600.0  # seconds to the first text, in place of the usual 120: many prompts may wait long
CLOSE_TIMEOUT = 2.0  # seconds that close() and aclose() wait until the server knows


class Answers(Closeable):
    """The answers to many prompts. Nothing is sent before the first use.

    Iterate with ``for`` or ``async for`` (asyncio and trio); ``await`` it or call `result` for a list. Each
    prompt gives a `Row`, which has its error if it failed. Prompts are taken, and requests started, while a
    row is awaited. Leaving a loop before its end ends all jobs, as do `cancel`, `close` and ``with``.

    Example:
        for row in QwenSpace("qwen-2.5").map(["Why is the sky blue?", "Why is grass green?"]):
            print(row.index, row.text)
    """

    def __init__(self, run: Run) -> None:
        self._run = run

    def __iter__(self) -> RowIterator:
        return RowIterator(self._run)

    def __aiter__(self) -> RowIterator:
        return RowIterator(self._run)

    def __await__(self) -> Generator[Any, None, list[Row]]:
        return self._whole().__await__()

    def result(self) -> list[Row]:
        """Wait for all rows; blocks.

        Raises:
            StreamCancelledError: it was cancelled.
        """
        return self._complete(list(self))

    async def _whole(self) -> list[Row]:
        return self._complete([row async for row in self])

    def _complete(self, rows: list[Row]) -> list[Row]:
        if self._run.cancelled:
            raise StreamCancelledError("The map was cancelled.")
        return rows

    def cancel(self) -> None:
        """End all jobs on the server; from any thread or task, without blocking, once or many times."""
        self._run.cancel()

    def close(self) -> None:
        """Cancel what still runs and wait, 2 seconds at most, until the servers know."""
        if not self._run.over:
            self.cancel()
        until = time.monotonic() + CLOSE_TIMEOUT
        for mailbox in self._run.leaving:
            mailbox.finished.wait(max(0.0, until - time.monotonic()))

    async def aclose(self) -> None:
        """Like `close`, without blocking the event loop."""
        if not self._run.over:
            self.cancel()
        if any(not mailbox.finished.is_set() for mailbox in self._run.leaving):
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(self.close)


class RowIterator:
    """One loop over the rows, for ``for`` and ``async for`` alike; dropped early, it cancels them all."""

    # Not a generator, for the reasons that `StreamIterator` has.

    def __init__(self, run: Run) -> None:
        self._run = run
        self._used = False

    def __iter__(self) -> RowIterator:
        return self

    def __aiter__(self) -> RowIterator:
        return self

    def __next__(self) -> Row:
        self._used = True
        try:
            while (row := self._run.step()) is None:
                if self._run.over:
                    raise StopIteration
                self._run.bell.wait(self._run.patience())
        except BaseException as error:
            self._leave(error)
            raise
        return row

    async def __anext__(self) -> Row:
        self._used = True
        try:
            await anyio.lowlevel.checkpoint()  # before a row is taken: being cancelled here must lose none
            while (row := self._run.step()) is None:
                if self._run.over:
                    raise StopAsyncIteration
                await self._run.bell.wait_async(self._run.patience())
        except BaseException as error:
            self._leave(error)
            raise
        return row

    def _leave(self, error: BaseException) -> None:
        if not isinstance(error, (StopIteration, StopAsyncIteration)):
            self._run.cancel()

    def __del__(self) -> None:
        if self._used and not self._run.over:
            self._run.cancel()


def start(
    prompts: Iterable[Any],
    open_stream: Callable[..., TextStream],
    *,
    space: str,
    timeouts: Timeouts,
    system: str | None,
    options: Mapping[str, object],
    concurrency: int,
    ordered: bool,
    save: str | os.PathLike[str] | None,
    progress: bool,
    queues: int = 1,
) -> Answers:
    """Return the answers to `prompts`; see `QwenSpace.map`.

    `open_stream` takes a prompt's messages, and the keyword arguments `system`, `options`, `timeouts` and
    `retries`. `queues` is how many of them may wait in queues.
    """
    if isinstance(prompts, (str, bytes, Mapping)) or not isinstance(prompts, Iterable):
        raise InvalidMessagesError(
            f"The prompts are a list, or another iterable, of prompts, not a {type(prompts).__name__}."
        )
    if not isinstance(concurrency, int) or isinstance(concurrency, bool) or concurrency < 1:
        raise UnsupportedOptionError(
            f"concurrency={reprlib.repr(concurrency)} is not a number of requests: pass 1, 2, 3 ..."
        )
    if timeouts.first == Timeouts().first:
        timeouts = dataclasses.replace(timeouts, first=FIRST)
    opening = functools.partial(open_stream, system=system, options=options, timeouts=timeouts, retries=0)
    identity = [space, system, dict(options)]
    journal = None if save is None else functools.partial(Journal, save, identity, sort=ordered)
    run = Run(
        opening,
        prompts,
        concurrency=concurrency,
        ordered=ordered,
        journal=journal,
        progress=progress,
        queues=queues,
    )
    return Answers(run)
