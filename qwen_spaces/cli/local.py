"""Replicas on this machine. They need Gradio, which is imported when used."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import click

from ..errors import MissingExtraError
from .terminal import StatusLine


def replica_names() -> tuple[str, ...]:
    """Return the aliases of the Spaces that have a replica."""
    try:
        from ..replicas import NAMES
    except ImportError as error:
        raise MissingExtraError(str(error)) from error
    return NAMES


def check_replica(alias: str) -> None:
    """Raise if the Space has no replica."""
    names = replica_names()
    if alias not in names:
        raise click.UsageError(f"There is no replica of {alias}. Known: {', '.join(names)}.")


@contextlib.contextmanager
def serve_replica(alias: str) -> Iterator[str]:
    """Serve a replica and yield its address."""
    with contextlib.ExitStack() as stack:
        with StatusLine() as status:
            status.show("Starting a replica on this machine")
            check_replica(alias)
            from ..replicas import serve

            url = stack.enter_context(serve(alias))
        yield url
