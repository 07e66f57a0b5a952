"""`qwen-spaces ask`: one question, one answer."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click

from .._types.images import as_images
from .._types.messages import Message
from ._last import keep, resume
from ._options import Command, Setup, shared_options
from ._output import CodeOutput, JsonOutput, Output
from ._stdin import checked, stdin
from ._terminal import StatusLine, echo, is_terminal


@click.command(cls=Command)
@click.argument("prompt", nargs=-1)
@shared_options
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Write the complete answer as one JSON object; times are in seconds, to the millisecond.",
)
@click.option("--jsonl", "as_lines", is_flag=True, help="Write each event as a line of JSON as it arrives.")
@click.option("-x", "--extract", is_flag=True, help="Write only the first code block of the answer.")
@click.option(
    "-c", "--continue", "resumed", is_flag=True, help="Continue the last conversation, with its Space."
)
@click.option("--no-history", is_flag=True, help="Do not keep this question and its answer for -c.")
@click.option("--no-stream", is_flag=True, help="Write the answer when it is complete.")
def ask(prompt: tuple[str, ...], *, resumed: bool, no_history: bool, no_stream: bool, **shared: Any) -> None:
    """Ask PROMPT and stream the answer.

    Text on stdin goes before PROMPT, with an empty line between them, or replaces it. A PROMPT
    of "-" reads stdin, too; "< /dev/null" ignores it. "-i -" reads an image from stdin instead.

    A terminal shows rendered Markdown (pip install 'qwen-spaces[cli]'). A pipe gets the text as
    it arrives, and the full answer again if the Space revises it; --no-stream and --json write
    only the final answer.

    The last conversation is kept for -c, in a file that only you can read; --no-history, or
    QWEN_SPACES_HISTORY=0, keeps nothing.

    \b
    Examples:
      qwen-spaces ask "Why is the sky blue?"
      qwen-spaces ask -m qvq-72b -i cat.png "What is this?"
      qwen-spaces ask -m qwen-2.5 -o size 7B -s "Be brief." "Why is the sky blue?"
      qwen-spaces ask -c "And why are sunsets red?"
      cat notes.txt | qwen-spaces ask -s "Summarise."
      cat notes.txt | qwen-spaces ask "What is missing here?"
      qwen-spaces ask --json "Why is the sky blue?" | python3 -m json.tool
      qwen-spaces ask --local "Why is the sky blue?"
    """  # noqa: D301  (click reads the \b)
    formats = {name: shared.pop(name) for name in ("as_json", "as_lines", "extract")}
    if sum(formats.values()) > 1:
        raise click.UsageError("--json, --jsonl and --extract exclude each other.")
    setup, last = Setup(**shared), None
    if resumed:
        setup, last = resume(setup)
    given = [_read_image() if image == "-" else image for image in setup.images]
    images = [image.in_memory() for image in as_images(given)]
    text = _full_prompt(prompt, piped="-" not in setup.images)
    with setup.space() as space:
        chat = space.conversation(setup.system, **setup.options)
        if last:
            chat.load(last)
            chat.system = setup.system or chat.system
            _note(f"Continuing the last conversation, with {space.name}.")
            stream = chat.stream(text, images=images)
        else:
            stream = space.stream(text, system=setup.system, images=images, **setup.options)
        with _output(setup, space.name, stream=not no_stream, **formats) as output, stream:
            for event in stream.events():
                output.show(event)
        if not last:
            turn = (Message("user", text, tuple(images)), stream.result().message)
            chat.messages = (*chat.messages, *turn)
        if not no_history:
            keep(chat.save, setup)


def _output(
    setup: Setup, space: str, *, stream: bool, as_json: bool, as_lines: bool, extract: bool
) -> Output:
    if as_json or as_lines:
        return JsonOutput(space=space, stream=as_lines)
    return CodeOutput(reasoning=not setup.hide_reasoning) if extract else setup.output(stream=stream)


def _note(text: str) -> None:
    if is_terminal(sys.stderr):
        echo(text, dim=True, err=True)


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
