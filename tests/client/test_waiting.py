"""Waiting where waiting helps: a Space that wakes up, a queue that empties, a server that comes back."""

from __future__ import annotations

import asyncio
import email.utils
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import huggingface_hub
import pytest
from tenacity import wait_fixed

from qwen_spaces import (
    AuthenticationError,
    ConnectError,
    ContractError,
    QueueFullError,
    QwenSpace,
    QwenSpacesError,
    RateLimitedError,
    SpaceNotFoundError,
    SpaceTimeoutError,
    SpaceUnavailableError,
    Status,
    StreamCancelledError,
    Timeouts,
)
from qwen_spaces._client import retries as client_retries
from qwen_spaces._gradio import waiting
from qwen_spaces._stream.mailbox import Mailbox

from ..support.hub import serve_hub
from ..support.modes import PATIENCE, failure, run_async
from ..support.proxy import recording
from ..support.scripted_gradio import Page, Script, serve_script
from ..support.servers import Servers

SPACE = "Qwen/Qwen2.5"
Stages = Callable[..., None]


@pytest.fixture
def stages(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sets the stages through which the Space goes, on a Hub of our own."""
    monkeypatch.setattr(waiting, "POLL_INTERVAL", (0.05, 0.1))
    with ExitStack() as stack:

        def begin(*names: str) -> None:
            hub = serve_hub({SPACE: servers["qwen-2.5"]}, {SPACE: list(names)})
            monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", stack.enter_context(hub)[0])

        yield begin


@pytest.mark.parametrize("coming", ["SLEEPING", "BUILDING", "APP_STARTING"])
def test_a_space_that_is_not_up_yet_is_awaited(coming: str, stages: Stages) -> None:
    stages(coming, coming, coming, "RUNNING")
    stream = QwenSpace("qwen-2.5").stream("Are you awake?")
    seen = [event.stage for event in stream.events() if isinstance(event, Status)]
    assert seen[:3] == ["connecting", "waking", "connecting"]
    assert "Are you awake?" in stream.text


def test_the_status_shows_how_the_space_runs(stages: Stages, servers: Servers) -> None:
    stages("RUNNING_BUILDING")
    status = QwenSpace("qwen-2.5").status()
    assert (status.stage, status.hardware) == ("RUNNING_BUILDING", "cpu-basic")
    assert "| hardware | cpu-basic |" in status._repr_markdown_()
    by_address = QwenSpace("qwen-2.5", src=servers["qwen-2.5"]).status()
    assert (by_address.stage, by_address.hardware) == (None, None)
    assert by_address.queue_size is not None  # another test's request may wait there


def test_the_status_shows_that_nobody_waits() -> None:
    from qwen_spaces.replicas import serve

    with serve("qwen-2.5") as url:  # of this test alone, so that no other request is in its queue
        assert QwenSpace("qwen-2.5", src=url).status().queue_size == 0


def test_all_streams_that_wait_get_the_status(stages: Stages) -> None:
    stages(*["SLEEPING"] * 12, "RUNNING")
    space = QwenSpace("qwen-2.5", timeouts=Timeouts(connect=0.5))
    seen: list[list[str]] = [[], []]

    def read(stages_seen: list[str]) -> None:
        stages_seen += [event.stage for event in space.stream("Hi").events() if isinstance(event, Status)]

    threads = [threading.Thread(target=read, args=[of]) for of in seen]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert all("waking" in of and "running" in of for of in seen)


def test_a_space_that_fails_to_build_ends_the_waiting(stages: Stages, mode: str) -> None:
    stages("BUILDING", "BUILDING", "BUILD_ERROR")
    error = failure(mode, QwenSpace("qwen-2.5").stream("Hi"))
    assert type(error) is SpaceUnavailableError
    assert error.stage == "BUILD_ERROR"


@pytest.mark.parametrize("stage", ["PAUSED", "STOPPED", "RUNTIME_ERROR", "CONFIG_ERROR", "NO_APP_FILE"])
def test_a_space_that_does_not_run_is_an_error_with_a_hint(stage: str, stages: Stages) -> None:
    stages(stage)
    with pytest.raises(SpaceUnavailableError, match="duplicate as src=") as caught:
        QwenSpace("qwen-2.5").ask("Hi")
    assert caught.value.stage == stage
    assert "--local" in str(caught.value)


@pytest.mark.parametrize(
    ("status", "error"),
    [("404", SpaceNotFoundError), ("401", AuthenticationError), ("403", AuthenticationError)],
    ids=["not found", "bad token", "gated"],
)
def test_what_the_hub_refuses_is_its_own_error(
    status: str, error: type[QwenSpacesError], stages: Stages, mode: str
) -> None:
    stages(status)
    assert type(failure(mode, QwenSpace("qwen-2.5", token="hf_bad").stream("Hi"))) is error


def test_a_hub_that_is_away_for_a_moment_is_retried(stages: Stages) -> None:
    stages("503", "RUNNING")
    assert "Hi" in QwenSpace("qwen-2.5").ask("Hi").text


def test_a_space_is_polled_no_longer_than_allowed_though_nobody_reads() -> None:
    poll = waiting.WakePoll(Mailbox(), 0.0, lambda status: None)
    with pytest.raises(SpaceTimeoutError, match="still SLEEPING after 0 s") as caught:
        poll.check("The Space is still SLEEPING")
    assert caught.value.phase == "wake"


def test_waking_up_is_bounded(stages: Stages, mode: str) -> None:
    stages("SLEEPING")
    error = failure(mode, QwenSpace("qwen-2.5", timeouts=Timeouts(wake=0.4)).stream("Hi"))
    assert type(error) is SpaceTimeoutError
    assert error.phase == "wake"
    with pytest.raises(SpaceTimeoutError):
        QwenSpace("qwen-2.5", timeouts=Timeouts(wake=0.2)).status()


def test_a_stream_can_be_cancelled_while_its_space_wakes_up(stages: Stages) -> None:
    stages("SLEEPING")
    stream = QwenSpace("qwen-2.5").stream("Hi")
    for event in stream.events():
        if isinstance(event, Status) and event.stage == "waking":
            stream.cancel()
    with pytest.raises(StreamCancelledError):
        stream.result()
    assert stream._reader.mailbox.finished.wait(PATIENCE)


def test_a_full_queue_is_retried_until_it_has_a_place(servers: Servers, prompt: str) -> None:
    space = QwenSpace("qwen-2-72b", src=servers["full"])
    with space.stream(f"{prompt} [[forever]]") as running, space.stream(f"{prompt} [[pace=0]]") as waiting:
        next(first := iter(running))
        for event in waiting.events():
            if isinstance(event, Status) and event.position is not None:
                break_out = space.stream("one too many [[pace=0]]")
                for event in break_out.events():
                    if isinstance(event, Status) and event.reason:
                        assert "queue" in event.reason
                        assert event.eta
                        running.cancel()
                assert "one too many" in break_out.text
                break
        del first


def test_a_server_that_comes_back_is_tried_again() -> None:
    from qwen_spaces.replicas import build, serve

    build("qwen-2.5")  # the first build takes longest, and the retries end after seconds
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    stream = QwenSpace("qwen-2.5", src=f"http://127.0.0.1:{port}").stream("Are you back? [[pace=0]]")
    with ExitStack() as stack:
        for event in stream.events():
            if isinstance(event, Status) and event.reason and not stack._exit_callbacks:  # type: ignore[attr-defined]
                stack.enter_context(serve("qwen-2.5", port=port))
        assert "Are you back?" in stream.text


def test_retries_can_be_switched_off(mode: str, servers: Servers) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    stream = QwenSpace("qwen-2.5", src=f"http://127.0.0.1:{port}", retries=0).stream("Hi")
    assert type(failure(mode, stream)) is ConnectError
    assert QueueFullError.transient
    assert not ConnectError.transient


def test_what_would_not_help_is_not_tried_again(servers: Servers, prompt: str) -> None:
    question = f"{prompt} [[error-first]]"
    with pytest.raises(QwenSpacesError):
        QwenSpace("qwen-2.5", src=servers["qwen-2.5"], retries=5).ask(question)
    servers.wait_for("end", question)
    servers.wait_for("begin", question)
    assert servers.count("begin", question) == 1


def test_a_space_that_has_changed_meanwhile_is_reached_anew() -> None:
    from qwen_spaces.replicas import serve

    with serve("qwen-2-72b") as url:
        port = int(url.rpartition(":")[2])
        space = QwenSpace("qwen-2-72b", src=url, retries=0)
        assert space.status().parameters.keys() == {"prompt", "history", "system"}
    with pytest.raises(ConnectError):
        space.stream("Hi", system="Nobody is there.").result(timeout=PATIENCE)
    with serve("qvq-72b", port=port), pytest.raises(ContractError):  # its endpoint has gone
        space.ask("Hi")
    with serve("qwen-2.5", port=port):
        assert "Model: 72B." in space.ask("Hi [[pace=0]]").text


@pytest.fixture
def swift(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorter pauses between tries."""
    monkeypatch.setattr(client_retries, "_BACKOFF", wait_fixed(0.05))


BUSY: dict[str, Script] = {
    **{f"{status} on join": Script(join=Page(status), failures=1) for status in (429, 502, 503, 504)},
    "429 on config": Script(config=Page(429), failures=1),
    "hung up on join": Script(join=Page(0), failures=1),
    "hung up on config": Script(config=Page(0), failures=1),
}


@pytest.mark.parametrize("script", BUSY.values(), ids=BUSY)
def test_what_passes_is_tried_again(script: Script, swift: None) -> None:
    with serve_script(script) as server:
        stream = QwenSpace("qwen-2-72b", src=server.url).stream("Hi")
        reasons = [event.reason for event in stream.events() if isinstance(event, Status) and event.reason]
    assert len(reasons) == 1
    assert server.url in reasons[0]
    assert stream.text == "Hello world."


def test_a_space_that_sleeps_behind_its_address_is_awaited() -> None:
    with serve_script(Script(config=Page(503), failures=2)) as server:
        stream = QwenSpace("qwen-2-72b", src=server.url, retries=0).stream("Hi")
        stages = [event.stage for event in stream.events() if isinstance(event, Status)]
        assert server.count("/config") == 3
    assert "waking" in stages
    assert stream.text == "Hello world."


@pytest.mark.parametrize("retries", [0, 1, 2])
def test_it_is_tried_so_often_and_no_more(swift: None, retries: int) -> None:
    with serve_script(Script(join=Page(503))) as server:
        with pytest.raises(QueueFullError):
            QwenSpace("qwen-2-72b", src=server.url, retries=retries).ask("Hi")
        assert server.count("/queue/join") == 1 + retries


def in_a_second() -> str:
    return email.utils.formatdate(time.time() + 1.9, usegmt=True)  # whole seconds, so it may be less


@pytest.mark.parametrize("after", [lambda: "1", in_a_second], ids=["seconds", "date"])
def test_a_retry_waits_as_long_as_the_server_requests(after: Callable[[], str]) -> None:
    page = Page(429, headers={"Retry-After": after()})
    with serve_script(Script(join=page, failures=1)) as server:
        start = time.monotonic()
        stream = QwenSpace("qwen-2-72b", src=server.url).stream("Hi")
        (eta,) = [event.eta for event in stream.events() if isinstance(event, Status) and event.reason]
        assert eta is not None
        assert 0 <= eta < 2
        assert eta <= time.monotonic() - start < eta + PATIENCE


def test_a_delay_that_is_too_long_is_not_awaited() -> None:
    page = Page(429, headers={"Retry-After": "500"})
    with serve_script(Script(join=page)) as server, pytest.raises(RateLimitedError) as caught:
        QwenSpace("qwen-2-72b", src=server.url).ask("Hi")
    assert caught.value.retry_after == 500


def test_a_quota_that_is_soon_renewed_is_waited_for() -> None:
    import gradio as gr

    from qwen_spaces.replicas import serve

    prompts: list[str] = []

    def brain(system: str, history: Any, prompt: str, image: Any) -> Iterator[str]:
        prompts.append(prompt)
        if len(prompts) == 1:
            raise gr.Error("You have exceeded your GPU quota. Please retry in 0:00:01", print_exception=False)
        yield "Renewed."

    with serve("qwen-2.5", brain=brain) as url:
        assert QwenSpace("qwen-2.5", src=url).ask("Hi").text == "Renewed."
    assert len(prompts) == 2


def test_requests_to_the_hub_too_go_through_the_proxy(stages: Stages) -> None:
    stages("RUNNING")
    with recording() as proxy:
        assert "Hi" in QwenSpace("qwen-2.5", proxy=proxy.url).ask("Hi").text
    assert "Qwen2.5" in proxy.kinds
    assert {"config", "info", "join", "data"} < proxy.kinds


@pytest.mark.skipif(sys.version_info < (3, 11), reason="asyncio.timeout is of Python 3.11")
def test_a_deadline_of_asyncio_stays_a_timeout_and_stops_the_server(servers: Servers, prompt: str) -> None:
    endless = f"{prompt} [[forever]]"

    async def wait() -> None:
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(0.5):  # type: ignore[attr-defined,unused-ignore]
                await QwenSpace("qwen-2.5", src=servers["qwen-2.5"]).stream(endless)
        assert type(caught.value) is TimeoutError
        await asyncio.to_thread(servers.wait_for, "end", endless, 0.5)

    run_async("asyncio", wait)
