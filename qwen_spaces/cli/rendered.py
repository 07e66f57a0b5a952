"""An answer in Markdown, rendered as it comes: whole blocks for good, the one that grows again and again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from ..answer import Reply, Text
from ..errors import MissingExtraError
from .output import Output
from .terminal import Canvas, clean, size, without_echo

if TYPE_CHECKING:
    from typing_extensions import Self

try:
    from .markdown import Renderer, begins
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] not in ("rich", "markdown_it", "pygments"):
        raise
    raise MissingExtraError("Rendered Markdown needs: pip install 'qwen-spaces[cli]'") from error

FRAME = 1 / 30  # seconds from one drawing to the next


class Rendered(Output):
    """Markdown on a terminal.

    Args:
        reasoning: as for `Output`.
        stream: whether to show what is not complete.
    """

    def __init__(self, *, reasoning: bool = True, stream: bool = True) -> None:
        super().__init__(reasoning=reasoning)
        self._stream = stream
        self._renderer, self._canvas = Renderer(), Canvas()
        self._answer = ""
        self._blocks: list[int] = []  # where the blocks begin that are drawn for good
        self._settled = 0  # where the rest begins, in characters of the answer
        self._any = False  # whether anything is drawn for good
        self._next = 0.0  # when to draw again, in seconds of `time.monotonic()`
        self._silence = without_echo()  # a key would tear what is drawn again

    def __enter__(self) -> Self:
        self._silence.__enter__()
        return self

    def text(self, text: Text) -> None:
        """Draw it."""
        if not self._stream:
            return
        self._answer = self._answer[: text.start] + text.text
        if text.start < self._settled:
            self._go_back(text.start)
        # What comes meanwhile is gathered by the stream, and drawn at once.
        time.sleep(max(0.0, self._next - time.monotonic()))
        began = time.monotonic()
        self._draw()
        now = time.monotonic()
        self._next = now + max(FRAME, now - began)

    def done(self, reply: Reply) -> None:
        """Take it as it is; `end` draws it."""
        self._answer = reply.text

    def end(self) -> None:
        """Draw the rest."""
        try:
            self._draw(whole=True)
        finally:
            self._silence.__exit__(None, None, None)

    def _go_back(self, start: int) -> None:
        """Begin anew at the block that has changed; what is above stays, for it may have left the screen."""
        self._canvas.draw([])
        if self._any:
            click.echo()
        click.secho("The Space changed what it had said, from here on:", dim=True, err=True)
        self._settled = max((begin for begin in self._blocks if begin <= start), default=0)
        self._blocks = [begin for begin in self._blocks if begin < self._settled]

    def _draw(self, *, whole: bool = False) -> None:
        columns, rows = size()
        rest = self._answer[self._settled :]
        text = clean(rest)
        # A line that is not complete may yet turn out to be something else.
        begun = begins(text if whole else text[: text.rfind("\n") + 1])
        lines = text.split("\n")
        here = len(lines) if whole else begun[-1] if begun[1:] else 0
        ready, growing = "\n".join(lines[:here]), "\n".join(lines[here:])
        done = self._renderer.lines(ready, columns)
        tail = self._renderer.lines(growing, columns, last=rows)
        above = [""] if self._any and done else []
        gap = [""] if tail and (self._any or done) else []
        self._canvas.draw([*above, *done], [*gap, *tail])
        if here:
            starts = _offsets(rest, self._settled)
            self._blocks += [starts[line] for line in begun if line < here]
            self._settled = len(self._answer) if whole else starts[here]
            self._any |= bool(done)


def _offsets(text: str, start: int) -> list[int]:
    """Where the lines of a text begin that begins itself at `start`."""
    offsets = [start]
    for line in text.split("\n"):
        offsets.append(offsets[-1] + len(line) + 1)
    return offsets
