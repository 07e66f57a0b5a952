"""The model of all the apps: its answer says what it was given. And the reader of such an answer."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

PACE = 0.02  # seconds between two pieces of text
# Seconds that an answer waits for its gate: it ends all the same if its reader gets nothing before the end.
PATIENCE = 20.0 * float(os.environ.get("QWEN_SPACES_TEST_PATIENCE", "1"))
BEGINNING = "You said: "
_GATE = re.compile(r"gate:(\S+)")
_ANSWER = re.compile(
    r"You said: (?P<prompt>.*) \| turns: (?P<turns>\d+) \| system: (?P<system>.*?) \| images: (?P<images>\d+)"
    r"(?P<options>(?: \| [\w ]+: [^|]*)*)",
    re.DOTALL,
)


def answer(
    prompt: str, turns: int = 0, system: str | None = None, images: int = 0, **options: object
) -> Iterator[str]:
    """Yield a growing text with all that the model was given.

    A prompt with ``gate:PATH`` stops after the first piece until that file exists. The text then ends with
    ``gate: open``, or ``gate: shut`` where nobody made that file, as a reader does that has the beginning.

    Args:
        prompt: the user's message.
        turns: the number of earlier turns.
        system: the system prompt.
        images: the number of images.
        options: further settings.
    """
    yield BEGINNING
    text = whole(prompt, turns, system, images, **options)
    for end in range(len(BEGINNING) + 5, len(text), 1 + len(text) // 4):
        yield text[:end]
        time.sleep(PACE)
    yield text


def whole(prompt: str, turns: int = 0, system: str | None = None, images: int = 0, **options: object) -> str:
    """Return the whole answer at once."""
    facts: dict[str, object] = {"turns": turns, "system": system or "none", "images": images, **options}
    if gate := _GATE.search(prompt):
        facts["gate"] = "open" if opens(Path(gate[1])) else "shut"
    return " | ".join([f"{BEGINNING}{prompt}", *(f"{name}: {value}" for name, value in facts.items())])


def opens(gate: Path) -> bool:
    """Wait until the file exists, `PATIENCE` at most, and return whether it does."""
    end = time.monotonic() + PATIENCE
    while not gate.exists() and time.monotonic() < end:
        time.sleep(PACE)
    return gate.exists()


@dataclass(frozen=True)
class Given:
    """What the model was given, as its answer says."""

    prompt: str
    turns: int
    system: str
    images: int
    options: Mapping[str, str] = field(default_factory=dict)


def read(text: str) -> Given | None:
    """Return what an answer says; ``None`` if it is not one.

    The prompt may itself contain answers, as one into which earlier turns were folded does.
    """
    if not (match := _ANSWER.fullmatch(text)):
        return None
    options = dict(part.split(": ", 1) for part in match["options"].split(" | ") if part)
    return Given(match["prompt"], int(match["turns"]), match["system"], int(match["images"]), options)
