"""`qwen-spaces serve`: the gateway for OpenAI clients."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping
from dataclasses import fields
from typing import Any

import click

from .._hosts import is_loopback, listen, url_of
from .._space import ALL, Spec, available_spaces, parse_spec
from .._types.timeouts import Timeouts, is_seconds
from ._errors import keep_secret
from ._options import Function, alias_of, at_replicas, complete_model, parse_pairs, replicas_of
from ._replicas import Replicas
from ._terminal import echo


def _sources(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    sources = parse_pairs(ctx, param, values)
    if not all(sources.values()):
        raise click.BadParameter(f"A URL is missing: write {param.metavar}.")
    aliases = {alias: facade.aliases[0] for facade in available_spaces() for alias in facade.aliases}
    return {aliases.get(name.lower(), name): url for name, url in sources.items()}


def _api_key(ctx: click.Context, param: click.Parameter, key: str | None) -> str | None:
    if key is not None and not key.strip():
        raise click.BadParameter("An empty key would let everybody in.")
    return keep_secret(ctx, param, key)


PHASES = {
    "connect": "to connect to a Space",
    "wake": "for a sleeping Space to start",
    "first": "until the first text, the queue included",
    "gap": "between texts",
    "total": "for a whole answer",
}


def _timeout_options(function: Function) -> Function:
    """Add an option for each phase of `Timeouts`."""
    for field in reversed(fields(Timeouts)):
        default = "none" if field.default is None else f"{field.default:g}"
        function = click.option(
            f"--timeout-{field.name}",
            default=default,
            show_default=True,
            metavar="SECONDS",
            callback=_seconds,
            help=f"Time limit {PHASES[field.name]}; none: no limit.",
        )(function)
    return function


def _seconds(ctx: click.Context, param: click.Parameter, value: str) -> float | None:
    if value.strip().lower() == "none":
        return None
    seconds: float = click.FLOAT(value, param, ctx)
    if not seconds > 0 or not is_seconds(seconds):
        raise click.BadParameter("It is a number of seconds above 0, or none.")
    return seconds


@click.command()
@click.option("--port", default=8000, show_default=True, help="0 is any free port.")
@click.option("--host", default="127.0.0.1", show_default=True, help="0.0.0.0 lets other machines in.")
@click.option(
    "-m",
    "--model",
    "models",
    multiple=True,
    shell_complete=complete_model,
    help="Serve only these models. With NAME=A,B,URL, the first of several Spaces that answers is NAME; "
    "qwen-2.5=URL1,URL2 are equals. May be repeated.",
)
@click.option(
    "--src",
    "sources",
    multiple=True,
    metavar="MODEL=URL",
    callback=_sources,
    help="URL or owner/name of a model's Space. A new MODEL stands for any Gradio chat. May be repeated.",
)
@click.option(
    "--endpoint",
    "endpoints",
    multiple=True,
    metavar="MODEL=NAME",
    callback=parse_pairs,
    help="The api name of a model's chat, such as mine=/chat, where its Space has several. May be repeated.",
)
@click.option("--local", is_flag=True, help="Answer from replicas; nothing leaves this machine.")
@click.option(
    "--api-key",
    envvar="QWEN_SPACES_API_KEY",
    show_envvar=True,
    callback=_api_key,
    help="The key that clients must send. Prefer the variable: options are visible in the process list.",
)
@click.option(
    "--cors",
    "origins",
    multiple=True,
    metavar="ORIGIN",
    help="A web page that may use the gateway, such as https://example.org, or '*'. "
    "Default: none. May be repeated.",
)
@click.option(
    "--max-requests",
    default=40,
    show_default=True,
    type=click.IntRange(min=1),
    help="Answers at once; further requests are rejected with 429.",
)
@click.option(
    "--grace",
    default=5.0,
    show_default=True,
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="Time for answers to finish after Ctrl-C, before they are cancelled on their Spaces.",
)
@click.option(
    "--emulate/--no-emulate",
    default=True,
    show_default=True,
    help="Emulate tools and formats of the answer by the prompt; otherwise requests for them get 400.",
)
@_timeout_options
def serve(
    port: int, host: str, models: tuple[str, ...], sources: dict[str, str], local: bool, **settings: Any
) -> None:
    """Serve the Spaces to OpenAI clients on this machine, until Ctrl-C.

    Clients use http://127.0.0.1:8000/v1 as their base URL, and an alias such as qwen-2.5 as the model.
    Without --api-key, clients may send any key; a Hugging Face token (hf_...) is used for its request.
    With --api-key, the Spaces get the saved token. Without -m, there is also a model "qwen", which
    all Spaces for text answer, those with short queues first. The header x-qwen-spaces-space names
    the one that did. Each request is logged to stderr as a line, of JSON unless that is a terminal.
    Prometheus can read /metrics (pip install 'qwen-spaces[metrics]').

    \b
    Examples:
      qwen-spaces serve
      qwen-spaces serve --local -m qwen-2.5 --port 8080
      qwen-spaces serve --src qwen-2.5=me/my-duplicate --src mine=http://127.0.0.1:7860
      qwen-spaces serve -m any=qwen-2.5,https://me-my-duplicate.hf.space,qwen-3
      QWEN_SPACES_API_KEY=secret qwen-spaces serve --host 0.0.0.0

    \b
    Then:
      curl http://127.0.0.1:8000/v1/chat/completions -H 'Content-Type: application/json' \\
        -d '{"model": "qwen-2.5", "messages": [{"role": "user", "content": "Hi"}]}'
    """  # noqa: D301  (click reads the \b)
    from ..gateway import create_app
    from ..gateway._server import run

    with contextlib.ExitStack() as stack:
        plain, specs = _split(models)
        aliases = _aliases(plain, sources) if plain or not specs else []
        served: dict[str, Any] = {**({} if models else {"qwen": ALL}), **dict.fromkeys(aliases), **specs}
        if local:
            served |= _replicas(aliases, specs, stack)
        try:
            listener = stack.enter_context(listen(host, port))
        except OSError as error:
            raise click.ClickException(f"Cannot listen on {host}:{port}: {error.strerror}.") from error
        timeouts = Timeouts(**{phase: settings.pop(f"timeout_{phase}") for phase in PHASES})
        loopback = True if is_loopback(host) else None
        app = create_app({**served, **sources}, loopback=loopback, timeouts=timeouts, **settings)
        if settings["api_key"] is None and not is_loopback(host):
            echo("Anybody who can reach this machine can use the gateway. Set --api-key.", err=True)
        echo(f"Gateway: {url_of(host, listener.getsockname()[1])}/v1  (Ctrl-C stops it)")
        run(app, listener, grace=settings["grace"])


def _split(models: Collection[str]) -> tuple[list[str], dict[str, Spec]]:
    """Return the models that are a Space, and by name those that list their Spaces."""
    specs = {model: parse_spec(model) for model in models}
    plain = [model for model, spec in specs.items() if not spec.name]
    if any(len(specs[model].places) > 1 for model in plain):
        raise click.UsageError("Several Spaces need a name: write -m NAME=A,B,URL.")
    return plain, {spec.name: spec for spec in specs.values() if spec.name}


def _replicas(
    aliases: Collection[str], specs: Mapping[str, Spec], stack: contextlib.ExitStack
) -> dict[str, Any]:
    """Return where the replicas of these models are, which `stack` ends."""
    others = (alias for spec in specs.values() for alias in replicas_of(spec))
    replicas = stack.enter_context(Replicas(dict.fromkeys([*aliases, *others]), on_request=True))
    moved = {name: at_replicas(spec, replicas) for name, spec in specs.items()}
    return {**{alias: replicas.urls[alias] for alias in aliases}, **moved}


def _aliases(models: Collection[str], sources: Collection[str]) -> list[str]:
    """Return the aliases to serve that have no source; without `models`, those of all models."""
    if models:
        aliases = [alias_of(name) for name in models if name not in sources]
    else:
        aliases = [facade.aliases[0] for facade in available_spaces()]
    return [alias for alias in dict.fromkeys(aliases) if alias not in sources]
