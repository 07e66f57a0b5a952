"""The `qwen-spaces` command: text on stdout, everything else on stderr."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

import click

from . import __version__
from .answer import Event, Text
from .errors import ConnectError, MissingExtraError, QwenSpacesError, SpaceTimeoutError, StreamError
from .feed import Status
from .space import QwenSpace, available_spaces

# Exit codes by family; 2 is click's own, for wrong usage.
EXITS = ((SpaceTimeoutError, 5), (StreamError, 4), (ConnectError, 3), (QwenSpacesError, 2))


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="qwen-spaces")
def main() -> None:
    r"""Talk to Qwen models on Hugging Face Spaces.

    \b
    Exit codes: 0 all well, 2 wrong usage or input, 3 the Space could not be opened,
    4 the answer failed, 5 it took too long, 130 Ctrl-C.
    """


@main.command()
@click.argument("prompt")
@click.option(
    "-m", "--model", default="qwen-2.5", show_default=True, help="Alias, Space id owner/name, or URL."
)
@click.option("-s", "--system", help="System prompt; without one the Space uses its own.")
@click.option("-i", "--image", "images", multiple=True, help="Path or URL of an image, for a vision Space.")
@click.option("--src", help="Where the Space really is: a URL or owner/name.")
@click.option("--local", is_flag=True, help="Answer from a replica on this machine; nothing leaves it.")
def ask(
    prompt: str, model: str, system: str | None, images: tuple[str, ...], src: str | None, local: bool
) -> None:
    r"""Ask PROMPT and stream the answer; a PROMPT of "-" is read from stdin.

    \b
    Examples:
      qwen-spaces ask "Why is the sky blue?"
      qwen-spaces ask -m qvq-72b -i cat.png "What is this?"
      qwen-spaces ask --local "Why is the sky blue?"
    """
    if local and src:
        raise click.UsageError("--local and --src exclude each other.")
    if prompt == "-":
        prompt = sys.stdin.read()
    with _told(), contextlib.ExitStack() as stack:
        if local:
            _say("Starting a replica on this machine ...")
            src = stack.enter_context(_replica(QwenSpace(model).name))
        space = stack.enter_context(QwenSpace(model, src=src))
        with space.stream(prompt, system=system, images=images) as stream:
            for event in stream.events():
                _show(event)
        click.echo()


@main.command()
def spaces() -> None:
    """List the Spaces there are."""
    rows = [("ALIAS", "SPACE", "TAKES", "OPTIONS")]
    for facade in available_spaces():
        takes = "text, one image" if facade.max_images else "text"
        options = "; ".join(f"{name}: {', '.join(values)}" for name, values in facade.options.items())
        rows.append((facade.aliases[0], facade.space_id, takes, options or "-"))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        click.echo("  ".join([*cells, row[3]]))


@main.command()
@click.argument("name")
@click.option("--port", default=7860, show_default=True, help="0 is any free one.")
@click.option("--host", default="127.0.0.1", show_default=True)
def replica(name: str, port: int, host: str) -> None:
    r"""Run the replica of a Space on this machine until Ctrl-C.

    \b
    Example:
      qwen-spaces replica qwen-2.5 --port 7860
    """
    with _told():
        alias = QwenSpace(name).name
        try:
            from .replicas.server import run
        except ImportError as error:
            raise MissingExtraError(str(error)) from error
        try:
            run(alias, port=port, host=host)
        except OSError as error:
            raise click.ClickException(f"Cannot listen on {host}:{port}: {error.strerror}.") from error


@contextlib.contextmanager
def _replica(name: str) -> Iterator[str]:
    try:
        from .replicas import serve
    except ImportError as error:
        raise MissingExtraError(str(error)) from error
    with serve(name) as url:
        yield url


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Errors as one line on stderr and an exit code, after the text that had arrived."""
    try:
        yield
    except QwenSpacesError as error:
        if getattr(error, "partial_text", ""):
            click.echo()
        click.echo(f"Error: {error}", err=True)
        sys.exit(next(code for kind, code in EXITS if isinstance(error, kind)))
    except KeyboardInterrupt:
        click.echo("\nCancelled.", err=True)
        sys.exit(130)


def _show(event: Event) -> None:
    if isinstance(event, Text):
        click.echo(event.text, nl=False)
        sys.stdout.flush()
    elif isinstance(event, Status) and event.stage == "queued" and event.position:
        _say(f"Waiting in the queue: {event.position} before this one ...")


def _say(text: str) -> None:
    if sys.stderr.isatty():
        click.echo(click.style(text, dim=True), err=True)
