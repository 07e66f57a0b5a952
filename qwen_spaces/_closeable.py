"""What can be closed, from sync and from async code, stands in a ``with`` of either kind."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self


class Closeable:
    """Gives a class with `close` and `aclose` both kinds of ``with``."""

    def close(self) -> None:
        """Release what is held; blocks."""
        raise NotImplementedError

    async def aclose(self) -> None:
        """Like `close`, without blocking the event loop."""
        raise NotImplementedError

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
