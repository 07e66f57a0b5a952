"""`datasets`: a process for each share, with a journal, as a process that dies fails the whole map."""

from __future__ import annotations

import os
from typing import Any

from datasets import Dataset, disable_progress_bars

from .job import Job


def run(space: Any, prompts: list[str], workers: int) -> dict[str, str | None]:
    def answer(batch, rank):
        rows = space.map(batch["prompt"], save=f"answers-{rank}.jsonl")
        return {"answer": [row.reply and row.reply.text for row in rows]}

    dataset = Dataset.from_dict({"prompt": prompts})
    answers = dataset.map(answer, batched=True, with_rank=True, num_proc=workers)

    return dict(zip(answers["prompt"], answers["answer"], strict=True))


def main(job: Job) -> None:
    os.chdir(job.folder)
    disable_progress_bars()
    restarts = 0
    while True:
        try:
            answers = run(job.space(), job.prompts, job.workers)
            break
        except RuntimeError:  # a process died
            restarts += 1
    job.report(answers, restarts)


if __name__ == "__main__":
    main(Job.load())
