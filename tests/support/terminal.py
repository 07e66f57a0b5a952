"""Run programs in a real pseudo-terminal, with `pyte` as its screen."""

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
# Makes the pseudo-terminal the controlling one, for Ctrl-C, then executes the program.
SHIM = (
    "import fcntl,os,sys,termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])"
)


class Screen(pyte.HistoryScreen):
    """A screen that answers queries of the cursor's position, as terminals do."""

    answer: Callable[[bytes], Any] = staticmethod(lambda data: None)

    def __init__(self, columns: int = COLUMNS, rows: int = ROWS) -> None:
        super().__init__(columns, rows, history=HISTORY, ratio=1)
        self.set_mode(pyte.modes.LNM)  # only for `Paper`; a tty adds CR itself

    def write_process_input(self, data: str) -> None:
        self.answer(data.encode())

    def draw(self, data: str) -> None:
        # `pyte` 0.8 drops what follows a character without width, such as the joiner of emoji.
        super().draw("".join(char for char in data if wcwidth(char) > 0 or unicodedata.combining(char)))

    def select_graphic_rendition(self, *attributes: int, **kwargs: Any) -> None:
        # `pyte` does not know dim text, which is grey here.
        plain = not {38, 48} & set(attributes)
        grey = (90 if plain and attribute == 2 else attribute for attribute in attributes)
        super().select_graphic_rendition(*grey, **kwargs)

    def rows(self) -> list[str]:
        """Return all lines, from the first that left the screen to the cursor's."""
        shown = [self.buffer[row] for row in range(self.used())]
        rows = [*self.history.top, *shown]
        return ["".join(row[column].data for column in range(self.columns)).rstrip() for row in rows]

    def used(self) -> int:
        texts = [line.rstrip() for line in self.display]
        return max([self.cursor.y + 1, *(number + 1 for number, text in enumerate(texts) if text)])

    def text(self) -> str:
        return "\n".join(self.rows())


class Paper(io.RawIOBase):
    """Writes to a `Screen`; as ``sys.stdout`` it is a terminal."""

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
        self.screens: list[str] = []  # all its states
        self.output = b""  # of the program

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
        """Draw what arrives within `seconds`; return whether anything did."""
        if not select.select([self._master], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self._master, 65536)
        except OSError:  # the program has ended
            return False
        self.output += data
        self._stream.feed(data)
        self.screens.append(self.screen.text())
        return bool(data)

    def wait_for(self, text: str | Callable[[str], bool], seconds: float = PATIENCE) -> str:
        """Wait until the screen shows `text`; gives all there is then."""
        holds = text if callable(text) else lambda shown: text in shown
        end = time.monotonic() + seconds
        while not holds(self.screen.text()):
            remaining = end - time.monotonic()
            ended = self.process.poll() is not None
            if not self.read(min(max(remaining, 0.0), 0.2)) and (remaining <= 0 or ended):
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
