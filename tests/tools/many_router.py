"""A router in trouble: of five replicas one is killed, one frozen, one full, one out of quota meanwhile."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from qwen_spaces import QwenSpace, QwenSpacesError, Router, Row, Timeouts
from qwen_spaces._many.dispatch import Dispatcher

from .many_replica import Replica, answer_to, replica

PROMPTS = 200
CONCURRENCY = 12
PATIENCE = 10.0  # seconds
ROLES = ("healthy", "killed", "frozen", "full", "out of quota")
Errors = defaultdict[str, Counter[str]]


def router() -> None:
    """Print who was asked how often, and fail if a prompt has no answer, or one that is not whole."""
    with contextlib.ExitStack() as stack:
        replicas = {role: stack.enter_context(_replica(role)) for role in ROLES}
        errors = stack.enter_context(_recorded_errors())
        rows, seconds = _run(replicas, stack)
        began = {role: sum(prompt.startswith("Frage") for prompt in replicas[role].asked()) for role in ROLES}
    answered = Counter(row.reply.space if row.reply else "nobody" for row in rows)
    print(f"router: {PROMPTS} prompts in {seconds:.1f} s; answered by nobody: {answered['nobody']}")
    for role in ROLES:
        url = replicas[role].url
        failed = ", ".join(f"{count} {kind}" for kind, count in errors[url].items()) or "no errors"
        print(f"  {role:12} began {began[role]:3}, answered {answered[url]:3}; {failed}")
    _check(rows)
    assert all(answered[each.url] for each in replicas.values())


def _check(rows: list[Row]) -> None:
    assert Counter(row.index for row in rows) == Counter(range(PROMPTS))
    for row in rows:
        assert row.text == answer_to(row.prompt)


@contextlib.contextmanager
def _replica(role: str) -> Iterator[Replica]:
    narrow = role == "full"
    with replica(slots=1 if narrow else 4, max_size=2 if narrow else 100, seconds=0.3) as made:
        try:
            yield made
        finally:
            made.process.send_signal(signal.SIGCONT)  # a frozen one cannot end


def _run(replicas: dict[str, Replica], stack: contextlib.ExitStack) -> tuple[list[Row], float]:
    """Return the rows as they came, and the seconds; what happens in their midst happens here."""
    spaces = [QwenSpace("qwen-2.5", src=each.url) for each in replicas.values()]
    for space in spaces:
        space.ask("first")
    events: dict[int, Callable[[], object]] = {
        40: replicas["killed"].process.kill,
        60: lambda: os.kill(replicas["frozen"].process.pid, signal.SIGSTOP),
        80: lambda: stack.enter_context(_strangers(replicas["full"].url)),
        100: replicas["out of quota"].use_up_quota,
    }
    ours = stack.enter_context(Router([spaces], patience=PATIENCE, timeouts=Timeouts(gap=PATIENCE)))
    prompts = (f"Frage {number} 🌍" for number in range(PROMPTS))
    rows, start = [], time.monotonic()
    for count, row in enumerate(ours.map(prompts, concurrency=CONCURRENCY, ordered=False), 1):
        rows.append(row)
        events.get(count, lambda: None)()
    return rows, time.monotonic() - start


@contextlib.contextmanager
def _strangers(url: str) -> Iterator[None]:
    """Keep a small queue full."""
    over = threading.Event()

    def ask() -> None:
        with QwenSpace("qwen-2.5", src=url, retries=0) as space:
            while not over.is_set():
                try:
                    space.ask("stranger")
                except QwenSpacesError:
                    over.wait(0.02)

    strangers = [threading.Thread(target=ask) for _ in range(6)]
    for stranger in strangers:
        stranger.start()
    yield
    over.set()
    for stranger in strangers:
        stranger.join()


@contextlib.contextmanager
def _recorded_errors() -> Iterator[Errors]:
    """The errors of the attempts, by the address of the Space."""
    errors: Errors = defaultdict(Counter)
    record = Dispatcher._record

    def recorded(self: Dispatcher, option: Any, error: QwenSpacesError) -> None:
        errors[option.member.name][type(error).__name__] += 1
        record(self, option, error)

    Dispatcher._record = recorded  # type: ignore[method-assign]
    try:
        yield errors
    finally:
        Dispatcher._record = record  # type: ignore[method-assign]
