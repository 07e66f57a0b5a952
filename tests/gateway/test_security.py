"""Access to the gateway, its limits, where a token goes, and its shutdown."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click.testing
import openai
import pytest
from pytest_mock import MockerFixture

from qwen_spaces import MissingExtraError, Timeouts
from qwen_spaces._gradio.connection import is_hugging_face
from qwen_spaces.cli import main
from qwen_spaces.gateway import _middleware as middleware
from qwen_spaces.gateway import create_app

from ..support.gateway import chat, http, openai_client, serve_gateway
from ..support.hub import serve_hub
from ..support.modes import PATIENCE
from ..support.payloads import PAYLOADS, armed
from ..support.proxy import recording
from ..support.scripted_gradio import Script, serve_script, succeeds
from ..support.servers import Servers
from ..tools.unread import MOST, measure

SECRET = "hf_SecretOfTheTests"
KEY = "ключ-of-the-tests"
CHAT = "/v1/chat/completions"
START_TIMEOUT = 2 * PATIENCE  # seconds for a slow machine to start Python and the gateway


# Access ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def locked(servers: Servers) -> Iterator[str]:
    with serve_gateway(create_app({"qwen-2.5": servers["qwen-2.5"]}, api_key=KEY)) as url:
        yield url


def bearer(key: str) -> dict[str, bytes]:
    return {"Authorization": f"Bearer {key}".encode()}


@pytest.mark.parametrize(
    "headers", [{}, bearer("x"), bearer(KEY[:-1]), bearer(SECRET), {"Authorization": KEY.encode()}]
)
def test_without_the_key_nothing_is_answered_and_nothing_read(headers: dict[str, bytes], locked: str) -> None:
    for answer in (
        http.get(f"{locked}/v1/models", headers=headers),
        http.get(f"{locked}/openapi.json", headers=headers),
        http.post(f"{locked}{CHAT}", content=b"{", headers=headers),
    ):
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert answer.json()["error"]["code"] == "invalid_api_key"
    assert http.get(f"{locked}/healthz", headers=headers).status_code == 200


def test_with_the_key_everything_is_answered(locked: str) -> None:
    headers = bearer(KEY)
    assert http.post(f"{locked}{CHAT}", json=chat("Hi [[pace=0]]"), headers=headers).status_code == 200
    assert http.get(f"{locked}/v1/models", headers=headers).status_code == 200
    with openai_client(locked, "wrong") as client, pytest.raises(openai.AuthenticationError):
        client.models.list()


def test_pages_of_other_sites_are_refused_unless_they_are_listed(servers: Servers) -> None:
    page = {"Origin": "https://example.org"}
    preflight = {
        **page,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    places = {"qwen-2.5": servers["qwen-2.5"]}
    with serve_gateway(create_app(places)) as url:
        for refused in (
            http.options(f"{url}{CHAT}", headers=preflight),
            http.get(f"{url}/v1/models", headers=page),
            http.post(f"{url}{CHAT}", json=chat("Hi"), headers=page),
        ):
            assert refused.status_code == 403
            assert "access-control-allow-origin" not in refused.headers
        # As a form of any page could send it, without asking first.
        assert http.post(
            f"{url}{CHAT}", content=json.dumps(chat("Hi")), headers={"Content-Type": "text/plain"}
        ).is_error
    with serve_gateway(create_app(places, origins=[page["Origin"]], api_key=KEY)) as url:
        assert http.options(f"{url}{CHAT}", headers=preflight).is_success
        answer = http.get(f"{url}/v1/models", headers={**page, **bearer(KEY)})  # type: ignore[dict-item]
        assert answer.headers["access-control-allow-origin"] == page["Origin"]
        other = http.get(f"{url}/v1/models", headers={"Origin": "https://example.com", **bearer(KEY)})  # type: ignore[dict-item]
        assert other.status_code == 403


def test_a_loopback_gateway_answers_to_loopback_names_only(servers: Servers) -> None:
    places = {"qwen-2.5": servers["qwen-2.5"]}
    with serve_gateway(create_app(places)) as url:
        for host in (
            "evil.example",
            "evil.example:8000",
            "127.0.0.1.evil.example",
            "192.0.2.7",
            "@127.0.0.1",
        ):
            for answer in (
                http.get(f"{url}/v1/models", headers={"Host": host}),
                http.post(f"{url}{CHAT}", json=chat("Hi"), headers={"Host": host}),
            ):
                assert (answer.status_code, answer.json()["error"]["code"]) == (421, "host_not_allowed")
        for host in ("localhost", "LOCALHOST:8000", "127.0.0.1:1", "[::1]:8000"):
            assert http.get(f"{url}/v1/models", headers={"Host": host}).is_success
    with serve_gateway(create_app(places, loopback=False)) as url:
        assert http.get(f"{url}/v1/models", headers={"Host": "box.example"}).is_success
    with serve_gateway(create_app(places, api_key=KEY)) as url:  # a page has no key
        headers: Any = {"Host": "box.example", **bearer(KEY)}
        assert http.get(f"{url}/v1/models", headers=headers).is_success
    with serve_gateway(create_app(places, api_key=KEY, loopback=True)) as url:
        assert http.get(f"{url}/v1/models", headers=headers).status_code == 421


# Limits ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", ["announced", "chunked"])
def test_a_body_that_is_too_large_is_refused(
    length: str, locked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(middleware, "MAX_BODY_BYTES", 100_000)
    body = json.dumps(chat("A" * 120_000)).encode()
    content: Any = iter([body[:70_000], body[70_000:]]) if length == "chunked" else body
    answer = http.post(f"{locked}{CHAT}", content=content, headers=bearer(KEY))
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")


def test_a_body_that_does_not_arrive_is_a_408(locked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(middleware, "BODY_TIMEOUT", 0.1)
    with socket.create_connection(("127.0.0.1", int(locked.rpartition(":")[2])), timeout=PATIENCE) as slow:
        head = f"POST {CHAT} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nAuthorization: Bearer {KEY}\r\n\r\n"
        slow.sendall(head.encode())
        assert slow.recv(12) == b"HTTP/1.1 408"


# Tokens ----------------------------------------------------------------------------------------------------


def test_a_token_is_not_sent_to_a_host_elsewhere(
    servers: Servers, prompt: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("HF_TOKEN", f"{SECRET}Saved")
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "qwen_spaces")
    with recording(servers["qwen-2.5"]) as front:
        app = create_app({"qwen-2.5": front.url, "own": front.url})
        with serve_gateway(app) as url, openai_client(url, SECRET) as client:
            for model in ("qwen-2.5", "own"):
                assert client.chat.completions.create(**chat(f"{prompt} [[pace=0]]", model=model)).choices
            with pytest.raises(openai.APIStatusError) as failed:
                client.chat.completions.create(**chat("[[gr-error=No.]]"))
        assert {"config", "join", "data"} <= front.kinds
        assert SECRET not in repr(front.seen)
    assert SECRET not in failed.value.response.text
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    ("src", "is_it"),
    [
        ("Qwen/Qwen2.5", True),
        ("https://qwen-qwen2-5.hf.space", True),
        ("https://huggingface.co/spaces/Qwen/Qwen2.5", True),
        ("http://qwen-qwen2-5.hf.space", False),
        ("https://hf.space.example.org", False),
        ("https://nothf.space", False),
        ("https://hf.space@example.org", False),
        ("http://127.0.0.1:7860", False),
    ],
)
def test_only_its_own_hosts_are_hugging_face(src: str, is_it: bool) -> None:
    assert is_hugging_face(src) == is_it


# A process of its own --------------------------------------------------------------------------------------


@contextlib.contextmanager
def gateway(*options: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`qwen-spaces serve` on a free port: the process and its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "qwen_spaces", "serve", "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    try:
        assert process.stdout
        line = process.stdout.readline()
        assert line.startswith("Gateway: "), process.communicate(timeout=START_TIMEOUT)[1]
        yield process, line.split()[1].removesuffix("/v1")
    finally:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_a_token_is_used_for_one_request_and_a_signal_ends_the_answers(prompt: str, servers: Servers) -> None:
    """One process for both, since it takes its time to start."""

    def sent() -> list[str]:
        tokens = [
            {name.lower(): value for name, value in headers.items()}["authorization"] for headers in seen
        ]
        seen.clear()
        return tokens

    with serve_hub({"Qwen/Qwen2.5": servers["qwen-2.5"]}) as (hub, seen):
        options = ["-m", "qwen-2.5", "--grace", "2"]
        with gateway(*options, HF_ENDPOINT=hub, HF_TOKEN=f"{SECRET}Saved") as (process, url):
            ask(url, "Hi [[pace=0]]", SECRET)
            assert sent() == [f"Bearer {SECRET}"]
            ask(url, "Hi [[pace=0]]")
            ask(url, "Hi [[pace=0]]")
            assert sent() == [f"Bearer {SECRET}Saved"]  # the Space is reached once
            ends = ends_of_answers(process, url, prompt, servers)
            _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert ends == {
        "whole [[forever]]": "shutting_down",
        "stream [[forever]]": "shutting_down",
        "stream": "stop",
    }
    lines = [json.loads(line) for line in errors.splitlines()]
    assert [line["error"] for line in lines] == [None] * 4 + ["StreamCancelledError"] * 2
    assert SECRET not in errors
    assert prompt not in errors


@pytest.mark.slow
def test_a_token_goes_to_those_of_several_spaces_that_are_on_hugging_face(servers: Servers) -> None:
    nowhere = {"Qwen/Qwen2.5": "http://127.0.0.1:9"}  # so that both are asked
    with recording(servers["qwen-2-72b"]) as front, serve_hub(nowhere) as (hub, seen):
        options = ("-m", f"any=Qwen/Qwen2.5,{front.url}")
        with gateway(*options, HF_ENDPOINT=hub, HF_TOKEN=f"{SECRET}Saved") as (_, url):
            head, body = {"Authorization": f"Bearer {SECRET}"}, chat("Hi [[pace=0]]", model="any")
            assert http.post(f"{url}{CHAT}", json=body, headers=head).status_code == 200
        tokens = [
            value for headers in seen for name, value in headers.items() if name.lower() == "authorization"
        ]
        assert set(tokens) == {f"Bearer {SECRET}"}
        assert front.kinds >= {"config", "join", "data"}
        assert SECRET not in repr(front.seen)


def ask(url: str, prompt: str, key: str = "any", *, stream: bool = False) -> str | None:
    """The finish reason of an answer, or the code of its error."""
    with openai_client(url, key) as client:
        try:
            answer: Any = client.chat.completions.create(**chat(prompt), stream=stream)
            return str(([*answer][-1] if stream else answer).choices[0].finish_reason)
        except openai.APIError as error:
            return error.code


def ends_of_answers(
    process: subprocess.Popen[str], url: str, prompt: str, servers: Servers
) -> dict[str, str | None]:
    """How answers end that are on their way when the signal comes."""
    ends: dict[str, str | None] = {}

    def note(form: str) -> None:
        ends[form] = ask(url, f"{prompt} {form}", stream="stream" in form)

    forms = ("whole [[forever]]", "stream [[forever]]", "stream")
    threads = [threading.Thread(target=note, args=[form]) for form in forms]
    for thread in threads:
        thread.start()
    for form in forms:
        servers.wait_for("begin", f"{prompt} {form}")
    process.send_signal(signal.SIGTERM)
    for form in forms:
        servers.wait_for("end", f"{prompt} {form}")
    for thread in threads:
        thread.join(PATIENCE)
    return ends


# The command -----------------------------------------------------------------------------------------------


def serve(*options: str) -> click.testing.Result:
    return click.testing.CliRunner().invoke(main, ["serve", *options])


def test_what_cannot_be_served_is_an_error_of_one_line(mocker: MockerFixture) -> None:
    mocker.patch(
        "qwen_spaces.gateway._server.run", autospec=True
    )  # else a wrong success would serve for ever
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"Cannot listen on 127.0.0.1:{port}: " in serve("--port", port).output
    assert "would let everybody in" in serve("--api-key", " ").output
    assert "MODEL=URL" in serve("--src", "http://127.0.0.1:7860").output
    assert "Did you mean 'qwen-2.5'" in serve("-m", "qwen-25").output
    assert "--timeout-first" in serve("--help").output
    for wrong in ("0", "-1", "soon", "nan", "inf"):
        refused = serve("--timeout-gap", wrong, "--port", "0")
        assert (refused.exit_code, "--timeout-gap" in refused.output) == (2, True), refused.output


@pytest.mark.parametrize(("options", "emulate"), [([], True), (["--no-emulate"], False)], ids=str)
def test_emulation_can_be_switched_off(options: list[str], emulate: bool, mocker: MockerFixture) -> None:
    mocker.patch("qwen_spaces.gateway._server.run", autospec=True)
    made = mocker.patch("qwen_spaces.gateway.create_app", autospec=True)
    assert serve("--port", "0", *options).exit_code == 0
    assert made.call_args.kwargs["emulate"] is emulate


def test_each_phase_has_its_option(mocker: MockerFixture) -> None:
    mocker.patch("qwen_spaces.gateway._server.run", autospec=True)
    made = mocker.patch("qwen_spaces.gateway.create_app", autospec=True)
    assert serve("--port", "0").exit_code == 0
    assert made.call_args.kwargs["timeouts"] == Timeouts()
    given = {"connect": 1, "wake": "none", "first": 2.5, "gap": "NONE", "total": 9}
    options = [f"--timeout-{phase}={value}" for phase, value in given.items()]
    assert serve("--port", "0", *options).exit_code == 0
    assert made.call_args.kwargs["timeouts"] == Timeouts(1, None, 2.5, None, 9)


def test_a_timeout_of_the_command_ends_an_answer(servers: Servers) -> None:
    options = ("-m", "qwen-2.5", "--src", f"qwen-2.5={servers['qwen-2.5']}", "--timeout-first", "0.3")
    with gateway(*options) as (_, url):
        assert ask(url, "[[wait=30]]") == "space_timeout"


def test_without_its_extra_the_gateway_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("qwen_spaces.gateway")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sse_starlette", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'qwen-spaces\[gateway\]'"):
        import qwen_spaces.gateway  # noqa: F401
    refused = serve()
    assert refused.exit_code == 2
    assert "pip install 'qwen-spaces[gateway]'" in refused.output


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's account of memory")
def test_clients_that_read_nothing_and_disconnect_leak_no_memory() -> None:
    clients = 8
    start, *held = measure(rounds=3, clients=clients)
    assert max(held) - start < clients * MOST


def test_the_gateway_answers_no_page() -> None:
    payload = "".join(armed(text) for text in list(PAYLOADS.values())[:20])
    body = {"model": "qwen-2-72b", "messages": [{"role": "user", "content": payload}]}
    with (
        serve_script(Script(events=succeeds(payload))) as space,
        serve_gateway(create_app({"qwen-2-72b": space.url})) as url,
    ):
        chat = f"{url}/v1/chat/completions"
        answers = [
            *(http.get(url + path) for path in ("/docs", "/redoc", "/openapi.json", "/healthz")),
            *(http.get(f"{url}/v1/models{rest}") for rest in ("", "/qwen-2-72b", "/%3Cscript%3E")),
            http.get(chat),
            http.post(chat, content=payload.encode()),
            http.post(chat, json={**body, "model": payload}),
            http.post(chat, json={**body, payload: payload, "n": payload}),
            http.post(chat, json=body),
            http.post(chat, json={**body, "stream": True}),
        ]
        front = http.get(url).headers
    kinds = {answer.headers["content-type"].partition(";")[0] for answer in answers}
    assert [answer.status_code for answer in answers[-2:]] == [200, 200], answers[-1].text
    assert kinds == {"application/json", "text/event-stream"}
    # `/` is text, which no browser takes for HTML.
    assert (front["content-type"], front["x-content-type-options"]) == (
        "text/plain; charset=utf-8",
        "nosniff",
    )
    assert answers[-2].json()["choices"][0]["message"]["content"] == payload
