"""Requests through a network that breaks: each ends in the whole text or in one typed error, in time.

``python -m tests.tools.chaos_run`` makes 300 in the three modes; ``--requests`` and ``--seed`` change that.
It prints what each that failed lived through; its exit code is 1 where one did, or where something stayed.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import itertools
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import anyio
from gradio_client import Client

from qwen_spaces import QwenSpace, QwenSpacesError, SpaceTimeoutError, StreamError, Text, TextStream, Timeouts
from qwen_spaces._gradio import job

from ..support.images import picture
from ..support.leftovers import Delays, Left, folder, leftovers
from ..support.modes import FACTOR, MODES, POLLING
from ..support.servers import Servers
from .chaos import Chaos

BOUNDS = Timeouts(connect=3 * FACTOR, first=4 * FACTOR, gap=3 * FACTOR, total=8 * FACTOR)
MORE = 2.0 * FACTOR  # seconds beyond its bound in which a request must be over, and after that gone
STATUS = 5.0 * FACTOR  # seconds that `status()` may ask for the length of the queue, once it has connected
CLOSE = 2.0  # seconds that `close()` waits at most for the servers
PAUSES = (0.0, 1.0, 2.5)  # seconds of the pauses before the tries, at most, by retries
HANG = 30.0 * FACTOR
SPACES = ("qwen-2.5", "qwen-2-72b", "qvq-72b")
PROMPTS = ("question {} [[pace=0.02]]", "question {} [[pace=0]]", "question {} [[long=10000]]")
PNG = picture("PNG", (300, 300), "red")


@dataclass(frozen=True)
class Job:
    """One request."""

    number: int
    name: str
    mode: str
    use: str
    prompt: str
    image: bool


@dataclass
class End:
    """How a request ended."""

    seconds: float = 0.0  # until it was over
    gone: float = 0.0  # from then until nothing of it was left
    text: str = ""  # what its reader was given
    error: BaseException | None = None
    wrong: list[str] = field(default_factory=list)


def is_typed(error: BaseException) -> bool:
    """Whether it is an error of a kind."""
    return isinstance(error, QwenSpacesError) and type(error) not in (QwenSpacesError, StreamError)


def second_end(stream: TextStream, first: BaseException | None) -> list[str]:
    """What is wrong where the end of a stream that is over is read once more."""
    try:
        stream.result(timeout=0.1)
    except BaseException as error:
        return [] if error is first else [f"it ended twice: {error!r}"]
    return ["it ended twice, well the second time"] if first else []


def read(stream: TextStream, job: Job, end: End) -> None:
    """Read a stream in its mode, and by its use of it."""
    if job.mode != "sync":
        anyio.run(read_async, stream, job, end, backend=job.mode)
    elif job.use == "await":
        end.text = stream.result().text
    elif job.use == "events":
        for event in stream.events():
            end.text += event.text if isinstance(event, Text) else ""
    else:
        for delta in stream:
            end.text += delta


async def read_async(stream: TextStream, job: Job, end: End) -> None:
    """The same under asyncio or trio."""
    with anyio.fail_after(HANG):
        if job.use == "await":
            end.text = (await stream).text
        elif job.use == "events":
            async for event in stream.events():
                end.text += event.text if isinstance(event, Text) else ""
        else:
            async for delta in stream:
                end.text += delta


class Run:
    """All requests."""

    def __init__(self, servers: Servers, chaos: Chaos, harm: float) -> None:
        self.servers, self.chaos, self.harm = servers, chaos, harm
        self.delays = Delays()
        self.expected: dict[tuple[str, str, bool], str] = {}
        self.counts: Counter[str] = Counter()
        self.wrong: list[str] = []
        self._lock = threading.Lock()

    def learn(self) -> None:
        """Ask for each answer without the proxy."""

        def ask(name: str, prompt: str, image: bool) -> None:
            with QwenSpace(name, src=self.servers[name], token=False) as space:
                self.expected[name, prompt, image] = space.ask(prompt, images=[PNG] if image else []).text

        kinds = itertools.product(SPACES, PROMPTS, (False, True))
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            for task in [pool.submit(ask, *kind) for kind in kinds if kind[0] == "qvq-72b" or not kind[2]]:
                task.result()

    def whole(self, job: Job) -> str:
        """The answer that a request should get."""
        prompt = job.prompt.format(job.number)
        return self.expected[job.name, job.prompt, job.image].replace(job.prompt, prompt)

    def group(self, number: int, jobs: list[Job], retries: int, at_once: bool) -> None:
        """Requests through one `QwenSpace`, one way and its harm."""
        url = self.chaos.route(self.servers[jobs[0].name], number, self.harm)
        space = QwenSpace(jobs[0].name, src=url, timeouts=BOUNDS, retries=retries, token=False)
        with concurrent.futures.ThreadPoolExecutor(len(jobs) if at_once else 1) as pool:
            ends = list(pool.map(lambda job: self.play(space, job, retries), jobs))
        start = time.monotonic()
        space.close()
        if (took := time.monotonic() - start) > CLOSE + MORE + self.delays.since(start):
            ends[-1].wrong.append(f"close() took {took:.1f} s")
        with self._lock:
            for job, end in zip(jobs, ends, strict=True):
                self.counts[type(end.error).__name__ if end.error else "whole"] += 1
                for why in end.wrong:
                    plans = "".join(f"\n      {plan}" for plan in self.chaos.plans.get(number, []))
                    self.wrong.append(
                        f"{why}\n    {job}, retries={retries}\n    {end}\n    route {number}:{plans}"
                    )
                    print(f"WRONG: {self.wrong[-1]}", flush=True)

    def play(self, space: QwenSpace, job: Job, retries: int) -> End:
        """One request, from beginning to end."""
        end, start = End(), time.monotonic()
        try:
            if job.use == "status":
                space.status() if job.mode == "sync" else anyio.run(space.astatus, backend=job.mode)
            else:
                stream = space.stream(job.prompt.format(job.number), images=[PNG] if job.image else [])
                read(stream, job, end)
        except BaseException as error:
            end.error = error
        end.seconds = time.monotonic() - start
        self.judge(job, retries, end, start)
        if job.use != "status":
            self.judge_stream(stream, job, end)
        return end

    def judge(self, job: Job, retries: int, end: End, start: float) -> None:
        """Whether it ended in time, and well or in one typed error."""
        assert BOUNDS.connect is not None
        assert BOUNDS.total is not None
        bound = (retries + 1) * BOUNDS.connect + PAUSES[retries]
        if job.use == "status":
            bound = BOUNDS.connect + STATUS
        elif not (isinstance(end.error, SpaceTimeoutError) and end.error.phase == "connect"):
            bound += BOUNDS.total
        if end.seconds > (allowed := bound + MORE + self.delays.since(start)):
            end.wrong.append(f"it took {end.seconds:.1f} s, and {allowed:.1f} s are allowed")
        if end.error and not is_typed(end.error):
            end.wrong.append(f"of no kind: {end.error!r}")

    def judge_stream(self, stream: TextStream, job: Job, end: End) -> None:
        """Whether its text is right, its end final, and nothing of it left soon."""
        whole, text = self.whole(job), end.text
        if end.error is None and text != whole:
            end.wrong.append(f"another text of {len(text)} characters, not {len(whole)}")
        if isinstance(end.error, StreamError):
            text = end.error.partial_text
        elif end.error:
            text = stream.text
        if not whole.startswith(text):
            end.wrong.append("its text is no part of the whole one")
        if job.use != "await" and end.text != text:
            end.wrong.append(f"its reader was given {len(end.text)} characters, it has {len(text)}")
        end.wrong += second_end(stream, end.error)
        start = time.monotonic()
        stream._reader.mailbox.finished.wait(HANG)
        end.gone = time.monotonic() - start
        if end.gone > MORE + self.delays.since(start):
            end.wrong.append(f"its thread stayed for {end.gone:.1f} s")


def jobs_of(seed: int, requests: int) -> Iterator[tuple[list[Job], int, bool]]:
    """The requests in groups, each with its retries and whether they are made at once."""
    dice, numbers = random.Random(seed), iter(range(requests))
    while True:
        name = dice.choice(SPACES)
        size = dice.choice([1, 1, 3, 3, 6])
        group = [
            Job(
                number,
                name,
                MODES[number % 3],
                dice.choice(["deltas", "deltas", "events", "await", "await", "status"]),
                dice.choice(PROMPTS),
                name == "qvq-72b" and dice.random() < 0.7,
            )
            for number in itertools.islice(numbers, size)
        ]
        if not group:
            return
        yield group, dice.choice([0, 0, 1, 2]), dice.random() < 0.6


def run(seed: int, requests: int, harm: float, workers: int) -> list[str]:
    """Make the requests; gives what went wrong."""
    servers, chaos = Servers(), Chaos(seed)
    with folder() as where:
        made = Run(servers, chaos, harm)
        made.learn()
        before = Left.now(where)
        start = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            groups = enumerate(jobs_of(seed, requests))
            tasks = [pool.submit(made.group, number, *group) for number, group in groups]
        for task in tasks:
            task.result()
        wrong = made.wrong + leftovers(before, where, made.delays, MORE)
        made.delays.stop()
    servers.stop()
    chaos.stop()
    took = time.monotonic() - start
    print(f"{requests} requests in {took:.0f} s, seed {seed}: {dict(made.counts.most_common())}")
    print(f"waited {made.delays.since(0):.1f} s for its turn")
    if requests >= 30 and not 0.1 < made.counts["whole"] / requests < 0.95:
        wrong.append("hardly any request ended well, or hardly any did not: nothing was tried")
        print(f"WRONG: {wrong[-1]}")
    return wrong


def main() -> int:
    """Run; the exit code is 0 if all was well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--seed", type=int, default=20260101)
    parser.add_argument("--harm", type=float, default=0.15, help="the probability, for each connection")
    parser.add_argument("--workers", type=int, default=8, help="groups of requests at once")
    given = parser.parse_args()
    if POLLING:
        hooks: Any = job.HOOKS
        hooks[Client] = ("a_hook_that_is_gone",)
    wrong = run(given.seed, given.requests, given.harm, given.workers)
    print("Something is off." if wrong else "All is well.")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
