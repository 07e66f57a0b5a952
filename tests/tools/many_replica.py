"""A replica that notes what it is asked: ``python -m tests.tools.many_replica LOG SLOTS MAX_SIZE SECONDS``.

It prints its address, answers each prompt within so many seconds, and serves until its stdin is closed.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from qwen_spaces.replicas import serve

STEPS = 3


def main(log: str, slots: int, max_size: int, seconds: float) -> None:
    """Serve, and append a line to `log` for each prompt that is begun."""

    noted = Path(log).open("a", encoding="utf-8")  # noqa: SIM115  (for as long as the process runs)

    async def brain(system: Any, history: Any, prompt: str, image: Any) -> AsyncGenerator[str, None]:
        print(prompt, file=noted, flush=True)
        for step in range(STEPS):
            await asyncio.sleep(seconds / STEPS)
            yield f"Antwort: {prompt} 世界"[: None if step == STEPS - 1 else 10 * (step + 1)]

    with serve("qwen-2.5", brain=brain, slots=slots, max_size=max_size) as url:
        print(url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
