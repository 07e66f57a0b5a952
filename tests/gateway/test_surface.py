"""What the gateway shows besides its answers: paths, models, errors, ids, the log, metrics, CORS, a mount."""

from __future__ import annotations

import contextlib
import json
import logging
import queue
import re
import sys
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from fastapi import FastAPI

from qwen_spaces.gateway import _server as gateway_server
from qwen_spaces.gateway import create_app
from qwen_spaces.gateway._log import RequestContext, TerminalFormatter, logger
from qwen_spaces.gateway._paths import with_api_path

from ..support.gateway import chat, http, openai_client, serve_gateway
from ..support.modes import PATIENCE
from ..support.servers import Servers
from ..support.terminal import Terminal

KEY = "key-of-the-tests"
BEARER = {"Authorization": f"Bearer {KEY}"}
PAGE = "https://example.org"


@pytest.fixture(scope="module")
def places(servers: Servers) -> dict[str, str]:
    return {name: servers[name] for name in ("qwen-2.5", "qwen-3")}


@pytest.fixture(scope="module")
def url(places: dict[str, str]) -> Iterator[str]:
    with serve_gateway(create_app(places)) as url:
        yield url


@pytest.fixture
def lines() -> Iterator[queue.Queue[logging.LogRecord]]:
    """What the gateway logs."""
    records: queue.Queue[logging.LogRecord] = queue.Queue()
    handler = logging.handlers.QueueHandler(records)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield records
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


# Paths -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/models", "/models", "/v1/models/", "/models/"])
def test_the_models_are_at_every_usual_path(path: str, url: str) -> None:
    answer = http.get(url + path)
    assert (answer.status_code, answer.json()) == (200, http.get(f"{url}/v1/models").json())
    assert [model["id"] for model in answer.json()["data"]][:2] == ["qwen-2.5", "qwen-3"]


@pytest.mark.parametrize("base", ["", "/", "/v1", "/v1/"])
def test_a_client_may_leave_out_v1(base: str, url: str) -> None:
    with httpx.Client(trust_env=False) as own:
        client = openai.OpenAI(base_url=url + base, api_key="any", max_retries=0, http_client=own)
        assert client.chat.completions.create(**chat("Hi [[pace=0]]")).choices
        assert client.completions.create(model="qwen-2.5", prompt="Hi [[pace=0]]").choices
        assert client.models.retrieve("qwen-2.5").id == "qwen-2.5"


@pytest.mark.parametrize(
    ("root", "path", "routed", "within"),
    [
        ("", "/v1/models", "/v1/models", "/v1/models"),
        ("", "", "/", "/"),
        ("/llm", "/llm", "/llm/", "/"),
        ("/llm", "/llm/healthz", "/llm/healthz", "/healthz"),
        ("/llm/", "/llm/models", "/llm/v1/models", "/v1/models"),
        ("/llm", "/healthz", "/healthz", "/healthz"),
        ("/llm", "/llmhealthz", "/llmhealthz", "/llmhealthz"),
        ("", "/llm/healthz", "/llm/healthz", "/llm/healthz"),
    ],
)
def test_the_path_is_that_within_the_app(root: str, path: str, routed: str, within: str) -> None:
    scope, found = with_api_path({"path": path, "root_path": root})
    assert (scope["path"], found) == (routed, within)


@pytest.mark.parametrize("path", ["/", "/healthz", "/v1/models", "/v1/models/qwen-2.5", "/openapi.json"])
def test_head_gives_the_headers_of_get(path: str, url: str) -> None:
    head, get = http.head(url + path), http.get(url + path)
    assert (head.status_code, head.content) == (200, b"")
    assert get.content
    assert head.headers["content-length"] == get.headers["content-length"]
    assert head.headers["content-type"] == get.headers["content-type"]


def test_head_is_no_way_to_an_answer(url: str) -> None:
    head = http.head(f"{url}/v1/chat/completions")
    assert (head.status_code, head.headers["allow"], head.content) == (405, "POST", b"")


