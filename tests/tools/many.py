"""Many prompts on real replicas: a narrow Space, a wide one, a killed process, a million prompts, a router.

``python -m tests.tools.many`` takes some minutes and prints what it measured; it fails where a row is lost.
``python -m tests.tools.many narrow wide`` runs some of it.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from qwen_spaces import QwenSpace
from qwen_spaces._many.pace import Pace

from ..support.servers import ROOT
from .many_replica import Replica, replica
from .many_router import router

SEED = 14
KILLS = 20
ROWS = 800
MILLION = 1_000_000


def narrow() -> None:
    """60 rows at concurrency 16 against two slots and three places."""
    refused = 0
    fail = Pace.fail

    def counted(*args: object) -> float | None:
        nonlocal refused
        refused += 1
        return fail(*args)  # type: ignore[arg-type]

    Pace.fail = counted  # type: ignore[method-assign,assignment]
    with replica(slots=2, max_size=3, seconds=0.5) as served, QwenSpace("qwen-2.5", src=served.url) as space:
        space.ask("first")
        start = time.monotonic()
        rows = space.map([f"prompt {number}" for number in range(60)], concurrency=16).result()
        seconds = time.monotonic() - start
    Pace.fail = fail  # type: ignore[method-assign]
    lost = sum(row.error is not None for row in rows)
    print(f"narrow: {refused} refused, {lost} lost, {60 / seconds:.2f} answers/s of 4.00")
    assert lost == 0


def wide() -> None:
    """An idle Space with 40 slots: our rate beside that of 40 threads that ask at once."""
    with (
        replica(slots=40, max_size=100, seconds=2.0) as served,
        QwenSpace("qwen-2.5", src=served.url) as space,
    ):
        prompts = [f"prompt {number}" for number in range(200)]
        space.ask("first")
        start = time.monotonic()
        with ThreadPoolExecutor(40) as threads:
            answers = list(threads.map(space.ask, prompts))
        greedy = len(answers) / (time.monotonic() - start)
        start = time.monotonic()
        rows = space.map(prompts, concurrency=40).result()
        ours = len(rows) / (time.monotonic() - start)
    lost = sum(row.error is not None for row in rows)
    print(f"wide: {ours:.1f} answers/s, greedy {greedy:.1f}, {ours / greedy:.0%}; {lost} lost")


def kill() -> None:
    """`qwen-spaces batch` is killed 20 times at a random moment, and half a line appended in half of them."""
    chance = random.Random(SEED)
    asked_of_written = torn = running = 0
    with replica(slots=8, max_size=100, seconds=0.2) as served, tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder, "in.txt"), Path(folder, "out.jsonl")
        source.write_text("".join(f"Frage {number} 🌍\n" for number in range(ROWS)), "utf-8")
        command = [sys.executable, "-m", "qwen_spaces", "batch", str(source), "-o", str(out), "-c", "8"]
        command += ["--src", served.url]
        for round_ in range(KILLS):
            written = _written(out)
            before = served.asked()
            process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
            _wait_for(served, len(before) + chance.randint(0, 45))
            time.sleep(chance.uniform(0.0, 0.3))
            running += process.poll() is None
            process.kill()
            process.wait()
            asked = Counter(served.asked()[len(before) :])
            asked_of_written += sum(asked[prompt] for prompt in written)
            if round_ % 2:
                torn += 1
                with out.open("ab") as file:
                    file.write(_half_a_line(out))
        runs = 0
        while subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode:
            runs += 1
            assert runs < 5
        prompts = Counter(json.loads(line)["prompt"] for line in out.read_text("utf-8").splitlines())
        twice = sum(count - 1 for count in Counter(served.asked()).values())
    assert prompts == Counter(f"Frage {number} 🌍" for number in range(ROWS))
    print(
        f"kill: {KILLS} kills, {running} in the midst; {torn} torn lines; {ROWS} prompts have one line each;"
    )
    print(f"      {asked_of_written} asked again of those written, {twice} of those that were not")
    assert asked_of_written == 0


def _wait_for(served: Replica, count: int) -> None:
    """Wait until so many prompts were begun."""
    until = time.monotonic() + 60
    while len(served.asked()) < count:
        assert time.monotonic() < until
        time.sleep(0.01)


def _half_a_line(out: Path) -> bytes:
    """The beginning of a row, up to the midst of a character."""
    rows = out.read_bytes().splitlines(keepends=True)
    row = rows[0] if rows and rows[0].endswith(b"\n") else '{"key": "0f", "prompt": "世'.encode()
    return row[: row.rindex("世".encode()) + 1]


def _written(out: Path) -> set[str]:
    """The prompts whose whole line is in the journal."""
    prompts = set()
    for line in out.read_bytes().splitlines(keepends=True) if out.exists() else []:
        if line.endswith(b"\n"):
            prompts.add(json.loads(line)["prompt"])
    return prompts


def million() -> None:
    """A generator of a million prompts, in which the reader stops after 1,000."""
    closed, taken = False, 0

    def prompts() -> Iterator[str]:
        nonlocal closed, taken
        try:
            for taken in range(1, MILLION + 1):
                yield f"prompt {taken}"
        finally:
            closed = True

    with (
        replica(slots=40, max_size=100, seconds=0.02) as served,
        QwenSpace("qwen-2.5", src=served.url) as space,
    ):
        memory = {}
        for count, _ in enumerate(itertools.islice(space.map(prompts(), concurrency=8), 1000), 1):
            if count in (100, 500, 1000):
                memory[count] = _resident()
        begun = len(served.asked())
        time.sleep(1)
        later = len(served.asked())
        space.ask("Are the slots free?")
    print(
        f"million: {taken} taken, closed: {closed}; {begun} begun, {later} a second later; "
        f"MB by rows: {memory}"
    )
    assert closed
    assert taken < 1100


def _resident() -> float:
    """The resident memory of this process, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


PARTS: dict[str, Callable[[], None]] = {part.__name__: part for part in (narrow, wide, kill, million, router)}

if __name__ == "__main__":
    for name in sys.argv[1:] or PARTS:
        PARTS[name]()
