"""The progress bar of many prompts."""

from __future__ import annotations

from collections.abc import Sized
from typing import Any


class Progress:
    """A bar of `tqdm` on stderr, or in a notebook as a widget; nothing if it is off."""

    def __init__(self, prompts: object, *, on: bool) -> None:
        self._bar: Any = None
        self._failed = 0
        self._total = len(prompts) if isinstance(prompts, Sized) else None
        self._on = on

    def start(self) -> None:
        """Show the bar."""
        if self._on and self._bar is None:
            from tqdm.auto import tqdm  # slow to import

            self._bar = tqdm(total=self._total, unit=" prompts", dynamic_ncols=True)

    def add(self, *, failed: bool) -> None:
        """Count a row."""
        self._failed += failed
        if self._bar is not None:
            self._bar.update()

    def show(self, waiting: int, place: int | None) -> None:
        """Show how many requests have no turn yet, and the place of one in its queue, 0 for the next."""
        if self._bar is None:
            return
        facts = {"failed": self._failed, "waiting": waiting}
        if place is not None:
            facts["place"] = place + 1
        self._bar.set_postfix({name: count for name, count in facts.items() if count}, refresh=False)

    def close(self) -> None:
        """Leave the bar as it is."""
        if self._bar is not None:
            self._bar.close()
