"""`show`: answers that grow in a notebook's cell, in a terminal, and in a plain program."""

from __future__ import annotations

import pickle
import re
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import pytest
from IPython.core.interactiveshell import InteractiveShell
from pytest_mock import MockerFixture

from qwen_spaces import QwenSpace, Reply, SpaceError, SpaceTimeoutError, Status, Timeouts
from qwen_spaces._display.displays import NO_MATH
from qwen_spaces._display.live_reply import DisplayedReply, LiveReply, Shown
from qwen_spaces._display.plain import PlainDisplay

from ..support.modes import PATIENCE, run_async
from ..support.page import Page, new_page, stream_of, thinking
from ..support.servers import Servers
from ..support.streams import scripted_stream
from ..support.terminal import COLUMNS, Terminal, stage

A_SECOND = 15  # updates in it, at most


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    with new_page(tmp_path) as page:
        yield page


AWAITED = "reply = await shown"
RESULT = "reply = shown.result()"
LAST_LINE = "shown"
WAYS = pytest.mark.parametrize(
    "way", [AWAITED, RESULT, LAST_LINE], ids=["awaited", "result", "last line of a cell"]
)


@pytest.mark.parametrize("way", [AWAITED, RESULT], ids=["awaited", "result"])
def test_an_answer_grows_in_its_cell_with_15_updates_a_second_at_most(way: str, page: Page) -> None:
    steps = ["word " * count for count in range(1, 301)]
    page.run(way, shown=LiveReply(stream_of(*steps, pace=0.0025)))
    assert page.shown == [steps[-1]]
    assert 5 < len(page.seen) <= 1 + A_SECOND * (page.times[-1] - page.times[0])
    assert page.seen[-1] == {"text/markdown": steps[-1], "text/plain": steps[-1]}


def test_the_status_stands_where_the_answer_will(page: Page) -> None:
    queued = Status("queued", position=3, queue_size=8, eta=20)
    again, upload = Status("queued", eta=2, reason="<i>Full</i>"), Status("queued", upload=2_500_000)
    waits = [Status("waking"), queued, again, upload, Status("running")]
    page.run(RESULT, shown=LiveReply(stream_of(*waits, "Hello.", page=page)))
    # Where the machine is busy, a status is drawn again, with the seconds that it took.
    drawn = [re.sub(r", \d+ s so far", "", data["text/plain"]) for data in page.seen]
    assert list(dict.fromkeys(drawn)) == [
        "Connecting ...",
        "The Space wakes up ...",
        "Waiting in the queue, at place 4 of 8, about 20 s to go ...",
        "Another try follows: <i>Full</i>, about 2 s to go ...",
        "Uploading 2.5 MB ...",
        "The Space is at work ...",
        "Hello.",
    ]
    assert any("&lt;i&gt;Full" in data.get("text/html", "") for data in page.seen)
    assert len(page.outputs) == 1


def test_reasoning_is_unfolded_until_the_answer_begins(page: Page) -> None:
    steps = [
        thinking("Hm."),
        thinking("Hm. Yes."),
        thinking("Hm. Yes.", "It is"),
        thinking("Hm. Yes.", "It is."),
    ]
    page.run(AWAITED, shown=LiveReply(stream_of(*steps, page=page)))
    drawn = [data["text/markdown"] for data in page.seen if "text/markdown" in data]
    folded = f"<details><summary>Reasoning</summary><blockquote {NO_MATH}>Hm. Yes.</blockquote></details>"
    unfolded = folded.replace("<details>", "<details open>")
    assert drawn == [unfolded.replace(" Yes.", ""), unfolded, folded, "It is", "It is."]
    assert page.shown == ["Hm. Yes.", "It is."]


