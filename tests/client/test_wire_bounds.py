"""However much a server sends: one typed error, soon, and never much of it in memory."""

from __future__ import annotations

import gzip
import json
import time
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from qwen_spaces import QwenSpace, QwenSpacesError, Timeouts, UnexpectedOutputError

from ..support.modes import POLLING
from ..support.outcomes import FACTOR, VALID, check, outcome
from ..support.raw_server import Raw, RawServer, serve_raw
from ..support.scripted_gradio import (
    BEGIN,
    CONFIG,
    EVENT_ID,
    HEARTBEAT,
    Script,
    fails,
    generates,
    message,
    puts_out,
    repeated,
    serve_script,
    succeeds,
)

pytestmark = pytest.mark.slow

MB = 10**6
SOON = 20.0 * FACTOR  # seconds: all of it is there at once
MOST = 250 * MB  # bytes at the peak, of 32 MB in one event that is read, parsed and passed on
BOUNDS = Timeouts(connect=30 * FACTOR, first=60 * FACTOR, gap=60 * FACTOR)
LONG = "0123456789" * 10_000  # characters of one piece of an answer


def appends(text: str) -> bytes:
    return puts_out([], [["append", [0, 1], text]], [])


def never_ending(event: bytes, size: int) -> tuple[bytes, ...]:
    """The same bytes again and again, `size` of them at least."""
    return (event,) * (size // len(event) + 1)


def bomb(size: int) -> bytes:
    """So many bytes of JSON, a thousandth of that as they are sent."""
    return gzip.compress(b'{"dependencies": "' + b"a" * size + b'"}')


def big() -> bytes:
    return json.dumps({**CONFIG, "css": "a" * 20 * MB}).encode()


def numbers() -> bytes:
    return b'{"named_endpoints": {"/model_chat": [' + b"1," * 10 * MB + b"1]}}"


GZIP = {"Content-Encoding": "gzip"}
EVENTS = {"Content-Type": "text/event-stream"}
ENDLESS = never_ending(b" " * MB, 300 * MB)
# Made when they are needed: they are large, and to compress them takes seconds.
ANSWERS: dict[str, Callable[[], tuple[str, Raw]]] = {
    "a config of 20 MB": lambda: ("/config", Raw(big())),
    "a config without an end": lambda: ("/config", Raw(ENDLESS, length=False)),
    "a config that calls itself an event stream": lambda: ("/config", Raw(ENDLESS, headers=EVENTS)),
    "a config that is a bomb": lambda: ("/config", Raw(bomb(300 * MB), headers=GZIP)),
    "an error page without an end, for the config": lambda: ("/config", Raw(ENDLESS, 500, length=False)),
    "a redirect with a body without an end": lambda: ("/config", Raw(ENDLESS, 302, {"Location": "/config"})),
    "an API of 20 MB of numbers": lambda: ("/info", Raw(numbers())),
    "an API that is a bomb": lambda: ("/info", Raw(bomb(300 * MB), headers=GZIP)),
    "a refused API without an end": lambda: ("/info", Raw(ENDLESS, 404)),
    "a page in place of an event id": lambda: ("/queue/join", Raw(ENDLESS)),
    "a refusal without an end": lambda: ("/queue/join", Raw(ENDLESS, 422)),
    "a full queue without an end": lambda: ("/queue/join", Raw(ENDLESS, 503)),
    "an event without an end": lambda: ("/queue/data", Raw((b"data: ", *ENDLESS))),
    "an event of 40 MB": lambda: (
        "/queue/data",
        Raw((*BEGIN, puts_out("", [["Hi", "x" * 40 * MB]], None))),
    ),
    "an event stream that is a bomb": lambda: ("/queue/data", Raw(bomb(300 * MB), headers=GZIP)),
    "a refused event stream without an end": lambda: ("/queue/data", Raw(ENDLESS, 500)),
    "an answer of 30 MB at once": lambda: ("/queue/data", Raw(generates("x" * 30 * MB))),
    "an error of 30 MB": lambda: ("/queue/data", Raw((*BEGIN, *fails("x" * 30 * MB)))),
    "a title of 30 MB": lambda: ("/queue/data", Raw((*BEGIN, *fails("failed", "x" * 30 * MB)))),
}


@pytest.fixture(scope="module")
def server() -> Iterator[RawServer]:
    with serve_raw() as server:
        yield server


def measured(call: Callable[[], Any]) -> tuple[Any, float, int]:
    """What a call gives or raises, the seconds that took, and the most bytes that it held."""
    tracemalloc.start(1)
    start = time.monotonic()
    try:
        end = outcome(call, seconds=5 * SOON)
        return end, time.monotonic() - start, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def space_at(server: RawServer, **more: Any) -> QwenSpace:
    return QwenSpace("qwen-2-72b", src=server.url, **{"retries": 0, "timeouts": BOUNDS, **more})


@pytest.mark.parametrize("what", ANSWERS)
def test_what_is_too_large_is_refused_soon_and_not_kept(server: RawServer, what: str) -> None:
    path, answer = ANSWERS[what]()
    server.answers = {**VALID, path: answer}
    with space_at(server) as space:
        end, seconds, most = measured(lambda: space.ask("Hi"))
    assert isinstance(end, QwenSpacesError)
    check(end)
    assert most < MOST, f"{most / MB:.0f} MB were held for {what}"
    assert seconds < SOON, f"{seconds:.1f} s for {what}"


@pytest.mark.parametrize("path", ["/queue/status", "/config", "/info"])
def test_a_status_is_bounded_as_well(server: RawServer, path: str) -> None:
    server.answers = {**VALID, path: Raw(ENDLESS)}
    with space_at(server) as space:
        end, seconds, most = measured(space.status)
    check(end)
    assert most < MOST, f"{most / MB:.0f} MB"
    assert seconds < SOON


def test_an_answer_of_fifty_megabytes_ends_where_the_bound_is(server: RawServer) -> None:
    server.answers = {**VALID, "/queue/data": Raw((*generates("So: "), *[appends(LONG)] * 500))}
    with space_at(server) as space:
        end, seconds, most = measured(lambda: space.ask("Hi"))
    assert isinstance(end, UnexpectedOutputError)
    assert "max_chars" in str(end)
    whole = "So: " + LONG * 500
    assert whole.startswith(end.partial_text)
    if not POLLING:  # which sees some of the outputs only
        assert 9 * MB < len(end.partial_text) <= 10 * MB + len(LONG)
    assert seconds < SOON * (5 if POLLING else 1)  # the SDK copies all of it at each output
    assert most < MOST * (10 if POLLING else 1)


@pytest.mark.parametrize("bound", [10, 1000])
def test_the_bound_of_an_answer_is_the_users(server: RawServer, bound: int) -> None:
    pieces = ["word "] * 400
    texts = ["".join(pieces[: end + 1]) for end in range(400)]
    server.answers = {**VALID, "/queue/data": Raw(succeeds(*texts))}
    with space_at(server, max_chars=bound) as space:
        end = outcome(lambda: space.ask("Hi"))
    assert isinstance(end, UnexpectedOutputError)
    assert "max_chars" in str(end)
    assert texts[-1].startswith(end.partial_text)
    with space_at(server, max_chars=2000) as space:
        assert space.ask("Hi").text == texts[-1]


STATUSES = {
    "queued": message("estimation", rank=1, queue_size=2, rank_eta=3.0),
    "running": message("progress", progress_data=[{"index": 1, "length": 2, "unit": "steps"}]),
    "heartbeats": HEARTBEAT,
    "logs": message("log", log="x" * 100, level="info"),
    "of a new kind": message("something_new"),
    "of another job": message("estimation", rank=1).replace(EVENT_ID.encode(), b"another"),
}


@pytest.mark.parametrize("kind", STATUSES)
def test_messages_that_bring_no_output_are_no_flood(server: RawServer, kind: str) -> None:
    server.answers = {**VALID, "/queue/data": Raw(((STATUSES[kind] * 1000),) * 300)}
    with space_at(server) as space:
        end, seconds, most = measured(lambda: space.ask("Hi"))
    check(end)
    assert isinstance(end, QwenSpacesError)
    assert most < 50 * MB, f"{most / MB:.0f} MB"
    assert seconds < SOON


def test_a_steady_trickle_of_statuses_is_ended_by_the_bound_of_the_first_text(server: RawServer) -> None:
    events = repeated(STATUSES["queued"] + HEARTBEAT, 6.0)
    with serve_script(Script(events=events, end="hang")) as slow:
        bounds = Timeouts(connect=10 * FACTOR, first=1.0)
        with QwenSpace("qwen-2-72b", src=slow.url, retries=0, timeouts=bounds) as space:
            end = outcome(lambda: space.ask("Hi"))
    assert isinstance(end, QwenSpacesError)
    assert getattr(end, "phase", "") == "first"
