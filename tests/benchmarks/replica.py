"""A replica that answers `Question`s: ``python -m tests.benchmarks.replica NAME``.

It prints its address and serves until its stdin is closed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Any

from qwen_spaces.replicas import serve

from .question import Question, token


def brain(system: Any, history: Any, prompt: str, image: Any) -> Iterator[str]:
    """The answer to the question."""
    del system, history, image
    question, text = Question.read(prompt), ""
    for number in range(question.tokens):
        if number:
            time.sleep(question.pace)
        text += token()
        yield text


if __name__ == "__main__":
    with serve(sys.argv[1], brain=brain, slots=64, max_size=2048) as url:
        print(url, flush=True)
        sys.stdin.read()
