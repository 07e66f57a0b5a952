"""An answer that shows itself as it arrives: `QwenSpace.show` and `Conversation.show`."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, fields
from typing import Any

import anyio

from ..errors import QwenSpacesError, SpaceTimeoutError
from ..events import Reply
from ..stream import TextStream
from .displays import Cell, Paper, screen, shell

TICK = 0.08  # seconds between two looks at the answer: with the first and the last, fewer than 15 a second
SLOWER = 4e-6  # seconds more for each character, as a page takes ever longer to draw it all again


class LiveReply:
    """An answer that shows itself. Nothing is sent before it is run, in one of three ways.

    As the value of a cell's last line it is shown there, and an error is, too; awaited, or asked for its
    `result`, it gives the reply and raises the error besides. Interrupting the kernel ends the job on the
    server and leaves what had come.

    Attributes:
        stream: the answer itself.

    Example:
        QwenSpace("qwen-2.5").show("Why is the sky blue?")
    """

    def __init__(self, stream: TextStream) -> None:
        self.stream = stream
        self._screen: Cell | Paper | None = None

    def __repr__(self) -> str:
        return f"<LiveReply {self.stream!r}; await it, or call its result()>"

    def __del__(self) -> None:
        if self._screen is None and self.stream.status is None and not sys.is_finalizing():
            warnings.warn(
                "A show() was neither awaited, nor the last line of its cell, nor asked for its result(): "
                "so nothing was asked.",
                stacklevel=2,
            )

    def __await__(self) -> Generator[Any, None, Reply]:
        return self._whole().__await__()

    def result(self) -> Reply:
        """Show the answer and wait for the whole; blocks.

        Raises:
            QwenSpacesError: whatever went wrong; a notebook shows it above as well.
        """
        with self._showing() as place:
            while not self.stream.done:
                place.draw(self.stream)
                # This wait may be over, the stream goes on; what is late for good is raised below.
                with contextlib.suppress(SpaceTimeoutError):
                    self.stream.result(_pause(self.stream))
            return _seen(self.stream.result())

    async def _whole(self) -> Reply:
        with self._showing() as place:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._keep_drawing, place)
                with contextlib.suppress(QwenSpacesError):  # raised below: the group would wrap it
                    await self.stream
                tasks.cancel_scope.cancel()
            return _seen(self.stream.result())

    async def _keep_drawing(self, place: Cell | Paper) -> None:
        while True:
            place.draw(self.stream)
            await anyio.sleep(_pause(self.stream))

    @contextlib.contextmanager
    def _showing(self) -> Iterator[Cell | Paper]:
        """Give the display of this answer, and end it as the answer ends."""
        if self._screen is None:
            self._screen = screen()
        try:
            yield self._screen
        except BaseException as error:
            self.stream.cancel()  # it runs still if Ctrl-C came while we drew
            self._screen.end(self.stream, error)
            raise
        self._screen.end(self.stream)

    def _ipython_display_(self) -> None:
        """Show the answer; IPython calls this for the value of a cell's last line."""
        if self.stream.done:
            self._screen = None  # once more, in this cell
        try:
            self.result()
        except QwenSpacesError:
            if not isinstance(self._screen, Cell):
                raise
        except KeyboardInterrupt:
            # The hook that has called us is not going to; left open, it fails later cells (ipykernel 7.4).
            shell().displayhook.finish_displayhook()
            raise InterruptedCell from None


@dataclass(frozen=True, slots=True, eq=False)
class DisplayedReply(Reply):
    """A reply that a cell has shown, and so does not show again as the value of its last line."""

    cell: int = field(default=0, repr=False)  # the cell's number

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reply) and _fields(self) == _fields(other)

    __hash__ = Reply.__hash__

    def _ipython_display_(self) -> None:
        running = shell()
        if running is None or running.execution_count != self.cell:
            raise NotImplementedError  # IPython shows it as any other reply


class InterruptedCell(KeyboardInterrupt):
    """The user's interrupt, in a cell that says so itself: IPython shows one line and no traceback."""

    def _render_traceback_(self) -> list[str]:
        return ["KeyboardInterrupt"]


def _pause(stream: TextStream) -> float:
    """Seconds until the answer is looked at again."""
    return TICK + SLOWER * len(stream.text)


def _seen(reply: Reply) -> Reply:
    """Return the reply, which the cell that runs will not show again."""
    running = shell()
    return DisplayedReply(**_fields(reply), cell=running.execution_count) if running else reply


def _fields(reply: Reply) -> dict[str, Any]:
    return {each.name: getattr(reply, each.name) for each in fields(Reply)}
