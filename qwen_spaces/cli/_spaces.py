"""`qwen-spaces spaces`, `status` and `replica`: the known Spaces, the state of one, and its replica."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

import anyio
import click

from .._space import QwenSpace, available_spaces
from .._types.options import describe_option
from .._types.timeouts import Timeouts
from ..errors import ConnectError, QwenSpacesError
from ._find import find
from ._options import (
    Decorator,
    alias_of,
    complete_model,
    endpoint_option,
    src_option,
    token_option,
)
from ._replicas import check_replica
from ._terminal import StatusLine, echo, is_terminal, run_async, size

CHECK_TIMEOUT = 20.0  # seconds
INPUTS: dict[int | None, str] = {0: "text", 1: "text, one image", None: "text, images"}  # by `max_images`
json_option: Decorator = click.option("--json", "as_json", is_flag=True, help="Write JSON.")


@click.command()
@click.option("--check", is_flag=True, help=f"Try to reach each Space within {CHECK_TIMEOUT:g} seconds.")
@click.option("--find", "query", metavar="TEXT", help="Search the Hub for other Spaces whose chat runs.")
@click.option(
    "--ask", is_flag=True, help="Send each that is found a short prompt, to see whether it answers."
)
@json_option
@token_option
def spaces(check: bool, query: str | None, ask: bool, *, as_json: bool, token: str | None) -> None:
    """List the known Spaces, or find others.

    A Space that is found gets no token, unless it is your own. Its owner sees what you send it.

    \b
    Examples:
      qwen-spaces spaces
      qwen-spaces spaces --check
      qwen-spaces spaces --check --json
      qwen-spaces spaces --find "qwen chat"
      qwen-spaces spaces --find "qwen vision" --ask
    """  # noqa: D301  (click reads the \b)
    if query is None and ask:
        raise click.UsageError("--ask needs --find TEXT.")
    if query is not None:
        if check:
            raise click.UsageError("--find and --check exclude each other.")
        find(query, ask=ask, as_json=as_json, token=token)
        return
    facades = available_spaces()
    checks = run_async(_check_all, [facade.aliases[0] for facade in facades], token) if check else {}
    problem = _common_problem(checks)
    if as_json:
        objects = [{**_facts(facade), **checks.get(facade.aliases[0], {})} for facade in facades]
        echo(json.dumps(objects, indent=2))
    else:
        _echo_table(facades, {} if problem else checks)
    if problem:
        raise ConnectError(problem)


@click.command()
@click.argument("name", shell_complete=complete_model)
@src_option
@endpoint_option
@token_option
@json_option
def status(name: str, *, as_json: bool, **settings: Any) -> None:
    """Show the state and the API of the Space NAME.

    \b
    Examples:
      qwen-spaces status qwen-2.5
      qwen-spaces status qwen-2.5 --json
    """  # noqa: D301  (click reads the \b)
    timeouts = Timeouts(connect=CHECK_TIMEOUT, wake=CHECK_TIMEOUT)
    with StatusLine() as line:
        line.show(f"Connecting to {name}")
        with QwenSpace(name, timeouts=timeouts, **settings) as space:
            status = space.status()
    facts = dataclasses.asdict(status)
    if as_json:
        echo(json.dumps({"space": space.name, **facts}, indent=2))
        return
    kept = "in its session" if space.contract.stateful else "folded into the prompt"
    facts["history"] = facts["history"] or kept
    facts["parameters"] = ", ".join(
        f"{ours}={theirs}" if ours != theirs else ours for ours, theirs in facts["parameters"].items()
    )
    facts["options"] = "; ".join(f"{option}: {kind}" for option, kind in facts["options"].items()) or None
    facts["steps"] = "; ".join(map(str, status.steps)) if len(status.steps) > 1 else None
    for label, fact in facts.items():
        if fact is not None:
            echo(f"{label.replace('_', ' ') + ':':12}{_wrap(str(fact), 12).lstrip()}")


@click.command()
@click.argument("name", shell_complete=complete_model)
@click.option("--port", default=7860, show_default=True, help="0 is any free port.")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--backend", "url", metavar="URL", help="An OpenAI-compatible server that answers.")
@click.option("--model", help="The model of the backend, if it has several.")
@click.option("--api-key", envvar="QWEN_SPACES_BACKEND_KEY", show_envvar=True, help="The key of the backend.")
@click.pass_context
def replica(ctx: click.Context, /, name: str, port: int, host: str, **_: Any) -> None:
    """Run the replica of the Space NAME on this machine, until Ctrl-C.

    It echoes what it receives. With a backend, a real model answers.

    \b
    Examples:
      qwen-spaces replica qwen-2.5 --port 7860
      qwen-spaces replica qwen-2.5 --backend http://127.0.0.1:11434/v1 --model qwen2.5:0.5b
    """  # noqa: D301  (click reads the \b)
    alias = alias_of(name)
    check_replica(alias)
    from ..replicas.__main__ import _main

    try:
        ctx.forward(_main, name=alias)
    except OSError as error:
        raise click.ClickException(f"Cannot listen on {host}:{port}: {error.strerror}.") from error


def _common_problem(checks: Mapping[str, dict[str, Any]]) -> str:
    """Return why no Space can be reached, ``""`` if there is no one reason."""
    problems = {result.get("error", "") for result in checks.values()}
    return problems.pop() if len(problems) == 1 else ""


def _facts(facade: type[QwenSpace]) -> dict[str, Any]:
    return {
        "alias": facade.aliases[0],
        "aliases": list(facade.aliases),
        "space": facade.space_id,
        "url": facade.url,
        "max_images": facade.max_images,
        "reasoning": facade.reasons,
        "options": {
            name: dict(spec) if isinstance(spec, Mapping) else list(spec)
            for name, spec in facade.options.items()
        },
    }


def _echo_table(facades: Sequence[type[QwenSpace]], checks: Mapping[str, dict[str, Any]]) -> None:
    rows = [("ALIAS", "SPACE", "TAKES", "REASONING")]
    for facade in facades:
        takes = INPUTS.get(facade.max_images, f"text, {facade.max_images} images")
        rows.append((facade.aliases[0], facade.space_id, takes, "apart" if facade.reasons else "-"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    is_narrow = max(map(len, lines)) > size()[0] and is_terminal(sys.stdout)
    if not is_narrow:
        echo(lines[0], bold=True)
    for facade, row, line in zip(facades, rows[1:], lines[1:], strict=True):
        echo(row[0] if is_narrow else line, bold=is_narrow)
        if is_narrow:
            echo(_wrap(f"{row[1]}, takes {row[2]}{', reasoning apart' * facade.reasons}", 4))
        _echo_check(checks.get(facade.aliases[0]))
        for name, values in facade.options.items():
            echo(_wrap(f"{name}: {describe_option(values)}", 4))


def _echo_check(check: Mapping[str, Any] | None) -> None:
    """Write what came of a Space's check, if there was one."""
    if check and check["reachable"]:
        text = f"reachable in {check['seconds'] * 1000:.0f} ms, Gradio {check['gradio']}"
        echo(_wrap(text, 4), fg="green")
    elif check:
        echo(_wrap(check["error"], 4), fg="red")


