"""Whatever bytes a server sends: a reply or one typed error, soon, in valid Unicode, in bounded memory."""

from __future__ import annotations

import faulthandler
import math
import os
import re
import socket
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qwen_spaces import (
    ConnectError,
    QwenSpace,
    QwenSpacesError,
    Reasoning,
    Reply,
    SpaceTimeoutError,
    Status,
    StreamError,
    Text,
    Timeouts,
)

from . import oddities, wire
from .raw import Raw, RawServer, serve_raw

pytestmark = pytest.mark.slow

FACTOR = float(os.environ.get("QWEN_SPACES_TEST_FACTOR", "1"))  # of a slow machine
EXAMPLES = float(os.environ.get("QWEN_SPACES_FUZZ", "1"))  # times as many, for a soak
BOUND = 5.0 * FACTOR  # seconds that the product may take, were it to wait for something
HANG = 20.0 * FACTOR  # seconds after which it hangs
PYTHON = re.compile(r"(Type|Key|Attribute|Value|Index|Recursion|Lookup|Unicode\w+)Error|StopIteration")
LONGEST = 5_000  # characters of an error's text
PROTOCOLS = [*["sse_v3"] * 5, "sse_v2.1", "sse_v2", "sse_v1", "sse"]
ELSEWHERE: list[Any] = []  # other hosts that were looked up
JOINED = {"event_id": wire.EVENT_ID}

VALID = {
    "/config": Raw(oddities.as_json(wire.CONFIG)),
    "/info": Raw(oddities.as_json(wire.INFO)),
    "/queue/join": Raw(oddities.as_json(JOINED)),
    "/queue/data": Raw(wire.well("Hello", "Hello world.")),
}


@pytest.fixture(scope="module")
def server() -> Iterator[RawServer]:
    with serve_raw() as server:
        yield server


@pytest.fixture(autouse=True)
def at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail on a look-up of any other host, whether or not it exists."""
    look_up = socket.getaddrinfo

    def guarded(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host not in ("127.0.0.1", b"127.0.0.1"):
            ELSEWHERE.append(host)
        return look_up(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", guarded)


def fuzz(examples: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    soak = EXAMPLES > 1
    return settings(
        max_examples=int(examples * EXAMPLES),
        deadline=None,
        database=None,
        derandomize=not soak,
        suppress_health_check=list(HealthCheck),
    )


def outcome(call: Callable[[], Any], seconds: float = HANG) -> Any:
    """What a call gives or raises, from a thread of its own; fails if it hangs."""
    ends: list[Any] = []

    def run() -> None:
        try:
            ends.append(call())
        except BaseException as error:
            ends.append(error)

    thread = threading.Thread(target=run, name="fuzz", daemon=True)
    thread.start()
    thread.join(seconds)
    if not ends:
        with tempfile.TemporaryFile("w+") as file:
            faulthandler.dump_traceback(file)
            file.seek(0)
            pytest.fail(f"it hangs:\n{file.read()}")
    return ends[0]


def consume(space: QwenSpace) -> Reply:
    """Ask, and show each event as a program would."""
    with space.stream("Hi") as stream:
        for event in stream.events():
            if isinstance(event, Status):
                check_status(event)
            elif isinstance(event, (Text, Reasoning)):
                assert event.text.encode()
        return stream.result()


def check_status(status: Status) -> None:
    str(status).encode()
    assert status.position is None or type(status.position) is int
    assert status.queue_size is None or type(status.queue_size) is int
    assert status.eta is None or math.isfinite(status.eta)


def is_unforeseen(error: QwenSpacesError) -> bool:
    """Whether it is only of the kind that nobody thought of."""
    kind = type(error)
    return kind in (QwenSpacesError, StreamError) or (
        kind is ConnectError and bool(PYTHON.search(str(error)))
    )


def check(end: Any) -> None:
    """A reply, a status or one typed error, whose every text is Unicode; and nobody else was asked."""
    elsewhere, ELSEWHERE[:] = list(ELSEWHERE), []
    assert not elsewhere, f"it looked up {elsewhere}"
    if isinstance(end, BaseException):
        shown = "".join(traceback.format_exception(end))
        assert isinstance(end, QwenSpacesError), f"untyped:\n{shown}"
        assert not isinstance(end, SpaceTimeoutError), f"nothing was to be waited for:\n{shown}"
        assert not is_unforeseen(end), f"of no kind:\n{shown}"
        for text in (str(end), getattr(end, "partial_text", ""), str(getattr(end, "message", ""))):
            text.encode()
        assert len(str(end)) < LONGEST, f"{len(str(end))} characters of {type(end).__name__}"
    elif isinstance(end, Reply):
        f"{end.text}{end.reasoning}".encode()
        assert end.text or end.reasoning
    else:
        repr(end).encode()
        end._repr_markdown_().encode()


def space_at(server: RawServer, **more: Any) -> QwenSpace:
    bounds = Timeouts(connect=BOUND, first=BOUND, gap=BOUND, total=BOUND)
    return QwenSpace("qwen-2-72b", src=server.url, retries=0, timeouts=bounds, **more)


def test_the_server_answers_well_where_nothing_is_odd(server: RawServer) -> None:
    server.answers = VALID
    with space_at(server) as space:
        assert consume(space).text == "Hello world."
        check(outcome(space.status))


@fuzz(60)
@given(config=oddities.answers(wire.CONFIG) | oddities.configs().map(lambda c: Raw(oddities.as_json(c))))
def test_any_config(server: RawServer, config: Raw) -> None:
    server.answers = {**VALID, "/config": config}
    with space_at(server) as space:
        check(outcome(lambda: consume(space)))
    with space_at(server) as space:
        check(outcome(space.status))


@fuzz(60)
@given(info=oddities.answers(wire.INFO))
@pytest.mark.parametrize("name", ["qwen-2-72b", "any"])
def test_any_info(server: RawServer, name: str, info: Raw) -> None:
    server.answers = {**VALID, "/info": info}
    how: Any = {"retries": 0, "timeouts": Timeouts(BOUND, first=BOUND, gap=BOUND, total=BOUND)}
    opened = QwenSpace(server.url, **how) if name == "any" else QwenSpace(name, src=server.url, **how)
    with opened as space:
        check(outcome(space.status))
        check(outcome(lambda: consume(space)))


@fuzz(60)
@given(join=oddities.answers(JOINED) | oddities.answers({"detail": [{"loc": ["a"], "msg": "b"}]}))
def test_any_answer_to_a_join(server: RawServer, join: Raw) -> None:
    server.answers = {**VALID, "/queue/join": join}
    with space_at(server) as space:
        check(outcome(lambda: consume(space)))


@fuzz(200)
@given(events=oddities.streams(), protocol=st.sampled_from(PROTOCOLS))
def test_any_event_stream(server: RawServer, events: tuple[bytes, ...], protocol: str) -> None:
    config = Raw(oddities.as_json({**wire.CONFIG, "protocol": protocol}))
    server.answers = {**VALID, "/config": config, "/queue/data": Raw(events)}
    with space_at(server) as space:
        check(outcome(lambda: consume(space)))


@fuzz(60)
@given(stream=oddities.answers({"msg": "log"}))
def test_any_answer_in_place_of_an_event_stream(server: RawServer, stream: Raw) -> None:
    server.answers = {**VALID, "/queue/data": stream}
    with space_at(server) as space:
        check(outcome(lambda: consume(space)))
