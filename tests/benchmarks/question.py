"""The question of a benchmark, and the tokens of the answer, each with the time when it was sent."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass

WIDTH = 10  # characters of a token
_WRAP = 10**9  # a token's clock counts microseconds, modulo this


@dataclass(frozen=True, slots=True)
class Question:
    """What an answer shall be like.

    Attributes:
        tokens: how many, of `WIDTH` characters each.
        pace: seconds between two of them; 0 sends them all at once.
        turns: messages of the history that goes with the question.
    """

    tokens: int = 100
    pace: float = 0.0
    turns: int = 0

    def prompt(self) -> str:
        """The question, as servers take it."""
        return json.dumps(asdict(self))

    def history(self) -> list[list[str]]:
        """The earlier turns as pairs, 200 characters a message."""
        return [[f"question {turn} ".ljust(200, "q"), "a" * 200] for turn in range(self.turns // 2)]

    def messages(self) -> list[dict[str, str]]:
        """The earlier turns and the question, as chat SDKs take them."""
        turns = [
            {"role": role, "content": content}
            for pair in self.history()
            for role, content in zip(("user", "assistant"), pair, strict=True)
        ]
        return [*turns, {"role": "user", "content": self.prompt()}]

    @classmethod
    def read(cls, prompt: str) -> Question:
        """The question in a prompt, which may have other text around it."""
        return cls(**json.loads(prompt[prompt.rindex("{") : prompt.rindex("}") + 1]))


def token() -> str:
    """The next token: the clock that all processes of a machine share, in microseconds."""
    return f"{time.monotonic_ns() // 1000 % _WRAP:09d} "


def late(text: str, arrived: float) -> float:
    """Seconds from a token's departure to `arrived`, in seconds of `time.monotonic()`."""
    return ((arrived * 1e6 - int(text)) % _WRAP) / 1e6
