"""Where an answer goes: stdout has the answer, stderr all the rest, and that only if it is a terminal."""

from __future__ import annotations

import dataclasses
import json
import sys
from typing import TYPE_CHECKING, Any

import click

from ..answer import Done, Event, Reasoning, Reply, Text
from ..errors import MissingExtraError, QwenSpacesError
from ..feed import Status
from .terminal import StatusLine, clean, is_terminal

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self


class Output:
    """Takes the events of an answer; a ``with`` brings what is half written to its end.

    Args:
        reasoning: whether to show the thinking before the answer.
    """

    def __init__(self, *, reasoning: bool = True) -> None:
        self._status = StatusLine()
        self._thinks = reasoning and is_terminal(sys.stderr)
        self._thought = ""  # what was shown of it
        self._answering = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._status.clear()
            self._end_thought()
        finally:
            self.end()

    def show(self, event: Event) -> None:
        """Show what is new."""
        if isinstance(event, Status):
            if not (self._answering or self._thought):
                self._status.show(str(event), event.eta)
        elif isinstance(event, Reasoning):
            self._think(event.text)
        elif isinstance(event, Text):
            self._status.clear()
            self._end_thought()
            self._answering = True
            self.text(event)
        else:
            self._status.clear()
            self._end_thought()
            self.done(event.reply)

    def text(self, text: Text) -> None:
        """The answer grows, or changes."""

    def done(self, reply: Reply) -> None:
        """The answer is complete."""

    def end(self) -> None:
        """Nothing comes any more, because the answer is complete or because it failed."""

    def _think(self, text: str) -> None:
        if self._thinks and not self._answering:
            self._status.clear()
            self._thought += clean(text)
            click.secho(clean(text), dim=True, err=True, nl=False)

    def _end_thought(self) -> None:
        if self._thought and not self._answering:
            click.echo("\n" if self._thought.endswith("\n") else "\n\n", err=True, nl=False)
            self._thought = ""


class Plain(Output):
    """The text as it comes, without anything of ours. What was written cannot be taken back."""

    def __init__(self, *, reasoning: bool = True) -> None:
        super().__init__(reasoning=reasoning)
        self._filter = clean if is_terminal(sys.stdout) else str
        self._written = 0  # characters of the answer
        self._rewritten = False
        self._last = "\n"

    def text(self, text: Text) -> None:
        """Write it; from the first change on, wait for the whole."""
        self._rewritten |= text.start != self._written
        if not self._rewritten:
            self._write(text.text)
            self._written += len(text.text)

    def done(self, reply: Reply) -> None:
        """Write an answer that was changed once more, as it is."""
        if self._rewritten:
            self.end()
            click.secho("The Space changed what it had said. Its whole answer:", dim=True, err=True)
            self._write(reply.text)

    def end(self) -> None:
        """Begin a new line."""
        if self._last != "\n":
            self._write("\n")

    def _write(self, text: str) -> None:
        if text:
            click.echo(self._filter(text), nl=False)
            self._last = text[-1]


class Whole(Plain):
    """The text when it is complete."""

    def text(self, text: Text) -> None:
        """Wait."""

    def done(self, reply: Reply) -> None:
        """Write it."""
        self._write(reply.text)


class Json(Output):
    """One JSON object when the answer is complete.

    Args:
        space: the name of the Space, which is in it.
    """

    def __init__(self, *, space: str) -> None:
        super().__init__(reasoning=False)
        self._space = space

    def done(self, reply: Reply) -> None:
        """Write it."""
        click.echo(json.dumps(as_object(reply, self._space), indent=2))


class JsonLines(Json):
    """The events as JSON objects, one a line, as they come."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        if isinstance(error, QwenSpacesError):
            click.echo(json.dumps({"type": "error", "error": type(error).__name__, "message": str(error)}))

    def show(self, event: Event) -> None:
        """Write it."""
        if isinstance(event, Status):
            self._status.show(str(event), event.eta)
        else:
            self._status.clear()
        told = dataclasses.asdict(event)
        if isinstance(event, Done):
            told = as_object(event.reply, self._space)
        click.echo(json.dumps({"type": event.type, **told}))


def as_object(reply: Reply, space: str) -> dict[str, Any]:
    """A reply for JSON."""
    return {
        "space": space,
        "text": reply.text,
        "reasoning": reply.reasoning,
        "rewritten": reply.rewritten,
        "metrics": dataclasses.asdict(reply.metrics),
    }


def output_for(*, plain: bool, reasoning: bool, stream: bool = True) -> Output:
    """The output of an answer for people: Markdown on a terminal where `rich` is installed, else as it is."""
    if not plain and is_terminal(sys.stdout):
        try:
            from .rendered import Rendered
        except MissingExtraError:
            pass
        else:
            return Rendered(reasoning=reasoning, stream=stream)
    return Plain(reasoning=reasoning) if stream else Whole(reasoning=reasoning)
