"""Any sequence of updates, at any pace, in every mode: no hang, no lost text, one typed error."""

from __future__ import annotations

import concurrent.futures
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qwen_spaces import (
    ConnectError,
    ConnectionLostError,
    Done,
    EmptyReplyError,
    Event,
    QwenSpacesError,
    Reply,
    SpaceError,
    SpaceTimeoutError,
    Status,
    StreamCancelledError,
    StreamError,
    Text,
    TextStream,
    Timeouts,
    UnexpectedOutputError,
)
from qwen_spaces._contract.content import Snapshot
from qwen_spaces._contract.output import AnswerParser
from qwen_spaces._stream.mailbox import Mailbox

from ..support.modes import MODES, PATIENCE, run_async
from ..support.streams import scripted_stream

pytestmark = pytest.mark.slow

BOUND = PATIENCE  # seconds that nothing here may ever take; what does has hung
SILENCE = 0.02  # seconds of the gap of a stream that falls silent

Step = tuple[str, Any]
TYPED = (SpaceError, ConnectionLostError, StreamError, ConnectError)
UNTYPED = (ValueError, KeyError, SystemExit, KeyboardInterrupt, concurrent.futures.CancelledError)

# What a Space may put out ------------------------------------------------------------------------------

texts = st.text(st.sampled_from("ab é天👍\u0301\n"), max_size=12)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["role", "content", "text", "type", "metadata", "value"]), inner)
    ),
    max_leaves=8,
)

parse = AnswerParser()


def shaped(shape: str, text: str) -> Any:
    """An answer of that text as a chat of some Space puts it out."""
    parts = [{"type": "text", "text": text}]
    return {
        "plain": text,
        "pairs": ("", [["Hi", "Hello"], ["?", text]], "system"),
        "cells": ("", [["?", {"text": text}]], {"__type__": "update"}),
        "messages": [{"role": "user", "content": "?"}, {"role": "assistant", "content": text}],
        "parts": ([{"role": "user", "content": "?"}, {"role": "assistant", "content": parts}], None),
        "thoughts": [
            {"role": "user", "content": "?"},
            {"role": "assistant", "content": f"hm {text[:3]}", "metadata": {"title": "Thinking"}},
            {"role": "assistant", "content": text},
        ],
        "update": ({"__type__": "update", "value": [["?", text]]}, None),
    }[shape]


SHAPES = ["plain", "pairs", "cells", "messages", "parts", "thoughts", "update"]
SILENT: list[Any] = [None, (None, None, None), {"__type__": "update"}, ("", [], None)]


@st.composite
def growing(draw: st.DrawFn) -> list[Step]:
    """An answer that grows, as nearly all do, at one of several paces."""
    shape, pieces = draw(st.sampled_from(SHAPES)), draw(st.lists(texts, min_size=1, max_size=8))
    pause = draw(st.sampled_from([[], [("meet", None)], [("pause", 0.0002)]]))  # after each
    puts = [("put", shaped(shape, "".join(pieces[: end + 1]))) for end in range(len(pieces))]
    return [step for put in puts for step in (put, *pause)]


statuses = st.builds(
    Status, st.sampled_from(["queued", "running", "waking"]), st.none() | st.integers(0, 9), st.just(3)
)
odd_steps = st.one_of(
    st.tuples(st.just("put"), st.builds(shaped, st.sampled_from(SHAPES), texts)),
    st.tuples(st.just("put"), st.sampled_from(SILENT)),
    st.tuples(st.just("put"), anything),
    st.tuples(st.just("status"), statuses),
    st.tuples(st.just("pause"), st.sampled_from([0.0, 0.0005])),
    st.tuples(st.just("meet"), st.none()),
)
ends = st.one_of(
    st.tuples(st.just("end"), st.sampled_from([None, *TYPED])),
    st.tuples(st.just("cancel"), st.none()),
)


