"""Many streams, one after another and at once, a third of them cancelled or failing: nothing may be left.

Run it with ``python -m tests.tools.soak``; it takes two minutes at most and is no part of the tests.
"""

from __future__ import annotations

import functools
import gc
import os
import random
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import anyio

from qwen_spaces import QwenSpace, SpaceError, StreamCancelledError, TextStream

from ..support.images import picture
from ..support.modes import MODES
from ..support.servers import Servers

SEED = 20260101
TURNS = 500  # streams one after another
WARM = 100  # of these, before the memory is first looked at
AT_ONCE = 40
BOUND = 110.0  # seconds for all streams; what has not started by then is not measured
SPACES = ("qwen-2.5", "qwen-2-72b", "qvq-72b")
FATES = ("complete", "complete", "complete", "complete", "cancelled", "failing")
PNG = picture("PNG", (4, 4), "red")


@dataclass(frozen=True)
class Left:
    """What this process holds."""

    threads: int
    descriptors: int
    sockets: int
    files: int  # in its own temporary directory
    memory: float  # MiB

    @classmethod
    def now(cls, folder: Path, patience: float = 2.0) -> Left:
        """Count, after those on their way out had a moment to go."""
        until = time.monotonic() + patience
        while True:
            gc.collect()
            links = _descriptors()
            sockets = sum(link.startswith("socket:") for link in links)
            found = cls(_threads(), len(links), sockets, len(list(folder.iterdir())), _memory())
            if found.threads <= 2 or time.monotonic() > until:  # this one, and the one that hears the servers
                return found
            time.sleep(0.02)


def _threads() -> int:
    # Trio keeps the threads it had for 10 seconds, and has no way to end them.
    return sum(not thread.name.startswith("Trio") for thread in threading.enumerate())


def _descriptors() -> list[str]:
    links = []
    for name in os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else ():
        try:
            links.append(os.readlink(f"/proc/self/fd/{name}"))
        except OSError:  # the one by which the folder was read
            continue
    return links


def _memory() -> float:
    pages = Path("/proc/self/statm")
    return int(pages.read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 2**20 if pages.exists() else 0.0


class Soak:
    """The streams, and what went wrong with them."""

    def __init__(self, servers: Servers) -> None:
        self.random = random.Random(SEED)
        self.spaces = {name: QwenSpace(name, src=servers[name]) for name in SPACES}
        self.counts: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.expected = {name: space.ask("PROMPT [[pace=0]]").text for name, space in self.spaces.items()}

    def play(self, number: int, name: str, fate: str, mode: str, after: int) -> None:
        """One stream from beginning to end, in the thread of the caller."""
        trigger = {"complete": "pace=0", "cancelled": "forever", "failing": f"gr-error-after={after}"}[fate]
        prompt = f"stream {number} [[{trigger}]]"
        image = {"images": [PNG]} if name == "qvq-72b" and fate == "complete" and number % 2 else {}
        stream = self.spaces[name].stream(prompt, **image)
        read = functools.partial(_read, stream, after if fate == "cancelled" else None)
        try:
            got = _read_sync(stream, after if fate == "cancelled" else None) if mode == "sync" else None
            got = anyio.run(read, backend=mode) if got is None else got
            outcome = "complete"
        except SpaceError as error:
            got, outcome = error.partial_text, "failing"
        except Exception as error:
            got, outcome = repr(error), type(error).__name__
        if fate == "cancelled" and outcome == "complete":
            outcome = _cancelled(stream)
        self.counts[outcome] += 1
        if outcome != fate or got != stream.text or not self.right(name, fate, prompt, got, bool(image)):
            self.wrong.append(f"{number}: {name}, {mode}: {fate} became {outcome}: {got[-80:]!r}")

    def right(self, name: str, fate: str, prompt: str, got: str, image: bool) -> bool:
        if fate == "cancelled":
            return got.startswith("word1")
        whole = self.expected[name].replace("PROMPT [[pace=0]]", prompt)
        if fate == "failing":
            return whole.startswith(got)
        if image:
            shown, _, rest = got.partition("You showed me ")
            got = shown + rest.partition("\n\n")[2]
        return got == whole

    def some(self, numbers: range) -> list[functools.partial[None]]:
        """That many streams, each of its own kind."""
        pick = self.random
        return [
            functools.partial(
                self.play,
                number,
                SPACES[number % 3],
                pick.choice(FATES),
                pick.choice(MODES),
                pick.randint(1, 6),
            )
            for number in numbers
        ]


def _read_sync(stream: TextStream, leave_after: int | None) -> str:
    got = ""
    for count, delta in enumerate(stream, 1):
        got += delta
        if count == leave_after:
            break
    stream.close()
    return got


async def _read(stream: TextStream, leave_after: int | None) -> str:
    got, count = "", 0
    async for delta in stream:
        got += delta
        count += 1
        if count == leave_after:
            break
    await stream.aclose()
    return got


def _cancelled(stream: TextStream) -> str:
    try:
        stream.result(timeout=5)
    except StreamCancelledError:
        return "cancelled"
    return "complete"


def _at_once(plays: list[functools.partial[None]]) -> None:
    threads = [threading.Thread(target=play) for play in plays]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def main() -> int:
    """Soak; the exit code is 0 if all was well."""
    start = time.monotonic()
    servers = Servers()
    tempfile.tempdir = folder = tempfile.mkdtemp(prefix="soak_")
    rows: list[tuple[str, float, int, Left]] = []

    def look(what: str, streams: int) -> None:
        rows.append((what, time.monotonic() - start, streams, Left.now(Path(folder))))

    look("before", 0)
    soak = Soak(servers)
    plays = soak.some(range(TURNS))
    done = 0
    for play in plays:
        if time.monotonic() - start > BOUND - 15:
            break
        play()
        done += 1
        if done == WARM:
            look(f"first {WARM}", done)
    look("one after another", done)
    _at_once(soak.some(range(TURNS, TURNS + AT_ONCE)))
    look(f"{AT_ONCE} at once", done + AT_ONCE)
    for space in soak.spaces.values():
        space.close()
    look("closed", done + AT_ONCE)
    servers.stop()
    shutil.rmtree(folder)

    print(f"{'':20}{'seconds':>9}{'streams':>9}{'threads':>9}{'fds':>6}{'sockets':>9}{'files':>7}{'MiB':>8}")
    for what, seconds, streams, left in rows:
        print(
            f"{what:20}{seconds:9.1f}{streams:9}{left.threads:9}{left.descriptors:6}{left.sockets:9}"
            f"{left.files:7}{left.memory:8.1f}"
        )
    print(", ".join(f"{count} {outcome}" for outcome, count in sorted(soak.counts.items())))
    return _judge(soak, done, rows)


def _judge(soak: Soak, done: int, rows: list[tuple[str, float, int, Left]]) -> int:
    lefts = {what: left for what, _, _, left in rows}
    before, end = lefts["before"], lefts["closed"]
    problems = list(soak.wrong)
    if done < TURNS:
        problems.append(f"only {done} of {TURNS} streams fitted into {BOUND - 15:.0f} s on this machine")
    for what in ("threads", "descriptors", "sockets", "files"):
        if (extra := getattr(end, what) - getattr(before, what)) > 0:
            problems.append(f"{extra} {what} more than before")
    warm = lefts.get(f"first {WARM}", end).memory
    if end.memory > 1.1 * warm:
        problems.append(f"{end.memory:.1f} MiB at the end, {warm:.1f} after the first {WARM}")
    for problem in problems:
        print(f"WRONG: {problem}")
    print("Something is off." if problems else "All is well.")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
