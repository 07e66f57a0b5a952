"""The filter between the text of servers and a terminal: no controls, no reordering, no hidden text."""

from __future__ import annotations

import contextlib
import io
import re
import sys
from collections.abc import Iterable, Iterator
from typing import Any, TextIO, cast

_FORBIDDEN = re.compile(
    # The flags of regions are the one good use of tags, which hide text: letters, digits, and their end.
    "(\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f)"
    "|["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls of 7 and 8 bits, all but tab and newline
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # what makes text run the other way
    "\u180e\u200b\u2060-\u2065\u206a-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"  # what cannot be seen
    "]"
)
_BREAKS = str.maketrans("\u2028\u2029", "  ")  # to some terminals the ends of lines


def sanitize(text: str) -> str:
    r"""Return `text` without what could steer a terminal or deceive whoever reads it there.

    Tabs, newlines and the joiners of emoji and of scripts stay, as does text from right to left.

    Example:
        >>> sanitize("one\r\ntwo\x1b[31m"), sanitize("\u202egnp.exe")
        ('one\ntwo[31m', 'gnp.exe')
    """
    return _FORBIDDEN.sub(lambda found: found[1] or "", text.translate(_BREAKS))


class SafeStream:
    """A text stream that passes on what it is given through `sanitize`.

    Attributes:
        raw: the stream behind it, for sequences of the program's own.
    """

    def __init__(self, raw: TextIO) -> None:
        self.raw = raw

    def write(self, text: str) -> int:
        """Write the text, filtered; gives its length."""
        self.raw.write(sanitize(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write each of them, filtered."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        if name == "buffer":  # its bytes would go past the filter
            raise AttributeError(name)
        return getattr(self.raw, name)


@contextlib.contextmanager
def safe_streams() -> Iterator[None]:
    """Filter whatever is written to stderr meanwhile, and to stdout where that is a terminal.

    That holds for every writer in the program: `print`, `logging`, `warnings`, tracebacks of any thread.
    """
    before = sys.stdout, sys.stderr
    for stream in before:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # better a "?" than no answer
    if sys.stdout is not None and sys.stdout.isatty():
        sys.stdout = cast("TextIO", SafeStream(sys.stdout))
    if sys.stderr is not None:
        sys.stderr = cast("TextIO", SafeStream(sys.stderr))
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def unfiltered(stream: TextIO) -> TextIO:
    """Return the stream behind the filter, if there is one: for what the program itself has filtered."""
    return stream.raw if isinstance(stream, SafeStream) else stream
