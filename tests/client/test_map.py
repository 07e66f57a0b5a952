"""Many prompts: a row for each, in every mode; polite to the Space, lazy, and over when the reader leaves."""

from __future__ import annotations

import itertools
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_mock import MockerFixture

from qwen_spaces import (
    Answers,
    ConnectError,
    ConnectionLostError,
    InvalidMessagesError,
    QueueFullError,
    QwenSpace,
    Row,
    SpaceError,
    SpaceNotFoundError,
    StreamCancelledError,
    UnsupportedOptionError,
)
from qwen_spaces._many import pace
from qwen_spaces._many.pace import Pace
from qwen_spaces.replicas import serve

from ..support.modes import PATIENCE, run_async
from ..support.scripted_gradio import Page, Script, serve_script
from ..support.servers import Servers


@pytest.fixture
def space(servers: Servers) -> QwenSpace:
    return QwenSpace("qwen-2.5", src=servers["qwen-2.5"])


def read(mode: str, answers: Answers, most: int | None = None) -> list[Row]:
    """The rows of `answers`, of which the reader takes so many at most, in one of the modes."""
    if mode == "sync":
        return list(itertools.islice(answers, most))

    async def rows() -> list[Row]:
        taken: list[Row] = []
        async for row in answers:
            taken.append(row)
            if len(taken) == most:
                break
        return taken

    return run_async(mode, rows)


def test_each_prompt_has_its_row_in_its_place(space: QwenSpace, mode: str, prompt: str) -> None:
    prompts = [f"{prompt} {number}" for number in range(7)]
    rows = read(mode, space.map(prompts, system="Be brief.", size="7B"))
    assert [row.index for row in rows] == list(range(7))
    assert [row.prompt for row in rows] == prompts
    for row in rows:
        assert f'"{row.prompt}"' in row.text
        assert "Be brief." in row.text
        assert row.reply
        assert row.reply.space == "qwen-2.5"


def test_the_whole_is_a_list(space: QwenSpace, mode: str, prompt: str) -> None:
    async def whole() -> list[Row]:
        async with space.map([prompt, prompt]) as answers:
            return await answers

    rows = space.map([prompt, prompt]).result() if mode == "sync" else run_async(mode, whole)
    assert [prompt in row.text for row in rows] == [True, True]


def test_without_an_order_a_slow_answer_keeps_none_waiting(
    servers: Servers, space: QwenSpace, mode: str, prompt: str
) -> None:
    prompts = [f"{prompt} [[forever]]", *(f"{prompt} {number}" for number in range(5))]
    rows = read(mode, space.map(prompts, ordered=False, concurrency=2), most=5)
    assert {row.index for row in rows} == {1, 2, 3, 4, 5}
    servers.wait_for("end", prompts[0])  # the reader has left


def test_an_error_is_a_row_and_the_others_have_their_answers(
    space: QwenSpace, mode: str, prompt: str
) -> None:
    prompts: list[Any] = [
        prompt,
        "",
        f"{prompt} [[gr-error=Oh no]]",
        7,
        [{"role": "user", "content": prompt}],
    ]
    rows = read(mode, space.map(prompts))
    kinds = [type(row.error) for row in rows]
    assert kinds == [type(None), InvalidMessagesError, SpaceError, InvalidMessagesError, type(None)]
    assert prompt in rows[4].text
    with pytest.raises(SpaceError, match="Oh no"):
        _ = rows[2].text


def test_prompts_are_taken_as_they_are_needed_and_the_generator_is_closed(
    servers: Servers, space: QwenSpace, mode: str, prompt: str
) -> None:
    taken: list[int] = []
    closed = threading.Event()

    def prompts() -> Iterator[str]:
        try:
            for number in itertools.count():
                taken.append(number)
                yield f"{prompt} {number}" if number < 3 else f"{prompt} {number} [[forever]]"
        finally:
            closed.set()

    source = prompts()  # which would be closed when it is dropped
    rows = read(mode, space.map(source, concurrency=2), most=3)
    assert [row.index for row in rows] == [0, 1, 2]
    assert closed.is_set()
    assert len(taken) <= 3 + 2
    for number in taken[3:]:
        if servers.reported("begin", f"{prompt} {number} [[forever]]"):
            servers.wait_for("end", f"{prompt} {number} [[forever]]")


@pytest.mark.slow
def test_an_ordered_reader_holds_few_rows_behind_a_slow_one(space: QwenSpace, prompt: str) -> None:
    taken = 0

    def prompts() -> Iterator[str]:
        nonlocal taken
        yield f"{prompt} [[wait=2]]"
        while True:
            taken += 1
            yield ""  # whose row is an error at once

    answers = space.map(prompts(), concurrency=2)
    with answers:
        assert next(iter(answers)).index == 0
    assert taken == 2 * 16


@pytest.mark.slow
def test_one_of_ours_waits_in_a_queue_and_none_is_refused(mocker: MockerFixture, prompt: str) -> None:
    failures = mocker.spy(Pace, "fail")
    with serve("qwen-2.5", slots=2, max_size=1) as url, QwenSpace("qwen-2.5", src=url) as space:
        rows = space.map([f"{prompt} {number} [[pace=0.01]]" for number in range(12)], concurrency=8).result()
    assert [row.error for row in rows] == [None] * 12
    assert failures.call_count == 0


def test_on_a_space_with_room_as_many_run_as_may(servers: Servers, prompt: str) -> None:
    space = QwenSpace("qwen-2.5", src=servers["forty-slots"])
    prompts = [f"{prompt} {number} [[forever]]" for number in range(9)]
    answers = space.map(prompts, concurrency=8)
    reading = threading.Thread(target=lambda: list(answers))
    reading.start()
    for each in prompts[:8]:
        servers.wait_for("begin", each)
    time.sleep(1)  # in which one too many would begin
    assert not servers.reported("begin", prompts[8])
    answers.cancel()
    reading.join(PATIENCE)
    assert not reading.is_alive()
    for each in prompts[:8]:
        servers.wait_for("end", each)


