"""`qwen-spaces spaces --find`: other Spaces whose chat runs, and with `--ask` those that answer."""

from __future__ import annotations

import json
import reprlib
import time
from collections.abc import Mapping, Sequence
from typing import Any

import anyio
import click

from .._space.find import AT_ONCE, Found, search
from .._types.timeouts import Timeouts
from ..errors import ConnectError, QwenSpacesError, StreamError
from ._terminal import StatusLine, echo, run_async

LIMIT = 10  # Spaces
WIDTH = 75  # columns
PROMPT = "Reply with the word: ready"
ANSWER = Timeouts(connect=20.0, wake=0.0, first=60.0, total=60.0)
MAX_QUOTE = 40  # characters of an answer
MAX_CELL = 20  # characters of what a server reports
HEADINGS = ("SPACE", "STATE", "LIKES", "IMAGES", "QUEUE")


def find(query: str, *, ask: bool, as_json: bool, token: str | None) -> None:
    """Write a table of the Spaces that are found.

    Raises:
        ConnectError: there are none.
        StreamError: none of them answers.
    """
    found = _search(query, token)
    answers = run_async(_ask_all, found) if ask else [{} for _ in found]
    if as_json:
        facts = zip(map(_facts, found), answers, strict=True)
        echo(json.dumps([{**fact, **answer} for fact, answer in facts], indent=2))
    else:
        _echo_table(found, answers)
    if ask and not any(answer["answered"] for answer in answers):
        raise StreamError("None of them answers.")


def _search(query: str, token: str | None) -> list[Found]:
    listed = 0

    def show(checked: int, total: int, chats: int) -> None:
        nonlocal listed
        listed = total
        line.show(f"Checking the Spaces: {checked} of {total}, {chats} with a chat")

    with StatusLine() as line:
        line.show("Searching the Hub")
        found = search(query, LIMIT, token=token, on_progress=show)
    if not found:
        count = f"{listed} Space{'s' * (listed > 1)}" if listed else "no Space that runs"
        but = ", but no chat can be reached there" if listed else ""
        raise ConnectError(f"The Hub lists {count} for {reprlib.repr(query)}{but}. Try other words.")
    return found


def _facts(found: Found) -> dict[str, Any]:
    return {
        "space": found.space.name,
        "url": found.status.url,
        "stage": found.status.stage,
        "hardware": found.status.hardware,
        "likes": found.likes,
        "images": found.takes_images,
        "queue_size": found.status.queue_size,
        "gradio": found.status.gradio,
    }


def _echo_table(found: Sequence[Found], answers: Sequence[Mapping[str, Any]]) -> None:
    """Write a row for each Space; a name that leaves no room for the rest has a line of its own."""
    rows = [HEADINGS, *map(_row, found)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    widths[0] = min(widths[0], WIDTH - sum(widths[1:]) - 2 * len(widths[1:]))
    for row, answer in zip(rows, [{}, *answers], strict=True):
        name = row[0]
        if len(name) > widths[0]:
            echo(name)
            name = ""
        state, *numbers = row[1:]
        cells = [name.ljust(widths[0]), state.ljust(widths[1]), *map(str.rjust, numbers, widths[2:])]
        echo("  ".join(cells), bold=row is HEADINGS)
        if answer:
            text = "answered after {seconds:.1f} s: {text}" if answer["answered"] else "no answer: {error}"
            _echo_note(text.format_map(answer), "green" if answer["answered"] else "red")


def _row(found: Found) -> tuple[str, ...]:
    status = found.status
    reported = (
        " ".join(filter(None, (status.stage, status.hardware))),
        str(found.likes),
        "yes" if found.takes_images else "no",
        "-" if status.queue_size is None else str(status.queue_size),
    )
    return found.space.name, *(" ".join(text.split())[:MAX_CELL] for text in reported)


def _echo_note(text: str, color: str) -> None:
    echo(click.wrap_text(" ".join(text.split()), WIDTH, "    ", "    "), fg=color)


async def _ask_all(found: Sequence[Found]) -> list[dict[str, Any]]:
    """Send each Space a short prompt; return what came of it."""
    answers: dict[int, dict[str, Any]] = {}
    limiter = anyio.CapacityLimiter(AT_ONCE)

    def show_progress() -> None:
        line.show(f"Asking the Spaces: {len(answers)} of {len(found)}")

    async def ask(place: int) -> None:
        async with limiter:
            answers[place] = await _ask(found[place])
        show_progress()

    with StatusLine() as line:
        show_progress()
        async with anyio.create_task_group() as tasks:
            for place in range(len(found)):
                tasks.start_soon(ask, place)
    return [answers[place] for place in range(len(found))]


async def _ask(found: Found) -> dict[str, Any]:
    start = time.monotonic()
    try:
        async with found.space._open(PROMPT, options={}, timeouts=ANSWER, retries=0) as stream:
            text = " ".join((await stream).text.split())
    except QwenSpacesError as error:
        return {"answered": False, "error": str(error)}
    shown = text if len(text) <= MAX_QUOTE else f"{text[:MAX_QUOTE]}..."
    return {"answered": True, "seconds": round(time.monotonic() - start, 1), "text": shown}
