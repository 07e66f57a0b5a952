"""What a process holds, and how long it had to wait for its turn on a busy machine."""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

LONGEST = 60.0  # seconds after which what is still there will stay


class Delays:
    """Measures how long this process has to wait for its turn."""

    def __init__(self) -> None:
        self.seen: list[tuple[float, float]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="delays", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        before = time.monotonic()
        while not self._stop.wait(0.05):
            now = time.monotonic()
            self.seen.append((now, max(0.0, now - before - 0.06)))
            before = now

    def since(self, start: float) -> float:
        """The sum of the delays since then, in seconds."""
        return sum(delay for when, delay in self.seen if when > start)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()


@dataclass(frozen=True)
class Left:
    """What this process holds."""

    threads: tuple[str, ...]
    sockets: int
    files: tuple[str, ...]  # in its own temporary directory

    @classmethod
    def now(cls, folder: Path) -> Left:
        gc.collect()
        # Trio keeps the threads it had for 10 seconds, and has no way to end them.
        names = sorted(thread.name for thread in threading.enumerate() if not thread.name.startswith("Trio"))
        return cls(tuple(names), _sockets(), tuple(sorted(path.name for path in folder.iterdir())))

    def within(self, before: Left) -> bool:
        """Whether there is nothing that was not there before."""
        threads, files = set(self.threads) - set(before.threads), set(self.files) - set(before.files)
        return not (threads or files) and self.sockets <= before.sockets


def _sockets() -> int:
    count = 0
    for name in os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else ():
        try:
            count += os.readlink(f"/proc/self/fd/{name}").startswith("socket:")
        except OSError:  # the one by which the folder was read
            continue
    return count


@contextmanager
def folder() -> Iterator[Path]:
    """An own temporary directory, for all that this process makes."""
    tempfile.tempdir = made = tempfile.mkdtemp(prefix="chaos_")
    try:
        yield Path(made)
    finally:
        tempfile.tempdir = None
        shutil.rmtree(made)


def leftovers(before: Left, where: Path, delays: Delays, seconds: float) -> list[str]:
    """What is still there `seconds` after the end, and when it went."""
    start = time.monotonic()
    while (left := Left.now(where)) != before and time.monotonic() - start < LONGEST:
        if left.within(before):
            break
        late = left
        time.sleep(0.05)
    if (took := time.monotonic() - start) > seconds + delays.since(start):
        print(f"WRONG: left for {took:.1f} s: {late}, where {before} was before")
        return [f"left for {took:.1f} s: {late}"]
    return []
