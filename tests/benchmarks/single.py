"""Figures of one number each: imports, connecting, and how soon a server stops after a cancel."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import httpx

from qwen_spaces import QwenSpace

from .processes import served
from .question import Question

_REPEATS = 7
_PATIENCE = 10.0  # seconds
_TIMED = "import time; began = time.perf_counter(); import {}; print(time.perf_counter() - began)"


def _import_of(module: str) -> float:
    command = [sys.executable, "-c", _TIMED.format(module)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _client(url: str) -> Any:
    from gradio_client import Client

    return Client(url, verbose=False, download_files=False)


def _stop_after(cancelled: Callable[[], float], url: str) -> float:
    """Seconds from a cancel to the server's stop, on the clock that both have."""
    before = len(httpx.get(f"{url}/stops").json())
    at = cancelled()
    while len(stops := httpx.get(f"{url}/stops").json()) == before:
        assert time.monotonic() < at + _PATIENCE, "the server did not notice"
        time.sleep(0.01)
    return float(stops[-1] - at)


def _leave(space: QwenSpace) -> float:
    stream = space.stream(Question(1000, 0.01).prompt())
    deltas = iter(stream)
    for _ in range(5):
        next(deltas)
    at = time.monotonic()
    stream.cancel()
    return at


def _leave_job(client: Any) -> float:
    job = client.submit(Question(1000, 0.01).prompt(), [], "s", api_name="/model_chat")
    while len(job.outputs()) < 5:
        time.sleep(0.01)
    at = time.monotonic()
    job.cancel()
    return at


def figures() -> dict[str, list[float]]:
    """Name -> its values, in seconds; the order alternates, the first round does not count."""
    with served("instant") as url, QwenSpace("qwen-2-72b", src=url) as space:
        client = _client(url)
        measured = {
            "import click": lambda: _import_of("click"),
            "import qwen_spaces": lambda: _import_of("qwen_spaces"),
            "import gradio_client": lambda: _import_of("gradio_client"),
            "connect, qwen_spaces": lambda: _timed(QwenSpace("qwen-2-72b", src=url).status),
            "connect, gradio_client": lambda: _timed(lambda: _client(url)),
            "cancel to stop, qwen_spaces": lambda: _stop_after(lambda: _leave(space), url),
            "cancel to stop, gradio_client": lambda: _stop_after(lambda: _leave_job(client), url),
        }
        values: dict[str, list[float]] = {name: [] for name in measured}
        for number in range(_REPEATS + 1):
            for name in list(measured)[:: -1 if number % 2 else 1]:
                value = measured[name]()
                if number:
                    values[name].append(value)
    return values
