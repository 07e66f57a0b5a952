"""A Space cannot send a client elsewhere: all that a request carries goes to the address of the Space."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from qwen_spaces import AuthenticationError, ContractError, QwenSpace, QwenSpacesError
from qwen_spaces._gradio.config import parse_config
from qwen_spaces._gradio.guard import RequestGuard

from ..support.scripted_gradio import CONFIG, Page, Script, ScriptedServer, serve_script
from ..support.tls import serve_tls

SECRET = "hf_VerySecret"

# What a server sends -> how; {other} is another origin.
PREFIXES = {
    "an address": "{other}",
    "an address behind a slash": "/{other}/x",
    "an address behind slashes": "///{other}",
    "with a user": "http://127.0.0.1@{host}",
    "in capitals": "HTTP://{host}/x",
    "out of the app": "/../../x",
    "a port of its own": "http://127.0.0.1:1/x",
    "an unknown scheme": "file:///etc",
}


def redirects(path: str, status: int) -> Any:
    def script(other: ScriptedServer) -> Script:
        where = "/config" if path == "config" else f"/gradio_api/{path}"
        names = {"queue/join": "join", "queue/data": "data"}
        page = Page(status, headers={"Location": f"{other.url}{where}"})
        return Script(**{names.get(path, path): page})

    return script


def prefix(form: str) -> Any:
    def script(other: ScriptedServer) -> Script:
        host = other.url.removeprefix("http://")
        return Script(config=Page(body={**CONFIG, "api_prefix": form.format(other=other.url, host=host)}))

    return script


WAYS = {
    **{f"api_prefix: {name}": prefix(form) for name, form in PREFIXES.items()},
    "the config, 302": redirects("config", 302),
    "the config, 307": redirects("config", 307),
    "the API": redirects("info", 307),
    "a job, 302": redirects("queue/join", 302),
    "a job, 307": redirects("queue/join", 307),
    "the event stream": redirects("queue/data", 307),
}
TOKENS: dict[str, dict[str, Any]] = {
    "a given token": {"token": SECRET},
    "the saved token": {},
    "headers and a login": {"headers": {"x-key": SECRET}, "token": False},
}


@pytest.mark.parametrize("settings", TOKENS.values(), ids=TOKENS)
@pytest.mark.parametrize("script", WAYS.values(), ids=WAYS)
def test_nothing_arrives_at_another_origin(
    script: Any, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", SECRET)
    with serve_script() as other, serve_script(script(other)) as server:
        with pytest.raises(ContractError) as caught:
            QwenSpace("qwen-2-72b", src=server.url, retries=0, **settings).ask("Hi")
        assert other.requests == []
        assert SECRET not in str(caught.value)
        if settings == {}:
            assert SECRET not in str(server.requests)


def test_an_error_names_the_place_of_a_redirect() -> None:
    with serve_script() as other:
        with serve_script(redirects("config", 302)(other)) as server, pytest.raises(ContractError) as caught:
            QwenSpace("qwen-2-72b", src=server.url).status()
        assert other.url in str(caught.value)


def test_another_path_of_the_same_host_is_followed() -> None:
    with serve_script() as server:
        server.script = Script(config=Page(307, headers={"Location": "/app/config"}), failures=1)
        with pytest.raises(QwenSpacesError):  # the scripted server has nothing below /app
            QwenSpace("qwen-2-72b", src=server.url, retries=0).status()
        assert [request.path for request in server.requests] == ["/config", "/app/config"]


def test_https_in_place_of_http_is_followed() -> None:
    with (
        serve_script() as plain,
        serve_script() as behind,
        serve_tls(behind.url) as (secure, context),
    ):
        plain.script = Script(config=Page(301, headers={"Location": f"{secure}/config"}))
        space = QwenSpace("qwen-2-72b", src=plain.url, ssl_verify=context)
        assert space.ask("Hi").text == "Hello world."
        assert [request.path for request in plain.requests] == ["/config"]
        assert behind.count("/queue/join") == 1


def test_no_request_passes_that_is_for_another_origin() -> None:
    with serve_script() as server, serve_script() as other:
        with pytest.raises(ContractError, match="Nothing was sent"):
            httpx.get(f"{other.url}/config", auth=RequestGuard(server.url))
        assert other.requests == []
        assert httpx.get(f"{server.url}/config", auth=RequestGuard(server.url)).is_success


def test_redirects_in_a_circle_come_to_an_end() -> None:
    with serve_script(Script(config=Page(302, headers={"Location": "/config"}))) as server:
        with pytest.raises(ContractError):
            QwenSpace("qwen-2-72b", src=server.url).status()
        assert server.count("/config") < 10


def test_a_redirect_to_a_login_is_an_authentication_error() -> None:
    script = Script(config=Page(302, headers={"Location": "/login"}))
    with serve_script(script) as server, pytest.raises(AuthenticationError, match="auth="):
        QwenSpace("qwen-2-72b", src=server.url).status()


@pytest.mark.parametrize(
    ("base", "given", "joined"),
    [
        ("http://host/", "/gradio_api", "/gradio_api"),
        ("http://host/sub/", "", "."),
        ("http://host/sub/", None, "."),
    ],
)
def test_an_api_prefix_is_joined_to_the_address(base: str, given: Any, joined: str) -> None:
    assert parse_config({**CONFIG, "api_prefix": given}, base)["api_prefix"] == joined


@pytest.mark.parametrize("form", PREFIXES.values(), ids=PREFIXES)
def test_a_config_that_leads_elsewhere_is_refused_before_the_guard_sees_a_request(form: str) -> None:
    given = form.format(other="http://other.example", host="other.example")
    with pytest.raises(ContractError, match="Nothing was sent"):
        parse_config({**CONFIG, "api_prefix": given}, "http://127.0.0.1:7860/app/")


def test_a_page_that_is_no_config_is_not_searched() -> None:
    page = Page(404, "<script>window.gradio_config = " * 100_000)  # which costs the SDK minutes
    with serve_script(Script(config=page)) as server:
        with pytest.raises(ContractError, match="404"):
            QwenSpace("qwen-2-72b", src=server.url).status()
        assert [request.path for request in server.requests] == ["/config"]
