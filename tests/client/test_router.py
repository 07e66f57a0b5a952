"""A router: the shortest queue, the next Space before the first text, rests by the kind of error."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import gradio as gr
import pytest
from pytest_mock import MockerFixture

from qwen_spaces import (
    AllFailedError,
    ConnectionLostError,
    InvalidImageError,
    InvalidMessagesError,
    QueueFullError,
    QwenSpace,
    RateLimitedError,
    Router,
    SpaceError,
    SpaceTimeoutError,
    Status,
    Timeouts,
    UnknownSpaceError,
    UnsupportedOptionError,
)
from qwen_spaces._many import dispatch
from qwen_spaces._many.attempt import Attempt
from qwen_spaces._stream.mailbox import Mailbox
from qwen_spaces.replicas import serve

from ..support.images import picture
from ..support.modes import MODES, PATIENCE, run_async
from ..support.scripted_gradio import Page, Script, generates, serve_script
from ..support.servers import Servers

Brain = Callable[..., Iterator[Any]]


def good(system: str, history: Any, prompt: str, image: Any) -> Iterator[str]:
    yield f"good: {prompt}"


def fails(error: Callable[[], Exception]) -> Brain:
    def brain(system: str, history: Any, prompt: str, image: Any) -> Iterator[str]:
        raise error()
        yield ""

    return brain


def silent(system: str, history: Any, prompt: str, image: Any) -> Iterator[str]:
    yield from ()


@contextmanager
def space(brain: Brain, name: str = "qwen-2.5", **settings: Any) -> Iterator[QwenSpace]:
    """A Space of its own, with that brain."""
    with serve(name, brain=brain, **settings) as url, QwenSpace(name, src=url) as found:
        yield found


@pytest.fixture(scope="module")
def second() -> Iterator[QwenSpace]:
    """The Space that answers where the first one fails."""
    with space(good, "qwen-2.5-max") as found:
        yield found


@contextmanager
def scripted(script: Script) -> Iterator[QwenSpace]:
    with serve_script(script) as server:
        yield QwenSpace("qwen-2-72b", src=server.url)


QUOTA = "You have exceeded your GPU quota. Please retry in 0:05:00"
RESTS: dict[str, tuple[Callable[[], contextlib.AbstractContextManager[QwenSpace]], float, float]] = {
    "queue full": (lambda: scripted(Script(join=Page(503))), 7.5, 12.5),
    "rate limited": (lambda: scripted(Script(join=Page(429, headers={"Retry-After": "77"}))), 76, 77),
    "quota": (lambda: space(fails(lambda: gr.Error(QUOTA, print_exception=False))), 290, 300),
    "no app": (lambda: scripted(Script(config=Page(404))), 400, 600),
    "no chat": (lambda: scripted(Script(info=Page(200, {"named_endpoints": {}}))), 400, 600),
    "not there": (lambda: contextlib.nullcontext(QwenSpace("qwen-2.5", src="http://127.0.0.1:9")), 11, 19),
    "cut": (lambda: scripted(Script(events=(), end="cut")), 11, 19),
    "its own error": (lambda: space(fails(lambda: gr.Error("Oh", print_exception=False))), 0, 0),
    "nothing": (lambda: space(silent), 0, 0),
}


@pytest.mark.parametrize(("first", "least", "most"), RESTS.values(), ids=RESTS)
def test_the_next_space_answers_and_the_first_one_rests(
    second: QwenSpace,
    first: Callable[[], contextlib.AbstractContextManager[QwenSpace]],
    least: float,
    most: float,
    prompt: str,
) -> None:
    with first() as failing:
        router, start = Router([failing, second], retries=0), time.monotonic()
        reply = router.ask(prompt)
        assert (reply.text, reply.space) == (f"good: {prompt}", "qwen-2.5-max")
        assert start + least <= router._members[0].rests_until <= time.monotonic() + most


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_a_space_that_refuses_one_request_does_not_rest(second: QwenSpace, status: int) -> None:
    refusal = Page(status, {"detail": "Not this one"})
    with serve_script(Script(join=refusal, failures=1)) as server:
        router = Router([QwenSpace("qwen-2-72b", src=server.url), second])
        assert router.ask("Hi").space == "qwen-2.5-max"
        assert (router._members[0].failures, router._members[0].rests_until) == (0, 0.0)
        assert router.ask("Hi").space == "qwen-2-72b"


@pytest.mark.parametrize("error", ["gr.Error", "nothing"])
def test_an_error_of_the_spaces_own_rests_it_from_the_second_on(second: QwenSpace, error: str) -> None:
    asked = 0

    def brain(system: str, history: Any, prompt: str, image: Any) -> Iterator[str]:
        nonlocal asked
        asked += 1
        if error == "gr.Error":
            raise gr.Error("Oh", print_exception=False)
        yield from ()

    with space(brain) as failing:
        router, start = Router([failing, second]), time.monotonic()
        replies = [router.ask("Hi") for _ in range(4)]
        assert [reply.space for reply in replies] == ["qwen-2.5-max"] * 4
        assert asked == 2
        assert start + 22.5 <= router._members[0].rests_until <= time.monotonic() + 37.5


def test_a_space_that_recovers_is_tried_by_one_request_after_its_rest(second: QwenSpace) -> None:
    script = Script(join=Page(503), failures=1)
    with serve_script(script) as server:
        router = Router([QwenSpace("qwen-2-72b", src=server.url), second])
        assert router.ask("Hi").space == "qwen-2.5-max"
        member = router._members[0]
        member.rests_until = 0.0
        member.begin()  # a request that tries it out now
        assert router.ask("Hi").space == "qwen-2.5-max"
        member.end()
        assert router.ask("Hi").space == "qwen-2-72b"
        assert (member.failures, member.rests_until) == (0, 0.0)


def test_quota_is_the_accounts_so_all_spaces_on_zero_gpu_rest(second: QwenSpace) -> None:
    error = fails(lambda: gr.Error(QUOTA, print_exception=False))
    with space(error) as first, space(good) as other:
        router = Router([first, other, second])
        for member in router._members[:2]:
            member.hardware = "zero-a10g"
        assert router.ask("Hi").space == "qwen-2.5-max"
        assert router._members[1].rests_until > time.monotonic()


def test_with_another_token_nobody_elses_space_rests(second: QwenSpace, mocker: MockerFixture) -> None:
    with serve_script(Script(config=Page(401))) as refusing, space(good) as first:
        own = QwenSpace("qwen-2.5", src=refusing.url)  # as a Space on the Hub with that token
        given = mocker.patch.object(QwenSpace, "_with_token", autospec=True, side_effect=[own, None])
        router = Router([first, second])
        guest = router._with_token("hf_x")
        assert guest is not None
        assert [call.args for call in given.mock_calls] == [(first, "hf_x"), (second, "hf_x")]
        assert guest.ask("Hi").space == "qwen-2.5-max"
        assert refusing.requests
        assert router._members[0].failures == 0
        guest.close()
        assert router.ask("Hi").space == "qwen-2.5"


def test_after_its_first_text_an_answer_is_never_begun_again(second: QwenSpace, mode: str) -> None:
    script = Script(events=generates("Hello"), end="cut")
    with scripted(script) as first:
        stream = Router([first, second]).stream("Hi")
        with pytest.raises(ConnectionLostError) as caught:
            if mode == "sync":
                stream.result()
            else:

                async def whole() -> None:
                    await stream

                run_async(mode, whole)
    assert caught.value.partial_text == stream.text == "Hello"


def test_statuses_name_the_space_and_every_mode_reads_them(second: QwenSpace, mode: str, prompt: str) -> None:
    with scripted(Script(join=Page(503))) as first:
        stream = Router([first, second]).stream(prompt)

        async def events() -> list[Any]:
            return [event async for event in stream.events()]

        seen = list(stream.events()) if mode == "sync" else run_async(mode, events)
    spaces = [event.space for event in seen if isinstance(event, Status)]
    assert list(dict.fromkeys(spaces)) in (["", "qwen-2-72b", "qwen-2.5-max"], ["", "qwen-2.5-max"])
    assert seen[-1].reply.space == "qwen-2.5-max"
    assert seen[-1].reply.metrics.first is not None


@pytest.mark.slow
def test_a_space_that_says_nothing_loses_our_patience(
    servers: Servers, second: QwenSpace, prompt: str
) -> None:
    slow = f"{prompt} [[wait=600]]"
    first = QwenSpace("qwen-2.5", src=servers["qwen-2.5"])
    first.status()  # connects
    router = Router([first, second], patience=2.0)
    assert router.ask(slow).space == "qwen-2.5-max"
    if servers.reported("begin", slow):
        servers.wait_for("end", slow)
    assert router._members[0].failures == 1


def test_a_space_that_falls_silent_rests_and_map_asks_another_one(second: QwenSpace) -> None:
    with scripted(Script(events=generates("Hello"), end="hang")) as first:
        router, start = Router([first, second], timeouts=Timeouts(gap=0.5)), time.monotonic()
        (row,) = router.map(["Hi"]).result()
        assert (row.text, row.reply and row.reply.space) == ("good: Hi", "qwen-2.5-max")
        assert start + 22.5 <= router._members[0].rests_until <= time.monotonic() + 37.5


def test_what_only_our_patience_ended_may_succeed_later() -> None:
    attempt = Attempt(Mailbox(), "mine")
    attempt.watch(Timeouts(), 0.05, lambda: True)
    attempt.wait_for_text(PATIENCE)
    assert isinstance(attempt.error, SpaceTimeoutError)
    assert attempt.error.transient  # so another round follows, if the others became busy meanwhile


def test_patience_does_not_apply_to_the_last_one(servers: Servers, prompt: str) -> None:
    only = QwenSpace("qwen-2.5", src=servers["qwen-2.5"])
    with scripted(Script(join=Page(503))) as full:
        reply = Router([full, only], patience=0.2).ask(f"{prompt} [[wait=1.5]]")
    assert reply.space == "qwen-2.5"


@pytest.mark.slow
def test_a_timeout_of_an_attempt_is_not_that_of_the_whole(
    servers: Servers, second: QwenSpace, prompt: str
) -> None:
    first = QwenSpace("qwen-2.5", src=servers["qwen-2.5"])
    router = Router([first, second], patience=None, timeouts=Timeouts(first=0.7))
    assert router.ask(f"{prompt} [[wait=600]]").space == "qwen-2.5-max"
    with pytest.raises(SpaceTimeoutError, match=r"within 0\.7 s"):
        Router([first], timeouts=Timeouts(first=0.7), retries=0).ask(f"{prompt} again [[wait=600]]")


def test_a_lone_space_is_retried_and_does_not_rest() -> None:
    with serve_script(Script(join=Page(503), failures=2)) as server:
        router = Router([QwenSpace("qwen-2-72b", src=server.url)])
        assert router.ask("Hi").text == "Hello world."
        assert server.count("/queue/join") == 3
    with serve_script(Script(join=Page(503))) as server:
        router = Router([QwenSpace("qwen-2-72b", src=server.url)], retries=0)
        with pytest.raises(QueueFullError):
            router.ask("Hi")
        assert router._members[0].rests_until == 0.0


def test_if_all_fail_the_error_has_all_errors_and_when_to_come_again(mocker: MockerFixture) -> None:
    mocker.patch.object(dispatch, "LONGEST_PAUSE", 0.01)
    limited = Page(429, headers={"Retry-After": "500"})
    with serve_script(Script(join=Page(503))) as full, serve_script(Script(join=limited)) as busy:
        spaces = [QwenSpace("qwen-2-72b", src=server.url) for server in (full, busy)]
        with pytest.raises(AllFailedError) as caught:
            Router(spaces, retries=0).ask("Hi")
        error = caught.value
        assert [name for name, _ in error.errors] == [full.url, busy.url]
        assert [type(each) for _, each in error.errors] == [QueueFullError, RateLimitedError]
        assert error.transient
        assert error.retry_after is not None
        assert error.retry_after <= 12.5
        assert full.url in str(error)
        joins = full.count("/queue/join")
        router = Router(spaces, retries=2)
        with pytest.raises(AllFailedError) as caught:
            router.ask("Hi")
        assert [type(each) for _, each in caught.value.errors] == [QueueFullError, RateLimitedError]
        # In the second and third round both rest, so the one whose rest ends first is tried.
        assert full.count("/queue/join") == joins + 3


def test_what_is_wrong_with_the_request_is_said_at_once(second: QwenSpace) -> None:
    router = Router([QwenSpace("qwen-2.5", src="http://127.0.0.1:9"), second])
    with pytest.raises(InvalidMessagesError):
        router.stream("")
    with pytest.raises(UnsupportedOptionError, match=r"qwen-2\.5"):
        router.stream("Hi", nonsense=1)
    with pytest.raises(UnsupportedOptionError):
        router.map(["Hi"], nonsense=1)
    with pytest.raises(UnsupportedOptionError):
        router.conversation(nonsense=1)
    with pytest.raises(InvalidImageError):
        router.stream("Hi", images=[picture("PNG", (8, 8), "orange")])


def test_spaces_that_lack_an_option_or_take_no_image_are_passed_over(
    servers: Servers, second: QwenSpace
) -> None:
    sized = QwenSpace("qwen-2.5", src=servers["qwen-2.5"])
    seeing = QwenSpace("qvq-72b", src=servers["qvq-72b"])
    router = Router([second, sized, seeing])
    assert router.ask("Hi", size="7B").space == "qwen-2.5"
    assert router.ask("Hi", images=[picture("PNG", (9, 7), "orange")]).space == "qvq-72b"
    assert router.ask("Hi").space == "qwen-2.5-max"


def test_the_shortest_queue_is_chosen_among_equals(second: QwenSpace) -> None:
    busy = threading.Event()

    def brain(system: str, history: Any, prompt: str, image: Any) -> Iterator[str | None]:
        while not busy.is_set():
            yield None
            time.sleep(0.02)
        yield "at last"

    with space(brain, slots=1) as first:
        strangers = [first.stream(f"stranger {number}") for number in range(3)]
        readers = [threading.Thread(target=stream.result) for stream in strangers]
        for reader in readers:
            reader.start()
        until = time.monotonic() + PATIENCE
        while (first.status().queue_size or 0) < 2:
            assert time.monotonic() < until
            time.sleep(0.05)
        router = Router([[first, second]], patience=2.0)
        assert [router.ask("Hi").space for _ in range(7)] == ["qwen-2.5-max"] * 7
        assert router._members[0].failures == 0  # so it was not asked
        busy.set()
        for reader in readers:
            reader.join(PATIENCE)


def test_equals_share_the_load() -> None:
    def steady(system: str, history: Any, prompt: str, image: Any) -> Iterator[str]:
        time.sleep(0.3)
        yield prompt

    with space(steady, slots=2) as first, space(steady, slots=2) as other:
        for each in (first, other):  # two Gradio apps of one process, opened at once, may answer 500
            each.status()
        router = Router([[first, other]])
        rows = router.map([f"Hi {number}" for number in range(12)], concurrency=4).result()
        failures = [member.failures for member in router._members]
    counts = Counter(row.reply and row.reply.space for row in rows)
    assert set(counts) == {first.src, other.src}, (counts, failures)


def test_a_conversation_stays_and_moves_with_its_history_when_its_space_dies(servers: Servers) -> None:
    with ExitStack() as dying, space(good, "qwen-2.5-72b") as third:
        first = QwenSpace("qwen-2.5", src=dying.enter_context(serve("qwen-2.5", brain=good)))
        living = QwenSpace("qwen-3", src=servers["qwen-3"])
        router = Router([[first, third], living])
        chat = router.conversation(system="Be brief.")
        homes = {chat.ask(f"turn {number}").space for number in range(4)}
        assert len(homes) == 1  # though it has an equal
        router = Router([first, living])
        chat = router.conversation(system="Be brief.")
        assert chat.ask("My name is Ada.").space == "qwen-2.5"
        dying.close()
        reply = chat.ask("What is my name?")
        assert reply.space == "qwen-3"
        assert "My name is Ada." in reply.text
        assert chat.ask("And now?").space == "qwen-3"  # in its session
        assert len(chat.messages) == 7


@pytest.mark.slow
def test_the_whole_history_moves_when_its_space_dies() -> None:
    asked: list[Any] = []

    def notes(system: str, history: Any, prompt: str, image: Any) -> Iterator[str]:
        asked.append((system, [tuple(turn) for turn in history], prompt))
        yield "Ada."

    with ExitStack() as dying, space(notes, "qwen-2.5-max") as living:
        first = QwenSpace("qwen-2.5", src=dying.enter_context(serve("qwen-2.5", brain=good)))
        chat = Router([first, living]).conversation(system="Be brief.")
        turns = [f"turn {number}" for number in range(3)]
        assert {chat.ask(turn).space for turn in turns} == {"qwen-2.5"}
        dying.close()
        assert chat.ask("What is my name?").space == "qwen-2.5-max"
    assert asked == [("Be brief.", [(turn, f"good: {turn}") for turn in turns], "What is my name?")]
    assert [message.content for message in chat.messages[-2:]] == ["What is my name?", "Ada."]


@pytest.mark.slow
def test_many_prompts_survive_the_death_of_a_space() -> None:
    with ExitStack() as dying, space(good, "qwen-2.5-max") as living:
        first = QwenSpace("qwen-2.5", src=dying.enter_context(serve("qwen-2.5", brain=good)))
        for each in (first, living):  # as above
            each.status()
        answers = Router([[first, living]]).map((f"Hi {number}" for number in range(60)), concurrency=4)
        rows = []
        for row in answers:
            rows.append(row)
            if len(rows) == 20:
                dying.close()
    assert [row.text for row in rows] == [f"good: Hi {number}" for number in range(60)]
    spaces = Counter(row.reply and row.reply.space for row in rows)
    assert spaces["qwen-2.5-max"] >= 40 - 4


@pytest.mark.parametrize("how", ["cancel", "close", "closed router"])
def test_leaving_ends_the_job(servers: Servers, how: str, prompt: str) -> None:
    endless = f"{prompt} [[forever]]"
    router = Router([QwenSpace("qwen-2.5", src=servers["qwen-2.5"])])
    stream = router.stream(endless)
    pulled = threading.Thread(target=lambda: list(stream))
    pulled.start()
    servers.wait_for("begin", endless)
    {"cancel": stream.cancel, "close": stream.close, "closed router": router.close}[how]()
    servers.wait_for("end", endless)
    pulled.join(PATIENCE)
    assert not pulled.is_alive()


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: Router([]), UnsupportedOptionError),
        (lambda: Router("qwen-2.5"), UnsupportedOptionError),
        (lambda: Router(["qwen-2.6"]), UnknownSpaceError),
        (lambda: Router([7]), UnsupportedOptionError),
        (lambda: Router(["qwen-2.5"], patience=-1), UnsupportedOptionError),
        (lambda: Router(["qwen-2.5"], retries=-1), UnsupportedOptionError),
        (lambda: Router(["qwen-2.5"], nonsense=1), TypeError),
    ],
    ids=["none", "text", "unknown", "number", "patience", "retries", "setting"],
)
def test_a_router_that_cannot_be_is_refused(make: Callable[[], Router], error: type[Exception]) -> None:
    with pytest.raises(error):
        make()


def test_a_router_of_names_is_told_apart_by_them() -> None:
    router = Router([["qwen-2.5", "http://127.0.0.1:9"], "Qwen/Qwen3-Demo"], name="mine")
    assert repr(router) == "Router(['qwen-2.5', 'http://127.0.0.1:9', 'Qwen/Qwen3-Demo'], name='mine')"


@pytest.mark.parametrize("mode", MODES)
def test_the_status_is_that_of_all(mode: str, second: QwenSpace) -> None:
    router = Router([QwenSpace("qwen-2.5", src="http://127.0.0.1:9"), second])

    async def blocking() -> dict[str, Any]:
        return router.status()  # as in a notebook, in whose cells a loop runs

    states = router.status() if mode == "sync" else run_async(mode, router.astatus)
    if mode != "sync":
        assert run_async(mode, blocking).keys() == states.keys()
    assert states["qwen-2.5-max"].endpoint
    assert "cannot be reached" in str(states["qwen-2.5"])


def test_its_own_error_if_one_was_tried(second: QwenSpace) -> None:
    failing = space(fails(lambda: gr.Error("Oh no", print_exception=False)))
    with failing as found, pytest.raises(SpaceError, match="Oh no"):
        Router([found], retries=0).ask("Hi")
