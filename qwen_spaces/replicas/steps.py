"""Running a brain: each step in a worker thread, and the brain closed as soon as nobody listens."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import anyio
import anyio.to_thread

from .brain import Brain

_END: Any = object()


async def answers(
    brain: Brain, system: str, history: list[tuple[str, str]], prompt: str, image: str | None, model: str
) -> AsyncIterator[str]:
    """The brain's texts. Left at any step, the brain is closed when that step has ended."""
    named = {"model": model} if _takes_model(brain) else {}
    texts: Iterator[str | None] = iter(brain(system, history, prompt, image, **named))
    stepping = threading.Lock()  # Gradio cancels the task natively, which leaves the step running
    limiter = anyio.CapacityLimiter(1)  # its own: the shared one lets 40 slow answers starve the others

    def step() -> Any:
        with stepping:
            return next(texts, _END)

    def close() -> None:
        with stepping:
            getattr(texts, "close", bool)()

    # Gradio drives all steps of an answer from one task and ends that when nobody listens. Its cancel may
    # leave this generator suspended, unclosed, until a garbage collection; the task's end is sure.
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    if task:
        task.add_done_callback(lambda _: loop.run_in_executor(None, close))
    while (text := await anyio.to_thread.run_sync(step, limiter=limiter)) is not _END:
        if text is not None:
            yield text


def _takes_model(brain: Brain) -> bool:
    parameters = inspect.signature(brain).parameters.values()
    return any(p.name == "model" or p.kind is p.VAR_KEYWORD for p in parameters)
