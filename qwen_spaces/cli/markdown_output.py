"""An answer rendered as it arrives: complete blocks once, the growing one again and again."""

from __future__ import annotations

import time

import click

from ..events import Reply, Text
from .markdown import block_starts, render
from .output import Output
from .safety import strip_controls
from .terminal import max_width, size, without_echo, write

FRAME_INTERVAL = 1 / 30  # seconds between two drawings


class MarkdownOutput(Output):
    """Markdown on a terminal."""

    def __init__(self, *, reasoning: bool = True, stream: bool = True) -> None:
        super().__init__(reasoning=reasoning, stream=stream)
        self._answer = ""
        self._blocks = [0]  # the lines at which blocks start; all but the last are final on the screen
        self._tail = [""]  # the lines that may be redrawn; the cursor is at the end of the last
        self._next_frame = 0.0  # in seconds of `time.monotonic()`
        self._without_echo = without_echo()  # typed keys would garble what is redrawn

    def __enter__(self) -> Output:
        self._without_echo.__enter__()
        return self

    def text(self, text: Text) -> None:
        """Draw the changed answer."""
        self._answer = self._answer[: text.start] + text.text
        changed = self._answer.count("\n", 0, text.start)  # the line
        if changed < self._blocks[-1]:
            self._restart_at(changed)
        # The stream collects what arrives during the sleep, for one drawing.
        time.sleep(max(0.0, self._next_frame - time.monotonic()))
        start = time.monotonic()
        self._draw()
        end = time.monotonic()
        self._next_frame = end + max(FRAME_INTERVAL, end - start)

    def end(self, reply: Reply | None) -> None:
        """Draw the rest."""
        try:
            self._answer = reply.text if reply else self._answer
            self._draw(complete=True)
        finally:
            self._without_echo.__exit__(None, None, None)

    def _restart_at(self, changed: int) -> None:
        """Restart at the changed block, below what is drawn, which may have left the screen."""
        while self._blocks[-1] > changed:
            self._blocks.pop()
        note = click.style("The Space revised its answer from here on:", dim=True)
        self._replace_tail(["", note] + [""] * (self._blocks == [0]), [])

    def _draw(self, *, complete: bool = False) -> None:
        columns, _ = size()
        lines = strip_controls(self._answer).split("\n")
        first = self._blocks[-1]
        # The last line may turn out to be something else while it grows.
        starts = block_starts("\n".join([*lines[first:-1], lines[-1] if complete else ""]))
        self._blocks += [first + line for line in starts[1:]] + [len(lines)] * complete
        last = self._blocks[-1]
        final = render("\n".join(lines[first:last]), columns)
        tail = render("\n".join(lines[last:]), columns, crop=True)
        self._replace_tail([""] * bool(first and final) + final, [""] * bool(last and tail) + tail)

    def _replace_tail(self, final: list[str], tail: list[str]) -> None:
        """Replace the tail on the screen by `final` lines and a new tail; a low screen shows its end."""
        columns, rows = size()
        # The rows that the old tail takes now: the terminal may have become narrower.
        up = sum(max(1, -(-max_width(line) // columns)) for line in self._tail) - 1
        self._tail = tail[-(rows - 1) :] or [""]
        # Erase from the second line on: tmux would keep, in its history, what is erased from the top row.
        erase = f"\x1b[{up}A\r\x1b[K\n\x1b[J\x1b[A" if up else "\r\x1b[K"
        write(erase + "\n".join([*final, *self._tail]))
