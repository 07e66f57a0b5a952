"""What the README and the docstrings show of LangChain and `llm`, run as printed."""

from __future__ import annotations

import doctest
import importlib
import json
import sys
from pathlib import Path

import pytest

from ..test_readme import FRIENDS, RUNNER, blocks, environment, run

__all__ = ["environment"]  # a fixture


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
