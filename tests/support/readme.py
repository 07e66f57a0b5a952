"""The README's blocks of code, and how they are run."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from qwen_spaces import available_spaces

from .hub import serve_hub
from .images import picture
from .modes import PATIENCE
from .servers import ROOT, Servers

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^## ([^\n]+)$|^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
FRIENDS = ("With LangChain", "With `llm`")  # run in tests/integrations, where these are installed
# Runs each block as a notebook would, with `await` at the top, and reports which one has printed nothing.
RUNNER = """
import ast, asyncio, contextlib, inspect, io, json, sys
async def cell(code):
    compiled = compile(code, "README.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    result = eval(compiled, {"__name__": "__main__"})
    if inspect.isawaitable(result):
        await result
for code in json.load(sys.stdin):
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        asyncio.run(cell(code))
    if not printed.getvalue() and "FastAPI()" not in code:
        sys.exit("It printed nothing: " + code)
"""


def blocks() -> Iterator[tuple[str, str, str]]:
    heading = ""
    for title, language, code in BLOCKS:
        heading = title or heading
        if language:
            yield heading, language, code


@contextlib.contextmanager
def hub_environment(servers: Servers) -> Iterator[dict[str, str]]:
    """The environment of a program for which the Hub and its Spaces are on this machine."""
    with serve_hub({facade.space_id: servers[facade.aliases[0]] for facade in available_spaces()}) as (
        hub,
        _,
    ):
        scripts = str(Path(sys.executable).parent)
        yield {
            **os.environ,
            "HF_ENDPOINT": hub,
            "PATH": f"{scripts}{os.pathsep}{os.environ.get('PATH', '')}",
            "PYTHONPATH": str(ROOT),
        }


def run(command: list[str], given: str, environment: dict[str, str], folder: Path) -> str:
    (folder / "cat.png").write_bytes(picture("PNG", (64, 48), "orange"))
    (folder / "notes.txt").write_text("The sky is blue.\n")
    (folder / "reviews.csv").write_text("review\nWonderful!\nNever again.\n")
    ended = subprocess.run(
        command,
        input=given,
        capture_output=True,
        text=True,
        timeout=4 * PATIENCE,
        env=environment,
        cwd=folder,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout
