"""The default brain, which gives a deterministic answer that quotes its input.

A prompt may contain triggers, in any combination:

======================  ==============================================================
``[[slow]]``            0.2 seconds a step
``[[pace=SECONDS]]``    this many seconds a step (default 0.03)
``[[wait=SECONDS]]``    this many seconds before the first text
``[[long=N]]``          an answer of exactly N characters: `long_text`, as fast as possible
``[[multibyte]]``       a short answer in many scripts, one code point a step
``[[sample]]``          a prepared answer with a table, code and mathematics
``[[forever]]``         word after word until closed (10 minutes at most)
``[[nothing]]``         no text
``[[rewrite]]``         removes an earlier part of its text half-way
``[[shrink]]``          removes its last words at the end
``[[error-first]]``     an ordinary ``ValueError`` before the first text
``[[error-after=K]]``   the same after K steps of text
``[[gr-error=TEXT]]``   ``gr.Error(TEXT)`` before the first text
``[[gr-error-after=K]]``  a ``gr.Error`` after K steps of text
``[[quota]]``           the ``gr.Error`` of ZeroGPU, before the first text
``[[call=NAME]]``       calls that tool, if it is offered
``[[call-form=FORM]]``  writes calls ``tagged``, ``bare``, ``fenced``, ``unclosed``, ``broken`` or ``xml``
======================  ==============================================================

Where the system prompt offers tools, or asks for JSON, the answer is as `_tools` describes it.
"""

from __future__ import annotations

import re
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from typing import Any

import gradio as gr

from ._describe_image import describe
from ._sample_text import ANSWER, THOUGHT, chunks, code_points, long_text, words
from ._tools import answer_with_tools

__all__ = ["Brain", "Thought", "answer", "long_text"]

Brain = Callable[..., Iterator[Any] | AsyncGenerator[Any, None]]
"""``brain(system, history, prompt, image)`` yields the whole text so far, step by step.

``history`` is ``[(user, assistant), ...]``, ``image`` the path of the newest image or None. A brain may have
the parameters ``model``, the Space's name for it; ``images``, the paths of all images of the conversation;
and ``thinking``, the most tokens of its `Thought`, 0 for none.

If nobody reads its answer, a brain is closed after its current step; an asynchronous generator, at any await.
A slow brain yields ``None``, which is not sent, so that it can be closed.
"""


class Thought(str):
    """The whole reasoning so far, as a step of a brain. Only some Spaces show it."""

    __slots__ = ()


PACE = 0.03  # seconds a word
SLOW = 0.2  # seconds a step
MAX_SLEEP = 0.05  # seconds, during which the brain cannot be closed
FOREVER = 600.0  # seconds
MAX_WORDS = 20_000  # of an answer without end
QUOTA = (  # the text of ZeroGPU, as users report it
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
    """Answer with the input, as the triggers in `prompt` demand."""
    triggers = parse_triggers(prompt)
    yield from _sleep(float(triggers.get("wait", 0)))
    _fail_first(triggers)
    if "nothing" in triggers:
        return
    default = SLOW if "slow" in triggers else 0 if {"long", "multibyte"} & triggers.keys() else PACE
    pace = float(triggers.get("pace", default))
    if thinking:
        plain = f"I am {model}, and I may think for {thinking} tokens."
        for thought in words(THOUGHT if "sample" in triggers else plain):
            yield Thought(thought)
            yield from _sleep(pace)
    text = answer_with_tools(system, prompt, triggers)
    if "sample" in triggers:
        text = ANSWER
    text = text or reply(system, history, prompt, images or (image,), model)
    for count, step in enumerate(steps(triggers, text)):
        _fail_after(triggers, count)
        yield step
        yield from _sleep(pace)
    _fail_after(triggers, None)


def parse_triggers(prompt: str) -> dict[str, str]:
    """Return the triggers in the prompt, as name -> value.

    >>> parse_triggers("Hello [[slow]] [[error-after=3]]")
    {'slow': '', 'error-after': '3'}
    """
    return dict(re.findall(r"\[\[([a-z-]+)(?:=(.*?))?\]\]", prompt))


def reply(
    system: str, history: list[tuple[str, str]], prompt: str, images: Sequence[str | None], model: str
) -> str:
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


def steps(triggers: dict[str, str], text: str) -> Iterable[str]:
    if "long" in triggers:
        return chunks(long_text(int(triggers["long"])))
    if "multibyte" in triggers:
        return code_points()
    if "forever" in triggers:
        return _forever()
    if "rewrite" in triggers:
        return _rewriting(text)
    if "shrink" in triggers:
        return [*words(text), text[: len(text) // 2]]
    return words(text)


def _rewriting(text: str) -> Iterator[str]:
    """Yield the text, with an insertion after its first word in the first half of the steps."""
    whole = list(words(text))
    first, half = whole[0], len(whole) // 2
    yield first
    for step in whole[1:half]:
        yield f"{first}(let me think) {step[len(first) :]}"
    yield from whole[half:]


def _forever() -> Iterator[str]:
    text, end = "", time.monotonic() + FOREVER
    for count in range(MAX_WORDS):
        if time.monotonic() > end:
            return
        text += f"word{count + 1} "
        yield text


def _fail_first(triggers: dict[str, str]) -> None:
    if "error-first" in triggers:
        raise ValueError("The replica was asked to fail before its first text.")
    if "gr-error" in triggers:
        raise gr.Error(triggers["gr-error"], print_exception=False)
    if "quota" in triggers:
        raise gr.Error(QUOTA, title="ZeroGPU quota exceeded", print_exception=False)


def _fail_after(triggers: dict[str, str], count: int | None) -> None:
    """Fail if the limit is `count` steps or fewer; ``None`` is the end of the answer, beyond any limit."""
    for name in ("error-after", "gr-error-after"):
        limit = triggers.get(name)
        if limit is not None and (count is None or count >= int(limit)):
            text = f"The replica was asked to fail after {limit} steps."
            raise ValueError(text) if name == "error-after" else gr.Error(text, print_exception=False)


def _short(text: str, limit: int = 60) -> str:
    return text if len(text) <= limit else f"{text[:limit]}…"


def _sleep(seconds: float) -> Iterator[None]:
    """Sleep in short steps, between which the brain can be closed."""
    end = time.monotonic() + seconds
    while (remaining := end - time.monotonic()) > 0:
        time.sleep(min(remaining, MAX_SLEEP))
        if remaining > MAX_SLEEP:
            yield None