def test_the_front_page_is_text_without_the_models_of_a_locked_gateway(
    url: str, places: dict[str, str]
) -> None:
    page = http.get(url)
    assert page.headers["content-type"] == "text/plain; charset=utf-8"
    assert "POST /v1/chat/completions" in page.text
    assert "qwen3-8b" in page.text
    with serve_gateway(create_app(places, api_key=KEY)) as locked:
        page = http.get(locked)
        assert page.status_code == 200
        assert "needs the server's API key" in page.text
        assert "qwen3-8b" not in page.text


# Models ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("Qwen/Qwen2.5", "qwen-2.5"),
        ("openai/qwen-2.5", "qwen-2.5"),
        ("openai/Qwen/Qwen2.5", "qwen-2.5"),
        ("openai/qwen3-8b", "qwen3-8b"),
        (" QWEN-2.5 ", "qwen-2.5"),
        ("Qwen/Qwen3-Demo", "qwen-3"),
    ],
)
def test_a_model_goes_by_other_names_too(given: str, name: str, url: str) -> None:
    assert http.get(f"{url}/v1/models/{given}").json()["id"] == name
    answer = http.post(f"{url}/v1/chat/completions", json=chat("Hi [[pace=0]]", model=given))
    assert answer.json()["model"] == name


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ("qwen-25", "Did you mean 'qwen-2.5'?"),
        ("openai/qwen3-9b", "Did you mean 'qwen3-8b'?"),
        ("Qwen/Qwen3-8B", "Did you mean 'qwen3-8b'?"),
        ("gpt-4o", "There are: qwen-2.5, qwen-3"),
    ],
)
def test_an_unknown_model_gets_a_near_match(given: str, hint: str, url: str) -> None:
    with openai_client(url) as client, pytest.raises(openai.NotFoundError) as unknown:
        client.chat.completions.create(**chat("Hi", model=given))
    assert hint in unknown.value.message
    assert ("Did you mean" in unknown.value.message) == ("Did you mean" in hint)


def test_a_name_of_our_own_wins_over_the_id_of_a_space(servers: Servers) -> None:
    app = create_app({"qwen-2.5": None, "Qwen/Qwen2.5": servers["qwen-2-72b"]})
    with serve_gateway(app) as url:
        assert http.get(f"{url}/v1/models/Qwen/Qwen2.5").json()["id"] == "Qwen/Qwen2.5"
        assert http.get(f"{url}/v1/models/qwen-2.5").json()["id"] == "qwen-2.5"


# Errors and ids --------------------------------------------------------------------------------------------


def test_every_error_has_the_four_keys_and_an_id(url: str, places: dict[str, str]) -> None:
    body = {"model": "qwen-2.5", "messages": []}
    with serve_gateway(create_app(places, api_key=KEY, loopback=True)) as locked:
        answers = [
            http.get(f"{url}/nothing"),
            http.delete(f"{url}/v1/models"),
            http.post(f"{url}/v1/chat/completions", json=body),
            http.post(f"{url}/v1/chat/completions", content=b"{"),
            http.post(f"{url}/v1/completions", json={"model": "qwen-2.5"}),
            http.post(f"{url}/v1/chat/completions", json=chat("Hi", model="no")),
            http.post(f"{url}/v1/chat/completions", json=chat("[[gr-error=No.]]")),
            http.get(f"{url}/healthz", headers={"Origin": PAGE}),
            http.get(f"{locked}/v1/models"),
            http.get(f"{locked}/v1/models", headers={"Host": "evil.example"}),
        ]
    assert [answer.status_code for answer in answers] == [404, 405, 400, 400, 400, 404, 502, 403, 401, 421]
    for answer in answers:
        assert answer.headers["content-type"] == "application/json"
        assert answer.json().keys() == {"error"}
        assert list(answer.json()["error"]) == ["message", "type", "param", "code"]
        assert re.fullmatch("req_[0-9a-f]{32}", answer.headers["x-request-id"])


