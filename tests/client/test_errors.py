"""Every failure is one typed error, with what had arrived; against real servers."""

from __future__ import annotations

import pickle
import socket
import subprocess
import sys

import numpy
import pytest

import qwen_spaces
from qwen_spaces import (
    AuthenticationError,
    ContractError,
    EmptyReplyError,
    InvalidMessagesError,
    MissingExtraError,
    QueueFullError,
    QuotaExceededError,
    QwenSpace,
    QwenSpacesError,
    SpaceError,
    SpaceTimeoutError,
    StreamError,
    Timeouts,
    UnknownSpaceError,
    UnsupportedOptionError,
)

from ..support.modes import PATIENCE, deltas_through, failure
from ..support.proxy import Answer, Request, recording
from ..support.servers import Servers

SPACES = ("qwen-2-72b", "qwen-2.5", "qvq-72b")


@pytest.mark.parametrize("name", SPACES)
def test_an_error_of_the_app_before_the_first_text(name: str, mode: str, servers: Servers) -> None:
    error = failure(mode, QwenSpace(name, src=servers[name]).stream("Hi [[error-first]]"))
    assert type(error) is SpaceError
    assert "hides the reason" in str(error)
    assert error.message == ""
    assert error.partial_text == ""


@pytest.mark.parametrize("name", SPACES)
def test_an_error_of_the_app_after_some_text_keeps_the_text(name: str, mode: str, servers: Servers) -> None:
    stream = QwenSpace(name, src=servers[name]).stream("Hi [[error-after=8]] [[pace=0.01]]")
    error = failure(mode, stream)
    assert type(error) is SpaceError
    assert error.partial_text == stream.text
    assert error.partial_text.startswith('You asked: "Hi')


def test_a_gradio_error_keeps_its_message(mode: str, servers: Servers) -> None:
    stream = QwenSpace("qwen-2.5", src=servers["qwen-2.5"]).stream("[[gr-error=The model is on holiday]]")
    error = failure(mode, stream)
    assert type(error) is SpaceError
    assert (error.title, error.message) == ("Error", "The model is on holiday")
    assert "The model is on holiday" in str(error)


def test_a_spent_gpu_quota_has_the_time_to_retry(mode: str, servers: Servers) -> None:
    error = failure(mode, QwenSpace("qvq-72b", src=servers["qvq-72b"]).stream("Hi [[quota]]"))
    assert type(error) is QuotaExceededError
    assert error.retry_after == 9 * 60 + 48


@pytest.mark.parametrize("name", SPACES)
def test_an_answer_without_text_is_an_empty_reply_error(name: str, servers: Servers) -> None:
    stream = QwenSpace(name, src=servers[name]).stream("Hi [[nothing]]")
    assert type(failure("sync", stream)) is EmptyReplyError
    assert type(failure("sync", stream)) is EmptyReplyError  # and again, not silence


def test_a_full_queue_is_its_error(mode: str, servers: Servers, prompt: str) -> None:
    space = QwenSpace("qwen-2-72b", src=servers["full"])
    once = QwenSpace("qwen-2-72b", src=servers["full"], retries=0)
    endless = [f"{prompt} {number} [[forever]]" for number in range(2)]
    with space.stream(endless[0]) as running:
        next(first := iter(running))
        with space.stream(endless[1]) as waiting:
            for event in waiting.events():
                if event.type == "status" and event.stage == "queued" and event.position is not None:
                    error = failure(mode, once.stream("one too many"))
                    break
        del first
    assert type(error) is QueueFullError


def test_a_server_that_is_no_gradio_app_is_a_contract_error(mode: str, servers: Servers) -> None:
    src = f"{servers['qwen-2.5']}/theme.css"
    assert type(failure(mode, QwenSpace("qwen-2.5", src=src).stream("Hi"))) is ContractError


@pytest.mark.parametrize(
    ("phase", "timeouts", "prompt_"),
    [
        ("first", Timeouts(first=2.0), "[[wait=60]]"),
        ("gap", Timeouts(gap=0.4), "[[slow]] [[pace=5]]"),
        ("total", Timeouts(total=0.6), "[[forever]]"),
    ],
    ids=["first", "gap", "total"],
)
def test_a_phase_that_takes_too_long_ends_in_its_error_and_stops_the_server(
    phase: str, timeouts: Timeouts, prompt_: str, servers: Servers, prompt: str
) -> None:
    question = f"{prompt} {prompt_}"
    space = QwenSpace("qwen-2.5", src=servers["qwen-2.5"], timeouts=timeouts)
    space.status()  # so that the bound is for the Space alone
    stream = space.stream(question)
    error = failure("sync", stream)
    assert type(error) is SpaceTimeoutError
    assert error.phase == phase
    assert isinstance(error, TimeoutError)
    assert error.partial_text == stream.text
    assert bool(stream.text) == (phase != "first")
    servers.wait_for("end", question)


