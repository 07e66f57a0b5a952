"""What must come of a fault: one typed error, in time, with the text that had arrived."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from qwen_spaces import QwenSpace, QwenSpacesError, StreamError, TextStream, Timeouts

from .modes import PATIENCE, failure

SOON = PATIENCE  # seconds by which an error may come after its bound
SPACE = "qwen-2-72b"
PATIENT = Timeouts(connect=5, first=5, gap=5)


def space(url: str, **more: Any) -> QwenSpace:
    """The Space at `url`, which tries once: what is tried again is another matter."""
    return QwenSpace(SPACE, src=url, **{"retries": 0, **more})


@dataclass(frozen=True)
class Fault:
    """What must come of a fault.

    Attributes:
        gives: the type of the error.
        holds: all that its text must hold, in any case of the letters.
        has: its attributes; `partial_text` is ``""`` by default, on each `StreamError`.
        timeouts: of the Space.
        within: seconds, the bound which the fault runs into; 0 if it is to be raised at once.
    """

    gives: type[QwenSpacesError]
    holds: tuple[str, ...] = ()
    has: Mapping[str, object] = field(default_factory=dict)
    timeouts: Timeouts = PATIENT
    within: float = 0.0

    def check(self, mode: str, stream: TextStream) -> QwenSpacesError:
        """Read the stream to its error, and check that."""
        start = time.monotonic()
        error = failure(mode, stream)
        took = time.monotonic() - start
        assert type(error) is self.gives, error
        assert not [words for words in self.holds if words.lower() not in str(error).lower()], str(error)
        wanted = {"partial_text": "", **self.has} if isinstance(error, StreamError) else self.has
        assert {name: getattr(error, name) for name in wanted} == wanted
        assert getattr(error, "partial_text", "") == stream.text
        assert self.within <= took < self.within + SOON
        assert stream.done
        return error


@contextmanager
def nobody_else() -> Iterator[list[str]]:
    """Names of other machines are not found; gives those that were looked up."""
    lookups: list[str] = []
    find = socket.getaddrinfo

    def guarded(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host in ("127.0.0.1", "localhost"):
            return find(host, *args, **kwargs)
        lookups.append(host if isinstance(host, str) else host.decode())
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", guarded)
        yield lookups