def test_a_refusal_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "FIRST_PAUSE", 0.01)
    with serve_script(Script(join=Page(503), failures=2)) as server:
        rows = QwenSpace("qwen-2-72b", src=server.url, retries=0).map(["Hi", "Hello", "Hey"]).result()
        assert server.count("/queue/join") == 5
    assert [row.text for row in rows] == ["Hello world."] * 3


def test_what_goes_on_failing_is_a_row_after_three_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "FIRST_PAUSE", 0.01)
    with serve_script(Script(join=Page(503))) as server:
        (row,) = QwenSpace("qwen-2-72b", src=server.url).map(["Hi"]).result()
        assert server.count("/queue/join") == 4
    assert isinstance(row.error, QueueFullError)


def test_a_pace_halves_at_a_refusal_and_recovers() -> None:
    pace, now = Pace(8), 100.0
    pause = pace.fail(QueueFullError("full", retry_after=7.0), 1, now)
    assert pause == 7.0
    assert not pace.allows(0, 0, now + 6.9)
    now += 7.0
    assert pace.allows(3, 0, now)
    assert not pace.allows(4, 0, now)
    for _ in range(40):
        pace.succeed()
    assert pace.allows(7, 0, now)
    assert not pace.allows(8, 0, now)
    assert pace.fail(QueueFullError("full", retry_after=121.0), 1, now) is None
    assert pace.fail(SpaceError("It failed"), 1, now) is None


def test_a_space_that_was_there_is_waited_for() -> None:
    pace, gone = Pace(4), ConnectError("It cannot be reached.")
    assert pace.fail(gone, 1, 0.0) is None
    pace.succeed()
    assert pace.fail(gone, 1, 0.0) is not None
    assert pace.fail(gone, 4, 0.0) is None
    assert pace.fail(SpaceNotFoundError("There is none."), 1, 0.0) is None
    assert pace.fail(ConnectionLostError("It was cut."), 1, 0.0) is not None


def test_a_cancel_from_elsewhere_ends_the_loop_and_the_jobs(
    servers: Servers, space: QwenSpace, mode: str, prompt: str
) -> None:
    endless = f"{prompt} [[forever]]"
    answers = space.map([endless])
    helper = threading.Thread(target=lambda: (servers.wait_for("begin", endless), answers.cancel()))
    helper.start()
    assert read(mode, answers) == []
    helper.join(PATIENCE)
    servers.wait_for("end", endless)
    with pytest.raises(StreamCancelledError):
        answers.result()


def test_answers_that_are_dropped_end_their_jobs(servers: Servers, space: QwenSpace, prompt: str) -> None:
    endless = f"{prompt} [[forever]]"
    answers = space.map([prompt, endless], ordered=False, concurrency=2)
    for _ in answers:
        servers.wait_for("begin", endless)
        break
    gone = weakref.ref(answers)
    del answers
    assert gone() is None
    servers.wait_for("end", endless)


def test_an_error_of_the_prompts_own_is_raised_and_ends_the_jobs(
    servers: Servers, space: QwenSpace, mode: str, prompt: str
) -> None:
    endless = f"{prompt} [[forever]]"

    def prompts() -> Iterator[str]:
        yield endless
        servers.wait_for("begin", endless)
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        read(mode, space.map(prompts()))
    servers.wait_for("end", endless)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda space: space.map("Hi"), InvalidMessagesError),
        (lambda space: space.map(7), InvalidMessagesError),
        (lambda space: space.map({"role": "user", "content": "Hi"}), InvalidMessagesError),
        (lambda space: space.map(["Hi"], concurrency=0), UnsupportedOptionError),
        (lambda space: space.map(["Hi"], temperature=1), UnsupportedOptionError),
    ],
    ids=["text", "number", "message", "concurrency", "option"],
)
def test_what_cannot_be_is_refused_at_once(
    call: Callable[[QwenSpace], Answers], error: type[Exception]
) -> None:
    with pytest.raises(error):
        call(QwenSpace("qwen-2.5", src="http://127.0.0.1:9"))


def test_the_progress_is_on_stderr(space: QwenSpace, prompt: str, capfd: pytest.CaptureFixture[str]) -> None:
    space.map([prompt, ""], progress=True).result()
    assert "2/2" in capfd.readouterr().err


def test_a_map_with_a_journal_asks_only_what_it_lacks(
    servers: Servers, space: QwenSpace, mode: str, prompt: str, tmp_path: Path
) -> None:
    path = tmp_path / "answers.jsonl"
    first, second = f"{prompt} first", f"{prompt} second"
    before = read(mode, space.map([first, first], save=path))
    after = read(mode, space.map([second, first, "", first, first], save=path))
    assert [row.index for row in after] == [0, 1, 2, 3, 4]
    assert after[1].text == before[0].text
    assert after[1].reply
    assert before[0].reply
    assert after[1].reply.metrics == before[0].reply.metrics
    assert isinstance(after[2].error, InvalidMessagesError)
    servers.wait_for("begin", first, times=3)
    assert servers.count("begin", first) == 3
    servers.wait_for("begin", second)
    assert servers.count("begin", second) == 1
    read(mode, space.map([second, first, "Now it is valid.", first, first], save=path))
    servers.wait_for("begin", first, times=3)
    assert servers.count("begin", first) == 3
    assert path.read_text().count("\n") == 5
    read(mode, space.map([first], save=path, system="Be brief."))  # which is another question
    servers.wait_for("begin", first, times=4)
    assert servers.count("begin", first) == 4
