"""Write an answer to stdout, and all else to stderr if that is a terminal."""

from __future__ import annotations

import dataclasses
import json
import sys
from typing import Any

from .._types.events import Done, Event, Reasoning, Reply, Status, Text
from ..errors import QwenSpacesError, UnexpectedOutputError
from ._terminal import StatusLine, echo, is_terminal


class Output:
    """Shows the events of an answer; leaving its ``with`` block completes the output."""

    def __init__(self, *, reasoning: bool = True, stream: bool = True) -> None:
        self._status = StatusLine()
        self._shows_reasoning = reasoning and is_terminal(sys.stderr)
        self._stream = stream
        self._last_text = ""  # of the reasoning or the answer
        self._reply: Reply | None = None

    def __enter__(self) -> Output:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        try:
            self._end_reasoning()
        finally:
            self.end(self._reply)

    def show(self, event: Event) -> None:
        if isinstance(event, Status):
            if not self._last_text:
                self._status.show(str(event), event.eta)
        elif isinstance(event, Reasoning):
            if self._shows_reasoning:
                self._status.clear()
                if not self._last_text:
                    echo("Thinking", dim=True, bold=True, err=True)
                self._last_text = event.text
                echo(event.text, dim=True, err=True, nl=False)
        elif isinstance(event, Done):
            self._reply = event.reply
        elif isinstance(event, Text) and self._stream:
            self._end_reasoning()
            self._last_text = event.text
            self.text(event)

    def text(self, text: Text) -> None:
        """Show a change of the answer."""

    def end(self, reply: Reply | None) -> None:
        """Complete the output; `reply` is ``None`` if the answer failed."""

    def _end_reasoning(self) -> None:
        self._status.clear()
        if self._shows_reasoning and self._last_text:
            echo("\n" if self._last_text.endswith("\n") else "\n\n", err=True, nl=False)
        self._shows_reasoning = False


class PlainOutput(Output):
    """Writes the text as it arrives, unchanged."""

    _written = 0  # characters of the answer; -1 after the Space has revised it
    _last = "\n"  # character

    def text(self, text: Text) -> None:
        """Write the text; after the first revision, wait for the full answer."""
        if text.start == self._written:
            self._write(text.text)
            self._written += len(text.text)
        else:
            self._written = -1

    def end(self, reply: Reply | None) -> None:
        """Write the full answer if it was revised or not streamed, and end the line."""
        if reply and self._written < 0:
            self._end_line()
            echo("The Space revised its answer. The full answer:", dim=True, err=True)
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


class CodeOutput(Output):
    """Writes the first code block of the complete answer, or else the answer to stderr."""

    def end(self, reply: Reply | None) -> None:
        if reply is None:
            return
        code = first_code_block(reply.text)
        if code is None:
            echo(reply.text, err=True)
            raise UnexpectedOutputError("The answer, above, has no code block.", partial_text=reply.text)
        echo(code, nl=not code.endswith("\n"))


def first_code_block(text: str) -> str | None:
    r"""Return the content of the first fenced code block of Markdown.

    Example:
        >>> first_code_block("So:\n```python\nprint(1)\n```\n")
        'print(1)\n'
    """
    from markdown_it import MarkdownIt

    blocks = (token.content for token in MarkdownIt().parse(text) if token.type == "fence")
    return next(blocks, None)


class JsonOutput(Output):
    """Writes the complete answer as a JSON object, or with `stream` each event as a line of JSON."""

    def __init__(self, *, space: str, stream: bool) -> None:
        super().__init__(reasoning=False, stream=stream)
        self._space = space

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        super().__exit__(kind, error, trace)
        if self._stream and isinstance(error, QwenSpacesError):
            echo(json.dumps({"type": "error", "error": type(error).__name__, "message": str(error)}))

    def show(self, event: Event) -> None:
        if self._stream:
            self._status.clear()
            fields = self._as_dict(event.reply) if isinstance(event, Done) else dataclasses.asdict(event)
            echo(json.dumps({"type": event.type, **_round(fields)}))
        super().show(event)

    def end(self, reply: Reply | None) -> None:
        if reply and not self._stream:
            echo(json.dumps(_round(self._as_dict(reply)), indent=2))

    def _as_dict(self, reply: Reply) -> dict[str, Any]:
        fields = dataclasses.asdict(dataclasses.replace(reply, raw=None))
        for unused in ("raw", "tool_calls", "parsed"):
            del fields[unused]
        return {"space": self._space, **fields}


def _round(value: Any) -> Any:
    """Return a value of JSON with its numbers of seconds to the millisecond."""
    if isinstance(value, dict):
        return {name: _round(part) for name, part in value.items()}
    return round(value, 3) if isinstance(value, float) else value
