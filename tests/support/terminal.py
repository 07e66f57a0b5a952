"""Programs run in a real pseudo-terminal, and `pyte` tells what its screen would show."""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pyte
import pytest
from wcwidth import wcwidth

from .modes import PATIENCE

COLUMNS, ROWS = 80, 24
HISTORY = 10_000  # lines that have left the screen
# Makes the pseudo-terminal the one that Ctrl-C comes from, then becomes the program.
SHIM = (
    "import fcntl,os,sys,termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])"
)


class Screen(pyte.HistoryScreen):
    """A screen that answers, as terminals do, when it is asked where the cursor is."""

    answer: Callable[[bytes], Any] = staticmethod(lambda data: None)

    def __init__(self, columns: int = COLUMNS, rows: int = ROWS) -> None:
        super().__init__(columns, rows, history=HISTORY, ratio=1)
        self.set_mode(pyte.modes.LNM)  # only for `Paper`; a tty makes CR LF of its own

    def write_process_input(self, data: str) -> None:
        self.answer(data.encode())

    def draw(self, data: str) -> None:
        # `pyte` 0.8 drops what follows a sign without width, such as those that join emoji.
        super().draw("".join(sign for sign in data if wcwidth(sign) > 0 or unicodedata.combining(sign)))

    def select_graphic_rendition(self, *attributes: int, **how: Any) -> None:
        # `pyte` knows no dim text, which here is grey.
        plain = not {38, 48} & set(attributes)
        grey = (90 if plain and attribute == 2 else attribute for attribute in attributes)
        super().select_graphic_rendition(*grey, **how)

    def rows(self) -> list[str]:
        """All there is, from what left the screen first to the cursor's line."""
        shown = [self.buffer[row] for row in range(self.used())]
        rows = [*self.history.top, *shown]
        return ["".join(row[column].data for column in range(self.columns)).rstrip() for row in rows]

    def used(self) -> int:
        texts = [line.rstrip() for line in self.display]
        return max([self.cursor.y + 1, *(number + 1 for number, text in enumerate(texts) if text)])

    def text(self) -> str:
        return "\n".join(self.rows())


class Paper(io.RawIOBase):
    """What is written to it is on a `Screen`; as ``sys.stdout`` it is a terminal."""

    def __init__(self, screen: Screen) -> None:
        self._stream = pyte.ByteStream(screen)

    def write(self, data: Any) -> int:
        self._stream.feed(bytes(data))
        return len(data)

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return True


def paper(screen: Screen) -> io.TextIOWrapper:
    return io.TextIOWrapper(Paper(screen), encoding="utf-8", write_through=True)


class Terminal:
    """A program in a pseudo-terminal of 80 columns."""

    def __init__(self, command: Sequence[str], environment: dict[str, str] | None = None) -> None:
        self.screen = Screen()
        self._stream = pyte.ByteStream(self.screen)
        self._master, slave = pty.openpty()
        self.screen.answer = lambda data: os.write(self._master, data)
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-S", "-E", "-c", SHIM, *command],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm-256color", **(environment or {})},
        )
        os.close(slave)
        self.seen: list[str] = []  # all states of the screen
        self.output = b""  # all that the program wrote

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._master)

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def read(self, seconds: float) -> bool:
        """Draw what comes within `seconds`; whether anything came."""
        if not select.select([self._master], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self._master, 65536)
        except OSError:  # the program has ended
            return False
        self.output += data
        self._stream.feed(data)
        self.seen.append(self.screen.text())
        return bool(data)

    def wait_for(self, text: str | Callable[[str], bool], seconds: float = PATIENCE) -> str:
        """Wait until the screen shows `text`; gives all there is then."""
        holds = text if callable(text) else lambda shown: text in shown
        end = time.monotonic() + seconds
        while not holds(self.screen.text()):
            left = end - time.monotonic()
            ended = self.process.poll() is not None
            if not self.read(min(max(left, 0.0), 0.2)) and (left <= 0 or ended):
                raise AssertionError(f"no {text!r} in:\n{self.screen.text()}")
        return self.screen.text()

    def wait(self, seconds: float = PATIENCE) -> int:
        """Wait for the end of the program; gives its exit code."""
        end = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < end:
            self.read(0.05)
        while self.read(0.02):
            pass
        return self.process.wait(0.1)


@contextlib.contextmanager
def stage() -> Iterator[Screen]:
    """A screen that stdout and stderr are."""
    screen = Screen()
    with pytest.MonkeyPatch.context() as patch:  # no fixture: pytest sets stdout itself before the test
        patch.setattr(sys, "stdout", paper(screen))
        patch.setattr(sys, "stderr", sys.stdout)
        yield screen
