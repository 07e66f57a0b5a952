"""Many prompts on real replicas: a narrow Space, a wide one, a killed process, a million prompts.

``python -m tests.tools.many`` takes some minutes and prints what it measured; it fails where a row is lost.
``python -m tests.tools.many narrow wide`` runs some of it.
"""

from __future__ import annotations

import contextlib
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

SEED = 14
KILLS = 20
MILLION = 1_000_000


@contextlib.contextmanager
def replica(*, slots: int, max_size: int, seconds: float) -> Iterator[tuple[str, Path]]:
    """A replica in a process of its own: its address, and the file of the prompts that it began."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "asked.txt")
        log.touch()
        program = [sys.executable, "-m", "tests.tools.many_replica"]
        process = subprocess.Popen(
            [*program, str(log), str(slots), str(max_size), str(seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
        )
        assert process.stdin
        assert process.stdout
        try:
            yield process.stdout.readline().strip(), log
        finally:
            process.stdin.close()
            process.wait(30)
            process.stdout.close()


def narrow() -> None:
    """60 rows at concurrency 16 against two slots and three places."""
    refused = 0
    fail = Pace.fail

    def counted(*args: object) -> float | None:
        nonlocal refused
        refused += 1
        return fail(*args)  # type: ignore[arg-type]

    Pace.fail = counted  # type: ignore[method-assign,assignment]
    with replica(slots=2, max_size=3, seconds=0.5) as (url, _), QwenSpace("qwen-2.5", src=url) as space:
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
    with replica(slots=40, max_size=100, seconds=2.0) as (url, _), QwenSpace("qwen-2.5", src=url) as space:
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
    asked_of_written = torn = 0
    with replica(slots=8, max_size=100, seconds=0.2) as (url, log), tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder, "in.txt"), Path(folder, "out.jsonl")
        source.write_text("".join(f"Frage {number} 🌍\n" for number in range(400)), "utf-8")
        command = [sys.executable, "-m", "qwen_spaces", "batch", str(source), "-o", str(out), "--src", url]
        for round_ in range(KILLS):
            written = _written(out)
            before = Counter(log.read_text("utf-8").splitlines())
            process = subprocess.Popen([*command, "-c", "8"], cwd=ROOT, stderr=subprocess.DEVNULL)
            time.sleep(chance.uniform(0.8, 2.5))
            process.kill()
            process.wait()
            asked = Counter(log.read_text("utf-8").splitlines()) - before
            asked_of_written += sum(asked[prompt] for prompt in written)
            if round_ % 2 and (lines := out.read_bytes().splitlines(keepends=True)):
                torn += 1
                with out.open("ab") as file:
                    file.write(lines[0][: lines[0].rindex("世".encode()) + 1])
        runs = 0
        while subprocess.run([*command, "-c", "8"], cwd=ROOT, capture_output=True, check=False).returncode:
            runs += 1
            assert runs < 5
        prompts = Counter(json.loads(line)["prompt"] for line in out.read_text("utf-8").splitlines())
        twice = sum(count - 1 for count in Counter(log.read_text("utf-8").splitlines()).values())
    assert prompts == Counter(f"Frage {number} 🌍" for number in range(400))
    print(f"kill: {KILLS} kills, {torn} torn lines; 400 prompts have one line each; {asked_of_written} asked")
    print(f"      again of those that were written; {twice} of those that were not")
    assert asked_of_written == 0


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

    with replica(slots=40, max_size=100, seconds=0.02) as (url, log), QwenSpace("qwen-2.5", src=url) as space:
        memory = {}
        for count, _ in enumerate(itertools.islice(space.map(prompts(), concurrency=8), 1000), 1):
            if count in (100, 500, 1000):
                memory[count] = _resident()
        begun = len(log.read_text("utf-8").splitlines())
        time.sleep(1)
        later = len(log.read_text("utf-8").splitlines())
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


PARTS: dict[str, Callable[[], None]] = {part.__name__: part for part in (narrow, wide, kill, million)}

if __name__ == "__main__":
    for name in sys.argv[1:] or PARTS:
        PARTS[name]()