def test_reasoning_cannot_break_out_of_its_fold(page: Page) -> None:
    thought = "a\n\n</details>\r\n\r\n<script>alert(1)</script> **b** `c` $d$ \\(e\\) &lt;"
    page.run(LAST_LINE, shown=LiveReply(stream_of(thinking(thought, "f"))))
    drawn = next(data for data in page.seen if data["text/plain"] == thought)["text/markdown"]
    assert "\n" not in drawn
    assert "\r" not in drawn
    inside = drawn.partition(f"<blockquote {NO_MATH}>")[2].removesuffix("</blockquote></details>")
    assert re.findall("<[^>]*>", inside) == ["<br>"] * 4
    assert not set("`$\\") & set(inside)
    assert "&amp;lt;" in inside


def test_an_answer_is_never_made_into_html(page: Page) -> None:
    page.run(LAST_LINE, shown=LiveReply(stream_of("<script>alert(1)</script>")))
    assert [list(data) for data in page.outputs.values()] == [["text/markdown", "text/plain"]]


def test_text_that_the_space_removes_is_removed(page: Page) -> None:
    steps = [thinking("Hm.", "No"), thinking("Hm. Wait.")]
    page.run(LAST_LINE, shown=LiveReply(stream_of(*steps, page=page)))
    assert page.shown == ["Hm. Wait.", ""]


@WAYS
def test_an_error_is_a_box_below_the_text_so_far(way: str, page: Page) -> None:
    error = SpaceError("<b>a Space</b> failed.\nAsk again.")
    ended = page.run(way, shown=LiveReply(stream_of("Half of", pace=0.1, error=error)))
    assert page.shown == ["Half of", f"SpaceError: {error}"]
    box = list(page.outputs.values())[1]["text/html"]
    assert "<b>SpaceError</b><br>&lt;b&gt;a Space&lt;/b&gt; failed.<br>Ask again." in box
    assert ended.error is (None if way == LAST_LINE else error)
    assert ended.text == ("" if way == LAST_LINE else "No answer: the reason is above.\n")
    assert "_render_traceback_" not in vars(SpaceError("another, which was not shown"))
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


@WAYS
def test_an_error_before_the_answer_stands_in_its_place(way: str, page: Page) -> None:
    page.run(way, shown=LiveReply(stream_of(error=SpaceError("It failed."))))
    assert page.shown == ["SpaceError: It failed."]


@WAYS
def test_a_stream_that_times_out_shows_the_error(way: str, page: Page) -> None:
    stream = scripted_stream(lambda mailbox: time.sleep(0.6), timeouts=Timeouts(connect=0.2))
    ended = page.run(way, shown=LiveReply(stream))
    assert len(page.shown) == 1
    assert page.shown[0].startswith("SpaceTimeoutError: a Space: the Space was not reached within 0.2 s.")
    assert isinstance(ended.error, SpaceTimeoutError) == (way != LAST_LINE)


@WAYS
def test_a_real_space_is_shown_once(way: str, page: Page, servers: Servers, prompt: str) -> None:
    space = QwenSpace("qwen-2.5", src=servers["qwen-2.5"])
    ended = page.run(way.removeprefix("reply = "), shown=space.show(prompt))
    (text,) = page.shown
    assert f'You asked: "{prompt}"' in text
    assert ended.text == ""
    if way != LAST_LINE:
        assert ended.value.text == text


def test_a_shown_reply_is_shown_again_by_a_later_cell(page: Page) -> None:
    shown = LiveReply(stream_of("Hello."))
    page.run("reply = await shown\nreply", shown=shown)
    assert len(page.seen) == 2  # the status, the answer
    assert "Reply(text='Hello.'" in page.run("reply").text
    page.run("again = shown.result()")
    assert len(page.seen) == 2
    page.run("shown")
    assert page.shown == ["Hello.", "Hello."]


def test_a_shown_reply_is_a_reply(page: Page) -> None:
    shown, plain = page.run("shown.result()", shown=LiveReply(stream_of("Hello."))).value, Reply("Hello.")
    assert isinstance(shown, DisplayedReply)
    same = Reply(shown.text, metrics=shown.metrics, raw=shown.raw, space=shown.space)
    assert shown == same
    assert same == shown
    assert shown != plain
    assert hash(shown) == hash(same)
    assert pickle.loads(pickle.dumps(shown)) == shown
    assert str(shown) == "Hello."
    assert Shown is LiveReply


