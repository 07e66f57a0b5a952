"""A base class for objects that sync and async code can close."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

if TYPE_CHECKING:
    from typing_extensions import Self


class Closeable:
    """A base class that gives both kinds of ``with`` to a class with a `close`."""

    def close(self) -> None:
        """Release all resources; blocks."""
        raise NotImplementedError

    async def aclose(self) -> None:
        """Like `close`, without blocking the event loop."""
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
