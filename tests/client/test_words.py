"""What stands between a user and a Space speaks for itself: firewalls, proxies, limits, broken settings."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from qwen_spaces import (
    AuthenticationError,
    ConnectError,
    ConnectionLostError,
    InvalidImageError,
    InvalidMessagesError,
    MissingExtraError,
    QwenSpace,
    QwenSpacesError,
    SpaceError,
    Status,
)
from qwen_spaces._gradio.pages import describe, title_of
from qwen_spaces._types.images import check_size, unfetched

from ..support.cases import case
from ..support.hub import serve_hub
from ..support.images import PNG
from ..support.proxy import Answer, Recorder, proxy_py, recording
from ..support.scripted_gradio import Page, Script, serve_script
from ..support.servers import Servers

SECRET = "s3cret-and-more"
HTML = {"Content-Type": "text/html; charset=UTF-8"}
FIREWALL = Answer(
    403,
    HTML,
    b"<!DOCTYPE html><html><head><title>Attention Required! | Cloud&amp;Wall</title></head>"
    b"<body><h1>Sorry, you have been blocked</h1><script>alert(1)</script></body></html>",
)
PROXY_LOGIN = Answer(407, {"Proxy-Authenticate": 'Basic realm="office"', **HTML}, b"<html>who?</html>")
KINDS = ["config", "info", "upload", "join", "data"]


@pytest.fixture
def front(servers: Servers) -> Iterator[Recorder]:
    with recording(servers["qvq-72b"]) as front:
        yield front


def answering(kind: str, answer: Answer) -> Any:
    return lambda request: answer if request.kind == kind else None


def failure(space: QwenSpace, **more: Any) -> QwenSpacesError:
    with pytest.raises(QwenSpacesError) as caught:
        space.ask("Hi [[pace=0]]", **more)
    text = str(caught.value)
    assert "developer.mozilla.org" not in text
    assert "\n" not in text
    assert "<" not in text
    assert SECRET not in text
    return caught.value


def failure_at(front: Recorder, kind: str, answer: Answer, **settings: Any) -> QwenSpacesError:
    front.interfere = answering(kind, answer)
    error = failure(QwenSpace("qvq-72b", src=front.url, retries=0, **settings), images=PNG)
    assert kind in front.kinds
    return error


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


# A proxy ----------------------------------------------------------------------------------------------------


def test_a_proxy_that_needs_a_login_is_named(servers: Servers) -> None:
    with recording(interfere=lambda _: PROXY_LOGIN) as proxy:
        address = proxy.url.replace("//", f"//ada:{SECRET}@")
        for url in (servers["qvq-72b"], "https://127.0.0.1:9"):  # the other needs a tunnel
            error = failure(QwenSpace("qvq-72b", src=url, proxy=address, retries=0))
            assert type(error) is ConnectError
            assert f"The proxy {proxy.url} (proxy=) asks for a login (HTTP status 407)" in str(error)
            assert "USER:PASSWORD@" in str(error)
        assert {request.method for request in proxy.seen} == {"GET", "CONNECT"}


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_a_proxy_of_the_environment_is_named_by_its_variable(
    variable: str, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with recording(interfere=lambda _: PROXY_LOGIN) as proxy:
        monkeypatch.setenv(variable, proxy.url.replace("//", f"//ada:{SECRET}@"))
        error = failure(QwenSpace("qvq-72b", src=servers["qvq-72b"], retries=0))
    assert f"The proxy {proxy.url} ({variable}) asks for a login" in str(error)


@pytest.mark.parametrize("kind", KINDS)
def test_a_proxy_that_needs_a_login_later_is_named_too(kind: str, front: Recorder) -> None:
    error = failure_at(front, kind, PROXY_LOGIN)
    assert type(error) is ConnectError
    assert "asks for a login (HTTP status 407)" in str(error)


def test_a_proxy_that_needs_a_login_before_the_hub_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with recording(interfere=lambda _: PROXY_LOGIN) as proxy, serve_hub({}) as (url, seen):
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", url)
        error = failure(QwenSpace("qwen-2.5", proxy=proxy.url, retries=0))
        assert seen == []
    assert f"The proxy {proxy.url} (proxy=) asks for a login" in str(error)


def test_a_proxy_that_opens_no_tunnel_is_named() -> None:
    with recording(interfere=lambda _: Answer(403)) as proxy:
        error = failure(QwenSpace("qvq-72b", src="https://127.0.0.1:9", proxy=proxy.url, retries=0))
    assert type(error) is ConnectError
    assert f"The proxy {proxy.url} (proxy=) does not connect to https://127.0.0.1:9: 403" in str(error)


def test_a_proxy_that_is_not_there_is_named(servers: Servers) -> None:
    address = f"http://ada:{SECRET}@127.0.0.1:9"
    error = failure(QwenSpace("qvq-72b", src=servers["qvq-72b"], proxy=address, retries=0))
    assert "cannot be reached through the proxy http://127.0.0.1:9 (proxy=)" in str(error)


def test_a_real_proxy_takes_the_login_in_its_address(servers: Servers, tmp_path: Path) -> None:
    with proxy_py(tmp_path, "--basic-auth", f"ada:{SECRET}") as proxy:

        def space(login: str) -> QwenSpace:
            address = proxy.replace("//", f"//{login}")
            return QwenSpace("qvq-72b", src=servers["qvq-72b"], proxy=address, retries=0)

        for login in ("", f"ada:not-{SECRET}@"):
            assert "asks for a login (HTTP status 407)" in str(failure(space(login)))
        assert "Hi" in space(f"ada:{SECRET}@").ask("Hi [[pace=0]]", images=PNG).text


BROKEN = {
    "HTTP_PROXY": [
        "http://[",
        f"nonsense://ada:{SECRET}@x",
        f"http://ada:se/{SECRET}@host:port",
        f"http://ada:{SECRET}",
        f"http://ada:p#{SECRET}@127.0.0.1:3128",
        "http://127.0.0.1:99999999",
        "ftp://127.0.0.1",
    ],
    "https_proxy": [f"nonsense://ada:{SECRET}@x", f"http://ada:{SECRET}"],  # though it is not used
    "ALL_PROXY": ["http://[", "https://[", "http://:80"],
    "NO_PROXY": ["localhost,[::1", f"http://host:{SECRET}"],
    "no_proxy": ["a,http://host:port"],
}


@pytest.mark.parametrize(
    ("variable", "value"), [(name, value) for name, values in BROKEN.items() for value in values]
)
def test_a_broken_setting_of_the_environment_is_named(
    variable: str, value: str, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, value)
    error = failure(QwenSpace("qvq-72b", src=servers["qvq-72b"], retries=0))
    assert type(error) is ConnectError
    assert str(error).startswith(variable)
    assert SECRET not in repr(error.__cause__)


@pytest.mark.skipif(bool(importlib.util.find_spec("socksio")), reason="SOCKS proxies can be used here")
@pytest.mark.parametrize("name", ["proxy=", "all_proxy"])
def test_a_socks_proxy_names_what_it_needs(
    name: str, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"socks5://ada:{SECRET}@127.0.0.1:1080"
    settings: dict[str, Any] = {"proxy": address} if name == "proxy=" else {}
    if not settings:
        monkeypatch.setenv(name, address)
    error = failure(QwenSpace("qvq-72b", src=servers["qvq-72b"], **settings))
    assert type(error) is MissingExtraError
    assert str(error).startswith(name)
    assert "pip install 'httpx[socks]'" in str(error)


def test_settings_of_the_environment_as_they_are_common_are_no_hindrance(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "NO_PROXY", "localhost, 127.0.0.1,::1,.example.org,*.internal,10.0.0.0/8,http://host,http://["
    )
    with recording() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", "")
        monkeypatch.setenv("HTTP_PROXY", proxy.url.removeprefix("http://"))
        assert "Hi" in QwenSpace("qvq-72b", src=servers["qvq-72b"]).ask("Hi [[pace=0]]").text
        assert proxy.seen == []
        monkeypatch.setenv("NO_PROXY", "")
        assert "Hi" in QwenSpace("qvq-72b", src=servers["qvq-72b"]).ask("Hi [[pace=0]]").text
        assert {"config", "join", "data"} <= proxy.kinds


# What is too large ------------------------------------------------------------------------------------------

GRADIO = Answer(413, {"Content-Type": "text/plain"}, b"File size exceeded maximum allowed size of 40 bytes.")
NGINX = Answer(413, HTML, b"<html><head><title>413 Request Entity Too Large</title></head></html>")


def test_an_image_above_the_limit_of_an_app_is_named_before_it_is_sent(
    servers: Servers, tmp_path: Path
) -> None:
    large = tmp_path / "large.png"
    large.write_bytes(PNG + bytes(10_240))
    with recording(servers["candid"]) as front:
        space = QwenSpace(front.url, retries=0)
        error = failure(space, images=[PNG, large])
        assert type(error) is InvalidImageError
        assert str(error).startswith(f"Image 1, {str(large)!r}, is too large for {front.url}")
        assert f"it has {large.stat().st_size:,} bytes, and the limit is 10,240 bytes" in str(error)
        assert not front.kinds & {"upload", "join"}
        assert "with 1 files" in space.ask("Hi", images=PNG).text


def test_an_upload_that_is_refused_as_too_large_is_an_invalid_image(front: Recorder) -> None:
    error = failure_at(front, "upload", GRADIO)
    assert type(error) is InvalidImageError
    assert "the limit is 40 bytes" in str(error)
    assert f"it has {len(PNG)}" not in str(error)  # but the whole upload
    error = failure_at(front, "upload", NGINX)
    assert type(error) is InvalidImageError
    assert 'HTTP status 413 and a web page, "413 Request Entity Too Large"' in str(error)


def test_the_words_for_a_file_that_is_too_large_are_those_of_a_real_server(servers: Servers) -> None:
    files = {"files": ("a.png", PNG + bytes(10_240))}
    answer = httpx.post(f"{servers['candid']}/gradio_api/upload", files=files)
    assert (answer.status_code, describe(answer)) == (
        413,
        "HTTP status 413: File size exceeded maximum allowed size of 10240 bytes.",
    )


def test_a_job_that_is_refused_as_too_large_names_what_is() -> None:
    with serve_script(Script(join=Page(413))) as server:
        error = failure(QwenSpace("qwen-2-72b", src=server.url, retries=0))
    assert type(error) is InvalidMessagesError
    assert "too large" in str(error)


def test_a_job_with_an_image_that_is_refused_as_too_large_is_an_invalid_image(front: Recorder) -> None:
    assert type(failure_at(front, "join", NGINX)) is InvalidImageError


def test_a_limit_that_is_none_is_ignored() -> None:
    for limit in [None, "10", [], float("nan"), float("inf"), {}, 10**400]:
        with case(limit):
            check_size("Image 0", 100, limit, "a Space")


# Servers that are away for the moment -----------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 404, 418, 500, 502, 503, 504, 511])
@pytest.mark.parametrize("kind", KINDS[1:])
def test_a_status_is_explained_in_our_words(status: int, kind: str, front: Recorder) -> None:
    error = failure_at(front, kind, Answer(status, HTML, b"<title>Gateway Time-out</title>"))
    if (status, kind) != (503, "join"):  # a full queue
        assert f'HTTP status {status} and a web page, "Gateway Time-out"' in str(error)


@pytest.mark.parametrize("status", [502, 503, 504])
@pytest.mark.parametrize(("kind", "gives"), [("info", ConnectError), ("join", SpaceError)])
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


# Addresses of images ----------------------------------------------------------------------------------------

UNREACHABLE = f"http://ada:{SECRET}@127.0.0.1:9/cat.png?signature={SECRET}"


def test_an_address_that_an_app_cannot_fetch_is_named(servers: Servers) -> None:
    space = QwenSpace(servers["candid"], retries=0)
    error = failure(space, images=[PNG, "http://localhost:9/dog.png", UNREACHABLE])
    assert type(error) is InvalidImageError
    assert "cannot fetch the image at 'http://localhost:9/dog.png': Hostname localhost failed" in str(error)
    assert "cat.png" not in str(error)
    error = failure(space, images=UNREACHABLE)
    assert "cannot fetch the image at 'http://127.0.0.1:9/cat.png'" in str(error)


def test_an_app_that_hides_its_reasons_is_not_blamed_alone(front: Recorder) -> None:
    error = failure(QwenSpace("qvq-72b", src=front.url, retries=0), images=UNREACHABLE)
    assert type(error) is SpaceError
    assert "unable to fetch 'http://127.0.0.1:9/cat.png'" in str(error)


def test_apps_report_in_many_ways_that_they_cannot_fetch_an_image() -> None:
    for message in [
        "Hostname example.org failed validation",
        "Failed to download file. Status code: 404",
        "The image could not be fetched",
        "Client error '404 Not Found' for url 'https://example.org/cat.png'",
        "cannot identify image file '/tmp/x.png'",
    ]:
        with case(message):
            addresses = ["https://example.org/cat.png"]
            assert "'https://example.org/cat.png'" in str(unfetched(addresses, "A Space", message))
            assert unfetched([], "A Space", message) is None
            assert unfetched(addresses, "A Space", "The model is on holiday") is None


def test_a_space_on_hugging_face_does_not_get_an_address_of_this_network() -> None:
    for host in ["127.0.0.1:8000", "localhost", "[::1]", "192.168.1.7", "10.0.0.1:80", "nas", "nas.local"]:
        for space_id in ["Qwen/QVQ-72B-preview", "https://qwen-qvq-72b-preview.hf.space"]:
            with case(space_id, host):
                space = QwenSpace("qvq-72b", src=space_id)
                with pytest.raises(
                    InvalidImageError, match=r"Image 0 is at .*cannot fetch.* Pass the file itself"
                ):
                    space.stream("Hi", images=f"http://{host}/cat.png")
                space.stream("Hi", images="https://example.org/cat.png")
                part = {"type": "image_url", "image_url": {"url": f"http://{host}/cat.png"}}
                with pytest.raises(InvalidImageError):
                    space.stream([{"role": "user", "content": [{"type": "text", "text": "Hi"}, part]}])


def test_a_space_on_this_network_may_get_one() -> None:
    for src in ("http://127.0.0.1:7860", "http://192.168.1.5", "https://gradio.example.org"):
        QwenSpace("qvq-72b", src=src).stream("Hi", images="http://127.0.0.1:8000/cat.png")
