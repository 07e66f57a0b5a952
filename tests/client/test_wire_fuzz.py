"""Whatever bytes a server sends: a reply or one typed error, soon, in valid Unicode, in bounded memory."""

from __future__ import annotations

import math
import os
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qwen_spaces import (
    QwenSpace,
    Reasoning,
    Reply,
    Status,
    Text,
    Timeouts,
)

from ..support import oddities
from ..support.outcomes import ELSEWHERE, FACTOR, JOINED, VALID, check, outcome
from ..support.raw_server import Raw, RawServer, serve_raw
from ..support.scripted_gradio import CONFIG, INFO

pytestmark = pytest.mark.slow

EXAMPLES = float(os.environ.get("QWEN_SPACES_FUZZ", "1"))  # times as many, for a soak
BOUND = 5.0 * FACTOR  # seconds that the product may take, were it to wait for something
PROTOCOLS = [*["sse_v3"] * 5, "sse_v2.1", "sse_v2", "sse_v1", "sse"]


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


def space_at(server: RawServer, **more: Any) -> QwenSpace:
    bounds = Timeouts(connect=BOUND, first=BOUND, gap=BOUND, total=BOUND)
    return QwenSpace("qwen-2-72b", src=server.url, retries=0, timeouts=bounds, **more)


def test_the_server_answers_well_where_nothing_is_odd(server: RawServer) -> None:
    server.answers = VALID
    with space_at(server) as space:
        assert consume(space).text == "Hello world."
        check(outcome(space.status))


@fuzz(60)
@given(config=oddities.answers(CONFIG) | oddities.configs().map(lambda c: Raw(oddities.as_json(c))))
def test_any_config(server: RawServer, config: Raw) -> None:
    server.answers = {**VALID, "/config": config}
    with space_at(server) as space:
        check(outcome(lambda: consume(space)))
    with space_at(server) as space:
        check(outcome(space.status))


@fuzz(60)
@given(info=oddities.answers(INFO))
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
    config = Raw(oddities.as_json({**CONFIG, "protocol": protocol}))
    server.answers = {**VALID, "/config": config, "/queue/data": Raw(events)}
    with space_at(server) as space:
        check(outcome(lambda: consume(space)))


@fuzz(60)
@given(stream=oddities.answers({"msg": "log"}))
def test_any_answer_in_place_of_an_event_stream(server: RawServer, stream: Raw) -> None:
    server.answers = {**VALID, "/queue/data": stream}
    with space_at(server) as space:
        check(outcome(lambda: consume(space)))
