"""`qwen-spaces batch`: many prompts from a file, a line of JSON for each answer."""

from __future__ import annotations

import contextlib
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from .._many.row import Named, ResumedRow, Row
from ._errors import CTRL_C
from ._options import (
    Decorator,
    Setup,
    endpoint_option,
    local_option,
    make_timeout_option,
    model_option,
    parse_pairs,
    src_option,
    system_option,
    token_option,
)
from ._terminal import echo, is_terminal

FAILED = 4  # the exit code if a row failed
STDIN = "-"
_options_option: Decorator = click.option(
    "--option",
    "options",
    multiple=True,
    metavar="NAME=VALUE",
    callback=parse_pairs,
    help="An option of the Space, as in --option size=7B. May be repeated.",
)


@click.command()
@click.argument("path", metavar="FILE", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="PATH",
    type=click.Path(dir_okay=False),
    help="The answers' file.",
)
@model_option
@system_option
@click.option(
    "-c",
    "--concurrency",
    type=click.IntRange(1),
    default=4,
    show_default=True,
    metavar="N",
    help="The most requests at once.",
)
@click.option("--field", default="prompt", show_default=True, metavar="NAME", help="The prompt's field.")
@click.option("--ordered", is_flag=True, help="Leave the answers in the order of the prompts.")
@_options_option
@src_option
@endpoint_option
@token_option
@local_option
@make_timeout_option("600")
def batch(path: str, output: str, concurrency: int, field: str, *, ordered: bool, **shared: Any) -> None:
    """Answer each prompt in FILE, or on stdin if it is "-".

    A line of FILE is a JSON string, {"prompt": TEXT}, {"messages": [...]} or a request of an
    OpenAI batch. If the name of FILE ends with .txt, each line is a prompt as it is. Each answer
    is a line of JSON in PATH, written when it is complete.

    The same command resumes: it asks only what PATH lacks, and again what failed. Ctrl-C keeps
    what is there. Exit code 4 means that some prompts failed; their lines say why.

    \b
    Examples:
      qwen-spaces batch notes.txt -o answers.jsonl
      qwen-spaces batch in.jsonl -o out.jsonl -m qwen-2.5 -c 8 -s "Be brief."
      qwen-spaces batch in.jsonl -o out.jsonl --field question --option size=7B
      printf 'Hi\\nHello\\n' | qwen-spaces batch - -o out.jsonl
    """  # noqa: D301  (click reads the \b)
    setup = Setup(**shared)
    counts = Counter[str]()
    with _lines(path) as lines, setup.space() as space:
        prompts = _prompts(lines, path, field)
        answers = space.map(
            prompts,
            system=setup.system,
            concurrency=concurrency,
            ordered=ordered,
            save=output,
            progress=is_terminal(sys.stderr),
            **setup.options,
        )
        code = 0
        try:
            with answers:
                for row in answers:
                    counts[_outcome(row)] += 1
        except KeyboardInterrupt:
            echo("Cancelled. The same command resumes.", err=True)
            code = CTRL_C
        finally:
            echo(
                f"{counts['answered']} answered, {counts['before']} before, {counts['failed']} failed.",
                err=True,
            )
    sys.exit(code or (FAILED if counts["failed"] else 0))


@contextlib.contextmanager
def _lines(path: str) -> Iterator[Iterable[bytes]]:
    if path == STDIN:
        yield sys.stdin.buffer
    else:
        with Path(path).open("rb") as file:
            yield file


def _prompts(lines: Iterable[bytes], path: str, field: str) -> Iterator[Named]:
    """Yield the prompts of the lines, of which blank ones do not count."""
    as_text = path.lower().endswith(".txt")
    for number, line in enumerate(lines, 1):
        where = f"Line {number} of {'stdin' if path == STDIN else path}"
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8").strip()
        except UnicodeDecodeError as error:
            raise click.UsageError(f"{where} is not UTF-8.") from error
        if text:
            yield Named(text) if as_text else _parse(text, field, where, plain=path == STDIN)


def _parse(text: str, field: str, where: str, *, plain: bool) -> Named:
    """Return the prompt in a line; on stdin, a line that is not JSON is a `plain` one."""
    try:
        given = json.loads(text)
    except (ValueError, RecursionError) as error:
        if plain and not text.startswith(("{", "[", '"')):
            return Named(text)
        raise click.UsageError(f"{where} is not JSON: {error}.") from error
    if plain and not isinstance(given, (str, Mapping)):  # such as a number
        return Named(text)
    if isinstance(given, str):
        return Named(given)
    if isinstance(given, Mapping):
        body = given.get("body")
        fields = body if isinstance(body, Mapping) else given
        found = fields.get(field, fields.get("messages"))
        name = given.get("custom_id", given.get("id"))
        if found is not None:
            return Named(found, None if name is None else str(name))
    raise click.UsageError(
        f"{where} has no prompt: write a JSON string, or an object with {field!r} or 'messages'."
    )


def _outcome(row: Row) -> str:
    if row.error:
        return "failed"
    return "before" if isinstance(row, ResumedRow) else "answered"
