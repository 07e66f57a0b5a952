"""`qwen-spaces ask`: one question, one answer."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click

from ._options import Command, Setup, shared_options
from ._output import CodeOutput, JsonOutput
from ._stdin import checked, stdin
from ._terminal import StatusLine, echo, is_terminal


@click.command(cls=Command)
@click.argument("prompt", nargs=-1)
@shared_options
@click.option("--json", "as_json", is_flag=True, help="Write the complete answer as one JSON object.")
@click.option("--jsonl", "as_lines", is_flag=True, help="Write each event as a line of JSON as it arrives.")
@click.option("-x", "--extract", is_flag=True, help="Write only the first code block of the answer.")
@click.option("--no-stream", is_flag=True, help="Write the answer when it is complete.")
def ask(
    prompt: tuple[str, ...], as_json: bool, as_lines: bool, extract: bool, no_stream: bool, **shared: Any
) -> None:
    """Ask PROMPT and stream the answer.

    Text on stdin goes before PROMPT, with an empty line between them, or replaces it. A PROMPT
    of "-" reads stdin, too; "< /dev/null" ignores it. "-i -" reads an image from stdin instead.

    A terminal shows rendered Markdown (pip install 'qwen-spaces[cli]'). A pipe gets the text as
    it arrives, and the full answer again if the Space revises it; --no-stream and --json write
    only the final answer.

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
    setup = Setup(**shared)
    if as_json + as_lines + extract > 1:
        raise click.UsageError("--json, --jsonl and --extract exclude each other.")
    images = [_read_image() if image == "-" else image for image in setup.images]
    text = _full_prompt(prompt, piped="-" not in setup.images)
    with setup.space() as space:
        stream = space.stream(text, system=setup.system, images=images, **setup.options)
        output = setup.output(stream=not no_stream)
        if as_json or as_lines:
            output = JsonOutput(space=space.name, stream=as_lines)
        elif extract:
            output = CodeOutput(reasoning=not setup.hide_reasoning)
        with output, stream:
            for event in stream.events():
                output.show(event)


def _full_prompt(words: Sequence[str], *, piped: bool) -> str:
    """Return the words and, if `piped`, the text on stdin."""
    argument = checked(" ".join(words), "The prompt")
    parts = [argument] if argument and argument != "-" else []
    if piped and (argument == "-" or (sys.stdin and not sys.stdin.isatty())):
        parts.insert(0, _read_stdin())
    text = "\n\n".join(part for part in parts if part.strip())
    if not text:
        raise click.UsageError("There is nothing to ask: pass a PROMPT, or pipe one in.")
    return text


def _read_image() -> bytes:
    source = stdin()
    return source.buffer.read() if source else b""


def _read_stdin() -> str:
    if is_terminal(sys.stdin):
        echo("Type the text; Ctrl-D on a new line ends it.", dim=True, err=True)
        return checked(sys.stdin.read().rstrip("\n"), "Stdin")
    with StatusLine() as status:
        status.show("Reading stdin")
        source = stdin()
        return checked(source.read().rstrip("\n") if source else "", "Stdin")
