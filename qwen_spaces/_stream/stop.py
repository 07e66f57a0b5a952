"""Stop texts: the Spaces take none, so the answer is cut before the first of them."""

from __future__ import annotations

from collections.abc import Sequence


def find_stop(text: str, stops: Sequence[str], start: int = 0) -> int | None:
    """Return where the first of `stops` begins in ``text[start:]``, ``None`` if there is none.

    >>> find_stop("one END two", ["two", "END"]), find_stop("one", ["END"])
    (4, None)
    """
    return min((found for stop in stops if (found := text.find(stop, start)) >= 0), default=None)


class Cut:
    """Cuts an answer that arrives in pieces before the first of some texts.

    >>> cut = Cut(["END"])
    >>> [cut.feed(text) for text in ("one E", "N", "D two")], cut.over
    (['one ', '', ''], True)
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = stops
        self.held: str = ""  # the end of the answer so far, which may be the start of a stop
        self.over: bool = False  # after a stop

    def feed(self, text: str) -> str:
        """Add `text` to the answer, and return the part that cannot belong to a stop."""
        text, self.held = self.held + text, ""
        if (end := find_stop(text, self._stops)) is not None:
            self.over = True
            return text[:end]
        partial = (size for stop in self._stops for size in range(1, len(stop)) if text.endswith(stop[:size]))
        split = len(text) - max(partial, default=0)
        self.held = text[split:]
        return text[:split]