def test_a_server_that_never_answers_times_out_while_connecting(mode: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        src = f"http://127.0.0.1:{silent.getsockname()[1]}"
        stream = QwenSpace("qwen-2.5", src=src, timeouts=Timeouts(connect=0.4)).stream("Hi")
        error = failure(mode, stream)
    assert type(error) is SpaceTimeoutError
    assert error.phase == "connect"


def test_an_app_with_a_login_opens_with_it_and_with_nothing_else(servers: Servers, mode: str) -> None:
    space = QwenSpace(servers["locked"], auth=("ada", "lovelace"))
    assert "message=Hi" in space.ask("Hi").text
    for auth in (None, ("ada", "byron")):
        error = failure(mode, QwenSpace(servers["locked"], auth=auth).stream("Hi"))
        assert type(error) is AuthenticationError
        assert "byron" not in str(error)


def test_a_server_that_was_started_again_is_logged_in_to_again(servers: Servers, mode: str) -> None:
    with recording(servers["locked"]) as front:
        space = QwenSpace(front.url, auth=("ada", "lovelace"))
        assert "message=Hi" in space.ask("Hi").text
        front.origin = servers["locked-again"]
        assert "message=Hi" in "".join(deltas_through(mode, space.stream("Hi")))
        assert [request.kind for request in front.seen].count("login") == 2


def test_a_login_that_holds_no_more_is_an_error(servers: Servers, mode: str) -> None:
    def forgotten(request: Request) -> Answer | None:
        return Answer(401, {"Content-Type": "application/json"}, b'{"detail": "Not authenticated"}')

    with recording(servers["locked"]) as front:
        space = QwenSpace(front.url, auth=("ada", "lovelace"))
        assert "message=Hi" in space.ask("Hi").text
        front.interfere = forgotten
        assert type(failure(mode, space.stream("Hi"))) is AuthenticationError


@pytest.mark.parametrize("name", ["below", "gradio-4-below"])
def test_an_app_below_a_path_is_reached(servers: Servers, name: str, mode: str) -> None:
    for src in (servers[name], f"{servers[name]}/"):
        assert "message=Hi" in "".join(deltas_through(mode, QwenSpace(src).stream("Hi")))


def test_what_is_not_installed_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'qwen-spaces\[images\]'"):
        QwenSpace("qvq-72b").stream("Hi", images=numpy.zeros((2, 2), dtype="uint8"))
    program = "import sys; sys.modules['gradio'] = None; from qwen_spaces.cli import main; main()"
    for command in (["ask", "--local", "Hi"], ["replica", "qwen-2.5"]):
        ended = subprocess.run(
            [sys.executable, "-c", program, *command],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert ended.returncode == 2
        assert ended.stderr == "Error: The replicas need Gradio: pip install 'qwen-spaces[local]'\n"


def test_a_number_as_timeouts_bounds_the_whole() -> None:
    assert QwenSpace("qwen-2.5", timeouts=20.0).timeouts == Timeouts(total=20.0)


def test_result_gives_up_waiting_and_the_stream_goes_on(servers: Servers, prompt: str) -> None:
    stream = QwenSpace("qwen-2.5", src=servers["qwen-2.5"]).stream(f"{prompt} [[pace=0.02]]")
    with pytest.raises(SpaceTimeoutError):
        stream.result(timeout=0.3)
    assert prompt in stream.result().text


def test_an_unknown_alias_offers_a_near_one() -> None:
    with pytest.raises(UnknownSpaceError, match=r"Did you mean 'qwen-2\.5'"):
        QwenSpace("qwen-25")
    with pytest.raises(LookupError, match="Known: "):
        QwenSpace("zzz")
    with pytest.raises(UnknownSpaceError, match="not by a NoneType"):
        QwenSpace(None)  # type: ignore[call-overload]


def test_bad_input_is_refused_before_any_network() -> None:
    space = QwenSpace("qwen-2.5", src="http://127.0.0.1:9")
    with pytest.raises(InvalidMessagesError, match="no messages"):
        space.stream([])
    with pytest.raises(UnsupportedOptionError, match="It has: size"):
        space.stream("Hi", sizes="7B")  # type: ignore[call-arg]
    with pytest.raises(UnsupportedOptionError, match="It takes: 72B, 32B"):
        space.stream("Hi", size="8B")
    with pytest.raises(UnsupportedOptionError, match="It has: none"):
        QwenSpace("qvq-72b").conversation(size="7B")  # type: ignore[call-arg]


def test_every_error_is_public_and_survives_pickling() -> None:
    kinds = [kind for kind in vars(qwen_spaces).values() if isinstance(kind, type)]
    kinds = [kind for kind in kinds if issubclass(kind, QwenSpacesError)]
    assert len(kinds) == 22
    for kind in kinds:
        error = kind("what happened")
        if isinstance(error, StreamError):
            error.partial_text = "so far"
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is kind
        assert str(again) == "what happened"
        assert vars(again) == vars(error)
