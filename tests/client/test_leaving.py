"""Leaving is cancelling: in whatever way a reader leaves, the server stops and its slot is free."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import warnings
from collections.abc import Callable

import anyio
import pytest

from qwen_spaces import QwenSpace, Status, StreamCancelledError, TextStream

from ..support.modes import run_async
from ..support.servers import Servers


@pytest.fixture
def space(servers: Servers) -> QwenSpace:
    return QwenSpace("qwen-2.5", src=servers["qwen-2.5"])


@pytest.fixture
def endless(prompt: str) -> str:
    return f"{prompt} [[forever]]"


class BodyError(Exception):
    """Raised in the body of a loop."""


def by_break(stream: TextStream) -> None:
    for _ in stream:
        break


def by_exception(stream: TextStream) -> None:
    with pytest.raises(BodyError):
        for _ in stream:
            raise BodyError


def by_cancel_in_the_loop(stream: TextStream) -> None:
    for _ in stream:
        stream.cancel()


def by_cancel_from_a_thread(stream: TextStream) -> None:
    deltas = iter(stream)
    next(deltas)
    threading.Timer(0.05, stream.cancel).start()
    for _ in deltas:  # ends, for the timer fires
        pass


def by_close(stream: TextStream) -> None:
    deltas = iter(stream)
    next(deltas)
    stream.close()
    stream.close()


def by_with(stream: TextStream) -> None:
    with stream:
        next(iter(stream))


def by_dropping_the_loop(stream: TextStream) -> None:
    deltas = iter(stream)
    next(deltas)
    del deltas
    gc.collect()


@pytest.mark.parametrize(
    "leave",
    [
        by_break,
        by_exception,
        by_cancel_in_the_loop,
        by_cancel_from_a_thread,
        by_close,
        by_with,
        by_dropping_the_loop,
    ],
    ids=lambda function: function.__name__,
)
def test_leaving_a_sync_loop_stops_the_server(
    leave: Callable[[TextStream], None], space: QwenSpace, endless: str, servers: Servers
) -> None:
    stream = space.stream(endless)
    leave(stream)
    servers.wait_for("end", endless)
    with pytest.raises(StreamCancelledError) as caught:
        stream.result()
    assert caught.value.partial_text == stream.text
    assert stream.text.startswith("word1")
    assert stream.done
    assert list(stream) == []


async def by_async_break(stream: TextStream) -> None:
    async for _ in stream:
        break


async def by_async_exception(stream: TextStream) -> None:
    with pytest.raises(BodyError):
        async for _ in stream:
            raise BodyError


async def by_aclose(stream: TextStream) -> None:
    await stream.__aiter__().__anext__()
    await stream.aclose()


async def by_async_with(stream: TextStream) -> None:
    async with stream:
        async for _ in stream.events():
            if stream.text:
                break


async def by_scope(stream: TextStream) -> None:
    with anyio.CancelScope() as scope:
        async for _ in stream:
            scope.cancel()
    assert scope.cancelled_caught


async def by_deadline(stream: TextStream) -> None:
    with anyio.move_on_after(0.5) as scope:
        await stream
    assert scope.cancelled_caught


async def by_cancel_from_another_task(stream: TextStream) -> None:
    async with anyio.create_task_group() as tasks:
        async for _ in stream:
            tasks.start_soon(anyio.to_thread.run_sync, stream.cancel)


@pytest.mark.parametrize(
    "leave",
    [
        by_async_break,
        by_async_exception,
        by_aclose,
        by_async_with,
        by_scope,
        by_deadline,
        by_cancel_from_another_task,
    ],
    ids=lambda function: function.__name__,
)
def test_leaving_an_async_loop_stops_the_server(
    leave: Callable[[TextStream], object], backend: str, space: QwenSpace, endless: str, servers: Servers
) -> None:
    stream = space.stream(endless)

    async def body() -> float:
        await leave(stream)  # type: ignore[misc]
        return await anyio.to_thread.run_sync(servers.wait_for, "end", endless)

    run_async(backend, body)
    with pytest.raises(StreamCancelledError):
        stream.result()


def test_a_cancelled_task_stops_the_server_and_stays_cancelled(
    space: QwenSpace, endless: str, servers: Servers
) -> None:
    async def body() -> None:
        async def wait() -> None:
            await space.stream(endless)

        task = asyncio.create_task(wait())
        await asyncio.to_thread(servers.wait_for, "begin", endless)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(servers.wait_for, "end", endless)

    run_async("asyncio", body)


@pytest.mark.parametrize("leave", [by_break, by_cancel_in_the_loop, by_exception], ids=lambda f: f.__name__)
def test_a_sibling_on_the_same_endpoint_goes_on(
    leave: Callable[[TextStream], None], space: QwenSpace, endless: str, servers: Servers
) -> None:
    question = endless.replace("forever", "pace=0.02")
    sibling = space.stream(question)
    answer = iter(sibling)
    first_text = next(answer)
    leave(space.stream(endless))
    servers.wait_for("end", endless)
    assert not servers.reported("end", question)
    assert first_text + "".join(answer) == sibling.result().text
    assert "I do not think." in sibling.text
    servers.wait_for("complete", question)


def test_the_slot_of_a_one_slot_queue_is_free_again(endless: str, servers: Servers) -> None:
    space = QwenSpace("qwen-2.5", src=servers["one-slot"])
    by_break(space.stream(endless))
    assert "next" in space.ask("next [[pace=0]]").text


def test_a_stream_that_waits_in_the_queue_can_be_cancelled(
    endless: str, prompt: str, servers: Servers
) -> None:
    space = QwenSpace("qwen-2.5", src=servers["one-slot"])
    with space.stream(endless) as running:
        next(deltas := iter(running))
        waiting = space.stream(prompt)
        for event in waiting.events():
            if isinstance(event, Status) and event.stage == "queued" and event.position is not None:
                break
        waiting.close()
        del deltas  # leaves what runs, so not before the one that waits has gone
    servers.wait_for("end", endless)
    assert "after" in space.ask("after [[pace=0]]").text
    assert not servers.reported("begin", prompt)


def test_a_stream_can_be_cancelled_at_the_very_moment_it_starts(
    space: QwenSpace, endless: str, servers: Servers
) -> None:
    # The cancel comes before the server has sent the event id.
    space.status()
    prompts = [f"{number} {endless}" for number in range(3)]
    for prompt in prompts:
        stream = space.stream(prompt)
        events = stream.events()
        assert next(events) == Status("connecting")
        stream.cancel()
        assert list(events) == []
        stream.close()
    for prompt in prompts:
        if servers.reported("begin", prompt):
            servers.wait_for("end", prompt)


def test_a_stream_that_was_cancelled_before_its_start_sends_nothing(space: QwenSpace, prompt: str) -> None:
    stream = space.stream(prompt)
    stream.cancel()
    assert list(stream) == []
    with pytest.raises(StreamCancelledError):
        stream.result()


def test_cancel_after_the_end_changes_nothing(space: QwenSpace, prompt: str) -> None:
    stream = space.stream(prompt)
    reply = stream.result()
    stream.cancel()
    stream.close()
    assert stream.result() is reply


def test_a_stream_that_is_dropped_unread_is_cancelled_with_a_warning(
    space: QwenSpace, endless: str, servers: Servers
) -> None:
    stream = space.stream(endless)
    with pytest.raises(TimeoutError):
        stream.result(timeout=0.3)
    assert not stream.done
    servers.wait_for("begin", endless)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del stream
        gc.collect()
    assert [warning.category for warning in caught] == [ResourceWarning]
    servers.wait_for("end", endless)


def test_closing_the_space_ends_its_streams(endless: str, servers: Servers) -> None:
    with QwenSpace("qwen-2.5", src=servers["qwen-2.5"]) as space:
        stream = space.stream(endless)
        deltas = iter(stream)
        next(deltas)
    servers.wait_for("end", endless)
    with pytest.raises(StreamCancelledError, match="closed"):
        stream.result()


def test_no_thread_is_left_behind(space: QwenSpace, endless: str) -> None:
    space.ask("warm up [[pace=0]]")
    before = threading.active_count()
    for _ in range(3):
        space.ask("Hi [[pace=0]]")
        stream = space.stream(endless)
        by_break(stream)
        stream.close()
    deadline = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() <= before
