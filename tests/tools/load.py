"""Many clients of the gateway at once, a third of whom leave: each gets its whole answer or a proper 429.

``python -m tests.tools.load`` takes a minute and is no part of the tests, but for a small one. The gateway,
the replica behind it and the clients are three processes.
"""

from __future__ import annotations

import contextlib
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import anyio
import openai

from qwen_spaces import QwenSpace

from ..support.servers import Servers

CLIENTS = 100
BOUND = 120.0  # seconds for all of them: whoever is not done by then hangs
PATIENCE = 0.5  # seconds after which some leave, wherever they stand
FATES = ("stays", "leaves the answer", "stays", "stays", "stays", "loses patience")


class Load:
    """So many clients at once.

    Args:
        url: the gateway's.
        replica: the address of what is behind its model.
        servers: of that replica, which report when an answer begins and ends.
        clients: how many ask.
        pace: seconds a word of an answer.
    """

    def __init__(self, url: str, replica: str, servers: Servers, *, clients: int, pace: float) -> None:
        self.url, self.servers, self.clients = url, servers, clients
        self.space = QwenSpace("qwen-2.5", src=replica)
        self.trigger = f"[[pace={pace:g}]]"
        self.expected = self.space.ask(f"PROMPT {self.trigger}").text
        self.counts: Counter[str] = Counter()
        self.firsts: list[float] = []
        self.problems: list[str] = []
        self.prompts: list[str] = []

    def run(self) -> float:
        """Let all of them ask, and look whether their jobs have stopped; gives the seconds of the first."""
        start = time.monotonic()
        anyio.run(self._all)
        seconds = time.monotonic() - start
        # Whatever still held the replica would keep this from its answer.
        self.space.ask(f"after all {self.trigger}")
        for prompt in self.prompts:
            if self.servers.reported("begin", prompt):
                self.servers.wait_for("end", prompt)
        self.space.close()
        if sum(self.counts.values()) != self.clients:
            self.problems.append(f"only {sum(self.counts.values())} of {self.clients} clients came to an end")
        return seconds

    async def _all(self) -> None:
        with anyio.move_on_after(BOUND):
            async with (
                openai.AsyncOpenAI(
                    base_url=f"{self.url}/v1", api_key="any", max_retries=0, timeout=BOUND
                ) as client,
                anyio.create_task_group() as tasks,
            ):
                for number in range(self.clients):
                    tasks.start_soon(self._ask, client, number, FATES[number % len(FATES)])

    async def _ask(self, client: openai.AsyncOpenAI, number: int, fate: str) -> None:
        prompt = f"client {number} of {id(self)} {'[[forever]]' if fate != 'stays' else ''}{self.trigger}"
        self.prompts.append(prompt)
        try:
            with anyio.move_on_after(PATIENCE if fate == "loses patience" else None):
                outcome = await self._read(client, prompt, fate)
                self.counts[outcome] += 1
                return
            self.counts["left"] += 1
        except openai.RateLimitError as error:
            self.counts["refused"] += 1
            if error.code != "gateway_full" or not error.response.headers.get("retry-after"):
                self.problems.append(f"client {number}: {error!r}")
        except Exception as error:
            self.counts["failed"] += 1
            self.problems.append(f"client {number}: {error!r}")

    async def _read(self, client: openai.AsyncOpenAI, prompt: str, fate: str) -> str:
        start, text = time.monotonic(), ""
        ask: Any = {"model": "qwen-2.5", "messages": [{"role": "user", "content": prompt}]}
        async with await client.chat.completions.create(**ask, stream=True) as chunks:
            async for chunk in chunks:
                if not text and chunk.choices[0].delta.content:
                    self.firsts.append(time.monotonic() - start)
                text += chunk.choices[0].delta.content or ""
                if text and fate == "leaves the answer":
                    return "left"
        if text != self.expected.replace(f"PROMPT {self.trigger}", prompt):
            self.problems.append(f"not the whole answer: {text!r}")
        return "whole"


@contextlib.contextmanager
def gateway(model: str, src: str, most: int) -> Iterator[tuple[str, int]]:
    """Serve one model in a process of its own; gives its address and its process id."""
    options = ["--port", "0", "-m", model, "--src", f"{model}={src}", "--max-requests", str(most)]
    command = [sys.executable, "-m", "qwen_spaces", "serve", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout
    with process, process.stdout:
        try:
            yield process.stdout.readline().split()[1].removesuffix("/v1"), process.pid
        finally:
            process.terminate()


def main() -> int:
    """Run it all; the exit code is 0 if all was well."""
    columns = ("slots", "at most", "whole", "left", "refused", "failed", "seconds", "first text", "longest")
    print("".join(f"{column:>11}" for column in columns))
    problems = []
    for slots, most in ((1, 40), (1, CLIENTS), (40, 40), (40, CLIENTS)):
        servers = Servers()
        replica = servers["one-slot" if slots == 1 else "forty-slots"]
        with gateway("qwen-2.5", replica, most) as (url, _):
            load = Load(url, replica, servers, clients=CLIENTS, pace=0.005)
            seconds = load.run()
        servers.stop()
        counts = [load.counts[outcome] for outcome in ("whole", "left", "refused", "failed")]
        print("".join(f"{count:11}" for count in (slots, most, *counts)), end="")
        print(f"{seconds:11.1f}{statistics.median(load.firsts):11.2f}{max(load.firsts):11.2f}")
        problems += load.problems
    for problem in problems:
        print(f"WRONG: {problem}")
    print("Something is off." if problems else "All is well.")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