def test_several_answers_grow_at_once_in_one_cell(page: Page, servers: Servers) -> None:
    space = QwenSpace("qwen-2.5", src=servers["qwen-2.5"])
    questions = [f"Question {number} [[pace=0.01]]" for number in range(3)]
    code = "import asyncio\nreplies = await asyncio.gather(*map(space.show, questions))"
    page.run(code, space=space, questions=questions)
    assert len(page.shown) == 3
    assert all(f'"{question}"' in text for question, text in zip(questions, page.shown, strict=True))
    assert len({data["text/plain"] for data in page.seen}) > 6


def test_a_cancelled_task_keeps_the_text_so_far(
    page: Page, servers: Servers, prompt: str, backend: str
) -> None:
    endless = f"{prompt} [[forever]]"

    async def show() -> None:
        await QwenSpace("qwen-2.5", src=servers["qwen-2.5"]).show(endless)

    async def leave() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(show)
            while not "".join(page.shown).startswith("word1"):  # noqa: ASYNC110
                await anyio.sleep(0.01)
            tasks.cancel_scope.cancel()

    run_async(backend, leave)
    servers.wait_for("end", endless)
    text, note = page.shown
    assert text.startswith("word1 ")
    assert note == "Interrupted."


def test_a_cancelled_stream_is_no_error(page: Page) -> None:
    def half(feed: Any) -> None:
        feed.set_snapshot("Half of")
        feed.sleep(PATIENCE)

    def cancel() -> None:
        until = time.monotonic() + PATIENCE
        while all(data["text/plain"] != "Half of" for data in page.seen) and time.monotonic() < until:
            time.sleep(0.005)
        shown.stream.cancel()

    shown = LiveReply(scripted_stream(half))
    threading.Thread(target=cancel).start()
    page.run(LAST_LINE, shown=shown)
    assert page.shown == ["Half of", "Interrupted."]


