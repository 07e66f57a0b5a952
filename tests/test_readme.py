"""The README does what it says: every block runs as printed, against a Hub and replicas on this machine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from qwen_spaces import QwenSpace, available_spaces

from .conftest import Servers
from .hub import serve_hub
from .test_images import picture

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^## ([^\n]+)$|^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
BY_CI = ("Try it", "Test it")  # the two commands that .ci/run runs in a fresh clone

# Runs the block as a notebook would, with `await` at the top.
RUNNER = """
import ast, asyncio, inspect, sys
code = compile(sys.stdin.read(), "README.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
async def cell():
    result = eval(code, {"__name__": "__main__"})
    if inspect.isawaitable(result):
        await result
asyncio.run(cell())
"""


def blocks() -> Iterator[tuple[str, str, str]]:
    heading = ""
    for title, language, code in BLOCKS:
        heading = title or heading
        if language:
            yield heading, language, code


@pytest.fixture(scope="module")
def environment(servers: Servers) -> Iterator[dict[str, str]]:
    with serve_hub({facade.space_id: servers[facade.aliases[0]] for facade in available_spaces()}) as (
        hub,
        _,
    ):
        scripts = str(Path(sys.executable).parent)
        yield {
            **os.environ,
            "HF_ENDPOINT": hub,
            "PATH": f"{scripts}{os.pathsep}{os.environ.get('PATH', '')}",
            "PYTHONPATH": str(Path(__file__).parent.parent),
        }


@pytest.mark.parametrize(
    ("heading", "language", "code"),
    [block for block in blocks() if block[0] not in BY_CI],
    ids=lambda value: value if "\n" not in value else "code",
)
def test_every_block_runs(
    heading: str, language: str, code: str, environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "cat.png").write_bytes(picture("PNG", (64, 48), "orange"))
    command = [sys.executable, "-c", RUNNER] if language == "python" else ["sh", "-e"]
    ended = subprocess.run(
        command,
        input=code,
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
        cwd=tmp_path,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout


def test_the_two_commands_stand_alone_in_their_blocks() -> None:
    commands = {heading: code for heading, _, code in blocks() if heading in BY_CI}
    assert set(commands) == set(BY_CI)
    for code in commands.values():
        assert code.startswith("python3 -m venv .venv && .venv/bin/pip install -q ")
        assert code.count("\n") == 1


def row(facade: type[QwenSpace]) -> str:
    """A Space's line in the README's table."""
    options = "; ".join(f"`{name}`: {', '.join(values)}" for name, values in facade.options.items()) or "none"
    cells = (
        f"`{facade.aliases[0]}`",
        f"`{facade.space_id}`",
        f"`{facade.__name__}`",
        "text, one image" if facade.max_images else "text",
        options,
        "folded into the prompt" if facade.contract.positional else "native",
    )
    return f"| {' | '.join(cells)} |"


def test_the_table_of_spaces_is_that_of_the_facades() -> None:
    section = README.partition("## The Spaces\n")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    assert rows == [row(facade) for facade in available_spaces()]
