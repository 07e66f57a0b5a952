"""Ray Data: an actor for each worker, which gets batches of 20 prompts."""

from __future__ import annotations

from typing import Any

import ray

from .job import Job


def run(space: Any, prompts: list[str], workers: int) -> Any:
    class Ask:
        def __call__(self, batch):
            batch["answer"] = [row.reply and row.reply.text for row in space.map(batch["prompt"])]
            return batch

    dataset = ray.data.from_items([{"prompt": prompt} for prompt in prompts])
    pool = ray.data.ActorPoolStrategy(size=workers)
    answers = dataset.map_batches(Ask, batch_size=20, compute=pool)

    return answers.take_all()


def main(job: Job) -> None:
    ray.init(num_cpus=job.workers + 1, include_dashboard=False, log_to_driver=False)
    rows = run(job.space(), job.prompts, job.workers)
    job.report({row["prompt"]: row["answer"] for row in rows})


if __name__ == "__main__":
    main(Job.load())
