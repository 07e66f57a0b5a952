"""A process and a journal for each share of the prompts; one that dies is started again, and resumes.

It is what `qwen-spaces batch` does with a file of prompts on each machine.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from .job import Job


def journal(job: Job, number: int) -> Path:
    return Path(job.folder, f"answers-{number}.jsonl")


def share(job: Job, number: int) -> None:
    """Answer one of the shares."""
    job.space().map(job.prompts[number :: job.workers], save=journal(job, number)).result()


def start_share(job: Job, number: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", __spec__.name, job.folder, str(number)])


def main(job: Job) -> None:
    restarts = 0
    running = {number: start_share(job, number) for number in range(job.workers)}
    while running:
        number, process = running.popitem()
        if process.wait():
            restarts += 1
            running[number] = start_share(job, number)
    rows = []
    for number in range(job.workers):
        rows += map(json.loads, journal(job, number).read_text("utf-8").splitlines())
    job.report({row["prompt"]: row["text"] for row in rows}, restarts)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        share(Job.load(), int(sys.argv[2]))
    else:
        main(Job.load())