async def _check_all(aliases: Sequence[str], token: str | None) -> dict[str, dict[str, Any]]:
    """Try to reach all Spaces at once; return the result for each alias."""
    checks: dict[str, dict[str, Any]] = {}

    def show_progress() -> None:
        line.show(f"Checking the Spaces: {len(checks)} of {len(aliases)}")

    async def check(alias: str) -> None:
        checks[alias] = await _check(alias, token)
        show_progress()

    with StatusLine() as line:
        show_progress()
        async with anyio.create_task_group() as tasks:
            for alias in aliases:
                tasks.start_soon(check, alias)
    return checks


async def _check(alias: str, token: str | None) -> dict[str, Any]:
    start = time.monotonic()
    try:
        with anyio.fail_after(CHECK_TIMEOUT):
            async with QwenSpace(alias, token=token) as space:
                gradio = (await space.astatus()).gradio
        return {"reachable": True, "seconds": round(time.monotonic() - start, 3), "gradio": gradio}
    except QwenSpacesError as error:
        problem = str(error)
    except TimeoutError:
        problem = f"No answer within {CHECK_TIMEOUT:g} s."
    except Exception as error:
        problem = f"{type(error).__name__}: {error}"
    return {"reachable": False, "error": problem}


def _wrap(text: str, indent: int) -> str:
    """Return `text` indented, and wrapped on a terminal. A server's line breaks must not pass for ours."""
    text = " ".join(text.split())
    width = max(size()[0], indent + 20) if is_terminal(sys.stdout) else sys.maxsize
    return click.wrap_text(text, width, " " * indent, " " * indent)
