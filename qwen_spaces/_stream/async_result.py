"""`AsyncResult`, what the old provider classes return."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from .text_stream import StreamIterator


class AsyncResult:
    """The deltas of one answer, for ``async for``, with or without ``await``."""

    def __init__(self, deltas: StreamIterator[str]) -> None:
        self._deltas = deltas

    def __aiter__(self) -> StreamIterator[str]:
        return self._deltas

    async def __anext__(self) -> str:
        return await self._deltas.__anext__()

    def __await__(self) -> Generator[Any, None, AsyncResult]:
        yield from ()
        return self