@st.composite
def sequences(draw: st.DrawFn) -> list[Step]:
    """Updates in an order that is likely, with anything in between, and sometimes an end too early."""
    steps = [("status", Status("queued", 1)), *draw(growing()), *draw(st.just([]) | growing())]
    for step in draw(st.lists(odd_steps, max_size=3)):
        steps.insert(draw(st.integers(0, len(steps))), step)
    for step in draw(st.lists(ends, max_size=2)):
        steps.insert(draw(st.integers(len(steps) // 2, len(steps))), step)
    return steps


lasts = st.sampled_from(["return", "return", "return", "silence", *TYPED, *UNTYPED])


# The other side of a stream -----------------------------------------------------------------------------


@dataclass
class Script:
    """A `run` for `TextStream` that plays a sequence, and keeps what it has played."""

    steps: list[Step]
    last: Any  # "return", "silence", or what is raised
    where: Literal["thread", "threads", "reader"]
    outputs: list[Any] = field(default_factory=list)  # those before the end
    mailbox: Mailbox | None = None
    text: Callable[[], str] = str  # what the reader has read
    late: bool = False  # whether the reader was not woken in time
    left: threading.Event = field(default_factory=threading.Event)
    ready: threading.Event = field(default_factory=threading.Event)
    played: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, mailbox: Mailbox) -> None:
        self.mailbox = mailbox
        mailbox.timeline.submitted = time.monotonic()
        mailbox.on_cancel(self.left.set)
        self.ready.set()
        if self.where == "reader":
            self.played.wait(BOUND)
        elif self.where == "threads":
            run_all([threading.Thread(target=self.play, args=[self.steps[part::2]]) for part in (0, 1)])
        else:
            self.play(self.steps)
        if self.last == "silence":
            mailbox.sleep(BOUND)
            assert mailbox.ended
        elif self.last != "return":
            raise self.last("the end")

    def play(self, steps: Sequence[Step]) -> None:
        mailbox = self.mailbox
        assert mailbox
        for name, value in steps:
            if name == "pause":
                time.sleep(value)
                continue
            if name == "meet":
                self.meet(mailbox)
                continue
            with self.lock:
                if name == "put":
                    if not mailbox.ended:
                        self.outputs.append(value)
                    mailbox.set_snapshot(value)
                elif name == "status":
                    mailbox.set_status(value)
                elif name == "end":
                    mailbox.end(value and value("the end"))
                else:
                    mailbox.cancel()

    def meet(self, mailbox: Mailbox) -> None:
        """Wait until the reader has read all there is, which must not need another update."""
        until = time.monotonic() + BOUND / 2
        while (
            self.where != "reader"
            and not mailbox.ended
            and self.text() != last_snapshot(self.outputs)[0].text
        ):
            time.sleep(0.0005)
            if time.monotonic() > until:
                self.late = True
                return

    def play_here(self) -> None:
        """Play in the thread of the reader."""
        if self.where == "reader" and not self.played.is_set():
            assert self.ready.wait(BOUND)
            self.play(self.steps)
            self.played.set()


@dataclass
class Received:
    """What the readers of one stream were given, in its order."""

    events: list[Event] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)  # those passed to `on_reply`

    @property
    def text(self) -> str:
        answer = ""
        for event in self.events:
            if isinstance(event, Text):
                assert event.start <= len(answer)
                answer = answer[: event.start] + event.text
        return answer

    @property
    def joined(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, Text))


def opened(script: Script, received: Received) -> TextStream:
    quiet = SILENCE if script.last == "silence" else BOUND
    timeouts = Timeouts(connect=BOUND, first=quiet, gap=quiet, total=BOUND)
    stream = scripted_stream(script, timeouts=timeouts, space="fuzz", replies=received.replies)
    script.text = lambda: stream.text
    return stream


def read_sync(stream: TextStream, script: Script, received: Received, leave: Callable[[int], bool]) -> None:
    try:
        for count, event in enumerate(stream.events()):
            received.events.append(event)
            script.play_here()
            if leave(count):
                return
    except BaseException as error:
        received.errors.append(error)


async def read_async(
    stream: TextStream, script: Script, received: Received, leave: Callable[[int], bool]
) -> None:
    count = 0
    try:
        async for event in stream.events():
            received.events.append(event)
            script.play_here()
            if leave(count):
                return
            count += 1
    except Exception as error:
        received.errors.append(error)


def through(
    mode: str, stream: TextStream, script: Script, received: Received, leave: Callable[[int], bool]
) -> None:
    """Read with one reader, until the end or as long as it does not leave."""
    if mode == "sync":
        read_sync(stream, script, received, leave)
    else:
        run_async(mode, lambda: read_async(stream, script, received, leave))


def last_snapshot(outputs: Sequence[Any]) -> tuple[Snapshot, bool]:
    """The last of these outputs that is not empty; and whether all can be read."""
    expected = Snapshot()
    for output in outputs:
        try:
            expected = parse(output) or expected
        except Exception:
            return expected, False
    return expected, True


