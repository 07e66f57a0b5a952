"""What the README and the docstrings show of LangChain and `llm`, run as printed."""

from __future__ import annotations

import doctest
import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..support.readme import FRIENDS, RUNNER, blocks, hub_environment, run
from ..support.servers import Servers


@pytest.fixture(scope="module")
def environment(servers: Servers) -> Iterator[dict[str, str]]:
    with hub_environment(servers) as environment:
        yield environment


def test_every_block_runs(environment: dict[str, str], tmp_path: Path) -> None:
    variables = {**environment, "LLM_USER_PATH": str(tmp_path)}
    seen = set()
    for heading, language, code in blocks():
        if heading in FRIENDS:
            seen.add(heading)
            if language == "python":
                run([sys.executable, "-c", RUNNER], json.dumps([code]), variables, tmp_path)
            else:
                assert run(["sh", "-e"], code, variables, tmp_path)
    assert seen == set(FRIENDS)


@pytest.mark.parametrize("friend", ["langchain", "llm"])
def test_the_examples_in_docstrings_run(friend: str) -> None:
    failed, _ = doctest.testmod(importlib.import_module(f"qwen_spaces.integrations.{friend}"))
    assert failed == 0
