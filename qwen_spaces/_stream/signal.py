"""Wait for news from other threads, in sync code and in any event loop."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any

import anyio
import anyio.lowlevel


class Signal:
    """A base class for what one thread changes and others wait for."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._wakers: set[Callable[[], object]] = set()

    def wait(self, timeout: float | None) -> None:
        """Block until something is new, for `timeout` seconds at most."""
        with self._changed:
            self._changed.wait_for(self._has_update, timeout)

    async def wait_async(self, timeout: float | None) -> None:
        """Wait until something is new, for `timeout` seconds at most, under asyncio or trio."""
        event = anyio.Event()
        loop: Any = anyio.lowlevel.current_token().native_token
        # No `anyio.from_thread`: the thread that listens to the Space must never block on a reader's loop.
        soon = loop.call_soon_threadsafe if hasattr(loop, "call_soon_threadsafe") else loop.run_sync_soon

        def wake() -> None:
            with contextlib.suppress(RuntimeError):  # that loop is closed and its reader gone
                soon(event.set)

        with self._changed:
            if self._has_update():
                event.set()
            else:
                self._wakers.add(wake)
        try:
            with anyio.move_on_after(timeout):
                await event.wait()
        finally:
            with self._changed:
                self._wakers.discard(wake)

    def _has_update(self) -> bool:
        raise NotImplementedError

    def _wake(self) -> None:
        """Wake all that wait; the caller holds the lock."""
        self._changed.notify_all()
        for wake in self._wakers:
            wake()
        self._wakers.clear()


class Bell(Signal):
    """A signal that others ring, for one reader of many streams; it stays rung until it is reset."""

    def __init__(self) -> None:
        super().__init__()
        self._rung = False

    def ring(self) -> None:
        """Wake the reader."""
        with self._changed:
            self._rung = True
            self._wake()

    def reset(self) -> None:
        """Begin to wait for the next ring; to be called before the reader looks for what is new."""
        with self._changed:
            self._rung = False

    def _has_update(self) -> bool:
        return self._rung
