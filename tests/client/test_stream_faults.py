"""The fault matrix: the event stream breaks off, breaks the protocol, or stops."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from qwen_spaces import (
    ConnectionLostError,
    EmptyReplyError,
    Event,
    QwenSpacesError,
    SpaceError,
    SpaceTimeoutError,
    StreamError,
    Text,
    TextStream,
    Timeouts,
    UnexpectedOutputError,
)

from ..support import scripted_gradio
from ..support.faults import SOON, Fault, space
from ..support.modes import MODES, PATIENCE, POLLING, deltas_through, failure, run_async
from ..support.scripted_gradio import (
    BEGIN,
    HEARTBEAT,
    QUEUED,
    Page,
    Script,
    completes,
    fails,
    generates,
    message,
    pieces,
    repeated,
    serve_script,
    succeeds,
)
from ..support.servers import ROOT

pytestmark = pytest.mark.usefixtures("warm", "names")

# The event stream fails.

COUNTS = {"likes": 3, "shares": 5}  # no text at all
STOPPED = message("unexpected_error", event_id=None, message="Server stopped unexpectedly.", success=False)
FORGOTTEN = message(
    "unexpected_error", event_id=None, message="404: no such session", session_not_found=True, success=False
)
OLD_STOPPED = message("Server stopped unexpectedly.", event_id=None)
LOST = Fault(ConnectionLostError, ("connection", "lost", "try again"))
LOST_HALF_WAY = Fault(ConnectionLostError, ("connection", "lost", "try again"), {"partial_text": "Hello wor"})
HALF = generates("Hello", "Hello wor")
FIRST = Timeouts(first=0.5)
GAP = Timeouts(gap=1.0)

STREAM = {
    "cut before text": (Script(events=BEGIN, end="cut"), LOST),
    "cut in a chunk mid-answer": (Script(events=HALF, end="cut"), LOST_HALF_WAY),
    "ended mid-answer": (Script(events=HALF, end="close"), LOST_HALF_WAY),
    "ended in a message": (Script(events=(*HALF, b'data: {"msg": "process_'), end="close"), LOST_HALF_WAY),
    "404": (Script(data=Page(404)), Fault(ConnectionLostError, ("404",))),
    "an HTML page": (Script(data=Page(200)), LOST),
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
        Script(events=(*BEGIN, *completes("", COUNTS, None))),
        Fault(UnexpectedOutputError, ("no chat text",), {"raw": ("", COUNTS, None)}),
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
        Fault(SpaceTimeoutError, ("no text", "0.5 s"), {"phase": "first"}, FIRST, 0.5),
    ),
    "a queue that does not move": (
        Script(events=repeated(QUEUED, 5)),
        Fault(SpaceTimeoutError, ("no text", "0.5 s"), {"phase": "first"}, FIRST, 0.5),
    ),
    "silence": (
        Script(events=(), end="hang"),
        Fault(SpaceTimeoutError, ("no text",), {"phase": "first"}, FIRST, 0.5),
    ),
    "heartbeats after some text": (
        Script(events=(*HALF, *repeated(HEARTBEAT, 5))),
        Fault(SpaceTimeoutError, ("no more text",), {"phase": "gap", "partial_text": "Hello wor"}, GAP, 1.0),
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
    ("sign", "gives", "timeouts"),
    [(signal.SIGKILL, ConnectionLostError, Timeouts()), (signal.SIGSTOP, SpaceTimeoutError, GAP)],
    ids=["killed", "frozen"],
)
def test_a_server_that_is_killed_or_frozen_half_way_is_an_error_in_time(
    sign: int,
    gives: type[StreamError],
    timeouts: Timeouts,
    read: Callable[[str, TextStream], QwenSpacesError],
) -> None:
    with endless_server() as (process, url):
        one = space(url, timeouts=timeouts)
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
    assert took < 1.0 + SOON
    del loops  # which would have cancelled the streams before
