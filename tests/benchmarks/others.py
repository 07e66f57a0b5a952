"""The environments of the readers that are not this package's, and the commands that start their workers."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

NODE = "@gradio/client@2.7.0"
G4F = "g4f==0.5.3.1"


def node_command(folder: Path) -> list[str] | None:
    """The worker of `@gradio/client`, installed into `folder`; ``None`` where it cannot be had."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        return _without(NODE, "node and npm are needed")
    folder.mkdir(parents=True, exist_ok=True)
    quiet = ["--loglevel=error", "--no-audit", "--no-fund", "--no-update-notifier"]
    if not _run(NODE, npm, "install", *quiet, "--prefix", str(folder), NODE):
        return None
    script = Path(__file__).with_name("node.mjs")
    return [node, "--expose-gc", str(script), str(folder.resolve())]


def g4f_command(folder: Path) -> list[str] | None:
    """The worker of g4f, installed into `folder`; ``None`` where it cannot be had.

    It wants a provider's name appended, and to be started where the package `tests` is.
    """
    python = folder / "bin" / "python"
    quiet = ["--quiet", "--disable-pip-version-check"]
    if not _run(G4F, sys.executable, "-m", "venv", str(folder)):
        return None
    if not _run(G4F, str(python), "-m", "pip", "install", *quiet, G4F):
        return None
    return [str(python.absolute()), "-m", "tests.benchmarks.g4f_worker"]


def _run(what: str, *command: str) -> bool:
    """Return whether it succeeded; if not, print why."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        output = " ".join((done.stderr or done.stdout).split())
        _without(what, f"{' '.join(command)} ended with {done.returncode}: {output[-300:]}")
    return not done.returncode


def _without(what: str, why: str) -> None:
    print(f"Without {what}: {why}", file=sys.stderr)
