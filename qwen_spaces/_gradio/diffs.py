"""Apply the diffs of an output in place, and pass on the text that they append to the answer."""

from __future__ import annotations

import copy
import dataclasses
import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from .._stream.mailbox import Mailbox
from .event_stream import MAX_EVENT

Path: TypeAlias = Sequence[Any]  # of keys and indexes, the output's number first
Edit: TypeAlias = tuple[str, Path, Any]  # action, place, value

# A noncharacter, which no text has, after a tag: what makes text of HTML must see the whole answer.
_MARK = "<br>\uffff"


class OutputDiffs:
    """The outputs of one job: complete at first, then as diffs (since sse_v2, Gradio 4.8).

    The SDK copies the whole history for each diff (gradio_client 2.7.2, `apply_diff`), so a long history
    makes every token expensive. Nearly all diffs append to the answer, and their text is passed on as it is.
    `process` turns outputs of the wire into those that the SDK returns.
    """

    def __init__(self, mailbox: Mailbox, process: Callable[..., object], protocol: str = "sse_v3") -> None:
        self._mailbox, self._process = mailbox, process
        self._has_diffs = protocol != "sse_v1"
        self._data: list[Any] = []
        self._answer_end: Path | None = None  # the place where an append extends the answer
        self._appended: list[str] = []  # text for that place, not yet in the data
        self._size = 0  # characters appended elsewhere

    def update(self, output: Sequence[Any]) -> None:
        """Apply the outputs of one message, and pass on the change.

        Raises:
            TypeError, ValueError, LookupError: a diff does not fit the outputs before it.
        """
        if not self._data or not self._has_diffs:
            self._data = list(output)
            if self._data:
                self._set_snapshot()
            return
        edits: list[Edit] = [
            (action, [number, *path], value)
            for number, diff in enumerate(output)
            for action, path, value in diff
        ]
        if len(edits) == 1 and edits[0][:2] == ("append", self._answer_end) and isinstance(edits[0][2], str):
            self._appended.append(edits[0][2])
            self._mailbox.append(edits[0][2])
        elif edits:
            self._apply_all(edits)

    def flush(self) -> None:
        """Pass on the complete outputs if text was appended since the last snapshot."""
        if self._appended:
            self._write_appended()
            self._set_snapshot()

    def _apply_all(self, edits: Sequence[Edit]) -> None:
        self._write_appended()
        for action, path, value in edits:
            self._size += len(value) if action == "append" else 0
            _apply(action, path, value, self._data)
        if self._size > MAX_EVENT:
            raise ValueError(f"more than {MAX_EVENT // 2**20} MB of text were appended beside the answer")
        self._set_snapshot()
        action, path, _ = edits[-1]
        appended = action == "append" and not self._mailbox.ended
        self._answer_end = path if appended and self._ends_answer(path) else None

    def _ends_answer(self, path: Path) -> bool:
        """Return whether the text at `path` is the end of the answer, by appending a mark to it."""
        parse = self._mailbox.parse
        before = parse(self._process(*self._data))
        parent, key = functools.reduce(operator.getitem, path[:-1], self._data), path[-1]
        if before is None or not isinstance(parent[key], str):
            return False
        text, parent[key] = parent[key], parent[key] + _MARK
        after = self._mailbox.parse(self._process(*self._data))
        parent[key] = text
        return after == dataclasses.replace(before, text=before.text + _MARK)

    def _set_snapshot(self) -> None:
        self._mailbox.set_snapshot(self._process(*self._data))

    def _write_appended(self) -> None:
        if self._answer_end is not None and self._appended:
            _apply("append", self._answer_end, "".join(self._appended), self._data)
            self._appended.clear()


def _apply(action: str, path: Path, value: Any, data: list[Any]) -> None:
    """Apply one edit; the SDK's `apply_diff` copies everything for that."""
    data.extend([None] * (path[0] + 1 - len(data)))  # an app that was reloaded may put out more
    parent, key = data, path[-1]
    for step in path[:-1]:  # copied on the way down: earlier snapshots share these objects
        parent[step] = copy.copy(parent[step])
        parent = parent[step]
    if action == "append":
        if not (isinstance(value, str) and isinstance(parent[key], str)):
            raise TypeError(f"{type(value).__name__} appended to {type(parent[key]).__name__}")
        parent[key] += value
    elif action == "delete":
        del parent[key]
    elif action == "add" and isinstance(parent, list):
        parent.insert(key, value)
    elif action in ("add", "replace"):
        parent[key] = value
    else:
        raise ValueError(f"Unknown diff: {action}")
