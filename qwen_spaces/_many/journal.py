"""The journal of `map(save=...)`: a line for each finished row, from which the same call resumes."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from .._types.events import Reply
from .journal_file import dump, line_at, lines, open_locked, replace
from .lines import digest, format_line, to_reply
from .row import Prompt, Row


class Journal:
    """A file of finished rows: each is asked at least once, and kept exactly once.

    Opening it drops failed rows, which will be asked again, and half a line at the end, which a process has
    left that was killed.

    Args:
        path: where it is, or will be.
        identity: what makes the answers to equal messages comparable: Space, system prompt, options.
        sort: whether the rows are put into the order of the prompts when all are here.

    Raises:
        UnsupportedOptionError: the file is no journal, or another process writes to it; it stays as it is.
        OSError: the file cannot be read or written.
    """

    def __init__(self, path: str | os.PathLike[str], identity: object, *, sort: bool = False) -> None:
        self._path, self._identity, self._sort = Path(os.path.realpath(path)), identity, sort
        self._seen: Counter[str] = Counter()  # how often each digest has come
        self._places: dict[str, int] = {}  # key -> offset of its line
        self._order: list[str] = []  # the keys in the order of the prompts
        self._fd = open_locked(self._path)
        self._end = 0  # bytes
        try:
            self._resume()
        except BaseException:
            self.close()
            raise

    def key(self, prompt: Prompt) -> str:
        """Return the key of the next prompt; equal prompts are numbered."""
        same = digest(self._identity, prompt)
        self._seen[same] += 1
        key = f"{same}:{self._seen[same]}"
        if self._sort:
            self._order.append(key)
        return key

    def find(self, prompt: Prompt) -> Reply | None:
        """Return the answer that is here already."""
        offset = self._places.get(prompt.key)
        return None if offset is None else to_reply(json.loads(line_at(self._fd, offset)))

    def write(self, prompt: Prompt, row: Row) -> None:
        """Append a row, in one write."""
        if self._fd < 0:
            return
        line = memoryview(format_line(prompt, row))
        if row.reply:
            self._places[prompt.key] = self._end
        self._end += len(line)
        while line:  # more than once only if the disk is full, or the line is huge
            line = line[os.write(self._fd, line) :]

    def close(self, *, complete: bool = False) -> None:
        """Flush the rows to the disk, and let others open the file."""
        fd, self._fd = self._fd, -1
        if fd < 0:
            return
        try:
            if complete and self._sort and not self._in_order():
                fd = replace(fd, self._path, self._sorted(fd))
            os.fsync(fd)
        finally:
            os.close(fd)

    def _resume(self) -> None:
        """Find the rows that are here; write the file anew if others are, or half a one."""
        clean = True
        for line, fields in lines(self._fd, self._path):
            if fields is None or fields["error"] or fields["key"] in self._places:
                clean = False
            else:
                clean &= line.endswith(b"\n")
                self._places[fields["key"]] = self._end
                self._end += len(line.rstrip(b"\r\n")) + 1
                clean &= not line.endswith(b"\r\n")
        if not clean:
            self._fd = replace(self._fd, self._path, self._kept(self._fd))

    def _kept(self, fd: int) -> Iterator[bytes]:
        keys = set[str]()
        for line, fields in lines(fd, self._path):
            if fields and not fields["error"] and fields["key"] not in keys:
                keys.add(fields["key"])
                yield line.rstrip(b"\r\n") + b"\n"

    def _in_order(self) -> bool:
        places = [self._places.get(key, -1) for key in self._order]
        return -1 not in places and places == sorted(places) and len(places) == len(self._places)

    def _sorted(self, fd: int) -> Iterator[bytes]:
        """Yield the lines of the prompts in their order, then those of prompts that are no longer asked."""
        places, offset = dict[str, int](), 0
        for line, fields in lines(fd, self._path):
            places[str(fields and fields["key"])] = offset
            offset += len(line)
        for index, key in enumerate(self._order):
            if (place := places.pop(key, None)) is not None:
                line = line_at(fd, place)
                fields = json.loads(line)
                yield line if fields["index"] == index else dump({**fields, "index": index})
        yield from (line_at(fd, place) for place in places.values())
