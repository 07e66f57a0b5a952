"""Where an answer goes: stdout has the answer, stderr all the rest, and that only if it is a terminal."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sys
from typing import Any

from ..errors import QwenSpacesError
from ..events import Done, Event, Reasoning, Reply, Status, Text
from .terminal import StatusLine, echo, is_terminal


class Output:
    """Takes the events of an answer; a ``with`` brings what is half written to its end.

    Args:
        reasoning: whether to show the thinking before the answer.
        stream: whether to show what is not complete.
    """

    def __init__(self, *, reasoning: bool = True, stream: bool = True) -> None:
        self._status = StatusLine()
        self._thinks = reasoning and is_terminal(sys.stderr)
        self._stream = stream
        self._shown = ""  # what was shown last: of the thinking, or of the answer
        self._reply: Reply | None = None

    def __enter__(self) -> Output:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        try:
            self._end_thought()
        finally:
            self.end(self._reply)

    def show(self, event: Event) -> None:
        """Show what is new."""
        if isinstance(event, Status):
            if not self._shown:
                self._status.show(str(event), event.eta)
        elif isinstance(event, Reasoning):
            if self._thinks:
                self._status.clear()
                self._shown = event.text
                echo(self._shown, dim=True, err=True, nl=False)
        elif isinstance(event, Done):
            self._reply = event.reply
        elif self._stream:
            self._end_thought()
            self._shown = event.text
            self.text(event)

    def text(self, text: Text) -> None:
        """Show an answer that grows, or changes."""

    def end(self, reply: Reply | None) -> None:
        """Nothing comes any more; without a `reply` the answer has failed."""

    def _end_thought(self) -> None:
        self._status.clear()
        if self._thinks and self._shown:
            echo("\n" if self._shown.endswith("\n") else "\n\n", err=True, nl=False)
        self._thinks = False


class Plain(Output):
    """The text as it comes, without anything of ours. What was written cannot be taken back."""

    def __init__(self, *, reasoning: bool = True, stream: bool = True) -> None:
        super().__init__(reasoning=reasoning, stream=stream)
        self._written = 0  # characters of the answer; -1 if it has changed since
        self._last = "\n"

    def text(self, text: Text) -> None:
        """Write it; from the first change on, wait for the whole."""
        if text.start == self._written:
            self._write(text.text)
            self._written += len(text.text)
        else:
            self._written = -1

    def end(self, reply: Reply | None) -> None:
        """Write an answer that is awaited, or that was changed, as it is; then begin a new line."""
        if reply and self._written < 0:
            self._end_line()
            echo("The Space changed what it had said. Its whole answer:", dim=True, err=True)
        if reply and (self._written < 0 or not self._stream):
            self._write(reply.text)
        self._end_line()

    def _end_line(self) -> None:
        if self._last != "\n":
            self._write("\n")

    def _write(self, text: str) -> None:
        if text:
            echo(text, nl=False)
            self._last = text[-1]


class Json(Output):
    """One JSON object when the answer is complete, or the events as such objects, one a line, as they come.

    Args:
        space: the name of the Space, which is in it.
        stream: whether it is the events.
    """

    def __init__(self, *, space: str, stream: bool) -> None:
        super().__init__(reasoning=False, stream=stream)
        self._space = space

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        super().__exit__(kind, error, trace)
        if self._stream and isinstance(error, QwenSpacesError):
            echo(json.dumps({"type": "error", "error": type(error).__name__, "message": str(error)}))

    def show(self, event: Event) -> None:
        """Write it, if it is the events."""
        if self._stream:
            self._status.clear()
            exit_on_error = (
                self._object(event.reply) if isinstance(event, Done) else dataclasses.asdict(event)
            )
            echo(json.dumps({"type": event.type, **exit_on_error}))
        super().show(event)

    def end(self, reply: Reply | None) -> None:
        """Write it, if it is the one."""
        if reply and not self._stream:
            echo(json.dumps(self._object(reply), indent=2))

    def _object(self, reply: Reply) -> dict[str, Any]:
        return {
            "space": self._space,
            "text": reply.text,
            "reasoning": reply.reasoning,
            "rewritten": reply.rewritten,
            "metrics": dataclasses.asdict(reply.metrics),
        }


def output_for(*, plain: bool, reasoning: bool, stream: bool = True) -> Output:
    """Return the output of an answer for people: Markdown on a terminal with `rich`, else as it is."""
    if not plain and is_terminal(sys.stdout):
        with contextlib.suppress(ImportError):
            from .rendered import MarkdownOutput

            return MarkdownOutput(reasoning=reasoning, stream=stream)
    return Plain(reasoning=reasoning, stream=stream)
