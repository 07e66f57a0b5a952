"""The default brain: a deterministic answer that shows what the Space was given.

The prompt may hold triggers, which are quoted like the rest of it and can be combined:

======================  ==============================================================
``[[slow]]``            0.2 seconds a step
``[[pace=SECONDS]]``    so many seconds a step (0.03 where nothing is said)
``[[wait=SECONDS]]``    silence before the first text
``[[long=N]]``          an answer of exactly N characters: `long_text`, as fast as it can
``[[multibyte]]``       a short answer in many scripts, one code point a step
``[[forever]]``         word after word until closed (10 minutes at most)
``[[nothing]]``         ends without a word
``[[rewrite]]``         takes back, half-way, an earlier part of what it said
``[[shrink]]``          ends by taking back its last words
``[[error-first]]``     an ordinary ``ValueError`` before the first text
``[[error-after=K]]``   the same after K steps of text
``[[gr-error=TEXT]]``   ``gr.Error(TEXT)`` before the first text
``[[gr-error-after=K]]``  a ``gr.Error`` after K steps of text
``[[quota]]``           the ``gr.Error`` of ZeroGPU, before the first text
======================  ==============================================================
"""

from __future__ import annotations

import re
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from typing import Any

import gradio as gr

from .describe_image import describe
from .sample_text import chunks, code_points, long_text, words

__all__ = ["Brain", "Thought", "answer", "long_text"]

Brain = Callable[..., Iterator[Any] | AsyncGenerator[Any, None]]
"""``brain(system, history, prompt, image)`` yields the whole text so far, step by step.

``history`` is ``[(user, assistant), ...]``, ``image`` a path or None: the newest where there are several. A
brain that has a parameter of that name gets ``model``, the Space's name for it; ``images``, the paths of
all images of the conversation; ``thinking``, the tokens it may spend on a `Thought`, 0 for none.

A step of ``None`` says nothing and is not sent: a slow brain yields it so that it can be left. A brain
that is left is closed. One that is an asynchronous generator can be left at any await.
"""


class Thought(str):
    """A step of a brain that thinks: the whole thought so far. Only some Spaces show thoughts."""

    __slots__ = ()


PACE = 0.03  # seconds a word
SLOW = 0.2  # seconds a step
REST = 0.05  # seconds: the longest sleep in which the brain cannot be left
FOREVER = 600.0  # seconds: nothing on a test machine should outlive this
MANY = 20_000  # words, if the pace is short
QUOTA = (  # the ZeroGPU text, as users report it
    "You have exceeded your GPU quota (60s requested vs. 56s left). "
    "Sign-up on Hugging Face to get more quota or retry in 0:09:48"
)


def answer(
    system: str,
    history: list[tuple[str, str]],
    prompt: str,
    image: str | None,
    model: str = "",
    images: Sequence[str] = (),
    thinking: int = 0,
) -> Iterator[str | None]:
    """Say what was given, obeying the triggers in `prompt`."""
    said = triggers(prompt)
    yield from _rest(float(said.get("wait", 0)))
    _fail_first(said)
    if "nothing" in said:
        return
    swift = "long" in said or "multibyte" in said
    pace = float(said.get("pace", SLOW if "slow" in said else 0 if swift else PACE))
    if thinking:
        for thought in words(f"I am {model}, and I may think for {thinking} tokens."):
            yield Thought(thought)
            yield from _rest(pace)
    steps = frames(said, reply(system, history, prompt, images or (image,), model))
    for count, text in enumerate(steps):
        _fail_after(said, count)
        yield text
        yield from _rest(pace)
    _fail_after(said, None)


def triggers(prompt: str) -> dict[str, str]:
    """``[[name]]`` and ``[[name=value]]`` in the prompt.

    >>> triggers("Hello [[slow]] [[error-after=3]]")
    {'slow': '', 'error-after': '3'}
    """
    return dict(re.findall(r"\[\[([a-z-]+)(?:=(.*?))?\]\]", prompt))


def reply(
    system: str, history: list[tuple[str, str]], prompt: str, images: Sequence[str | None], model: str
) -> str:
    """Return the answer in words."""
    parts = [f'You asked: "{prompt}"', f"This is turn {len(history) + 1}."]
    parts += [f'Before, you said: "{user}" and I answered: "{_short(bot)}"' for user, bot in history]
    if seen := [describe(image) for image in images if image]:
        parts.append(f"You showed me {', and '.join(seen)}.")
    if system:
        parts.append(f'System prompt: "{system}"')
    if model:
        parts.append(f"Model: {model}.")
    parts.append("I am a local replica: I keep the Space's contract, but I do not think.")
    return "\n\n".join(parts)


def frames(said: dict[str, str], text: str) -> Iterable[str]:
    """Yield the texts so far, each the whole answer up to there."""
    if "long" in said:
        return chunks(long_text(int(said["long"])))
    if "multibyte" in said:
        return code_points()
    if "forever" in said:
        return _forever()
    if "rewrite" in said:
        return _rewritten(text)
    if "shrink" in said:
        return [*words(text), text[: len(text) // 2]]
    return words(text)


def _rewritten(text: str) -> Iterator[str]:
    """As far as half-way there is a slip after the first word; then it is gone."""
    steps = list(words(text))
    first, half = steps[0], len(steps) // 2
    yield first
    for step in steps[1:half]:
        yield f"{first}(let me think) {step[len(first) :]}"
    yield from steps[half:]


def _forever() -> Iterator[str]:
    text, end = "", time.monotonic() + FOREVER
    for count in range(MANY):
        if time.monotonic() > end:
            return
        text += f"word{count + 1} "
        yield text


def _fail_first(said: dict[str, str]) -> None:
    if "error-first" in said:
        raise ValueError("The replica was asked to fail before its first text.")
    if "gr-error" in said:
        raise gr.Error(said["gr-error"], print_exception=False)
    if "quota" in said:
        raise gr.Error(QUOTA, title="ZeroGPU quota exceeded", print_exception=False)


def _fail_after(said: dict[str, str], count: int | None) -> None:
    """Fail when `count` steps are out; None: the answer is at its end, so fail if that was never."""
    for name in ("error-after", "gr-error-after"):
        limit = said.get(name)
        if limit is not None and (count is None or count >= int(limit)):
            text = f"The replica was asked to fail after {limit} steps."
            raise ValueError(text) if name == "error-after" else gr.Error(text, print_exception=False)


def _short(text: str, limit: int = 60) -> str:
    return text if len(text) <= limit else f"{text[:limit]}…"


def _rest(seconds: float) -> Iterator[None]:
    """Sleep in short steps, between which the brain can be closed."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, REST))
        if left > REST:
            yield None
