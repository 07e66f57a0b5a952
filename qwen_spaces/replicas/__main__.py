"""``python -m qwen_spaces.replicas NAME``: serve a replica until Ctrl-C."""

from __future__ import annotations

import click

from ._server import NAMES, run


@click.command("replicas", epilog="Example:  python -m qwen_spaces.replicas qwen-2.5 --port 7860")
@click.argument("name", type=click.Choice(NAMES))
@click.option("--port", default=0, show_default="any free one", help="Port to listen on.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--backend", "url", metavar="URL", help="An OpenAI-compatible server that answers.")
@click.option("--model", help="Its model, if it has several.")
@click.option("--api-key", envvar="QWEN_SPACES_BACKEND_KEY", show_envvar=True, help="Its key.")
def _main(name: str, port: int, host: str, url: str | None, model: str | None, api_key: str | None) -> None:
    """Serve the replica NAME on this machine until Ctrl-C, and print its URL."""
    if model and not url:
        raise click.UsageError("--model is the model of a --backend.")
    brain = None
    if url:
        try:
            from ._backend import backend

            brain = backend(url, model, api_key)
        except (ImportError, ValueError) as error:
            raise click.ClickException(str(error)) from error
    run(name, port, host, brain)


if __name__ == "__main__":
    _main()
