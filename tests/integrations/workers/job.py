"""What a recipe's program is to do, and workers that can be killed in the midst of their answers."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from qwen_spaces import QwenSpace

if TYPE_CHECKING:
    from openai import OpenAI

KILL = "kill"  # the file that is there while a worker is still to be killed


class Job(NamedTuple):
    """The task of a program.

    `concurrency`: the most requests of a worker at once. `kill_at`: the first worker that has so many answers
    is killed; 0 kills none. `folder`: where the program finds the task, and leaves its result.
    """

    src: str
    prompts: list[str]
    workers: int
    concurrency: int
    kill_at: int
    folder: str

    @classmethod
    def load(cls) -> Job:
        """Read the task from the folder that the command line names."""
        return cls(**json.loads(Path(sys.argv[1], "job.json").read_text("utf-8")))

    def space(self) -> MortalSpace:
        """The Space, as a worker has it."""
        return MortalSpace(QwenSpace("qwen-2.5", src=self.src), self)

    def report(self, answers: Mapping[str, str | None], restarts: int = 0) -> None:
        """Report the answers to the prompts, all of which are here now."""
        result = {"answers": answers, "end": time.monotonic(), "restarts": restarts}
        Path(self.folder, "result.json").write_text(json.dumps(result), "utf-8")


answered = 0  # by this process


def count_answer(job: Job) -> None:
    """Count an answer, and kill this process if it is the one that is to die."""
    global answered
    answered += 1
    if job.kill_at and answered >= job.kill_at:
        try:
            Path(job.folder, KILL).unlink()
        except FileNotFoundError:  # it was another's turn
            return
        os.kill(os.getpid(), signal.SIGKILL)


class MortalSpace:
    """A `QwenSpace` for `map` alone, whose process may be killed while it answers."""

    def __init__(self, space: QwenSpace, job: Job) -> None:
        self._space, self._job = space, job

    def map(self, prompts: Iterable[str], **options: Any) -> MortalAnswers:
        rows = self._space.map(prompts, concurrency=self._job.concurrency, **options)
        return MortalAnswers(rows, self._job)


class MortalAnswers:
    """The rows of `map`."""

    def __init__(self, rows: Iterable[Any], job: Job) -> None:
        self._rows, self._job = rows, job

    def __iter__(self) -> Iterator[Any]:
        for row in self._rows:
            count_answer(self._job)
            yield row

    def result(self) -> list[Any]:
        return list(self)


def openai_of(job: Job, **settings: Any) -> OpenAI:
    """Return a client, whose process may be killed after an answer."""
    import openai

    def count(response: Any) -> None:
        response.read()
        if response.status_code == 200:
            count_answer(job)

    return openai.OpenAI(http_client=openai.DefaultHttpxClient(event_hooks={"response": [count]}), **settings)
