"""The process of the Gradio apps that the tests talk to."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from .modes import PATIENCE

ROOT = Path(__file__).parents[2]
START = 2 * PATIENCE  # seconds for a server to start


class ServerProcess:
    """The process of `tests/support/spaces`, which is one for all workers of the tests.

    `python`: another Python that serves, with another Gradio; see .ci/run.
    """

    def __init__(self, python: str | None = None) -> None:
        python = python or os.environ.get("QWEN_SPACES_SERVER_PYTHON", sys.executable)
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  (closed by `stop`)
        self._process = subprocess.Popen(
            [python, "-m", "tests.support.spaces"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            text=True,
        )
        assert self._process.stdout
        self.port = int(self._process.stdout.readline())

    def tail(self) -> str:
        """The end of what the process has logged."""
        self._log.seek(max(0, self._log.seek(0, os.SEEK_END) - 5_000))
        return self._log.read().decode(errors="replace")

    def stop(self) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait(PATIENCE)
        self._process.stdout.close()
        self._log.close()


class Servers:
    """The servers that a test needs, by name, and the events that their brains report.

    `port`: where their process is reached; without it, one is started.
    """

    def __init__(self, port: int | None = None) -> None:
        self._process = None if port else ServerProcess()
        self._connection = socket.create_connection(("127.0.0.1", port or self._process.port))
        self._events = Counter[tuple[str, str]]()
        self._changed = threading.Condition()
        self._gradio = ""
        self._urls: dict[str, str] = {}
        self._errors: dict[str, str] = {}
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        with self._connection.makefile(encoding="utf-8") as lines:
            for line in lines:
                message = json.loads(line)
                with self._changed:
                    if "gradio" in message:
                        self._gradio = message["gradio"]
                    elif "url" in message:
                        self._urls[message["name"]] = message["url"]
                    elif "error" in message:
                        self._errors[message["name"]] = message["error"]
                    else:
                        self._events[message["event"], message["prompt"]] += 1
                    self._changed.notify_all()

    def __getitem__(self, name: str) -> str:
        """The address of what goes by that name."""
        with self._changed:
            if name not in self._urls:
                self._connection.sendall(f"{name}\n".encode())
                self._changed.wait_for(lambda: name in {**self._urls, **self._errors}, START)
                assert name in self._urls, f"{name} does not start. {self._errors.get(name, '')}"
            return self._urls[name]

    def drop(self, name: str) -> None:
        """Stop what goes by that name, which nobody else uses: each app costs CPU while it waits."""
        with self._changed:
            del self._urls[name]
            self._connection.sendall(f"-{name}\n".encode())

    @property
    def gradio(self) -> str:
        """The version of Gradio that serves."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._gradio, START), "the servers do not answer"
            return self._gradio

    def count(self, event: str, prompt: str) -> int:
        """How often a brain has reported the event; its reports may come later than its answer."""
        return self._events[event, prompt]

    def reported(self, event: str, prompt: str) -> bool:
        return self.count(event, prompt) > 0

    def wait_for(self, event: str, prompt: str, seconds: float = PATIENCE, *, times: int = 1) -> float:
        """Return the seconds until a brain has reported `event` of `prompt`; fails after `seconds`."""
        start = time.monotonic()
        with self._changed:
            seen = self._changed.wait_for(lambda: self.count(event, prompt) >= times, seconds)
        assert seen, f"no {event!r} of {prompt!r} within {seconds} s"
        return time.monotonic() - start

    def stop(self) -> None:
        self._connection.shutdown(socket.SHUT_RDWR)
        self._listener.join(PATIENCE)
        self._connection.close()
        if self._process:
            self._process.stop()


SPACES = ("qwen-2-72b", "qwen-2.5", "qvq-72b")
MORE_SPACES = (
    "qwen-2.5-72b",
    "qwen-2.5-max",
    "qwen-2.5-coder",
    "qwen-3",
    "qwen-3-vl",
    "qwen-2.5-vl-72b",
    "qwen-2.5-1m",
    "qwen-2.5-vl-32b",
    "qwen-3-vl-30b",
    "qwen-3-omni",
    "qwen-3.5-omni",
    "qwen-3-coder-webdev",
)
TURNS = [
    {"role": "user", "content": "My name is Ada."},
    {"role": "assistant", "content": "Hello Ada."},
]
