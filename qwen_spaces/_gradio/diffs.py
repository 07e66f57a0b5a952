"""An output that grows: diffs are applied in place, and the reader is told what they add to the answer."""

from __future__ import annotations

import copy
import dataclasses
import functools
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from .._contract.output import parse
from .._stream.mailbox import Mailbox
from .event_stream import MAX_EVENT

Path: TypeAlias = Sequence[Any]  # of keys and indexes, the output's number first
Edit: TypeAlias = tuple[str, Path, Any]  # what to do, where, with which value

_MARK = "\uffff"  # a noncharacter, which no text has


class OutputDiffs:
    """The outputs of one job after its first.

    The SDK copies the whole history at each of them (gradio_client 2.7.2, `apply_diff`), so a long one
    makes every token dear. Nearly all append to the end of the answer, which is passed on as it is.

    Args:
        mailbox: is given what is new.
        process: makes of the outputs on the wire what the SDK would give.
    """

    def __init__(self, mailbox: Mailbox, process: Callable[..., object]) -> None:
        self._mailbox, self._process = mailbox, process
        self._data: list[Any] = []
        self._end: Path | None = None  # where an append makes the answer longer
        self._appended: list[str] = []  # there, and not yet in the data
        self._size = 0  # characters that were appended one by one, wherever

    def takes(self, message: Mapping[str, Any]) -> bool:
        """Whether this message is done with; if not, it is the SDK's."""
        if message["msg"] == "process_completed" and self._appended:
            self._write()
            self._put()
        if message["msg"] != "process_generating" or not message.get("success", True):
            return False
        output = message["output"].get("data", [])
        if not self._data:
            self._data = list(output)
            return False
        edits: list[Edit] = [
            (do, [place, *path], value) for place, diff in enumerate(output) for do, path, value in diff
        ]
        if len(edits) == 1 and edits[0][:2] == ("append", self._end) and isinstance(edits[0][2], str):
            self._appended.append(edits[0][2])
            self._mailbox.append(edits[0][2])
        elif edits:
            self._write()
            for edit in edits:
                self._size += len(edit[2]) if edit[0] == "append" else 0
                _apply(edit, self._data)
            if self._size > MAX_EVENT:
                raise ValueError(f"more than {MAX_EVENT // 2**20} MB of text were appended beside the answer")
            self._put()
            do, path, _ = edits[-1]
            self._end = path if do == "append" and self._is_end(path) else None
        return True

    def _is_end(self, path: Path) -> bool:
        """Whether what is appended there is the end of the answer: tried with a mark."""
        before = parse(self._process(*self._data))
        parent, key = _parent(path, self._data), path[-1]
        if not isinstance(parent[key], str):
            return False
        old, parent[key] = parent[key], parent[key] + _MARK
        after = parse(self._process(*self._data))
        parent[key] = old
        return before is not None and after == dataclasses.replace(before, text=before.text + _MARK)

    def _put(self) -> None:
        self._mailbox.set_snapshot(self._process(*self._data))

    def _write(self) -> None:
        """Put what was appended into the data."""
        if self._end is not None and self._appended:
            _apply(("append", self._end, "".join(self._appended)), self._data)
            self._appended.clear()


def _parent(path: Path, data: list[Any]) -> Any:
    return functools.reduce(operator.getitem, path[:-1], data)


def _apply(edit: Edit, data: list[Any]) -> None:
    """Do what a diff says; the SDK's `apply_diff` copies everything for that."""
    do, path, value = edit
    data.extend([None] * (path[0] + 1 - len(data)))  # an app that was reloaded may put out more
    parent, key = data, path[-1]
    for step in path[:-1]:  # copied on the way down: an output that was put before stays as it was
        parent[step] = copy.copy(parent[step])
        parent = parent[step]
    if do == "append":
        if not (isinstance(value, str) and isinstance(parent[key], str)):
            raise TypeError(f"{type(value).__name__} appended to {type(parent[key]).__name__}")
        parent[key] += value
    elif do == "delete":
        del parent[key]
    elif do == "add" and isinstance(parent, list):
        parent.insert(key, value)
    elif do in ("add", "replace"):
        parent[key] = value
    else:
        raise ValueError(f"Unknown diff: {do}")
