"""Filter server text before a terminal: no control characters, no reordering, no hidden text."""

from __future__ import annotations

import codecs
import contextlib
import io
import re
import sys
from collections.abc import Iterable, Iterator
from typing import Any, TextIO, cast

_FORBIDDEN = re.compile(
    # Tags can hide text. Only the flags of regions need them: letters and digits, then an end tag.
    "(\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f)"
    "|["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 and C1 controls except tab and newline
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidirectional controls
    "\u180e\u200b\u2060-\u2065\u206a-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"  # invisible characters
    "]"
)
_SEPARATORS = str.maketrans("\u2028\u2029", "  ")  # some terminals break the line here


def strip_controls(text: str) -> str:
    r"""Return `text` without characters that could control a terminal or deceive its reader.

    Keep tabs, newlines, right-to-left text, and the joiners of emoji and scripts.

    Example:
        >>> strip_controls("one\r\ntwo\x1b[31m"), strip_controls("\u202egnp.exe")
        ('one\ntwo[31m', 'gnp.exe')
    """
    return _FORBIDDEN.sub(lambda match: match[1] or "", text.translate(_SEPARATORS))


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


class _Replacements:
    """An error handler of codecs: a "?" is better than no answer, but not without a word."""

    def __init__(self) -> None:
        self.count = 0  # characters that stdout could not encode

    def __call__(self, error: UnicodeError) -> tuple[str, int]:
        if not isinstance(error, UnicodeEncodeError):
            raise error
        self.count += error.end - error.start
        return "?" * (error.end - error.start), error.end


@contextlib.contextmanager
def safe_streams() -> Iterator[None]:
    """Filter everything that this process writes to stderr, and to stdout if it is a terminal."""
    original = sys.stdout, sys.stderr
    replaced = _Replacements()
    codecs.register_error("qwen_spaces.replace", replaced)
    for stream, errors in zip(original, ("qwen_spaces.replace", "replace"), strict=True):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=errors)
    if sys.stdout is not None and sys.stdout.isatty():
        sys.stdout = cast("TextIO", SafeStream(sys.stdout))
    if sys.stderr is not None:
        sys.stderr = cast("TextIO", SafeStream(sys.stderr))
    try:
        yield
    finally:
        if replaced.count and sys.stderr is not None:
            lacks = f"{replaced.count} character{'s' * (replaced.count > 1)} of the text"
            sys.stderr.write(
                f'The encoding of stdout, {original[0].encoding}, lacks {lacks}, written as "?". '
                "PYTHONIOENCODING=utf-8 keeps them.\n"
            )
        sys.stdout, sys.stderr = original


def unfiltered(stream: TextIO) -> TextIO:
    """Return the stream behind the filter, for text that has been filtered."""
    return stream.raw if isinstance(stream, SafeStream) else stream
