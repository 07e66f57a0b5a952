"""Run a recipe's program against a replica that notes each prompt, and count what was asked twice or lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ...support.servers import ROOT
from .job import KILL, Job

GLANCE = 0.02  # seconds


class Outcome(NamedTuple):
    """How a program went.

    `rate`: prompts/s from the first request to the last answer. `lost`: prompts without an answer. `twice`:
    requests too many. `restarts`: how often the program itself had to start again. `killed`: whether a
    worker was killed.
    """

    rate: float
    lost: int
    twice: int
    restarts: int
    killed: bool


def measure(
    recipe: str, src: str, log: Path, *, prompts: int, workers: int, concurrency: int, kill_at: int = 0
) -> Outcome:
    """Ask the replica at `src`, which notes each prompt in `log`, by the program `recipe`."""
    texts = [f"Question {number} 🌍" for number in range(prompts)]
    before = count_lines(log)
    with tempfile.TemporaryDirectory() as folder:
        job = Job(src, texts, workers, concurrency, kill_at, folder)
        Path(folder, "job.json").write_text(json.dumps(job._asdict()), "utf-8")
        if kill_at:
            Path(folder, KILL).touch()
        start = run(recipe, folder, lambda: count_lines(log) > before)
        result = json.loads(Path(folder, "result.json").read_text("utf-8"))
        killed = bool(kill_at) and not Path(folder, KILL).exists()
    return Outcome(
        rate=prompts / (result["end"] - start),
        lost=sum(result["answers"].get(text) != f"Antwort: {text} 世界" for text in texts),
        twice=count_lines(log) - before - prompts,
        restarts=result["restarts"],
        killed=killed,
    )


def run(recipe: str, folder: str, begun: Callable[[], bool]) -> float:
    """Run the program to its end; return the time at which it had begun to ask."""
    program = [sys.executable, "-m", f"{__package__}.{recipe}", folder]
    variables = {"PYTHONPATH": str(ROOT), "HF_HOME": folder, "HF_HUB_OFFLINE": "1"}
    start = time.monotonic()
    with (
        Path(folder, "log").open("w+") as log,
        subprocess.Popen(program, cwd=ROOT, env=os.environ | variables, stdout=log, stderr=log) as process,
    ):
        while process.poll() is None and not begun():
            time.sleep(GLANCE)
            start = time.monotonic()
        code = process.wait()
        log.seek(0)
        assert code == 0, log.read()
    return start


def count_lines(path: Path) -> int:
    return path.read_bytes().count(b"\n")
