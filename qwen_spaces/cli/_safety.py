"""Filter server text before a terminal: no control characters, no reordering, no hidden text."""

from __future__ import annotations

import codecs
import contextlib
import io
import sys
from collections.abc import Iterable, Iterator
from typing import Any, TextIO, cast

from .._markup.terminal import strip_controls


class SafeStream:
    """A text stream that filters everything written to it."""

    def __init__(self, raw: TextIO) -> None:
        self.raw = raw  # for the program's own escape sequences

    def write(self, text: str) -> int:
        self.raw.write(strip_controls(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        if name == "buffer":  # bytes would bypass the filter
            raise AttributeError(name)
        return getattr(self.raw, name)


class Replacements:
    """An error handler of codecs: a "?" is better than no answer, but not without a word."""

    def __init__(self) -> None:
        self.count = 0  # characters that stdout could not encode

    def __call__(self, error: UnicodeError) -> tuple[str, int]:
        if not isinstance(error, UnicodeEncodeError):
            raise error
        self.count += error.end - error.start
        return "?" * (error.end - error.start), error.end


@contextlib.contextmanager
def safe_streams() -> Iterator[Replacements]:
    """Filter everything that this process writes to stderr, and to stdout if it is a terminal."""
    original = sys.stdout, sys.stderr
    replaced = Replacements()
    codecs.register_error("qwen_spaces.replace", replaced)
    for stream, errors in zip(original, ("qwen_spaces.replace", "replace"), strict=True):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=errors)
    if sys.stdout is not None and sys.stdout.isatty():
        sys.stdout = cast("TextIO", SafeStream(sys.stdout))
    if sys.stderr is not None:
        sys.stderr = cast("TextIO", SafeStream(sys.stderr))
    try:
        yield replaced
    finally:
        sys.stdout, sys.stderr = original


def unfiltered(stream: TextIO) -> TextIO:
    """Return the stream behind the filter, for text that has been filtered."""
    return stream.raw if isinstance(stream, SafeStream) else stream
