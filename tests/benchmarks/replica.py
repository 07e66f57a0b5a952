"""A replica of Qwen2-72B-Instruct that answers `Question`s; prints its address, serves until stdin is closed."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Any

from qwen_spaces.replicas import serve

from .question import Question, token


def brain(system: Any, history: Any, prompt: str, image: Any) -> Iterator[str]:
    """The answer that the question asks for."""
    del system, history, image
    question, said = Question.read(prompt), ""
    for number in range(question.tokens):
        if number:
            time.sleep(question.pace)
        said += token()
        yield said


if __name__ == "__main__":
    with serve("qwen-2-72b", brain=brain, slots=64, max_size=2048) as url:
        print(url, flush=True)
        sys.stdin.read()
