"""A terminal: whether there is one, what may be written to it, a line that vanishes, lines drawn again."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import threading
import time
import unicodedata
from collections.abc import Iterator, Sequence
from typing import TextIO

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # all but tab and newline
_STYLES = re.compile(r"\x1b\[[0-9;]*m")
_ERASE_LINE, _ERASE_BELOW = "\r\x1b[K", "\r\x1b[J"
TICK = 0.1  # seconds between two looks of the status line
PATIENCE = 2.0  # seconds after which it tells how long it waits
SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


def is_terminal(stream: TextIO | None) -> bool:
    """Whether `stream` is a terminal that knows the usual escape sequences."""
    if stream is None or not stream.isatty() or os.environ.get("TERM") == "dumb":
        return False
    return os.name != "nt" or "WT_SESSION" in os.environ


def clean(text: str) -> str:
    r"""The text without control characters, by which a Space could steer the terminal.

    >>> clean("one\r\ntwo\x1b[31m")
    'one\ntwo[31m'
    """
    return _CONTROLS.sub("", text)


def widest(line: str) -> int:
    """The columns of a styled line in the terminal that needs the most for it.

    Terminals disagree on emoji of several characters: some show one picture, some show each.

    >>> widest("abc"), widest("世界"), widest("👩‍💻")
    (3, 4, 4)
    """
    text = _STYLES.sub("", line)
    if text.isascii():
        return len(text)
    columns = 0
    for character in text:
        if character == "\ufe0f":  # makes the one before it an emoji, which is wide
            columns += 1
        elif unicodedata.category(character) not in ("Mn", "Me", "Cf"):
            flag = "\U0001f1e6" <= character <= "\U0001f1ff"
            columns += 2 if flag or unicodedata.east_asian_width(character) in "WF" else 1
    return columns


def cut(line: str, columns: int) -> str:
    """As much of a styled line as surely fits.

    >>> cut("世界 and all", 5)
    '世界 '
    """
    if widest(line) <= columns:
        return line
    kept, left = [], columns
    for part in re.findall(rf"{_STYLES.pattern}|.", line):
        left -= widest(part)
        if left >= 0 or not widest(part):
            kept.append(part)
    return "".join(kept)


class StatusLine:
    """One dim line on stderr, if that is a terminal: what is waited for, and for how long."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._text = ""
        self._since = self._until = 0.0
        self._ticking: threading.Event | None = None

    def show(self, text: str, eta: float | None = None) -> None:
        """Show `text`, and a countdown of `eta` seconds or else the time since the line came up."""
        if not is_terminal(sys.stderr):
            return
        with self._lock:
            now = time.monotonic()
            self._text, self._until = " ".join(clean(text).split()), now + (eta or 0.0)
            if self._ticking is None:
                self._since, self._ticking = now, threading.Event()
                threading.Thread(target=self._tick, args=(self._ticking,), daemon=True).start()
            self._draw()

    def clear(self) -> None:
        """Take it away."""
        with self._lock:
            if self._ticking:
                self._ticking.set()
                self._ticking = None
                _write(sys.stderr, _ERASE_LINE)

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
        frame = SPINNER[int(now / TICK) % len(SPINNER)]
        columns = size(sys.stderr)[0]
        text = cut(self._text, max(0, columns - len(timing) - 3))
        _write(sys.stderr, f"\r\x1b[2m{frame} {text}{timing}\x1b[0m\x1b[K")


class Canvas:
    """Lines on stdout: done ones stay for ever, the tail below them is drawn again and again.

    What has left the screen is never touched: a tail that is too high shows its last lines.
    """

    def __init__(self) -> None:
        self._tail = [""]  # the lines that may be drawn again; the cursor is behind the last
        self._columns = size()[0]

    def draw(self, done: Sequence[str], tail: Sequence[str] = ()) -> None:
        """Put `done` above the tail for good, and show this `tail`, lines with styles.

        A done line may be wider than the terminal, which wraps it.
        """
        columns, rows = size()
        shown = [cut(line, columns) for line in tail[-(rows - 1) :]] or [""]
        new, old = [*done, *shown], self._tail
        same = 0
        if columns == self._columns:
            same = _alike(old, new[:-1])  # the last one is always drawn, so the cursor is behind it
        heights = [max(1, -(-widest(line) // columns)) for line in old[same:]]
        up = min(sum(heights) - 1, rows - 1)
        if same == len(old):
            _write(sys.stdout, "\n" + "\n".join(new[same:]))
        elif new != old:
            back = f"\x1b[{up}A" if up > 0 else ""
            _write(sys.stdout, f"{back}{_ERASE_BELOW}" + "\n".join(new[same:]))
        self._tail, self._columns = shown, columns


def _alike(old: Sequence[str], new: Sequence[str]) -> int:
    """How many lines both begin with."""
    both = enumerate(zip(old, new, strict=False))
    return next((place for place, (was, now) in both if was != now), min(len(old), len(new)))


def size(stream: TextIO | None = None) -> tuple[int, int]:
    """The columns and rows of the terminal that `stream` is, stdout by default."""
    columns, rows = 0, 0
    with contextlib.suppress(OSError, ValueError):
        columns, rows = os.get_terminal_size((stream or sys.stdout).fileno())
    return max(columns or 80, 20), max(rows or 24, 4)


@contextlib.contextmanager
def without_echo() -> Iterator[None]:
    """Keep what is typed meanwhile off the terminal that stdout is; it waits for whoever reads it next."""
    try:
        import termios
    except ImportError:  # another system
        yield
        return
    try:
        terminal = sys.stdout.fileno()
        is_ours = os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        is_ours = False
    if not is_ours:  # in the background, where this would stop the program
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


def _write(stream: TextIO, text: str) -> None:
    stream.write(text)
    stream.flush()
