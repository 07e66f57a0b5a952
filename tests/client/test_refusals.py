"""An error explains what stands between a user and a Space: a firewall, a server that is away."""

from __future__ import annotations

import time

import httpx
import pytest

from qwen_spaces import (
    AuthenticationError,
    ConnectError,
    ConnectionLostError,
    QwenSpace,
    QwenSpacesError,
    SpaceError,
    Status,
)
from qwen_spaces._gradio.pages import describe, title_of

from ..support.cases import case
from ..support.proxy import Answer, Recorder
from ..support.refusals import FIREWALL, HTML, KINDS, SECRET, failure, failure_at
from ..support.scripted_gradio import Page, Script, serve_script

# A firewall -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_of_a_firewall_is_named_and_the_token_is_not_blamed(kind: str, front: Recorder) -> None:
    error = failure_at(front, kind, FIREWALL, token=SECRET)
    assert type(error) is ConnectError
    assert 'HTTP status 403 and a web page, "Attention Required! | Cloud&Wall"' in str(error)
    assert "firewall" in str(error)
    assert not error.transient


@pytest.mark.parametrize("kind", ["config", "info", "upload", "join"])
@pytest.mark.parametrize(
    "answer",
    [
        Answer(403, {"Content-Type": "application/json"}, b'{"detail": "Not authenticated"}'),
        Answer(401, HTML, b"<title>Restricted</title>"),
        Answer(403, HTML, b"<title>Log in to continue</title>"),
        Answer(403, {**HTML, "WWW-Authenticate": "Basic"}, b"<title>No</title>"),
    ],
    ids=["JSON", "401", "a login page", "a challenge"],
)
def test_a_refusal_of_the_login_names_the_login(answer: Answer, kind: str, front: Recorder) -> None:
    error = failure_at(front, kind, answer)
    assert type(error) is AuthenticationError
    assert "auth=" in str(error)


def test_the_title_of_a_page_is_short_and_without_markup() -> None:
    for page, title in [
        ("<html><body>no title</body></html>", ""),
        ("<title></title><h1>Blocked by <b>us</b></h1>", "Blocked by us"),
        ("<TITLE lang=en>\n  Two\r\n lines\t</TITLE>", "Two lines"),
        ("<title>&lt;script&gt;</title>", "<script>"),
        ("<title>" + "x" * 250 + "</title>", "x" * 100),
        ("<title>" + "x" * 100_000, ""),
        ("<html><title>\x1b[31mred\ud83d</title>".encode(errors="replace").decode(), "\x1b[31mred?"),
    ]:
        with case(page, title):
            assert title_of(httpx.Response(403, html=page)) == title


def test_what_is_no_page_has_no_title() -> None:
    assert title_of(httpx.Response(403, json={"detail": "<title>x</title>"})) is None
    assert title_of(httpx.Response(403, content=b"  <!doctype html><title>x</title>")) == "x"
    assert title_of(httpx.Response(403, content=b"")) is None


def test_a_page_cannot_keep_the_title_reader_busy() -> None:
    for piece in ["<title", "<title>", "<h1 a", "<!--", "<", " ", "<a>", "&lt;"]:
        with case(piece):
            started = time.process_time()
            describe(httpx.Response(403, html=piece * 1_000_000))
            describe(httpx.Response(403, content=(piece * 1_000_000).encode()))
            assert time.process_time() - started < 2


# Servers that are away for the moment -----------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 404, 418, 500, 502, 503, 504, 511])
@pytest.mark.parametrize("kind", KINDS[1:])
def test_a_status_is_explained_in_our_words(status: int, kind: str, front: Recorder) -> None:
    error = failure_at(front, kind, Answer(status, HTML, b"<title>Gateway Time-out</title>"))
    if (status, kind) != (503, "join"):  # a full queue
        assert f'HTTP status {status} and a web page, "Gateway Time-out"' in str(error)


@pytest.mark.parametrize(
    ("status", "kind", "gives"),
    [(502, "info", ConnectError), (503, "join", SpaceError), (504, "join", SpaceError)],
)
def test_a_server_that_is_unavailable_is_retried_after_the_delay_it_requests(
    status: int, kind: str, gives: type[QwenSpacesError]
) -> None:
    page = Page(status, headers={"Retry-After": "1"})
    with serve_script(Script(**{kind: page}, failures=1)) as server:
        stream = QwenSpace("qwen-2-72b", src=server.url).stream("Hi")
        etas = [event.eta for event in stream.events() if isinstance(event, Status) and event.reason]
        assert etas == [1.0]
    with serve_script(Script(**{kind: Page(status, headers={"Retry-After": "500"})})) as server:
        error = failure(QwenSpace("qwen-2-72b", src=server.url))
        assert error.retry_after == 500
        assert isinstance(error, gives) or (status, kind) == (503, "join")


def test_a_space_that_sleeps_is_retried_after_the_delay_it_requests() -> None:
    with serve_script(Script(config=Page(503, headers={"Retry-After": "1.5"}), failures=1)) as server:
        started = time.monotonic()
        QwenSpace("qwen-2-72b", src=server.url, retries=0).status()
        assert time.monotonic() - started >= 1.5
        assert server.count("/config") == 2


def test_a_login_is_not_blamed_where_the_server_is_away(front: Recorder) -> None:
    error = failure_at(front, "login", Answer(503), auth=("ada", SECRET))
    assert type(error) is ConnectError
    assert "503" in str(error)


def test_a_stream_that_is_refused_is_lost_and_not_requested_twice(front: Recorder) -> None:
    error = failure_at(front, "data", Answer(429, {"Retry-After": "1"}))
    assert type(error) is ConnectionLostError
    assert "HTTP status 429" in str(error)
    assert sum(request.kind == "join" for request in front.seen) == 1
