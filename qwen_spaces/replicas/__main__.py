"""``python -m qwen_spaces.replicas NAME``: serve a replica until Ctrl-C."""

from __future__ import annotations

import click

from .server import NAMES, run


@click.command(epilog="Example:  python -m qwen_spaces.replicas qwen-2.5 --port 7860")
@click.argument("name", type=click.Choice(NAMES))
@click.option("--port", default=0, show_default="any free one", help="Port to listen on.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
def main(name: str, port: int, host: str) -> None:
    """Serve the replica NAME on this machine until Ctrl-C, and print its URL."""
    run(name, port, host)


if __name__ == "__main__":
    main()