def check_end(stream: TextStream, script: Script, received: Received) -> None:
    """The invariants of a stream that was read to its end, by however many readers."""
    assert stream.done
    assert stream._reader.mailbox.finished.wait(BOUND), "the request did not end with its reader"
    assert not script.late, "a reader was not woken"
    expected, readable = last_snapshot(script.outputs)
    try:
        reply = stream.result(timeout=BOUND)
    except QwenSpacesError as error:
        assert received.replies == []
        assert all(other is error for other in received.errors)
        if isinstance(error, StreamError):
            assert error.partial_text == stream.text
        if isinstance(error, SpaceTimeoutError):
            assert script.last == "silence", "a hang"
            return
        assert isinstance(error, UnexpectedOutputError) == (not readable)
        assert not isinstance(error, EmptyReplyError) or expected == Snapshot()
        assert stream.text == expected.text
    else:
        assert received.errors == []
        assert received.replies == [reply]
        assert readable
        assert (reply.text, reply.reasoning) == (expected.text, expected.reasoning)
        assert stream.text == reply.text
        assert sum(isinstance(event, Done) for event in received.events) == 1


scripts = st.builds(Script, sequences(), lasts, st.sampled_from(["thread", "threads", "reader"]))


def fuzz(examples: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return settings(max_examples=examples, deadline=None, database=None)


@pytest.mark.parametrize("mode", MODES)
@fuzz(150)
@given(script=scripts)
def test_a_reader_gets_the_whole_text_or_one_typed_error(mode: str, script: Script) -> None:
    received = Received()
    stream = opened(script, received)
    through(mode, stream, script, received, leave=lambda _: False)
    check_end(stream, script, received)
    assert received.text == stream.text
    if not any(isinstance(event, Text) and event.start < len(received.joined) for event in received.events):
        assert received.joined == stream.text


@pytest.mark.parametrize("mode", MODES)
@fuzz(80)
@given(script=scripts)
def test_two_readers_share_the_deltas_and_each_hears_of_the_end(mode: str, script: Script) -> None:
    received = Received()
    stream = opened(script, received)

    async def both() -> None:
        async with anyio.create_task_group() as tasks:
            for _ in range(2):
                tasks.start_soon(read_async, stream, script, received, lambda _: False)

    if mode == "sync":
        readers = [
            threading.Thread(target=read_sync, args=[stream, script, received, lambda _: False], daemon=True)
            for _ in range(2)
        ]
        run_all(readers)
        # The order in which two threads note their events is not that of the stream.
        received.events.sort(key=lambda event: event.start if isinstance(event, Text) else -1)
    else:
        run_async(mode, both)
    check_end(stream, script, received)
    assert len(received.errors) in (0, 2) or isinstance(stream._reader.mailbox.error, StreamCancelledError)
    rewritten = stream._reader.answer.rewritten
    if mode != "sync" or not rewritten:
        assert received.text == stream.text
    if not rewritten:
        assert received.joined == stream.text


def fail(*_: object) -> None:
    raise LookupError("of the loop's body")


def expire(scope: anyio.CancelScope) -> None:
    scope.deadline = anyio.current_time() + random.choice(
        [0.0001, 0.0003, 0.001]
    )  # in the midst of whatever is awaited then


def cancel_from_a_thread(stream: TextStream, _: object, threads: list[threading.Thread]) -> None:
    threads.append(threading.Thread(target=stream.cancel))
    threads[0].start()


LEAVING: dict[str, Callable[..., object]] = {
    "break": lambda *_: None,
    "cancel": lambda stream, *_: stream.cancel(),
    "cancel from a thread": cancel_from_a_thread,
    "cancel scope": lambda _, scopes, __: [scope.cancel() for scope in scopes],
    "deadline": lambda _, scopes, __: [expire(scope) for scope in scopes],
    "another error": fail,
}


@pytest.mark.parametrize("mode", MODES)
@fuzz(100)
@given(
    script=scripts,
    after=st.integers(0, 6),
    how=st.sampled_from(sorted(LEAVING)),
)
def test_leaving_at_any_point_loses_no_text_that_arrived(
    mode: str, script: Script, after: int, how: str
) -> None:
    received = Received()
    stream = opened(script, received)
    threads: list[threading.Thread] = []
    scopes: list[anyio.CancelScope] = []

    def leave(count: int) -> bool:
        if count == after:
            LEAVING[how](stream, scopes, threads)
        return count == after and how == "break"

    async def scoped() -> None:
        with anyio.CancelScope() as scope:
            scopes.append(scope)
            await read_async(stream, script, received, leave)

    if mode == "sync":
        read_sync(stream, script, received, leave)
    else:
        run_async(mode, scoped)
    for thread in threads:
        thread.join(BOUND)
    received.errors = [error for error in received.errors if not isinstance(error, LookupError)]
    # What another loop still gets is the rest, and no more.
    read_sync(stream, script, received, lambda _: False)
    script.played.set()
    assert all(isinstance(error, QwenSpacesError) for error in received.errors)
    assert (
        not any(isinstance(error, SpaceTimeoutError) for error in received.errors) or script.last == "silence"
    )
    assert stream.done
    assert stream._reader.mailbox.finished.wait(BOUND), "the request did not end with its reader"
    assert not script.late, "a reader was not woken"
    assert received.text == stream.text
    try:
        assert stream.result(timeout=BOUND).text == stream.text
    except StreamError as error:
        assert error.partial_text == stream.text
    except ConnectError:
        pass
    assert isinstance(stream._reader.mailbox.error, (QwenSpacesError, type(None)))


def run_all(threads: Sequence[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(BOUND)
        assert not thread.is_alive(), "a thread hangs"


@pytest.mark.parametrize("silent", SILENT, ids=str)
def test_an_empty_output_removes_no_unread_text(silent: object) -> None:
    go = threading.Event()

    def run(mailbox: Mailbox) -> None:
        go.wait(BOUND)
        mailbox.set_snapshot("Hello.")
        mailbox.set_snapshot(silent)

    stream = scripted_stream(run, timeouts=Timeouts(total=BOUND), space="fuzz")
    assert next(events := iter(stream.events())) == Status("connecting")
    go.set()
    assert stream._reader.mailbox.finished.wait(BOUND)
    assert [event.text for event in events if isinstance(event, Text)] == ["Hello."]


# The mailbox alone --------------------------------------------------------------------------------------


@fuzz(200)
@given(st.lists(odd_steps | ends | st.tuples(st.just("take"), st.none()), max_size=20))
def test_a_mailbox_gives_the_newest_of_each_kind_and_keeps_the_first_end(steps: list[Step]) -> None:
    mailbox = Mailbox()
    snapshot: Snapshot | None = None
    status: Status | None = None
    error: Any = None
    ended = False
    for name, value in steps:
        if name == "put":
            mailbox.set_snapshot(value)
            expected, readable = last_snapshot([value])
            if not ended and not readable:
                ended, error = True, UnexpectedOutputError
            elif not ended and parse(value):
                snapshot = expected
        elif name == "status":
            mailbox.set_status(value)
            status = value
        elif name in ("end", "cancel"):
            mailbox.cancel() if name == "cancel" else mailbox.end(value and value("the end"))
            if not ended:
                ended, error = True, StreamCancelledError if name == "cancel" else value
        elif name == "take":
            assert mailbox.take()[:2] == (status, snapshot)
            snapshot = status = None
        assert mailbox.ended == ended
        assert mailbox.error is None if error is None else type(mailbox.error) is error


@pytest.mark.parametrize("mode", MODES)
@fuzz(40)
@given(texts=st.lists(texts, max_size=30), writers=st.integers(1, 3))
def test_a_waiting_reader_of_a_mailbox_always_gets_the_last_output_and_the_end(
    mode: str, texts: list[str], writers: int
) -> None:
    mailbox = Mailbox()
    taken: list[str] = []
    lock, put = threading.Lock(), list[str]()

    def write(part: Sequence[str]) -> None:
        for value in part:
            with lock:
                put.append(value)
                mailbox.set_snapshot(value)

    def look() -> bool:
        news = mailbox.take()
        taken.extend([news.snapshot.text] if news.snapshot else [])
        return news.ended

    async def take_all() -> None:
        with anyio.fail_after(BOUND):
            while not look():
                await mailbox.wait_async(None)

    threads = [threading.Thread(target=write, args=[texts[part::writers]]) for part in range(writers)]

    def end() -> None:
        run_all(threads)
        mailbox.end()

    ending = threading.Thread(target=end)
    ending.start()
    if mode == "sync":
        until = time.monotonic() + BOUND
        while not look():
            mailbox.wait(until - time.monotonic())
            assert time.monotonic() < until, "a hang"
    else:
        run_async(mode, take_all)
    ending.join(BOUND)
    assert taken[-1:] == put[-1:]
    left = iter(put)
    assert all(text in left for text in taken), "not in their order"