def test_a_crash_has_the_four_keys_and_an_id_and_a_page_may_read_it(
    places: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("qwen_spaces.gateway._routes.json_response", crash)
    with serve_gateway(create_app(places, origins=[PAGE])) as url:
        for headers in ({}, {"Origin": PAGE}):
            answer = http.get(f"{url}/v1/models", headers=headers)
            assert answer.status_code == 500
            assert list(answer.json()["error"]) == ["message", "type", "param", "code"]
            assert answer.headers["x-request-id"].startswith("req_")
            assert answer.headers.get("access-control-allow-origin") == headers.get("Origin")


def test_an_error_in_a_stream_has_the_four_keys(url: str) -> None:
    request = chat("[[gr-error-after=2]] [[pace=0.5]]", stream=True)
    *_, last, _ = http.post(f"{url}/v1/chat/completions", json=request).text.split("\n\n")
    assert list(json.loads(last.removeprefix("data: "))["error"]) == ["message", "type", "param", "code"]


@pytest.mark.parametrize(
    ("given", "kept"), [("from-a-proxy.1", True), ("a b", False), ("x" * 65, False), ("", False)]
)
def test_the_id_is_in_the_answer_and_in_the_log(
    given: str, kept: bool, url: str, lines: queue.Queue[logging.LogRecord]
) -> None:
    answer = http.post(
        f"{url}/v1/chat/completions",
        json=chat("Hi [[pace=0]]", stream=True),
        headers={"x-request-id": given},
    )
    found = answer.headers["x-request-id"]
    assert (found == given) == kept
    while json.loads(lines.get(timeout=10).getMessage())["id"] != found:
        pass


# CORS ------------------------------------------------------------------------------------------------------

PREFLIGHT = {"Origin": PAGE, "Access-Control-Request-Method": "POST"}


@pytest.mark.parametrize("origins", [[PAGE], ["*"]], ids=str)
def test_a_preflight_is_json_and_logged(
    origins: list[str], places: dict[str, str], lines: queue.Queue[logging.LogRecord]
) -> None:
    private = {"Access-Control-Request-Private-Network": "true"}
    with serve_gateway(create_app(places, origins=origins, api_key=KEY)) as url:

        def ask(**changed: str) -> tuple[httpx.Response, dict[str, Any]]:
            headers = {**PREFLIGHT, **{name.replace("_", "-"): value for name, value in changed.items()}}
            answer = http.options(f"{url}/v1/chat/completions", headers=headers)
            assert answer.headers["content-type"] == "application/json"
            line = json.loads(lines.get(timeout=10).getMessage())
            assert (line["method"], line["path"]) == ("OPTIONS", "/v1/chat/completions")
            assert (line["status"], line["id"]) == (answer.status_code, answer.headers["x-request-id"])
            return answer, line

        allowed, line = ask(Access_Control_Request_Headers="authorization, x-stainless-os")
        assert (allowed.status_code, line["error"]) == (200, None)
        assert allowed.headers["access-control-allow-origin"] == origins[0]
        assert "x-stainless-os" in allowed.headers["access-control-allow-headers"]
        assert "access-control-allow-private-network" not in allowed.headers
        assert ask(**private)[0].headers["access-control-allow-private-network"] == "true"
        wrong, line = ask(Access_Control_Request_Method="DELETE")
        assert (wrong.status_code, line["error"]) == (400, "preflight_failed")
        if origins == [PAGE]:
            refused, line = ask(Origin="https://evil.example", **private)
            assert (refused.status_code, line["error"]) == (403, "origin_not_allowed")
            assert not [name for name in refused.headers if name.startswith("access-control")]
        page = http.get(f"{url}/v1/models", headers={"Origin": PAGE})
        assert page.status_code == 401  # which the page may read
        assert page.headers["access-control-allow-origin"] == origins[0]
        assert "x-request-id" in page.headers["access-control-expose-headers"]


def test_a_page_may_read_every_refusal(places: dict[str, str]) -> None:
    page = {**BEARER, "Origin": PAGE}
    app = create_app(places, origins=[PAGE], api_key=KEY, loopback=True, max_requests=0)
    with serve_gateway(app) as url:
        answers = [
            http.get(f"{url}/v1/models", headers={"Origin": PAGE}),
            http.get(f"{url}/v1/models", headers={**page, "Host": "evil.example"}),
            http.post(f"{url}/v1/chat/completions", json=chat("Hi"), headers=page),
            http.get(f"{url}/nothing", headers=page),
            http.delete(f"{url}/v1/models", headers=page),
        ]
    assert [answer.status_code for answer in answers] == [401, 421, 429, 404, 405]
    for answer in answers:
        assert answer.headers["access-control-allow-origin"] == PAGE
        assert "x-request-id" in answer.headers["access-control-expose-headers"]
        assert list(answer.json()["error"]) == ["message", "type", "param", "code"]


# Mounted ---------------------------------------------------------------------------------------------------


def mounted(app: FastAPI) -> FastAPI:
    main = FastAPI()
    main.mount("/llm", app)
    return main


def test_a_mounted_app_keeps_its_limit(places: dict[str, str], prompt: str) -> None:
    app = mounted(create_app(places, max_requests=1))
    with serve_gateway(app) as url, openai_client(f"{url}/llm") as client:
        with client.chat.completions.create(**chat(f"{prompt} [[forever]]"), stream=True) as holder:
            next(holder)
            with pytest.raises(openai.RateLimitError) as full:
                client.chat.completions.create(**chat("Hi"))
        assert full.value.code == "gateway_full"


def test_a_mounted_app_keeps_its_key_and_its_public_paths(places: dict[str, str]) -> None:
    with serve_gateway(mounted(create_app(places, api_key=KEY))) as url:
        for path in ("/llm/healthz", "/llm/", "/llm/healthz/"):
            assert http.get(url + path).status_code == 200
        for path in ("/llm/v1/models", "/llm/models", "/llm/metrics", "/llm/llm/healthz"):
            assert http.get(url + path).status_code == 401
        assert http.get(f"{url}/llm/models", headers=BEARER).status_code == 200


def test_a_mounted_app_checks_the_host(places: dict[str, str]) -> None:
    with serve_gateway(mounted(create_app(places))) as url:
        refused = http.get(f"{url}/llm/v1/models", headers={"Host": "evil.example"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (421, "host_not_allowed")
        assert http.get(f"{url}/llm/v1/models").status_code == 200


@pytest.mark.slow
def test_a_mounted_app_needs_no_lifespan_to_end_its_answers(
    places: dict[str, str], prompt: str, servers: Servers
) -> None:
    app, prompts = (
        create_app(places, grace=0),
        [f"{prompt} {form} [[forever]]" for form in ("whole", "stream")],
    )

    def ask(url: str, prompt: str) -> None:
        body = chat(prompt, stream=prompt is prompts[1])
        with contextlib.suppress(httpx.HTTPError):
            httpx.post(f"{url}/llm/v1/chat/completions", json=body, verify=False, timeout=PATIENCE)

    with contextlib.ExitStack() as threads, serve_gateway(mounted(app), patient=False) as url:
        for each in prompts:
            thread = threading.Thread(target=ask, args=[url, each])
            thread.start()
            threads.callback(thread.join, PATIENCE)
        for each in prompts:
            servers.wait_for("begin", each)
    for each in prompts:
        servers.wait_for("end", each)
    assert app.state.streams == set()


# The server and its log ------------------------------------------------------------------------------------


def test_idle_connections_stay_open_longer_than_clients_keep_them() -> None:
    assert gateway_server.Server(create_app(), 5.0).config.timeout_keep_alive == 75


def test_on_a_terminal_the_log_is_for_people(servers: Servers) -> None:
    command = [sys.executable, "-m", "qwen_spaces", "serve", "--port", "0", "-m", "qwen-2.5"]
    with Terminal([*command, "--src", f"qwen-2.5={servers['qwen-2.5']}"]) as terminal:
        port = re.search(r"127\.0\.0\.1:(\d+)/v1", terminal.wait_for("/v1"))
        assert port
        url = f"http://127.0.0.1:{port[1]}"
        http.get(f"{url}/v1/no%1b[2Jthing%e2%80%ae")
        http.post(f"{url}/v1/chat/completions", json=chat("Hi [[pace=0]]"))
        terminal.wait_for(lambda _: b"characters" in terminal.output)  # the screen breaks lines
        shown = terminal.output.decode()
    assert re.search(r"\d\d:\d\d:\d\d 404 GET /v1/no\\x1b\[2Jthing\\u202e: [\d.]+ s, unknown_url", shown)
    assert re.search(r"200 POST /v1/chat/completions qwen-2.5: [\d.]+ s, first text after", shown)
    assert "{" not in shown


def test_a_line_for_people_is_printable_ascii() -> None:
    line = {"status": None, "method": "GET", "path": "/\x1b[31m\u202e\n\x7f", "model": "ü", "seconds": 1.0}
    line |= {"first": None, "left": True, "error": None, "id": "req_1", "space": "http://ü.example"}
    record = logging.makeLogRecord({"request": line})
    text = TerminalFormatter().format(record)
    assert text.isascii()
    assert text.isprintable()
    assert text.endswith("from http://\\xfc.example, client left [req_1]")
    assert TerminalFormatter().format(logging.makeLogRecord({"msg": "plain"})) == "plain"


# Metrics ---------------------------------------------------------------------------------------------------


def samples(text: str) -> dict[str, float]:
    pairs = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name.replace("qwen_spaces_", ""): float(value) for name, _, value in pairs}


def test_metrics_count_requests_with_few_labels(places: dict[str, str], prompt: str) -> None:
    pytest.importorskip("prometheus_client")
    with serve_gateway(create_app(places, api_key=KEY)) as url, openai_client(url, KEY) as client:
        assert http.get(f"{url}/metrics").status_code == 401
        answer = client.chat.completions.create(**chat("Hi [[pace=0]]", model="Qwen/Qwen2.5"))
        text = str(answer.choices[0].message.content)
        for number in range(5):
            http.get(f"{url}/no/{number}", headers=BEARER)
            http.get(f"{url}/v1/models/no-{number}", headers=BEARER)
            http.post(f"{url}/v1/chat/completions", json=chat("Hi", model=f"no-{number}"), headers=BEARER)
        with pytest.raises(openai.InternalServerError):
            client.chat.completions.create(**chat("[[gr-error=No.]]"))
        with client.chat.completions.create(**chat(f"{prompt} [[forever]]"), stream=True) as holder:
            next(holder)
            page = http.get(f"{url}/metrics", headers=BEARER)
    assert page.headers["content-type"].startswith("text/plain; version=")
    found = samples(page.text)
    counted = 'requests_total{model="%s",path="%s",status="%s"}'
    assert found[counted % ("qwen-2.5", "/v1/chat/completions", 200)] == 1
    assert found[counted % ("qwen-2.5", "/v1/chat/completions", 502)] == 1
    assert found[counted % ("", "/v1/chat/completions", 404)] == 5
    assert found[counted % ("", "/v1/models/{model}", 404)] == 5
    assert found[counted % ("", "other", 404)] == 5
    assert found[counted % ("", "/metrics", 401)] == 1
    assert sum(name.startswith("requests_total") for name in found) == 6
    assert found['errors_total{error="SpaceError",model="qwen-2.5"}'] == 1
    assert found['characters_total{model="qwen-2.5"}'] == len(text)
    assert found['answer_seconds_count{model="qwen-2.5"}'] == 1
    assert found['first_text_seconds_bucket{le="+Inf",model="qwen-2.5"}'] == 1
    assert found["running"] == 1


def test_without_its_library_metrics_say_what_to_install(
    places: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with serve_gateway(create_app(places)) as url:
        answer = http.get(f"{url}/metrics")
        assert http.get(f"{url}/v1/models").status_code == 200
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "metrics_not_installed")
    assert "pip install 'qwen-spaces[metrics]'" in answer.json()["error"]["message"]


def test_a_context_keeps_its_token_out_of_its_repr() -> None:
    assert "hf_" not in repr(RequestContext("GET", "/", token="hf_secret"))