def test_an_interrupt_while_it_is_drawn_ends_the_job_as_well(
    page: Page, servers: Servers, prompt: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    endless = f"{prompt} [[forever]]"
    draw = page.publish

    def interrupted(data: dict[str, str], **how: Any) -> None:
        if data["text/plain"].startswith("word1"):
            raise KeyboardInterrupt
        draw(data, **how)

    monkeypatch.setattr(page, "publish", interrupted)
    with pytest.raises(KeyboardInterrupt):
        QwenSpace("qwen-2.5", src=servers["qwen-2.5"]).show(endless).result()
    servers.wait_for("end", endless)


def test_await_raises_the_error_itself(backend: str, page: Page) -> None:
    async def ask() -> None:
        with pytest.raises(SpaceError, match="It failed"):
            await LiveReply(stream_of(error=SpaceError("It failed.")))

    run_async(backend, ask)
    assert page.shown == ["SpaceError: It failed."]


def test_one_that_is_dropped_warns_that_nothing_was_sent(servers: Servers, prompt: str) -> None:
    space = QwenSpace("qwen-2.5", src=servers["qwen-2.5"])
    with pytest.warns(UserWarning, match="nothing was sent"):
        space.show(prompt)
    shown = space.show(f"{prompt} [[pace=0]]")
    shown.result()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del shown
    assert caught == []
    assert not servers.reported("begin", prompt)


@pytest.mark.parametrize("way", ["result", "asyncio", "trio"])
def test_without_ipython_the_text_is_printed(
    way: str, servers: Servers, prompt: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = QwenSpace("qwen-2.5", src=servers["qwen-2.5"]).show(prompt)
    assert "not started" in repr(shown)

    async def wait() -> Reply:
        return await shown

    reply = shown.result() if way == "result" else run_async(way, wait)
    assert type(reply) is Reply
    assert capsys.readouterr() == (f"{reply.text}\n", "")
    assert shown.result() is reply
    assert capsys.readouterr() == ("", "")


def test_without_ipython_an_error_is_only_raised(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SpaceError, match="It failed"):
        LiveReply(stream_of("Half", pace=0.1, error=SpaceError("It failed."))).result()
    assert capsys.readouterr() == ("Half\n", "")


def test_without_a_terminal_a_revised_answer_is_printed_again_in_full(
    capsys: pytest.CaptureFixture[str],
) -> None:
    display = PlainDisplay()
    stream: Any = SimpleNamespace(text="", reasoning="Hm.", status=None)
    for stream.text in ("", "One two", "One and two", "One and two and"):
        display.draw(stream)
    display.end(stream)
    assert capsys.readouterr() == (
        "One two\nOne and two and\n",
        "The Space revised its answer. The full answer:\n",
    )


def test_a_terminal_shows_the_status_the_reasoning_and_no_controls() -> None:
    queued = Status("queued", position=3, queue_size=8, reason="")
    steps = [queued, thinking("Hm."), thinking("Hm. Yes."), thinking("Hm. Yes.", "It \x1b[31mis")]
    with stage() as screen:
        LiveReply(stream_of(*steps, "It \x1b[31mis red.", pace=0.2)).result()
    assert screen.rows() == ["Thinking", "Hm. Yes.", "", "It [31mis red.", ""]


def test_a_terminal_shows_and_erases_the_status() -> None:
    with stage() as screen:
        display = PlainDisplay()
        stream: Any = SimpleNamespace(text="", reasoning="", status=Status("queued", reason="世界 " * 60))
        display.draw(stream)
        (row,) = screen.rows()
        assert row.startswith("Another try follows: 世")
        assert len(row) < COLUMNS
        stream.text = "Hello"
        display.draw(stream)
        display.end(stream)
    assert screen.rows() == ["Hello", ""]


class TerminalInteractiveShell(InteractiveShell):
    """By its name, one that cannot redraw its output."""


IPYTHON = """
from qwen_spaces import QwenSpace
space = QwenSpace("qwen-2.5", src={url!r})
"""


@pytest.mark.slow
def test_ipython_shows_a_rewritten_answer_whole_and_an_error_on_one_line(
    servers: Servers, tmp_path: Path
) -> None:
    start = tmp_path / "start.py"
    start.write_text(IPYTHON.format(url=servers["qwen-2.5"]))
    command = [sys.executable, "-m", "IPython", "--no-banner", "--colors=NoColor", "-i", str(start)]
    with Terminal(command, {"IPYTHONDIR": str(tmp_path)}) as terminal:
        terminal.wait_for("In [1]:")
        terminal.type('space.show("Hi [[rewrite]] [[pace=0.05]]")\r')
        shown = terminal.wait_for("In [2]:")
        assert 'You asked: "Hi [[rewrite]]' in shown
        assert shown.index('You asked: "') > shown.find("The Space revised its answer. The full answer:")
        terminal.type('reply = await space.show("Fail [[gr-error=No tokens]]")\r')
        shown = terminal.wait_for("In [3]:").split("In [2]:")[1]
        assert "SpaceError:" in shown
        assert "No tokens" in shown
        assert "Traceback" not in shown
        assert shown.count("\n") < 8
        terminal.type('space.show("Fail [[gr-error=No tokens]]")\r')
        shown = terminal.wait_for("In [4]:").split("In [3]:")[1]
        assert "SpaceError:" in shown
        assert "LiveReply" not in shown


def test_in_a_terminal_the_text_is_printed(
    monkeypatch: pytest.MonkeyPatch, mocker: MockerFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        "IPython.get_ipython", lambda: TerminalInteractiveShell.__new__(TerminalInteractiveShell)
    )
    LiveReply(stream_of("Hello."))._ipython_display_()
    assert capsys.readouterr() == ("Hello.\n", "")
    traceback = mocker.patch.object(TerminalInteractiveShell, "showtraceback", autospec=True)
    LiveReply(stream_of(error=SpaceError("It failed.")))._ipython_display_()
    traceback.assert_called_once()
