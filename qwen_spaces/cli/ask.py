"""`qwen-spaces ask`: one question, one answer."""

from __future__ import annotations

import sys
from typing import Any

import click

from .options import Command, Setup, shared_options
from .output import Json
from .terminal import StatusLine


@click.command(cls=Command)
@click.argument("prompt", required=False)
@shared_options
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object when the answer is complete.")
@click.option("--jsonl", "as_lines", is_flag=True, help="Write the events as JSON, one a line, as they come.")
@click.option("--no-stream", is_flag=True, help="Write the answer when it is complete.")
def ask(prompt: str | None, as_json: bool, as_lines: bool, no_stream: bool, **given: Any) -> None:
    """Ask PROMPT and stream the answer.

    What is piped in goes before PROMPT, with an empty line between, or stands for it;
    "-" reads stdin, too, and "< /dev/null" keeps it out.

    On a terminal Markdown is rendered (pip install 'qwen-spaces[cli]'). A pipe gets the
    text as it comes, and the whole answer once more should the Space change what it had
    said; --no-stream and --json write the final answer only.

    \b
    Examples:
      qwen-spaces ask "Why is the sky blue?"
      qwen-spaces ask -m qvq-72b -i cat.png "What is this?"
      qwen-spaces ask -m qwen-2.5 -o size 7B -s "Be brief." "Why is the sky blue?"
      cat notes.txt | qwen-spaces ask -s "Summarise."
      cat notes.txt | qwen-spaces ask "What is missing here?"
      qwen-spaces ask --json "Why is the sky blue?" | python3 -m json.tool
      qwen-spaces ask --local "Why is the sky blue?"
    """  # noqa: D301  (click reads the \b)
    setup = Setup(**given)
    if as_json and as_lines:
        raise click.UsageError("--json and --jsonl exclude each other.")
    text = _prompt(prompt)
    with setup.space() as space:
        options: Any = setup.options
        stream = space.stream(text, system=setup.system, images=setup.images, **options)
        output = setup.output(stream=not no_stream)
        if as_json or as_lines:
            output = Json(space=space.name, stream=as_lines)
        with output, stream:
            for event in stream.events():
                output.show(event)


def _prompt(given: str | None) -> str:
    """Return what to ask: the argument, stdin, or both."""
    piped = _piped() if given == "-" or not (sys.stdin is None or sys.stdin.isatty()) else ""
    parts = [part for part in (piped, "" if given in (None, "-") else given) if part and part.strip()]
    if not parts:
        raise click.UsageError("There is nothing to ask: give a PROMPT, or pipe one in.")
    return "\n\n".join(parts)


def _piped() -> str:
    status = StatusLine()
    status.show("Reading stdin")
    try:
        return sys.stdin.read().rstrip("\n") if sys.stdin else ""
    except UnicodeDecodeError as error:
        raise click.UsageError(f"What is piped in is no text: {error}.") from error
    finally:
        status.clear()
