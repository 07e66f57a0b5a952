"""`qwen-spaces serve`: the gateway, for every program that talks to OpenAI."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterable

import click

from .._hosts import is_loopback
from ..errors import MissingExtraError
from ..space import available_spaces
from .errors import TOKEN
from .options import alias_of, complete_model, replica_of
from .terminal import echo


def _sources(_ctx: click.Context, _param: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in given]
    for name, _, url in pairs:
        if not (name and url):
            raise click.BadParameter(
                f"{name!r} lacks a place: MODEL=URL, as in qwen-2.5=http://127.0.0.1:7860."
            )
    aliases = {alias: facade.aliases[0] for facade in available_spaces() for alias in facade.aliases}
    return {aliases.get(name.lower(), name): url for name, _, url in pairs}


def _key(ctx: click.Context, _param: click.Parameter, key: str | None) -> str | None:
    if key is not None and not key.strip():
        raise click.BadParameter("An empty key would let everybody in.")
    ctx.meta[TOKEN] = key  # so that no error tells it
    return key


@click.command()
@click.option("--port", default=8000, show_default=True, help="0 is any free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="0.0.0.0 lets other machines in.")
@click.option(
    "-m", "--model", "models", multiple=True, shell_complete=complete_model, help="Serve only these models."
)
@click.option(
    "--src",
    "sources",
    multiple=True,
    metavar="MODEL=URL",
    callback=_sources,
    help="Where a model really is: a URL or owner/name. A MODEL of your own stands for any Gradio chat. "
    "May be repeated.",
)
@click.option("--local", is_flag=True, help="Answer from replicas on this machine; nothing leaves it.")
@click.option(
    "--api-key",
    envvar="QWEN_SPACES_API_KEY",
    show_envvar=True,
    callback=_key,
    help="What clients must send as their key; on the command line it is seen in the list of processes.",
)
@click.option(
    "--cors",
    "origins",
    multiple=True,
    metavar="ORIGIN",
    help="A web page that may use it, as in https://example.org, or '*'; else none may. May be repeated.",
)
@click.option(
    "--max-requests",
    default=40,
    show_default=True,
    type=click.IntRange(min=1),
    help="Answers at once; more are refused with 429.",
)
@click.option(
    "--grace",
    default=5.0,
    show_default=True,
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="How long answers may go on after Ctrl-C; then they are ended on their Spaces, too.",
)
def serve(
    port: int,
    host: str,
    models: tuple[str, ...],
    sources: dict[str, str],
    local: bool,
    api_key: str | None,
    origins: tuple[str, ...],
    max_requests: int,
    grace: float,
) -> None:
    """Serve the Spaces to OpenAI clients on this machine, until Ctrl-C.

    Clients take http://127.0.0.1:8000/v1 as their base URL, and an alias such as qwen-2.5 as the model.
    Without --api-key any key does; one that is a Hugging Face token (hf_...) is used for that request.
    With it, the Spaces get the saved token. A JSON line for each request goes to stderr.

    \b
    Examples:
      qwen-spaces serve
      qwen-spaces serve --local -m qwen-2.5 --port 8080
      qwen-spaces serve --src qwen-2.5=me/my-duplicate --src mine=http://127.0.0.1:7860
      QWEN_SPACES_API_KEY=secret qwen-spaces serve --host 0.0.0.0

    \b
    Then:
      curl http://127.0.0.1:8000/v1/chat/completions -H 'Content-Type: application/json' \\
        -d '{"model": "qwen-2.5", "messages": [{"role": "user", "content": "Hi"}]}'
    """  # noqa: D301  (click reads the \b)
    from ..gateway import create_app
    from ..gateway.server import run

    with contextlib.ExitStack() as stack:
        wanted = _wanted(models, local=local, besides=sources)
        places = {name: stack.enter_context(replica_of(name)) if local else None for name in wanted}
        listener = stack.enter_context(contextlib.closing(_listen(host, port)))
        app = create_app(
            {**places, **sources},
            api_key=api_key,
            origins=origins,
            loopback=is_loopback(host),
            max_requests=max_requests,
            grace=grace,
        )
        port = listener.getsockname()[1]
        if api_key is None and not is_loopback(host):
            echo("Anybody who reaches this machine can use it; --api-key asks for a key.", err=True)
        shown = f"[{host}]" if ":" in host else host
        echo(f"Gateway: http://{shown}:{port}/v1  (Ctrl-C stops it)")
        run(app, listener, grace=grace)


def _wanted(models: Iterable[str], *, local: bool, besides: Iterable[str]) -> list[str]:
    """Return the aliases of the models to serve, besides those whose place was given."""
    aliases = [alias_of(name) for name in models if name not in besides]
    if not models:
        aliases = [facade.aliases[0] for facade in available_spaces()]
        if local:
            try:
                from ..replicas import NAMES
            except ImportError as error:
                raise MissingExtraError(str(error)) from error
            aliases = [alias for alias in aliases if alias in NAMES]
    return [alias for alias in dict.fromkeys(aliases) if alias not in besides]


def _listen(host: str, port: int) -> socket.socket:
    try:
        listener = socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET
        )
    except OSError as error:
        raise click.ClickException(f"Cannot listen on {host}:{port}: {error.strerror}.") from error
    # asyncio does it only for sockets that say they are TCP, and these do not: 40 ms a response.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
