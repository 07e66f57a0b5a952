"""Run a brain, in a worker thread if it would block the event loop, and close it when nobody listens."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Sequence
from typing import Any

import anyio
import anyio.to_thread

from ._brain import Brain, Thought

_END: Any = object()

Turns = list[tuple[str, str]]  # [(user, assistant), ...]


async def answers(
    brain: Brain, system: str, turns: Turns, images: Sequence[str], model: str, thinking: int = 0
) -> AsyncIterator[str]:
    """Yield the brain's texts for the last of `turns`, and its thoughts if `thinking`.

    If the caller stops reading, the brain is closed after its current step.
    """
    *history, (prompt, _) = turns
    named: dict[str, Any] = {"model": model, "images": list(images), "thinking": thinking}
    parameters = inspect.signature(brain).parameters
    if inspect.Parameter.VAR_KEYWORD not in {parameter.kind for parameter in parameters.values()}:
        named = {name: value for name, value in named.items() if name in parameters}
    texts = brain(system, history, prompt, images[-1] if images else None, **named)
    async for text in texts if isinstance(texts, AsyncGenerator) else _in_threads(iter(texts)):
        if text is not None and (thinking or not isinstance(text, Thought)):
            yield text


def as_turns(messages: Iterable[tuple[str, str]]) -> Turns:
    """Return the turns of messages, each (role, text).

    >>> as_turns([("user", "Hi"), ("assistant", "Hello."), ("user", "Why?")])
    [('Hi', 'Hello.'), ('Why?', '')]
    """
    turns: Turns = []
    for role, text in messages:
        if role == "user":
            turns.append((text, ""))
        elif turns:
            turns[-1] = (turns[-1][0], text)
    return turns


async def _in_threads(texts: Iterator[str | None]) -> AsyncIterator[str | None]:
    """Yield the steps of an ordinary brain, each from a worker thread."""
    running = threading.Lock()  # cancelling the task does not end a running step
    limiter = anyio.CapacityLimiter(1)  # its own: with the shared one, 40 slow answers starve the others

    def step() -> Any:
        with running:
            return next(texts, _END)

    def close() -> None:
        with running:
            getattr(texts, "close", bool)()

    def close_soon(_: object) -> None:
        with contextlib.suppress(RuntimeError):  # at the end of the program, which starts no thread
            loop.run_in_executor(None, close)

    # Gradio drives all steps of an answer from one task and ends it when nobody listens. A cancellation may
    # leave this generator suspended until a garbage collection, so wait for the end of the task.
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    if task:
        task.add_done_callback(close_soon)
    while (text := await anyio.to_thread.run_sync(step, limiter=limiter)) is not _END:
        yield text
