"""The file of a journal: opened by one process alone, read by lines, replaced atomically."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ..errors import UnsupportedOptionError
from .lines import BEGINNING, is_torn, parse_line

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

LAST_BYTE = 2**31 - 2  # that `msvcrt.locking` can lock
_LOCKED = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)  # the file is locked, on each system
FLAGS = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)


def open_locked(path: Path) -> int:
    """Open the file, and make sure that nobody else writes to it."""
    while True:
        fd = os.open(path, FLAGS, 0o666)
        try:
            lock(fd, path)
            if _is_at(fd, path):
                return fd
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)  # it was replaced meanwhile


def _is_at(fd: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path))
    except FileNotFoundError:
        return False


def lock(fd: int, path: Path) -> None:
    """Lock the file, until it is closed; raise if somebody else has."""
    try:
        _lock(fd)
    except OSError as error:
        if error.errno not in _LOCKED:  # a file system without locks
            return
        raise UnsupportedOptionError(
            f"save={str(path)!r} is in use: another map or process writes to it. Wait for it, or pass "
            "another path."
        ) from None


if sys.platform == "win32":

    def _lock(fd: int) -> None:
        os.lseek(fd, LAST_BYTE, os.SEEK_SET)  # far from the rows, for nobody else may read a locked byte
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        finally:
            os.lseek(fd, 0, os.SEEK_SET)

    def _swap(fd: int, new: int, name: str, path: Path) -> int:
        os.close(new)  # a file that is open cannot be replaced
        os.close(fd)
        os.replace(name, path)
        return open_locked(path)

else:

    def _lock(fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _swap(fd: int, new: int, name: str, path: Path) -> int:
        os.replace(name, path)
        os.close(fd)
        return new


def lines(fd: int, path: Path) -> Iterator[tuple[bytes, dict[str, Any] | None]]:
    """Yield each line with its fields, ``None`` for half a line at the end; raise if one is foreign."""
    with open(fd, "rb", closefd=False) as file:
        if not is_torn(file.read(len(BEGINNING))):  # a foreign file may be one huge line
            raise _foreign(path, 1)
        file.seek(0)
        for number, line in enumerate(file, 1):
            fields = parse_line(line)
            if fields is None and (line.endswith(b"\n") or not is_torn(line)):
                raise _foreign(path, number)
            yield line, fields


def _foreign(path: Path, number: int) -> UnsupportedOptionError:
    return UnsupportedOptionError(
        f"save={str(path)!r} is not from map(save=...): line {number} is none of its rows. Nothing was "
        "changed. Pass another path."
    )


def line_at(fd: int, offset: int) -> bytes:
    """Return the line at an offset."""
    with open(fd, "rb", closefd=False) as file:
        file.seek(offset)
        return file.readline()


def dump(fields: dict[str, Any]) -> bytes:
    """Return the line with these fields."""
    return json.dumps(fields, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def replace(fd: int, path: Path, lines: Iterable[bytes]) -> int:
    """Put a file with these lines in the place of the journal, atomically; return it, open and locked."""
    new, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(new)
    try:
        new = os.open(name, FLAGS)
        lock(new, path)
        with open(new, "wb", closefd=False) as file:
            file.writelines(lines)
        with contextlib.suppress(OSError):
            os.chmod(name, os.fstat(fd).st_mode & 0o777)
        os.fsync(new)
        return _swap(fd, new, name, path)
    except BaseException:
        with contextlib.suppress(OSError):  # it is closed already
            os.close(new)
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
