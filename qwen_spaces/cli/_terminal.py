"""The terminal: its abilities, output, and a status line."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
import time
import unicodedata
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TextIO, TypeVar

import anyio
import click

from .._markup.terminal import strip_controls
from ._safety import unfiltered

REFRESH_INTERVAL = 0.1  # seconds
SHOW_ELAPSED_AFTER = 2.0  # seconds
T = TypeVar("T")
SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


def run_async(function: Callable[..., Awaitable[T]], *args: object) -> T:
    """Run a coroutine function to its end; Ctrl-C raises `KeyboardInterrupt`, on Python 3.10, too."""
    try:
        return anyio.run(function, *args)
    except asyncio.CancelledError as error:  # which anyio raises there
        raise KeyboardInterrupt from error


def is_terminal(stream: TextIO | None) -> bool:
    """Return whether `stream` is a terminal that understands the usual escape sequences."""
    if stream is None or not stream.isatty() or os.environ.get("TERM") == "dumb":
        return False
    return os.name != "nt" or "WT_SESSION" in os.environ


def styles() -> bool:
    """Return whether output may be styled (https://no-color.org)."""
    return not os.environ.get("NO_COLOR")


def size(stream: TextIO | None = None) -> tuple[int, int]:
    """Return the columns and rows of the terminal `stream`, stdout by default."""
    columns, rows = 0, 0
    with contextlib.suppress(OSError, ValueError):
        columns, rows = os.get_terminal_size((stream or sys.stdout).fileno())
    return max(columns or 80, 20), max(rows or 24, 4)


def max_width(line: str) -> int:
    """Return the columns that a styled line may take; terminals disagree on emoji of several characters.

    >>> max_width("abc"), max_width("世界"), max_width("👩‍💻")
    (3, 4, 4)
    """
    text = click.unstyle(line)
    flags = sum("\U0001f1e6" <= character <= "\U0001f1ff" for character in text)
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    zero = sum(unicodedata.category(character) in ("Mn", "Me", "Cf") for character in text)
    # U+FE0F has no width, but makes the character before it a wide emoji.
    return len(text) + flags + wide - zero + text.count("\ufe0f")


def echo(text: str = "", *, nl: bool = True, err: bool = False, **style: Any) -> None:
    """Write `text`, filtered unless stdout is a pipe, and styled as by `click.style` on a terminal."""
    stream = sys.stderr if err else sys.stdout
    if stream is None:
        return
    if err or stream.isatty():
        text = strip_controls(text)
    if style and styles() and is_terminal(stream):
        text = click.style(text, **style)
    write(text + "\n" * nl, err=err)


def write(text: str, *, err: bool = False) -> None:
    """Write `text` unfiltered, with our escape sequences; filter server text first."""
    stream = sys.stderr if err else sys.stdout
    if stream is not None:
        # Without `color`, click drops from a pipe what looks like styles.
        click.echo(text, file=unfiltered(stream), nl=False, color=True)


class StatusLine:
    """A dim line on stderr, if that is a terminal, that shows the current step and its time."""

    def __init__(self) -> None:
        self._lock, self._cleared = threading.Lock(), threading.Event()
        self._cleared.set()

    def __enter__(self) -> StatusLine:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def show(self, text: str, eta: float | None = None) -> None:
        """Show `text` with a countdown of `eta` seconds, or with the time since the line appeared."""
        if not is_terminal(sys.stderr):
            return
        with self._lock:
            now = time.monotonic()
            self._text, self._until = " ".join(strip_controls(text).split()), now + (eta or 0.0)
            if self._cleared.is_set():
                self._since, self._cleared = now, threading.Event()
                threading.Thread(target=self._refresh, args=(self._cleared,), daemon=True).start()
            self._draw()

    def clear(self) -> None:
        with self._lock:
            if not self._cleared.is_set():
                self._cleared.set()
                write("\r\x1b[K", err=True)

    def _refresh(self, cleared: threading.Event) -> None:
        while not cleared.wait(REFRESH_INTERVAL):
            with self._lock:
                if not cleared.is_set():
                    self._draw()

    def _draw(self) -> None:
        now = time.monotonic()
        remaining, elapsed = self._until - now, now - self._since
        timing = f" ({elapsed:.0f} s)" if elapsed >= SHOW_ELAPSED_AFTER else ""
        if remaining > 0.5:
            timing = f" (about {remaining:.0f} s)"
        text, columns = self._text, size(sys.stderr)[0] - len(timing) - 3
        while max_width(text) > columns:
            text = text[:-1]
        frame = SPINNER[int(now / REFRESH_INTERVAL) % len(SPINNER)]
        line = f"{frame} {text}{timing}"
        write(f"\r{click.style(line, dim=True) if styles() else line}\x1b[K", err=True)


@contextlib.contextmanager
def without_echo() -> Iterator[None]:
    """Turn off the echo of the terminal on stdout; typed keys wait for the next reader."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(ImportError, OSError):  # not POSIX, or not a terminal
            import termios

            terminal = sys.stdout.fileno()
            if os.tcgetpgrp(terminal) == os.getpgrp():  # in the background, this would stop the process
                original = termios.tcgetattr(terminal)
                silent = original.copy()
                silent[3] &= ~termios.ECHO
                stack.callback(termios.tcsetattr, terminal, termios.TCSANOW, original)
                termios.tcsetattr(terminal, termios.TCSANOW, silent)
        yield
