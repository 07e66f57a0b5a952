"""The three modes in which a stream is read, and how long a test waits."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio
import pytest

from qwen_spaces import QwenSpacesError, TextStream

T = TypeVar("T")
# How many times longer than usual a test waits before it fails: for a machine that is slow or busy.
FACTOR = float(os.environ.get("QWEN_SPACES_TEST_PATIENCE", "1"))
PATIENCE = 30.0 * FACTOR  # seconds for what takes milliseconds, where the machine is busy
MODES = ("sync", "asyncio", "trio")
# Set, every test takes the way that is left when the SDK has moved: slower, and deltas are few.
POLLING = bool(os.environ.get("QWEN_SPACES_POLLING"))


def run_async(backend: str, function: Callable[[], Awaitable[T]]) -> T:
    """Run a coroutine function to its end, asyncio with its debug mode on, `PATIENCE` at most."""

    async def bounded() -> T:
        if backend == "asyncio":  # a busy machine makes each callback a slow one, which the debug mode logs
            asyncio.get_running_loop().slow_callback_duration = PATIENCE
        with anyio.fail_after(PATIENCE):
            return await function()

    return anyio.run(
        bounded, backend=backend, backend_options={"debug": True} if backend == "asyncio" else {}
    )


def deltas_through(mode: str, stream: TextStream) -> list[str]:
    """All deltas of a stream, read in one of the modes."""
    if mode == "sync":
        return list(stream)

    async def read() -> list[str]:
        return [delta async for delta in stream]

    return run_async(mode, read)


def failure(mode: str, stream: TextStream) -> QwenSpacesError:
    """The error with which a stream ends, in one of the modes."""
    with pytest.raises(QwenSpacesError) as caught:
        if mode == "sync":
            list(stream)
        else:

            async def read() -> None:
                async for _ in stream:
                    pass

            run_async(mode, read)
    return caught.value
