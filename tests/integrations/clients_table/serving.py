"""The gateway that the clients talk to."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from qwen_spaces.gateway import create_app
from qwen_spaces.replicas import serve

from ...support.gateway import serve_gateway
from .model import brain


@contextlib.contextmanager
def served(model: str) -> Iterator[tuple[str, str]]:
    """Serve a replica and a gateway to it; yields the addresses of the two."""
    with serve(model, brain=brain) as replica, serve_gateway(create_app({model: replica})) as gateway:
        yield replica, f"{gateway}/v1"
