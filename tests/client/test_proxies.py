"""An error that comes of a proxy names the proxy and what to do."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from qwen_spaces import ConnectError, MissingExtraError, QwenSpace

from ..support.hub import serve_hub
from ..support.images import PNG
from ..support.proxy import Answer, Recorder, proxy_py, recording
from ..support.refusals import KINDS, PROXY_LOGIN, SECRET, failure, failure_at
from ..support.servers import Servers


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
