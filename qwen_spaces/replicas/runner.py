"""Running a brain: off the event loop if it would block it, and closed as soon as nobody listens."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from typing import Any

import anyio
import anyio.to_thread

from .brain import Brain, Thought

_END: Any = object()


async def answers(
    brain: Brain,
    system: str,
    history: list[tuple[str, str]],
    prompt: str,
    images: Sequence[str],
    model: str,
    thinking: int = 0,
) -> AsyncIterator[str]:
    """Yield the brain's texts, and its thoughts if there may be any.

    Left at any step, the brain is closed when that step has ended.
    """
    named = _taken(brain, model=model, images=list(images), thinking=thinking)
    made = brain(system, history, prompt, images[-1] if images else None, **named)
    texts = made if isinstance(made, AsyncGenerator) else _stepped(iter(made))
    async for text in texts:
        if text is not None and (thinking or not isinstance(text, Thought)):
            yield text


async def _stepped(texts: Iterator[str | None]) -> AsyncIterator[str | None]:
    """Yield the steps of an ordinary brain, each in a worker thread."""
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
        yield text


def _taken(brain: Brain, **named: Any) -> dict[str, Any]:
    """Return what of `named` the brain has parameters for."""
    parameters = inspect.signature(brain).parameters
    takes_all = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    return {name: value for name, value in named.items() if takes_all or name in parameters}
