"""Tests with other libraries, and the settings of their pytest plugins.

Run by itself, as ``python -m pytest tests/integrations``, with the extra ``friends``.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import pytest

from qwen_spaces.gateway import create_app

from ..support.gateway import serve_gateway
from ..support.servers import Servers


def pytest_configure(config: pytest.Config) -> None:
    warnings.filterwarnings("ignore", 'The configuration option "asyncio_default_fixture_loop_scope"')
    config.option.asyncio_mode = "auto"  # LangChain's tests are bare coroutine functions
    config.option.benchmark_disable = True  # a benchmark runs once, as a test


@pytest.fixture(scope="session")
def gateway(servers: Servers) -> Iterator[str]:
    """The base URL of a gateway to the replicas."""
    app = create_app({name: servers[name] for name in ("qwen-2.5", "qvq-72b")})
    with serve_gateway(app) as url:
        yield f"{url}/v1"


@pytest.fixture
def prompt(prompt: str) -> str:
    """A prompt of which each word is a step of its own."""
    return f"{prompt} [[pace=0.005]]"
