"""The fault matrix: whatever goes wrong gives one typed error, in time, with the text that had arrived.

A row per fault, in each mode. The server is a replica where a real one can be made to fail so, and
`scripted_gradio` elsewhere. A queue that is full for real, a replica that is killed, timeouts against
replicas and errors of all three Spaces are in `test_errors.py`; what is tried again is in `test_waiting.py`.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client import Client
from gradio_client.client import Endpoint

from qwen_spaces import (
    ConnectError,
    ConnectionLostError,
    ContractError,
    EmptyReplyError,
    Event,
    QueueFullError,
    QuotaExceededError,
    QwenSpace,
    QwenSpacesError,
    RateLimitedError,
    SpaceError,
    SpaceTimeoutError,
    StreamError,
    Text,
    TextStream,
    Timeouts,
    UnexpectedOutputError,
)

from ..support import scripted_gradio
from ..support.modes import MODES, PATIENCE, POLLING, deltas_through, failure, run_async
from ..support.scripted_gradio import (
    BEGIN,
    CONFIG,
    HEARTBEAT,
    QUEUED,
    Page,
    Script,
    completes,
    endpoint,
    fails,
    generates,
    info,
    message,
    pieces,
    puts_out,
    repeated,
    serve_script,
    succeeds,
)
from ..support.servers import ROOT, Servers

SOON = PATIENCE  # seconds by which an error may come after its bound
SPACE = "qwen-2-72b"
PATIENT = Timeouts(connect=5, first=5, gap=5)


def space(url: str, **more: Any) -> QwenSpace:
    """The Space at `url`, which tries once: what is tried again is another matter."""
    return QwenSpace(SPACE, src=url, **{"retries": 0, **more})


@dataclass(frozen=True)
class Fault:
    """What must come of a fault.

    Attributes:
        gives: the type of the error.
        holds: all that its text must hold, in any case of the letters.
        has: its attributes; `partial_text` is ``""`` by default, on each `StreamError`.
        timeouts: of the Space.
        within: seconds, the bound which the fault runs into; 0 if it is to be raised at once.
    """

    gives: type[QwenSpacesError]
    holds: tuple[str, ...] = ()
    has: Mapping[str, object] = field(default_factory=dict)
    timeouts: Timeouts = PATIENT
    within: float = 0.0

    def check(self, mode: str, stream: TextStream) -> QwenSpacesError:
        """Read the stream to its error, and check that."""
        start = time.monotonic()
        error = failure(mode, stream)
        took = time.monotonic() - start
        assert type(error) is self.gives, error
        assert not [words for words in self.holds if words.lower() not in str(error).lower()], str(error)
        wanted = {"partial_text": "", **self.has} if isinstance(error, StreamError) else self.has
        assert {name: getattr(error, name) for name in wanted} == wanted
        assert getattr(error, "partial_text", "") == stream.text
        assert self.within <= took < self.within + SOON
        assert stream.done
        return error


@contextmanager
def nobody_else() -> Iterator[list[str]]:
    """Names of other machines are not found; gives those that were looked up."""
    lookups: list[str] = []
    find = socket.getaddrinfo

    def guarded(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host in ("127.0.0.1", "localhost"):
            return find(host, *args, **kwargs)
        lookups.append(host if isinstance(host, str) else host.decode())
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", guarded)
        yield lookups


@pytest.fixture(scope="module", autouse=True)
def warm() -> None:
    """The first request of a process imports the SDK, which is no part of the bounds."""
    with nobody_else(), serve_script() as server:
        space(server.url).ask("Hi")


@pytest.fixture(autouse=True)
def names() -> Iterator[list[str]]:
    """The names of other machines that were looked up, of which none is found."""
    with nobody_else() as lookups:
        yield lookups


# The app fails.

APP = {
    "gr.Error before text": (
        "[[gr-error=The model is on holiday]]",
        Fault(SpaceError, ("on holiday",), {"title": "Error", "message": "The model is on holiday"}),
    ),
    "gr.Error after text": (
        "Hi [[gr-error-after=3]] [[pace=0.01]]",
        Fault(
            SpaceError,
            ("asked to fail after 3",),
            {"message": "The replica was asked to fail after 3 steps.", "partial_text": 'You asked: "Hi'},
        ),
    ),
    "another exception before text": (
        "[[error-first]]",
        Fault(SpaceError, ("hides the reason", "overloaded", "try again"), {"message": ""}),
    ),
    "another exception after text": (
        "Hi [[error-after=3]] [[pace=0.01]]",
        Fault(SpaceError, ("hides the reason",), {"message": "", "partial_text": 'You asked: "Hi'}),
    ),
    "ZeroGPU quota": (
        "[[quota]]",
        Fault(QuotaExceededError, ("exceeded your GPU quota", "token"), {"retry_after": 588.0}),
    ),
    "a generator that yields nothing": ("[[nothing]]", Fault(EmptyReplyError, ("said nothing",))),
}


@pytest.mark.parametrize(("prompt", "fault"), APP.values(), ids=APP)
def test_a_fault_of_the_app_is_its_error(prompt: str, fault: Fault, mode: str, servers: Servers) -> None:
    fault.check(mode, space(servers[SPACE]).stream(prompt))


# The server refuses.

HTML = Page(200)
THREE = {name: CONFIG[name] for name in ("components", "dependencies")}
ADDER = info(add=endpoint(a={"type": "number"}, b={"type": "number"}))
VALIDATED = {
    "detail": [
        {"__type__": "validate", "is_valid": False, "parameter_name": "query", "message": "Far too long"}
    ]
}
MISSING = {"detail": [{"type": "missing", "loc": ["body", "data"], "msg": "Field required"}]}

REFUSED = {
    "429 on config": (
        Script(config=Page(429, "Too many")),
        Fault(RateLimitedError, ("too many requests",), {"retry_after": None}),
    ),
    "429 on config with Retry-After": (
        Script(config=Page(429, "Too many", {"Retry-After": "7"})),
        Fault(RateLimitedError, ("too many requests",), {"retry_after": 7.0}),
    ),
    "500 on config": (Script(config=Page(500)), Fault(ConnectError, ("500",))),
    "503 on info": (Script(info=Page(503)), Fault(ConnectError)),
    "429 on join": (
        Script(join=Page(429, "Too many")),
        Fault(RateLimitedError, ("too many requests",), {"retry_after": None}),
    ),
    "429 on join with Retry-After": (
        Script(join=Page(429, "Too many", {"Retry-After": "7"})),
        Fault(RateLimitedError, ("too many requests",), {"retry_after": 7.0}),
    ),
    "503 on join, an HTML page": (
        Script(join=Page(503)),
        Fault(QueueFullError, ("queue", "full"), {"retry_after": None}),
    ),
    "503 on join with Retry-After": (
        Script(join=Page(503, {"detail": "queue_full"}, {"Retry-After": "7"})),
        Fault(QueueFullError, ("queue", "full"), {"retry_after": 7.0}),
    ),
    "500 on join": (Script(join=Page(500)), Fault(SpaceError, ("500",))),
    "504 on join": (Script(join=Page(504)), Fault(SpaceError, ("504",))),
    "422 on join, the app's validation": (
        Script(join=Page(422, VALIDATED)),
        Fault(ContractError, ("query: Far too long",)),
    ),
    "422 on join, a list": (Script(join=Page(422, MISSING)), Fault(ContractError, ("Field required",))),
    "422 on join, a string": (
        Script(join=Page(422, {"detail": "Wrong number of inputs"})),
        Fault(ContractError, ("Wrong number of inputs",)),
    ),
    "join cut": (Script(join=Page(0)), Fault(ConnectError, ("cannot be reached",))),
    "not Gradio, an HTML page": (Script(config=HTML), Fault(ContractError, ("HTML",))),
    "not Gradio, JSON": (Script(config=Page(body={"hello": "world"})), Fault(ContractError, ("JSON",))),
    "not Gradio, a JSON list": (Script(config=Page(body=["hello"])), Fault(ContractError, ("JSON",))),
    "not Gradio, 404": (Script(config=Page(404)), Fault(ContractError, ("404",))),
    "Gradio 3, websocket": (
        Script(config=Page(body={**THREE, "version": "3.50.2", "protocol": "ws"})),
        Fault(ContractError, ("3.50.2",)),
    ),
    "Gradio 3, no protocol": (
        Script(config=Page(body={**THREE, "version": "3.20.1"})),
        Fault(ContractError, ("3.20.1",)),
    ),
    "no fitting endpoint": (Script(info=Page(body=ADDER)), Fault(ContractError, ("/add(a, b)",))),
    "no endpoint at all": (Script(info=Page(body=info())), Fault(ContractError, ("none",))),
}


@pytest.mark.parametrize(("script", "fault"), REFUSED.values(), ids=REFUSED)
def test_a_refusal_of_the_server_is_its_error(
    script: Script, fault: Fault, mode: str, names: list[str]
) -> None:
    with serve_script(script) as server:
        error = fault.check(mode, space(server.url, timeouts=fault.timeouts).stream("Hi"))
        assert server.url in str(error) or "endpoint" in str(error)
    assert names == []  # no request went elsewhere


def test_a_server_that_stays_unavailable_is_awaited_within_its_bound(mode: str) -> None:
    with serve_script(Script(config=Page(503))) as server:
        fault = Fault(SpaceTimeoutError, ("wake",), {"phase": "wake"}, Timeouts(wake=0.6), within=0.6)
        fault.check(mode, space(server.url, timeouts=fault.timeouts).stream("Hi"))


# The event stream fails.

ROLES = {"role": "assistant", "content": "Hello"}  # a message where a list of them should be
STOPPED = message("unexpected_error", event_id=None, message="Server stopped unexpectedly.", success=False)
FORGOTTEN = message(
    "unexpected_error", event_id=None, message="404: no such session", session_not_found=True, success=False
)
OLD_STOPPED = message("Server stopped unexpectedly.", event_id=None)
LOST = Fault(ConnectionLostError, ("connection", "lost", "try again"))
LOST_HALF_WAY = Fault(ConnectionLostError, ("connection", "lost", "try again"), {"partial_text": "Hello wor"})
HALF = generates("Hello", "Hello wor")
FIRST = Timeouts(connect=2, first=0.3)
GAP = Timeouts(connect=2, gap=0.3)

STREAM = {
    "cut before text": (Script(events=BEGIN, end="cut"), LOST),
    "cut in a chunk mid-answer": (Script(events=HALF, end="cut"), LOST_HALF_WAY),
    "ended mid-answer": (Script(events=HALF, end="close"), LOST_HALF_WAY),
    "ended in a message": (Script(events=(*HALF, b'data: {"msg": "process_'), end="close"), LOST_HALF_WAY),
    "404": (Script(data=Page(404)), Fault(ConnectionLostError, ("404",))),
    "an HTML page": (Script(data=HTML), LOST),
    "hung up on": (Script(data=Page(0)), LOST),
    "server stopped": (
        Script(events=(*HALF, STOPPED)),
        Fault(ConnectionLostError, ("Server stopped unexpectedly",), {"partial_text": "Hello wor"}),
    ),
    "server stopped, the stream stays open": (
        Script(events=(*HALF, STOPPED), end="hang"),
        Fault(ConnectionLostError, ("Server stopped unexpectedly",), {"partial_text": "Hello wor"}),
    ),
    "server stopped, in the form of older servers": (Script(events=(*HALF, OLD_STOPPED)), LOST_HALF_WAY),
    "unexpected error": (
        Script(events=(FORGOTTEN,), end="cut"),
        Fault(ConnectionLostError, ("404: no such session",)),
    ),
    "gr.Error with a title": (
        Script(events=(*BEGIN, *fails("Far too long", "Sorry"))),
        Fault(SpaceError, ("Far too long",), {"title": "Sorry", "message": "Far too long"}),
    ),
    "three times nothing": (
        Script(events=(*BEGIN, *completes(None, None, None))),
        Fault(EmptyReplyError, ("said nothing",)),
    ),
    "another shape": (
        Script(events=(*BEGIN, *completes(7, {"likes": 3}, None))),
        Fault(UnexpectedOutputError, ("no chat text",), {"raw": (7, {"likes": 3}, None)}),
    ),
    "another shape beside the emptied box": (
        Script(events=(*BEGIN, *completes("", ROLES, None))),
        Fault(UnexpectedOutputError, ("no chat text",), {"raw": ("", ROLES, None)}),
    ),
    "another shape mid-answer": (
        Script(events=(*HALF, 0.2, *completes(7, None, None)), end="hang"),
        Fault(UnexpectedOutputError, (), {"raw": (7, None, None), "partial_text": "Hello wor"}),
    ),
    "another shape hard upon some text": (
        Script(events=(*HALF[:-1], HALF[-1] + completes(7, None, None)[0]), end="hang"),
        Fault(UnexpectedOutputError, (), {"raw": (7, None, None), "partial_text": "Hello wor"}),
    ),
    "heartbeats but no text": (
        Script(events=(*BEGIN, *repeated(HEARTBEAT, 5))),
        Fault(SpaceTimeoutError, ("no text", "0.3 s"), {"phase": "first"}, FIRST, 0.3),
    ),
    "a queue that does not move": (
        Script(events=repeated(QUEUED, 5)),
        Fault(SpaceTimeoutError, ("no text", "0.3 s"), {"phase": "first"}, FIRST, 0.3),
    ),
    "silence": (
        Script(events=(), end="hang"),
        Fault(SpaceTimeoutError, ("no text",), {"phase": "first"}, FIRST, 0.3),
    ),
    "heartbeats after some text": (
        Script(events=(*HALF, *repeated(HEARTBEAT, 5))),
        Fault(SpaceTimeoutError, ("no more text",), {"phase": "gap", "partial_text": "Hello wor"}, GAP, 0.3),
    ),
}


@pytest.mark.parametrize(("script", "fault"), STREAM.values(), ids=STREAM)
def test_a_fault_of_the_event_stream_is_its_error(script: Script, fault: Fault, mode: str) -> None:
    with serve_script(script) as server:
        error = fault.check(mode, space(server.url, timeouts=fault.timeouts).stream("Hi"))
        if isinstance(error, SpaceTimeoutError):
            server.wait_for("/cancel")
            (cancel,) = [request for request in server.requests if request.path == "/cancel"]
            assert cancel.body["event_id"] == scripted_gradio.EVENT_ID


# What looks like a fault and is none.

LINE_ENDS = "one\u2028two\u2029three\x85four"  # which JSON need not escape
HARMLESS = {
    "a late close_stream": (succeeds("Hello", "Hello world.")[:-1], "Hello world.", 5.0),
    "comment lines": (
        sum(((b": ping\n\n", event) for event in succeeds("Hi", "Hi there")), ()),
        "Hi there",
        0,
    ),
    "CRLF": (
        tuple(event.replace(b"\n", b"\r\n") for event in succeeds("Hello", "Hello world.")),
        "Hello world.",
        0,
    ),
    "other fields of an event": (
        tuple(b"event: message\nid: 1\nretry: 9\n" + event for event in succeeds("Hi", "Hi there")),
        "Hi there",
        0,
    ),
    "no space after the colon": (
        tuple(event.replace(b"data: ", b"data:") for event in succeeds("Hi", "Hi there")),
        "Hi there",
        0,
    ),
    "pieces that cut through characters": (
        pieces(succeeds("Día 🌤", "Día 🌤 schön 天気"), 3),
        "Día 🌤 schön 天気",
        0,
    ),
    "line ends of Unicode in the text": (succeeds("one", LINE_ENDS), LINE_ENDS, 0),
    "CR and LF in the text": (succeeds("one", "one\r\ntwo\rthree\n\nfour"), "one\r\ntwo\rthree\n\nfour", 0),
    "heartbeats": (sum(((HEARTBEAT, event) for event in succeeds("Hi", "Hi there")), ()), "Hi there", 0),
    "a cut after the end": (succeeds("Hi", "Hi there")[:-1], "Hi there", 0),
}


@pytest.mark.parametrize(("events", "text", "late"), HARMLESS.values(), ids=HARMLESS)
def test_what_does_no_harm_costs_no_text_and_no_time(
    events: tuple[bytes, ...], text: str, late: float, mode: str
) -> None:
    script = Script(events=(*events, late, scripted_gradio.CLOSE), end="cut")
    with serve_script(script) as server:
        chat = space(server.url)
        for _ in range(2):  # the second while the first may be open still
            start = time.monotonic()
            stream = chat.stream("Hi")
            assert "".join(deltas_through(mode, stream)) == text
            assert stream.result().text == text
            assert time.monotonic() - start < SOON


def test_a_rewrite_has_its_place_and_the_text_is_right_in_the_end(mode: str) -> None:
    # The pauses let the reader see each text, of which it would skip some otherwise.
    texts = generates("The sky is", "The sky is green.", "The sky was blue.", "The sky was blue, once.")
    events = sum(((event, 0.05) for event in texts), ())
    script = Script(events=(*events, *completes("", [["Hi", "The sky was blue, once."]], None)))
    with serve_script(script) as server:
        stream = space(server.url).stream("Hi")
        changes = [event for event in events_through(mode, stream) if isinstance(event, Text)]
    assert POLLING or changes == [
        Text("The sky is", 0),
        Text(" green.", 10),
        Text("was blue.", 8),
        Text(", once.", 16),
    ]
    reply = stream.result()
    assert reply.text == "The sky was blue, once."
    assert POLLING or reply.rewritten


def events_through(mode: str, stream: TextStream) -> list[Event]:
    """All events of a stream, read in one of the modes."""
    if mode == "sync":
        return list(stream.events())

    async def read() -> list[Event]:
        return [event async for event in stream.events()]

    return run_async(mode, read)


# The server's process is killed, or frozen.


@contextmanager
def endless_server() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server in a process of its own, which generates on and on; gives the process and the address."""
    process = subprocess.Popen(
        [sys.executable, "-m", scripted_gradio.__name__],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    assert process.stdout
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()  # of a stopped process too
        process.wait(PATIENCE)
        process.stdin.close()
        process.stdout.close()


def in_a_with(mode: str, stream: TextStream) -> QwenSpacesError:
    """The error of a stream that is waited for in a ``with``."""
    with pytest.raises(QwenSpacesError) as caught:
        if mode == "sync":
            with stream:
                stream.result()
        else:

            async def read() -> None:
                async with stream:
                    await stream

            run_async(mode, read)
    return caught.value


@pytest.mark.parametrize("read", [failure, in_a_with], ids=["in a loop", "in a with"])
@pytest.mark.parametrize(
    ("sign", "gives", "within"),
    [(signal.SIGKILL, ConnectionLostError, 0.0), (signal.SIGSTOP, SpaceTimeoutError, 0.3)],
    ids=["killed", "frozen"],
)
def test_a_server_that_is_killed_or_frozen_half_way_is_an_error_in_time(
    sign: int,
    gives: type[StreamError],
    within: float,
    read: Callable[[str, TextStream], QwenSpacesError],
) -> None:
    with endless_server() as (process, url):
        one = space(url, timeouts=GAP)
        streams = {mode: one.stream("Hi") for mode in MODES}
        loops = [iter(stream) for stream in streams.values()]
        assert all(next(loop).startswith("word1 ") for loop in loops)
        os.kill(process.pid, sign)
        start = time.monotonic()
        errors = {mode: read(mode, stream) for mode, stream in streams.items()}
        took = time.monotonic() - start
    for mode, error in errors.items():
        assert type(error) is gives, mode
        assert error.partial_text == streams[mode].text
        assert streams[mode].text.startswith("word1 ")
        assert getattr(error, "phase", "gap") == "gap"
    assert took < within + SOON
    del loops  # which would have cancelled the streams before


# Nobody is there.


def closed_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


def no_such_host() -> str:
    return "http://no-such-space.invalid:7860"


ADDRESSES: dict[str, tuple[Callable[[], str], str]] = {
    "refused": (closed_port, "refused"),
    "unknown host": (no_such_host, "name or service not known"),
}


@pytest.mark.parametrize(("address", "why"), ADDRESSES.values(), ids=ADDRESSES)
def test_an_address_that_leads_nowhere_is_named(address: Callable[[], str], why: str, mode: str) -> None:
    url = address()
    Fault(ConnectError, (url, why, "check the address")).check(mode, space(url).stream("Hi"))


def test_a_server_without_tls_behind_an_https_address_is_named(mode: str) -> None:
    with serve_script() as server:
        url = server.url.replace("http:", "https:")
        Fault(ConnectError, (url, "SSL")).check(mode, space(url).stream("Hi"))
        assert server.requests == []


ELSEWHERE = """
import socket, sys

def nobody_else(host, *rest, find=socket.getaddrinfo, **more):
    if host == "127.0.0.1":
        return find(host, *rest, **more)
    print("looked up", host)
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

socket.getaddrinfo = nobody_else
from qwen_spaces import QwenSpace

print(QwenSpace("qwen-2-72b", src=sys.argv[1]).ask("Hi"))
"""


def test_the_first_request_of_a_process_goes_to_no_other_machine(tmp_path: Path) -> None:
    # The SDK has the Hub's library find out who runs it, once a process and day.
    unset = ("HF_HUB_DISABLE_TELEMETRY", "DISABLE_TELEMETRY", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    environment = {name: value for name, value in os.environ.items() if name not in unset}
    with serve_script() as server:
        done = subprocess.run(
            [sys.executable, "-c", ELSEWHERE, server.url],
            env={**environment, "HF_HOME": str(tmp_path)},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
        )
    assert done.stdout == "Hello world.\n"


# The SDK surprises.


class BrandNewError(Exception):
    """An error that no version of the SDK has raised so far."""


def surprise(*_: Any, **__: Any) -> Any:
    raise BrandNewError("never heard of")


@pytest.mark.parametrize(
    ("place", "name"),
    [(Client, "submit"), (Client, "new_helper"), (Endpoint, "process_input_files")],
    ids=["submitting", "preparing the job", "in the job"],
)
def test_whatever_new_the_sdk_raises_is_a_stream_error_with_its_cause(
    place: Any, name: str, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, name, surprise)
    with serve_script() as server:
        error = Fault(StreamError, ("BrandNewError", "never heard of")).check(
            mode, space(server.url).stream("Hi")
        )
    assert type(error.__cause__) is BrandNewError


def test_whatever_new_the_sdk_raises_when_it_opens_a_space_is_a_connect_error_with_its_cause(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Client, "_get_api_info", surprise)
    with serve_script() as server:
        error = Fault(ConnectError, (server.url, "never heard of")).check(
            mode, space(server.url).stream("Hi")
        )
    assert type(error.__cause__) is BrandNewError


def test_what_the_sdk_cannot_put_together_is_a_stream_error_with_its_cause(mode: str) -> None:
    broken = puts_out([], [["append", [5, 1], "?"]], [])
    with serve_script(Script(events=(*HALF, broken), end="hang")) as server:
        error = failure(mode, space(server.url).stream("Hi"))
    assert isinstance(error, StreamError)
    assert error.partial_text == "Hello wor"
    assert isinstance(error.__cause__, LookupError)


# And the fake is true.


def test_the_messages_are_those_of_a_real_server(servers: Servers) -> None:
    with serve_script(Script(events=succeeds("You", "You asked:"))) as server:
        ours, real = server.url, servers[SPACE]
        assert shape(httpx.get(f"{ours}/config").json()) <= shape(httpx.get(f"{real}/config").json())
        parameters = [
            [
                (parameter["parameter_name"], parameter["parameter_has_default"], parameter["type"]["type"])
                for parameter in httpx.get(f"{url}/gradio_api/info").json()["named_endpoints"]["/model_chat"][
                    "parameters"
                ]
            ]
            for url in (ours, real)
        ]
        assert parameters[0] == parameters[1]
        assert shape(messages_of(ours)) <= shape(messages_of(real))


def messages_of(url: str) -> dict[str, Any]:
    """The messages of one job, by their kind."""
    job = {"data": ["[[pace=0.01]]", [], None], "fn_index": 0, "session_hash": "one"}
    assert httpx.post(f"{url}/gradio_api/queue/join", json=job).json()["event_id"]
    body = httpx.get(f"{url}/gradio_api/queue/data", params={"session_hash": "one"}).text
    messages = [httpx.Response(200, text=line[6:]).json() for line in body.split("\n\n") if line]
    return {message["msg"]: message for message in messages}


def shape(value: Any, path: str = "") -> set[str]:
    """The paths of all keys in dictionaries, and in the first ones of lists."""
    if isinstance(value, dict):
        return {f"{path}/{key}" for key in value}.union(
            *(shape(each, f"{path}/{key}") for key, each in value.items())
        )
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return shape(value[0], f"{path}[]")
    return set()
