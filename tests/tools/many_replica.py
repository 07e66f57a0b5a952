"""A replica in a process of its own that notes what it is asked.

``python -m tests.tools.many_replica LOG SLOTS MAX_SIZE SECONDS`` prints its address and answers each prompt
within so many seconds, until its stdin is closed. After a line "quota" there, the quota is used up.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import tempfile
import threading
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ..support.servers import ROOT

STEPS = 3
QUOTA = "You have exceeded your GPU quota. Please retry in 0:05:00"


@dataclass(frozen=True)
class Replica:
    """A replica that runs: its address, its process, and the file of the prompts that it began."""

    url: str
    process: subprocess.Popen[str]
    log: Path

    def asked(self) -> list[str]:
        """The prompts that it began."""
        return self.log.read_text("utf-8").splitlines()

    def use_up_quota(self) -> None:
        """Refuse all prompts from now on."""
        print("quota", file=_stdin(self.process), flush=True)


def answer_to(prompt: str) -> str:
    """The answer of each replica."""
    return f"Antwort: {prompt} 世界"


@contextlib.contextmanager
def replica(*, slots: int, max_size: int, seconds: float) -> Iterator[Replica]:
    """Run a replica in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "asked.txt")
        log.touch()
        process = subprocess.Popen(
            [sys.executable, "-m", __spec__.name, str(log), str(slots), str(max_size), str(seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
        )
        assert process.stdout
        try:
            yield Replica(process.stdout.readline().strip(), process, log)
        finally:
            with contextlib.suppress(BrokenPipeError):
                _stdin(process).close()
            process.wait(30)
            process.stdout.close()


def _stdin(process: subprocess.Popen[str]) -> IO[str]:
    assert process.stdin
    return process.stdin


def main(log: str, slots: int, max_size: int, seconds: float) -> None:
    """Serve, and append a line to `log` for each prompt that is begun."""
    import gradio as gr

    from qwen_spaces.replicas import serve

    noted = Path(log).open("a", encoding="utf-8")  # noqa: SIM115  (for as long as the process runs)
    used_up = threading.Event()

    async def brain(system: Any, history: Any, prompt: str, image: Any) -> AsyncGenerator[str, None]:
        print(prompt, file=noted, flush=True)
        if used_up.is_set():
            raise gr.Error(QUOTA, print_exception=False)
        for step in range(STEPS):
            await asyncio.sleep(seconds / STEPS)
            yield answer_to(prompt)[: None if step == STEPS - 1 else 10 * (step + 1)]

    with serve("qwen-2.5", brain=brain, slots=slots, max_size=max_size) as url:
        print(url, flush=True)
        for line in sys.stdin:
            if line == "quota\n":
                used_up.set()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
