"""`LiveReply`, an answer that shows itself in a notebook as it arrives."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, TypeAlias

import anyio

from .._types.events import Reply
from ..errors import QwenSpacesError, SpaceTimeoutError
from .displays import CellDisplay, current_display, shell
from .plain import PlainDisplay

if TYPE_CHECKING:
    from .._stream.text_stream import TextStream

REFRESH_INTERVAL = 0.08  # seconds; with the first and the last one, fewer than 15 refreshes a second
REFRESH_SECONDS_PER_CHAR = 4e-6  # added for each character, for pages redraw long texts more slowly


class LiveReply:
    """An answer that shows itself in a notebook. Nothing is sent before its first use.

    As the last line of a cell, it shows the answer, or the error, below the cell. ``await`` and `result` also
    return the reply or raise the error. An interrupt of the kernel ends the job on the server and keeps the
    text so far.

    Attributes:
        stream: the answer as a `TextStream`.

    Example:
        QwenSpace("qwen-2.5").show("Why is the sky blue?")
    """

    def __init__(self, stream: TextStream) -> None:
        self.stream = stream
        self._display: CellDisplay | PlainDisplay | None = None

    def __repr__(self) -> str:
        return f"<LiveReply {self.stream!r}; await it, or call its result()>"

    def __del__(self) -> None:
        if self._display is None and self.stream.status is None and not sys.is_finalizing():
            warnings.warn(
                "A show() was not awaited, nor the last line of its cell, nor was its result() called: "
                "so nothing was sent.",
                stacklevel=2,
            )

    def __await__(self) -> Generator[Any, None, Reply]:
        return self._whole().__await__()

    def result(self) -> Reply:
        """Show the answer, wait for its end and return it; blocks.

        Raises:
            QwenSpacesError: the request failed; a notebook also shows the error.
        """
        with self._open_display() as display:
            while not self.stream.done:
                display.draw(self.stream)
                # This wait timed out, not the stream, whose own timeout is raised below.
                with contextlib.suppress(SpaceTimeoutError):
                    self.stream.result(_pause(self.stream))
            return _mark_displayed(self.stream.result())

    async def _whole(self) -> Reply:
        with self._open_display() as display:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._keep_drawing, display)
                with contextlib.suppress(QwenSpacesError):  # raised below: the group would wrap it
                    await self.stream
                tasks.cancel_scope.cancel()
            return _mark_displayed(self.stream.result())

    async def _keep_drawing(self, display: CellDisplay | PlainDisplay) -> None:
        while True:
            display.draw(self.stream)
            await anyio.sleep(_pause(self.stream))

    @contextlib.contextmanager
    def _open_display(self) -> Iterator[CellDisplay | PlainDisplay]:
        """Yield the display of this answer, and end it with the answer."""
        if self._display is None:
            self._display = current_display()
        try:
            yield self._display
        except BaseException as error:
            self.stream.cancel()  # it still runs if Ctrl-C came during `draw`
            self._display.end(self.stream, error)
            raise
        self._display.end(self.stream)

    def _ipython_display_(self) -> None:
        """Show the answer; IPython calls this for the value of a cell's last line."""
        if self.stream.done:
            self._display = None  # a new one, for this cell
        try:
            self.result()
        except QwenSpacesError:
            if not isinstance(self._display, CellDisplay):
                shell().showtraceback()  # one that is raised here is followed by the `repr` of this object
        except KeyboardInterrupt:
            # After an interrupt, the calling hook does not finish, and breaks later cells (ipykernel 7.4).
            shell().displayhook.finish_displayhook()
            raise InterruptedCell from None


Shown: TypeAlias = LiveReply  # its old name


@dataclass(frozen=True, slots=True, eq=False)
class DisplayedReply(Reply):
    """A reply that its cell has shown, so that it does not show it again as the value of its last line."""

    cell: int = field(default=0, repr=False)  # the cell's number

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reply) and _fields(self) == _fields(other)

    __hash__ = Reply.__hash__

    def _ipython_display_(self) -> None:
        running = shell()
        if running is None or running.execution_count != self.cell:
            raise NotImplementedError  # IPython then shows it as any other reply


class InterruptedCell(KeyboardInterrupt):
    """An interrupt of a cell that shows it already, so IPython prints one line and no traceback."""

    def _render_traceback_(self) -> list[str]:
        return ["KeyboardInterrupt"]


def _pause(stream: TextStream) -> float:
    return REFRESH_INTERVAL + REFRESH_SECONDS_PER_CHAR * len(stream.text)


def _mark_displayed(reply: Reply) -> Reply:
    running = shell()
    return DisplayedReply(**_fields(reply), cell=running.execution_count) if running else reply


def _fields(reply: Reply) -> dict[str, Any]:
    return {each.name: getattr(reply, each.name) for each in fields(Reply)}
