"""Dask with all workers at one `qwen-spaces serve`, which takes as many requests as one of them sends."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from dask.distributed import Client, LocalCluster, as_completed

from .job import Job, openai_of


def run(client: Client, base_url: str, prompts: list[str], job: Job) -> dict[str, str | None]:
    OpenAI = partial(openai_of, job)  # noqa: N806  (in the place of the class)

    def answer(batch):
        with OpenAI(base_url=base_url, api_key="secret", max_retries=100) as api:

            def ask(prompt):
                messages = [{"role": "user", "content": prompt}]
                completion = api.chat.completions.create(model="qwen-2.5", messages=messages)
                return completion.choices[0].message.content

            with ThreadPoolExecutor(10) as threads:
                return list(threads.map(ask, batch))

    answers = {}
    batches = [prompts[start : start + 20] for start in range(0, len(prompts), 20)]
    futures = client.map(answer, batches, pure=False, retries=2)
    batch_of = dict(zip(futures, batches, strict=True))
    for future, texts in as_completed(futures, with_results=True):
        answers.update(zip(batch_of[future], texts, strict=True))
        future.release()

    return answers


def main(job: Job) -> None:
    command = [sys.executable, "-m", "qwen_spaces", "serve", "--port", "0"]
    limits = ["-m", "qwen-2.5", "--src", f"qwen-2.5={job.src}", "--max-requests", str(job.concurrency)]
    gateway: Any = subprocess.Popen(
        [*command, *limits],
        env=os.environ | {"QWEN_SPACES_API_KEY": "secret"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        base_url = re.search(rb"http://\S+/v1", gateway.stdout.readline())[0].decode()  # type: ignore[index]
        with (
            LocalCluster(n_workers=job.workers, threads_per_worker=1, dashboard_address=None) as cluster,
            Client(cluster) as client,
        ):
            job.report(run(client, base_url, job.prompts, job))
    finally:
        gateway.terminate()
        gateway.communicate()


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(Job.load())
