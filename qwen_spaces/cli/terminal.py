"""A terminal: whether there is one, what may be written to it, and a line that vanishes."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import threading
import time
import unicodedata
from collections.abc import Iterator
from typing import Any, TextIO

import click

from .safety import sanitize, unfiltered

STYLES = re.compile(r"\x1b\[[0-9;]*m")
STYLES_OR_TEXT = re.compile(f"({STYLES.pattern})")
TICK = 0.1  # seconds between two looks of the status line
PATIENCE = 2.0  # seconds after which it tells how long it waits
SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


def is_terminal(stream: TextIO | None) -> bool:
    """Whether `stream` is a terminal that knows the usual escape sequences."""
    if stream is None or not stream.isatty() or os.environ.get("TERM") == "dumb":
        return False
    return os.name != "nt" or "WT_SESSION" in os.environ


def echo(text: str = "", *, nl: bool = True, err: bool = False, **style: Any) -> None:
    """Write a text: filtered, but on stdout to a pipe; on a terminal styled, as `click.style` does."""
    stream = sys.stderr if err else sys.stdout
    if stream is None:
        return
    shown = sanitize(text) if err or stream.isatty() else text
    write((click.style(shown, **style) if style and is_terminal(stream) else shown) + "\n" * nl, err=err)


def write(text: str, *, err: bool = False) -> None:
    """Write what has the command line's own sequences in it: no text of a server that was not filtered."""
    stream = sys.stderr if err else sys.stdout
    if stream is None:
        return
    if stream.isatty():
        click.echo(text, file=unfiltered(stream), nl=False)
    else:  # where click would drop some of what looks like its styles
        unfiltered(stream).write(text)
        stream.flush()


def sanitize_styled(line: str) -> str:
    """Return the line filtered but for its colours, which a renderer has put into filtered text."""
    parts = STYLES_OR_TEXT.split(line)
    return "".join(part if place % 2 else sanitize(part) for place, part in enumerate(parts))


def max_width(line: str) -> int:
    """Return the columns of a styled line in the terminal that needs the most for it.

    Terminals disagree on emoji of several characters: some show one picture, some show each.

    >>> max_width("abc"), max_width("世界"), max_width("👩‍💻")
    (3, 4, 4)
    """
    text = STYLES.sub("", line)
    flags = sum("\U0001f1e6" <= character <= "\U0001f1ff" for character in text)
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    nothing = sum(unicodedata.category(character) in ("Mn", "Me", "Cf") for character in text)
    # U+FE0F is nothing itself, and makes the one before it an emoji, which is wide.
    return len(text) + flags + wide - nothing + text.count("\ufe0f")


class StatusLine:
    """One dim line on stderr, if that is a terminal: what is waited for, and for how long."""

    def __init__(self) -> None:
        self._lock, self._over = threading.Lock(), threading.Event()
        self._over.set()

    def show(self, text: str, eta: float | None = None) -> None:
        """Show `text`, and a countdown of `eta` seconds or else the time since the line came up."""
        if not is_terminal(sys.stderr):
            return
        with self._lock:
            now = time.monotonic()
            self._text, self._until = " ".join(sanitize(text).split()), now + (eta or 0.0)
            if self._over.is_set():
                self._since, self._over = now, threading.Event()
                threading.Thread(target=self._tick, args=(self._over,), daemon=True).start()
            self._draw()

    def clear(self) -> None:
        """Take it away."""
        with self._lock:
            if not self._over.is_set():
                self._over.set()
                write("\r\x1b[K", err=True)

    def _tick(self, over: threading.Event) -> None:
        while not over.wait(TICK):
            with self._lock:
                if not over.is_set():
                    self._draw()

    def _draw(self) -> None:
        now = time.monotonic()
        left, gone = self._until - now, now - self._since
        timing = f" ({gone:.0f} s)" if gone >= PATIENCE else ""
        if left > 0.5:
            timing = f" (about {left:.0f} s)"
        text, room = self._text, size(sys.stderr)[0] - len(timing) - 3
        while max_width(text) > room:
            text = text[:-1]
        frame = SPINNER[int(now / TICK) % len(SPINNER)]
        write(f"\r\x1b[2m{frame} {text}{timing}\x1b[0m\x1b[K", err=True)


def size(stream: TextIO | None = None) -> tuple[int, int]:
    """Return the columns and rows of the terminal that `stream` is, stdout by default."""
    columns, rows = 0, 0
    with contextlib.suppress(OSError, ValueError):
        columns, rows = os.get_terminal_size((stream or sys.stdout).fileno())
    return max(columns or 80, 20), max(rows or 24, 4)


@contextlib.contextmanager
def without_echo() -> Iterator[None]:
    """Keep what is typed meanwhile off the terminal that stdout is; it waits for whoever reads it next."""
    try:
        import termios

        terminal = sys.stdout.fileno()
        is_ours = os.tcgetpgrp(terminal) == os.getpgrp()  # else, in the background, this would stop us
    except (ImportError, OSError):  # another system, no terminal
        is_ours = False
    if not is_ours:
        yield
        return
    before = termios.tcgetattr(terminal)
    quiet = before.copy()
    quiet[3] &= ~termios.ECHO
    try:
        termios.tcsetattr(terminal, termios.TCSANOW, quiet)
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSANOW, before)
