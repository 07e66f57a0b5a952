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

from .._contract.options import describe_option
from ..errors import MissingExtraError, QwenSpacesError
from ..space import QwenSpace, available_spaces
from ..timeouts import Timeouts
from .options import alias_of, complete_model, src_option, token_option
from .terminal import StatusLine, echo, is_terminal, size

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
        echo(json.dumps(objects, indent=2))
        return
    heads = ("ALIAS", "SPACE", "TAKES", "REASONING")
    rows = {
        facade: (facade.aliases[0], facade.space_id, _takes(facade), "apart" if facade.reasons else "-")
        for facade in facades
    }
    widths = [max(map(len, column)) for column in zip(heads, *rows.values(), strict=True)]

    def line(row: Sequence[str]) -> str:
        return "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()

    echo(line(heads), bold=True)
    for facade, row in rows.items():
        echo(line(row))
        if look := found.get(row[0]):
            echo("\n".join(_wrapped(_found(look), 4)), fg="green" if look["reachable"] else "red")
        for name, values in facade.options.items():
            echo("\n".join(_wrapped(f"{name}: {describe_option(values)}", 4)))


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
        echo(json.dumps({"space": space.name, **found}, indent=2))
        return
    found["history"] = found["history"] or "folded into the prompt"
    found["parameters"] = ", ".join(
        f"{ours}={theirs}" if ours != theirs else ours for ours, theirs in found["parameters"].items()
    )
    found["options"] = "; ".join(f"{name}: {kind}" for name, kind in found["options"].items()) or None
    for label, value in found.items():
        if value is not None:
            first, *more = _wrapped(str(value), 12)
            echo(f"{label.replace('_', ' ') + ':':12}{first.lstrip()}")
            for rest in more:
                echo(rest)


@click.command()
@click.argument("name", shell_complete=complete_model)
@click.option("--port", default=7860, show_default=True, help="0 is any free one.")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--backend", "url", metavar="URL", help="An OpenAI-compatible server that answers.")
@click.option("--model", help="The backend's model, if it has several.")
@click.option("--api-key", envvar="QWEN_SPACES_BACKEND_KEY", show_envvar=True, help="The backend's key.")
def replica(name: str, port: int, host: str, url: str | None, model: str | None, api_key: str | None) -> None:
    """Run the replica of a Space on this machine until Ctrl-C.

    It answers by saying what it was given; with a backend, a real model does.

    \b
    Examples:
      qwen-spaces replica qwen-2.5 --port 7860
      qwen-spaces replica qwen-2.5 --backend http://127.0.0.1:11434/v1 --model qwen2.5:0.5b
    """  # noqa: D301  (click reads the \b)
    alias = alias_of(name)
    if model and not url:
        raise click.UsageError("--model is the model of a --backend.")
    try:
        from ..replicas.server import NAMES, run

        if url:
            from ..replicas.backend import backend
    except ImportError as error:
        raise MissingExtraError(str(error)) from error
    if alias not in NAMES:
        raise click.UsageError(f"There is no replica of {alias}. There are: {', '.join(NAMES)}.")
    try:
        brain = backend(url, model, api_key) if url else None
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    try:
        run(alias, port=port, host=host, brain=brain)
    except OSError as error:
        raise click.ClickException(f"Cannot listen on {host}:{port}: {error.strerror}.") from error


def _takes(facade: type[QwenSpace]) -> str:
    takes = {0: "text", 1: "text, one image", None: "text, images"}
    return takes.get(facade.max_images, f"text, {facade.max_images} images")


def _facts(facade: type[QwenSpace]) -> dict[str, Any]:
    return {
        "alias": facade.aliases[0],
        "aliases": list(facade.aliases),
        "space": facade.space_id,
        "url": facade.url,
        "max_images": facade.max_images,
        "reasoning": facade.reasons,
        "options": {name: list(values) for name, values in facade.options.items()},
    }


def _looked_at(facades: Sequence[type[QwenSpace]], token: str | None) -> dict[str, dict[str, Any]]:
    """Look at each Space, all at once; return alias -> what was found."""
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
    return str(look["error"])


def _wrapped(text: str, indent: int) -> list[str]:
    text = " ".join(text.split())  # a server's line breaks would make lines that look like ours
    if not is_terminal(sys.stdout):
        return [" " * indent + text]
    width = max(size()[0], indent + 20)
    return textwrap.wrap(text, width, initial_indent=" " * indent, subsequent_indent=" " * indent) or [""]
