"""What one reader of one answer noticed, and what that means."""

from __future__ import annotations

import time
from statistics import quantiles

from .question import WIDTH, late


class Record:
    """Notes when text arrived, at next to no cost; what it means is worked out afterwards."""

    def __init__(self, curve: int = 0) -> None:
        self.began = time.monotonic()
        self.ended: float | None = None
        self._stamps: list[tuple[float, int]] = []  # when, and how many characters were there
        self._parts: list[str] = []
        self._length = 0
        self._curve = curve  # tokens between two looks at the CPU clock; 0 never looks
        self.cpu: list[tuple[int, float]] = []

    def more(self, text: str) -> None:
        """A delta arrived."""
        self._parts.append(text)
        self._length += len(text)
        self._stamp()

    def whole(self, text: str) -> None:
        """A text that holds all so far arrived."""
        self._parts, self._length = [text], len(text)
        self._stamp()

    def end(self) -> None:
        """The answer is complete, and nothing of it is left to do."""
        self.ended = time.monotonic()

    def _stamp(self) -> None:
        self._stamps.append((time.monotonic(), self._length))
        if self._curve and self._length // WIDTH >= len(self.cpu) * self._curve:
            self.cpu.append((self._length // WIDTH, time.process_time()))

    @property
    def tokens(self) -> list[str]:
        """The tokens of the answer."""
        text = "".join(self._parts)
        return [text[start : start + WIDTH] for start in range(0, len(text), WIDTH)]

    def first(self) -> float:
        """Seconds from the call to the first text."""
        return self._stamps[0][0] - self.began

    def lateness(self) -> list[float]:
        """Seconds from each token's departure to its arrival."""
        stamps, found = iter(self._stamps), []
        when, length = next(stamps)
        for number, token in enumerate(self.tokens):
            while length < (number + 1) * WIDTH:
                when, length = next(stamps)
            found.append(late(token, when))
        return found

    def tail(self) -> float:
        """Seconds from the last token's departure to the end of the loop."""
        assert self.ended is not None
        return late(self.tokens[-1], self.ended)


def percentiles(values: list[float]) -> tuple[float, float]:
    """The 50th and the 95th."""
    if len(values) == 1:
        return values[0], values[0]
    cut = quantiles(values, n=100, method="inclusive")
    return cut[49], cut[94]
