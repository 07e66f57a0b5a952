"""The processes of a run: servers print their address, workers answer a line with a line."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .others import g4f_command, node_command
from .readers import PYTHON
from .scenarios import G4F, G4F_QVQ, NODE, Scenario

_ROOT = Path(__file__).parents[2]
_HERE = __package__


@contextmanager
def started(command: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    """A process that ends with the block."""
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, cwd=_ROOT
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()


@contextmanager
def served(server: str) -> Iterator[str]:
    """The address of a server of that name, see `Scenario`."""
    program = ["instant"] if server == "instant" else ["replica", server]
    with started([sys.executable, "-m", f"{_HERE}.{program[0]}", *program[1:]]) as process:
        assert process.stdout
        yield process.stdout.readline().strip()


def commands(folder: Path) -> Mapping[str, list[str]]:
    """Reader -> the command of its worker, without those that cannot be had here."""
    found = {name: [sys.executable, "-m", f"{_HERE}.worker", name] for name in PYTHON}
    if node := node_command(folder / "node"):
        found[NODE] = node
    if g4f := g4f_command(folder / "g4f"):
        found[G4F], found[G4F_QVQ] = [*g4f, "Qwen_Qwen_2_5"], [*g4f, "Qwen_QVQ_72B"]
    return found


class Worker:
    """One reader in a process of its own; starts again after it was given up."""

    def __init__(self, command: list[str]) -> None:
        self._command = command
        self._stack = ExitStack()
        self._process: subprocess.Popen[str] | None = None

    def ask(self, scenario: Scenario, url: str) -> dict[str, Any] | None:
        """Have it read; what it measured and how many threads it had, or ``None`` where it came to no end."""
        process = self._process = self._process or self._stack.enter_context(started(self._command))
        assert process.stdin
        assert process.stdout
        request = {"url": url, "question": asdict(scenario.question), "count": scenario.count}
        process.stdin.write(json.dumps({**request, "cold": scenario.cold, "curve": scenario.curve}) + "\n")
        lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=lambda: lines.put(process.stdout.readline()), daemon=True).start()
        threads, waited = 0, 0.0
        while waited < scenario.patience:
            try:
                line = lines.get(timeout=0.2)
            except queue.Empty:
                waited += 0.2
                threads = max(threads, _threads(process.pid))
                continue
            measured = json.loads(line) if line else {"complete": 0}
            if measured["complete"] < scenario.count:
                break
            return {**measured, "threads": threads or None}
        self.close()
        return None

    def close(self) -> None:
        """End the process."""
        self._stack.close()
        self._process = None


def _threads(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("Threads:")).split()[1])
