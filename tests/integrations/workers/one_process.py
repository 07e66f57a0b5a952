"""One process with as many requests at once as the workers have together."""

from __future__ import annotations

from qwen_spaces import QwenSpace

from .job import Job

if __name__ == "__main__":
    job = Job.load()
    rows = QwenSpace("qwen-2.5", src=job.src).map(job.prompts, concurrency=job.concurrency * job.workers)
    job.report({row.prompt: row.reply and row.reply.text for row in rows})
