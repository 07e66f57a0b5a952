"""An answer on plain output, such as a terminal with IPython: text that is printed stays."""

from __future__ import annotations

import os
import shutil
import sys
import time
import unicodedata
from typing import TYPE_CHECKING, TextIO

from .._markup.terminal import strip_controls
from .._types.events import Status
from ..errors import QwenSpacesError, StreamCancelledError
from .tracebacks import shorten_traceback

if TYPE_CHECKING:
    from .._stream.text_stream import TextStream


class PlainDisplay:
    """An answer on stdout; its status and its reasoning on stderr, if that is a terminal."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._status = ""  # on the screen
        self._thought = ""  # what was printed of the reasoning
        self._text = ""  # what was printed of the answer
        self._revised = False
        self._ended = False

    def draw(self, stream: TextStream) -> None:
        """Print what is new; after the Space has revised its answer, wait for the whole of it."""
        if stream.reasoning and not self._text:
            self._draw_reasoning(stream.reasoning)
        if stream.text:
            self._draw_text(stream.text)
        elif not stream.reasoning:
            self._draw_status(waiting(stream.status, time.monotonic() - self._began))

    def end(self, stream: TextStream, error: BaseException | None = None) -> None:
        """Print the rest of the answer; the caller raises the error."""
        if not self._ended:
            if stream.text or stream.reasoning:
                self.draw(stream)
            self._draw_status("")
            if self._revised:
                _write(sys.stdout, "\n")
                _write(sys.stderr, _dim("The Space revised its answer. The full answer:") + "\n")
                _write(sys.stdout, _shown(stream.text))
            if self._text:
                _write(sys.stdout, "\n")
            elif self._thought:
                _write(sys.stderr, "\n")
        self._ended = True
        if isinstance(error, QwenSpacesError) and not isinstance(error, StreamCancelledError):
            shorten_traceback(error, strip_controls(f"{type(error).__name__}: {error}"))

    def _draw_text(self, text: str) -> None:
        self._draw_status("")
        if self._thought and not self._text:
            _write(sys.stderr, "\n\n")
        self._revised = self._revised or not text.startswith(self._text)
        if not self._revised:
            _write(sys.stdout, _shown(text[len(self._text) :]))
            self._text = text

    def _draw_reasoning(self, reasoning: str) -> None:
        if not _is_terminal(sys.stderr) or not reasoning.startswith(self._thought):
            return
        self._draw_status("")
        if not self._thought:
            _write(sys.stderr, _dim("Thinking") + "\n")
        if new := reasoning[len(self._thought) :]:
            _write(sys.stderr, _dim(strip_controls(new)))
        self._thought = reasoning

    def _draw_status(self, text: str) -> None:
        if text != self._status and _is_terminal(sys.stderr):
            _write(sys.stderr, f"\r{_dim(_crop(text)) if text else ''}\x1b[K")
            self._status = text


def waiting(status: Status | None, seconds: float) -> str:
    """Return the status of a request in words, `seconds` after its start.

    Example:
        >>> waiting(Status("queued", position=3, queue_size=8, eta=20.4), 5.2)
        'Waiting in the queue, at place 4 of 8, about 20 s to go, 5 s so far ...'
    """
    status = status or Status("connecting")
    to_go = f", about {status.eta:.0f} s to go" if status.eta else ""
    so_far = f", {seconds:.0f} s so far" if seconds >= 1 else ""
    return f"{status}{to_go}{so_far} ..."


def _shown(text: str) -> str:
    return strip_controls(text) if _is_terminal(sys.stdout) else text


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"


def _write(stream: TextIO | None, text: str) -> None:
    if stream is not None:
        stream.write(text)
        stream.flush()


def _dim(text: str) -> str:
    is_styled = _is_terminal(sys.stderr) and not os.environ.get("NO_COLOR")
    return f"\x1b[2m{text}\x1b[0m" if is_styled else text


def _crop(text: str) -> str:
    """Return `text` on one line of the terminal."""
    text = " ".join(strip_controls(text).split())
    columns = shutil.get_terminal_size().columns - 1
    while sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text) > columns:
        text = text[:-1]
    return text
