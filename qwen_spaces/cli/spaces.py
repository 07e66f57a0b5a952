"""`qwen-spaces spaces`, `status` and `replica`: what there is."""

from __future__ import annotations

import dataclasses
import json
import queue
import sys
import textwrap
import threading
import time
from collections.abc import Sequence
from typing import Any

import click

from ..errors import MissingExtraError, QwenSpacesError
from ..registry import available_spaces
from ..space import QwenSpace
from ..timeouts import Timeouts
from .options import complete_model, src_option, token_option
from .terminal import StatusLine, clean, is_terminal, size

LOOK = 20.0  # seconds that a look at a Space may take
JSON = click.option("--json", "as_json", is_flag=True, help="Write JSON.")


@click.command()
@click.option("--check", is_flag=True, help=f"Try to reach each of them, for {LOOK:g} seconds at most.")
@JSON
@token_option
def spaces(check: bool, as_json: bool, token: str | None) -> None:
    """List the Spaces there are.

    \b
    Examples:
      qwen-spaces spaces
      qwen-spaces spaces --check
      qwen-spaces spaces --check --json
    """  # noqa: D301  (click reads the \b)
    facades = available_spaces()
    found = _looked_at(facades, token) if check else {}
    if as_json:
        objects = [{**_facts(facade), **found.get(facade.aliases[0], {})} for facade in facades]
        click.echo(json.dumps(objects, indent=2))
        return
    rows = [("ALIAS", "SPACE", "TAKES", "OPTIONS")]
    for facade in facades:
        options = "; ".join(f"{name}: {', '.join(values)}" for name, values in facade.options.items())
        rows.append((facade.aliases[0], facade.space_id, _takes(facade), options or "-"))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        _tell_row(row, widths, bold=row is rows[0])
        if look := found.get(row[0]):
            colour = "green" if look["reachable"] else "red"
            for line in _wrapped(_found(look), 4):
                click.secho(line, fg=colour)


@click.command()
@click.argument("name", shell_complete=complete_model)
@src_option
@token_option
@JSON
def status(name: str, src: str | None, token: str | None, as_json: bool) -> None:
    """Tell where the Space NAME is, and what was found there.

    \b
    Examples:
      qwen-spaces status qwen-2.5
      qwen-spaces status qwen-2.5 --json
    """  # noqa: D301  (click reads the \b)
    line = StatusLine()
    line.show(f"Connecting to {name}")
    try:
        with QwenSpace(name, src=src, token=token, timeouts=Timeouts(connect=LOOK, wake=LOOK)) as space:
            found = dataclasses.asdict(space.status())
    finally:
        line.clear()
    if as_json:
        click.echo(json.dumps({"space": space.name, **found}, indent=2))
        return
    found["history"] = found["history"] or "folded into the prompt"
    found["parameters"] = ", ".join(
        f"{ours}={theirs}" if ours != theirs else ours for ours, theirs in found["parameters"].items()
    )
    for label, value in found.items():
        if value is not None:
            first, *more = _wrapped(str(value), 12)
            click.echo(f"{label.replace('_', ' ') + ':':12}{first.lstrip()}")
            for rest in more:
                click.echo(rest)


@click.command()
@click.argument("name", shell_complete=complete_model)
@click.option("--port", default=7860, show_default=True, help="0 is any free one.")
@click.option("--host", default="127.0.0.1", show_default=True)
def replica(name: str, port: int, host: str) -> None:
    """Run the replica of a Space on this machine until Ctrl-C.

    \b
    Example:
      qwen-spaces replica qwen-2.5 --port 7860
    """  # noqa: D301  (click reads the \b)
    alias = QwenSpace(name).name
    try:
        from ..replicas.server import NAMES, run
    except ImportError as error:
        raise MissingExtraError(str(error)) from error
    if alias not in NAMES:
        raise click.UsageError(f"There is no replica of {alias}. There are: {', '.join(NAMES)}.")
    try:
        run(alias, port=port, host=host)
    except OSError as error:
        raise click.ClickException(f"Cannot listen on {host}:{port}: {error.strerror}.") from error


def _takes(facade: type[QwenSpace]) -> str:
    return {0: "text", 1: "text, one image"}.get(facade.max_images, f"text, {facade.max_images} images")


def _facts(facade: type[QwenSpace]) -> dict[str, Any]:
    return {
        "alias": facade.aliases[0],
        "aliases": list(facade.aliases),
        "space": facade.space_id,
        "url": facade.url,
        "max_images": facade.max_images,
        "options": {name: list(values) for name, values in facade.options.items()},
    }


def _looked_at(facades: Sequence[type[QwenSpace]], token: str | None) -> dict[str, dict[str, Any]]:
    """What a look at each Space found, all at once; the alias -> that."""
    answers: queue.SimpleQueue[tuple[str, dict[str, Any]]] = queue.SimpleQueue()
    for facade in facades:
        # Daemons, which a connection that hangs does not keep from ending with the program.
        threading.Thread(target=_look, args=(facade.aliases[0], token, answers), daemon=True).start()
    late = {"reachable": False, "error": f"No answer within {LOOK:g} s."}
    found = {facade.aliases[0]: late for facade in facades}
    line, until = StatusLine(), time.monotonic() + LOOK
    try:
        for count in range(len(facades)):
            line.show(f"Looking at the Spaces: {count} of {len(facades)}")
            alias, look = answers.get(timeout=max(0.0, until - time.monotonic()))
            found[alias] = look
    except queue.Empty:
        pass
    finally:
        line.clear()
    return found


def _look(alias: str, token: str | None, answers: queue.SimpleQueue[tuple[str, dict[str, Any]]]) -> None:
    began = time.monotonic()
    try:
        with QwenSpace(alias, token=token, timeouts=Timeouts(connect=LOOK, wake=LOOK)) as space:
            gradio = space.status().gradio
        seconds = time.monotonic() - began
        answers.put((alias, {"reachable": True, "seconds": round(seconds, 3), "gradio": gradio}))
    except QwenSpacesError as error:
        answers.put((alias, {"reachable": False, "error": str(error)}))
    except Exception as error:
        answers.put((alias, {"reachable": False, "error": f"{type(error).__name__}: {error}"}))


def _found(look: dict[str, Any]) -> str:
    if look["reachable"]:
        return f"reachable in {look['seconds'] * 1000:.0f} ms, Gradio {look['gradio']}"
    return " ".join(clean(look["error"]).split())


def _tell_row(row: Sequence[str], widths: Sequence[int], *, bold: bool) -> None:
    """A row of the table; on a terminal its last cell is wrapped."""
    *cells, last = row
    start = "  ".join([*(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)), ""])
    lines = _wrapped(last, len(start))
    for number, line in enumerate(lines):
        click.secho(start + line.lstrip() if number == 0 else line, bold=bold or None)


def _wrapped(text: str, indent: int) -> list[str]:
    if not is_terminal(sys.stdout):
        return [" " * indent + text]
    width = max(size()[0], indent + 20)
    return textwrap.wrap(text, width, initial_indent=" " * indent, subsequent_indent=" " * indent) or [""]
