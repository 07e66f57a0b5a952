"""Dask: tasks of 20 prompts, whose answers are fetched as they come."""

from __future__ import annotations

import warnings
from typing import Any

from dask.distributed import Client, LocalCluster, as_completed

from .job import Job


def run(client: Client, space: Any, prompts: list[str]) -> dict[str, str | None]:
    def answer(batch):
        return [row.reply and row.reply.text for row in space.map(batch)]

    answers = {}
    batches = [prompts[start : start + 20] for start in range(0, len(prompts), 20)]
    futures = client.map(answer, batches, pure=False, retries=2)
    batch_of = dict(zip(futures, batches, strict=True))
    for future, texts in as_completed(futures, with_results=True):
        answers.update(zip(batch_of[future], texts, strict=True))
        future.release()

    return answers


def main(job: Job) -> None:
    with (
        LocalCluster(n_workers=job.workers, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        job.report(run(client, job.space(), job.prompts))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(Job.load())
