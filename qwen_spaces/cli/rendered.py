"""An answer in Markdown, rendered as it comes: whole blocks for good, the one that grows again and again."""

from __future__ import annotations

import time

import click

from ..events import Reply, Text
from .markdown import Renderer, block_starts
from .output import Output
from .safety import sanitize
from .terminal import max_width, size, without_echo, write

FRAME = 1 / 30  # seconds from one drawing to the next


class MarkdownOutput(Output):
    """Markdown on a terminal."""

    def __init__(self, *, reasoning: bool = True, stream: bool = True) -> None:
        super().__init__(reasoning=reasoning, stream=stream)
        self._renderer = Renderer()
        self._tail = [""]  # the lines that may be drawn again; the cursor is behind the last
        self._answer = ""
        self._blocks = [0]  # the lines at which blocks begin; all but the last are drawn for good
        self._next = 0.0  # when to draw again, in seconds of `time.monotonic()`
        self._silence = without_echo()  # a key would tear what is drawn again

    def __enter__(self) -> Output:
        self._silence.__enter__()
        return self

    def text(self, text: Text) -> None:
        """Draw it."""
        self._answer = self._answer[: text.start] + text.text
        changed = self._answer.count("\n", 0, text.start)  # its line
        if changed < self._blocks[-1]:
            self._go_back(changed)
        # What comes meanwhile is gathered by the stream, and drawn at once.
        time.sleep(max(0.0, self._next - time.monotonic()))
        began = time.monotonic()
        self._draw()
        now = time.monotonic()
        self._next = now + max(FRAME, now - began)

    def end(self, reply: Reply | None) -> None:
        """Draw the rest."""
        try:
            self._answer = reply.text if reply else self._answer
            self._draw(whole=True)
        finally:
            self._silence.__exit__(None, None, None)

    def _go_back(self, changed: int) -> None:
        """Begin anew at the block that has changed; what is above stays, for it may have left the screen."""
        while self._blocks[-1] > changed:
            self._blocks.pop()
        note = click.style("The Space changed what it had said, from here on:", dim=True)
        self._put(["", note] + [""] * (self._blocks == [0]), [])

    def _draw(self, *, whole: bool = False) -> None:
        columns, _ = size()
        lines = sanitize(self._answer).split("\n")
        first = self._blocks[-1]
        # A line that is not complete may yet turn out to be something else.
        begun = block_starts("\n".join([*lines[first:-1], lines[-1] if whole else ""]))
        self._blocks += [first + line for line in begun[1:]] + [len(lines)] * whole
        here = self._blocks[-1]
        done = self._renderer.lines("\n".join(lines[first:here]), columns)
        tail = self._renderer.lines("\n".join(lines[here:]), columns, crop=True)
        self._put([""] * bool(first and done) + done, [""] * bool(here and tail) + tail)

    def _put(self, done: list[str], tail: list[str]) -> None:
        """Put `done` above the tail for good, and show this `tail`, of which a low screen has the end.

        What has left the screen is never touched.
        """
        columns, rows = size()
        # Those rows that they take now, on a terminal that may have become narrower since.
        up = sum(max(1, -(-max_width(line) // columns)) for line in self._tail) - 1
        self._tail = tail[-(rows - 1) :] or [""]
        # From its second line on, for tmux keeps what is erased from the top of the screen on.
        start = f"\x1b[{up}A\r\x1b[K\n\x1b[J\x1b[A" if up else "\r\x1b[K"
        write(start + "\n".join([*done, *self._tail]))
