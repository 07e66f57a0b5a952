"""Fixtures of the fault matrix and of the refusals."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..support.faults import nobody_else, space
from ..support.proxy import Recorder, recording
from ..support.scripted_gradio import serve_script
from ..support.servers import Servers


@pytest.fixture(scope="module")
def warm() -> None:
    """The first request of a process imports the SDK, which is no part of the bounds."""
    with nobody_else(), serve_script() as server:
        space(server.url).ask("Hi")


@pytest.fixture
def names() -> Iterator[list[str]]:
    """The names of other machines that were looked up, of which none is found."""
    with nobody_else() as lookups:
        yield lookups


@pytest.fixture
def front(servers: Servers) -> Iterator[Recorder]:
    with recording(servers["qvq-72b"]) as front:
        yield front
