"""A process that reads answers in one way: a line of JSON in, a line of JSON out, until stdin closes.

In: ``{"url", "question", "count", "cold", "curve"}``. Out: see `measure`. All times are seconds.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import json
import resource
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .question import Question
from .record import Record, percentiles

if TYPE_CHECKING:
    from .readers import Async, Sync


def _memory(field: str) -> float:
    """A line of this process' status, in MB."""
    status = Path("/proc/self/status").read_text()
    return float(next(line for line in status.splitlines() if line.startswith(field)).split()[1]) / 1024


def _one(read: Sync | Async, question: Question, record: Record) -> Any:
    """Read one answer; a coroutine function's is to be awaited."""
    if inspect.iscoroutinefunction(read):

        async def awaited() -> None:
            await read(question, record)
            record.end()

        return awaited()
    read(question, record)
    return record.end()


def _many(read: Sync | Async, question: Question, records: list[Record]) -> None:
    """Read an answer for each record, all at once."""
    if inspect.iscoroutinefunction(read):

        async def gathered() -> None:
            await asyncio.gather(*(_one(read, question, record) for record in records))

        asyncio.run(gathered())
    elif len(records) == 1:
        _one(read, question, records[0])
    else:
        threads = [threading.Thread(target=_one, args=(read, question, record)) for record in records]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def measure(make: Callable[[], Sync | Async], question: Question, count: int, curve: int) -> dict[str, Any]:
    """Read `count` answers at once; what that took, and how late their tokens were."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak of the memory
    idle, began, cpu = _memory("VmRSS"), time.monotonic(), time.process_time()
    records = [Record(curve) for _ in range(count)]
    _many(make(), question, records)
    cpu, wall, peak = time.process_time() - cpu, time.monotonic() - began, _memory("VmHWM") - idle
    whole = [record for record in records if len(record.tokens) == question.tokens]
    if not whole:
        return {"complete": 0}
    first = percentiles([record.first() for record in whole])
    lateness = percentiles([seconds for record in whole for seconds in record.lateness()])
    return {
        "complete": len(whole),
        "first": first[0],
        "first p95": first[1],
        "p50": lateness[0],
        "p95": lateness[1],
        "tail": percentiles([record.tail() for record in whole])[0],
        "cpu": cpu,
        "wall": wall,
        "peak": peak,
        "curve": whole[0].cpu,
        "late": whole[0].lateness() if question.tokens == 500 and not curve else None,  # for the figure
    }


def serve(reader: Callable[[str], Sync | Async]) -> None:
    """Read as each line of input requests, with what `reader` makes of a URL."""
    kept: dict[str, Sync | Async] = {}
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    for line in sys.stdin:
        request = json.loads(line)
        url = request["url"]

        def make(url: str = url, cold: bool = request["cold"]) -> Sync | Async:
            if cold or url not in kept:
                kept[url] = reader(url)
            return kept[url]

        answer = measure(make, Question(**request["question"]), request["count"], request["curve"])
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    from .readers import PYTHON

    serve(PYTHON[sys.argv[1]])
