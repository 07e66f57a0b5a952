"""Text from stdin and from arguments: what is not in the expected encoding is an error, not lost."""

from __future__ import annotations

import io
import re
import sys
from typing import TextIO

import click

_UNDECODED = re.compile("[\udc80-\udcff]")  # bytes, as the error handler "surrogateescape" keeps them


def stdin() -> TextIO | None:
    """Return stdin, which keeps bytes that it cannot decode for `checked`."""
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="surrogateescape")
    return sys.stdin


def checked(text: str, what: str) -> str:
    """Return `text`, or raise ``UsageError`` if some of its bytes could not be decoded."""
    if found := _UNDECODED.search(text):
        encoding = getattr(sys.stdin, "encoding", None) or "utf-8"
        raise click.UsageError(
            f"{what} is not {encoding.upper()} text: byte 0x{ord(found[0]) - 0xDC00:02x} at character "
            f"{found.start()}. If it is Latin-1, convert it: iconv -f latin1 -t utf-8."
        )
    return text
