"""The process of the Gradio apps that the tests talk to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from .modes import PATIENCE

ROOT = Path(__file__).parents[2]
START = 30.0  # seconds for a server to start


class Servers:
    """The process of `tests/support/spaces`, which starts what a test asks for, and what its brains tell."""

    def __init__(self) -> None:
        # Another Python may serve, with another Gradio; see .ci/run.
        python = os.environ.get("QWEN_SPACES_SERVER_PYTHON", sys.executable)
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            [python, "-m", "tests.support.spaces"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )
        self._told: list[dict[str, Any]] = []
        self._changed = threading.Condition()
        assert self.process.stdout
        self.gradio: str = json.loads(self.process.stdout.readline())["gradio"]
        self._urls: dict[str, str] = {}
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            with self._changed:
                told = json.loads(line)
                if "url" in told:
                    self._urls[told["name"]] = told["url"]
                else:
                    self._told.append(told)
                self._changed.notify_all()

    def __getitem__(self, name: str) -> str:
        """The address of what goes by that name."""
        assert self.process.stdin
        with self._changed:
            if name not in self._urls:
                self.process.stdin.write(f"{name}\n")
                self.process.stdin.flush()
                assert self._changed.wait_for(lambda: name in self._urls, START), f"{name} does not start"
            return self._urls[name]

    def saw(self, event: str, prompt: str) -> bool:
        return {"event": event, "prompt": prompt} in self._told

    def wait_for(self, event: str, prompt: str, seconds: float = PATIENCE) -> float:
        """Wait until a brain told `event` of `prompt`; gives the seconds that took, fails after `seconds`."""
        start = time.monotonic()
        with self._changed:
            seen = self._changed.wait_for(lambda: self.saw(event, prompt), seconds)
        assert seen, f"no {event!r} of {prompt!r} within {seconds} s"
        return time.monotonic() - start

    def stop(self) -> None:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.close()
        self.process.wait(10)
        self._listener.join(5)
        self.process.stdout.close()


SPACES = ("qwen-2-72b", "qwen-2.5", "qvq-72b")
TURNS = [
    {"role": "user", "content": "My name is Ada."},
    {"role": "assistant", "content": "Hello Ada."},
]
