"""The fault matrix: whatever goes wrong gives one typed error, in time, with the text that had arrived.

A row per fault, in each mode. The server is a replica where a real one can be made to fail so, and
`scripted_gradio` elsewhere. A queue that is full for real, a replica that is killed, timeouts against
replicas and errors of all three Spaces are in `test_errors.py`; what is tried again is in `test_waiting.py`.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from qwen_spaces import (
    ConnectError,
    ContractError,
    EmptyReplyError,
    QueueFullError,
    QuotaExceededError,
    RateLimitedError,
    SpaceError,
    SpaceTimeoutError,
    Timeouts,
)

from ..support.faults import SPACE, Fault, space
from ..support.modes import PATIENCE
from ..support.scripted_gradio import CONFIG, Page, Script, endpoint, info, serve_script
from ..support.servers import ROOT, Servers

pytestmark = pytest.mark.usefixtures("warm", "names")

# The app fails.

APP = {
    "gr.Error before text": (
        "[[gr-error=The model is on holiday]]",
        Fault(SpaceError, ("on holiday",), {"title": "Error", "message": "The model is on holiday"}),
    ),
    "gr.Error after text": (
        "Hi [[gr-error-after=3]] [[pace=0.01]]",
        Fault(
            SpaceError,
            ("asked to fail after 3",),
            {"message": "The replica was asked to fail after 3 steps.", "partial_text": 'You asked: "Hi'},
        ),
    ),
    "another exception before text": (
        "[[error-first]]",
        Fault(SpaceError, ("hides the reason", "overloaded", "try again"), {"message": ""}),
    ),
    "another exception after text": (
        "Hi [[error-after=3]] [[pace=0.01]]",
        Fault(SpaceError, ("hides the reason",), {"message": "", "partial_text": 'You asked: "Hi'}),
    ),
    "ZeroGPU quota": (
        "[[quota]]",
        Fault(QuotaExceededError, ("exceeded your GPU quota", "token"), {"retry_after": 588.0}),
    ),
    "a generator that yields nothing": ("[[nothing]]", Fault(EmptyReplyError, ("said nothing",))),
}


@pytest.mark.parametrize(("prompt", "fault"), APP.values(), ids=APP)
def test_a_fault_of_the_app_is_its_error(prompt: str, fault: Fault, mode: str, servers: Servers) -> None:
    fault.check(mode, space(servers[SPACE]).stream(prompt))


# The server refuses.

HTML = Page(200)
THREE = {name: CONFIG[name] for name in ("components", "dependencies")}
ADDER = info(add=endpoint(a={"type": "number"}, b={"type": "number"}))
VALIDATED = {
    "detail": [
        {"__type__": "validate", "is_valid": False, "parameter_name": "query", "message": "Far too long"}
    ]
}
MISSING = {"detail": [{"type": "missing", "loc": ["body", "data"], "msg": "Field required"}]}

REFUSED = {
    "429 on config": (
        Script(config=Page(429, "Too many")),
        Fault(RateLimitedError, ("too many requests",), {"retry_after": None}),
    ),
    "429 on config with Retry-After": (
        Script(config=Page(429, "Too many", {"Retry-After": "7"})),
        Fault(RateLimitedError, ("too many requests",), {"retry_after": 7.0}),
    ),
    "500 on config": (Script(config=Page(500)), Fault(ConnectError, ("500",))),
    "503 on info": (Script(info=Page(503)), Fault(ConnectError)),
    "429 on join": (
        Script(join=Page(429, "Too many")),
        Fault(RateLimitedError, ("too many requests",), {"retry_after": None}),
    ),
    "429 on join with Retry-After": (
        Script(join=Page(429, "Too many", {"Retry-After": "7"})),
        Fault(RateLimitedError, ("too many requests",), {"retry_after": 7.0}),
    ),
    "503 on join, an HTML page": (
        Script(join=Page(503)),
        Fault(QueueFullError, ("queue", "full"), {"retry_after": None}),
    ),
    "503 on join with Retry-After": (
        Script(join=Page(503, {"detail": "queue_full"}, {"Retry-After": "7"})),
        Fault(QueueFullError, ("queue", "full"), {"retry_after": 7.0}),
    ),
    "500 on join": (Script(join=Page(500)), Fault(SpaceError, ("500",))),
    "504 on join": (Script(join=Page(504)), Fault(SpaceError, ("504",))),
    "422 on join, the app's validation": (
        Script(join=Page(422, VALIDATED)),
        Fault(ContractError, ("query: Far too long",)),
    ),
    "422 on join, a list": (Script(join=Page(422, MISSING)), Fault(ContractError, ("Field required",))),
    "422 on join, a string": (
        Script(join=Page(422, {"detail": "Wrong number of inputs"})),
        Fault(ContractError, ("Wrong number of inputs",)),
    ),
    "join cut": (Script(join=Page(0)), Fault(ConnectError, ("cannot be reached",))),
    "not Gradio, an HTML page": (Script(config=HTML), Fault(ContractError, ("HTML",))),
    "not Gradio, JSON": (Script(config=Page(body={"hello": "world"})), Fault(ContractError, ("JSON",))),
    "not Gradio, a JSON list": (Script(config=Page(body=["hello"])), Fault(ContractError, ("JSON",))),
    "not Gradio, 404": (Script(config=Page(404)), Fault(ContractError, ("404",))),
    "Gradio 3, websocket": (
        Script(config=Page(body={**THREE, "version": "3.50.2", "protocol": "ws"})),
        Fault(ContractError, ("3.50.2",)),
    ),
    "Gradio 3, no protocol": (
        Script(config=Page(body={**THREE, "version": "3.20.1"})),
        Fault(ContractError, ("3.20.1",)),
    ),
    "no fitting endpoint": (Script(info=Page(body=ADDER)), Fault(ContractError, ("/add(a, b)",))),
    "no endpoint at all": (Script(info=Page(body=info())), Fault(ContractError, ("none",))),
}


@pytest.mark.parametrize(("script", "fault"), REFUSED.values(), ids=REFUSED)
def test_a_refusal_of_the_server_is_its_error(
    script: Script, fault: Fault, mode: str, names: list[str]
) -> None:
    with serve_script(script) as server:
        error = fault.check(mode, space(server.url, timeouts=fault.timeouts).stream("Hi"))
        assert server.url in str(error) or "endpoint" in str(error)
    assert names == []  # no request went elsewhere


def test_a_server_that_stays_unavailable_is_awaited_within_its_bound(mode: str) -> None:
    with serve_script(Script(config=Page(503))) as server:
        fault = Fault(SpaceTimeoutError, ("wake",), {"phase": "wake"}, Timeouts(wake=0.6), within=0.6)
        fault.check(mode, space(server.url, timeouts=fault.timeouts).stream("Hi"))


# Nobody is there.


def closed_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


def no_such_host() -> str:
    return "http://no-such-space.invalid:7860"


ADDRESSES: dict[str, tuple[Callable[[], str], str]] = {
    "refused": (closed_port, "refused"),
    "unknown host": (no_such_host, "name or service not known"),
}


@pytest.mark.parametrize(("address", "why"), ADDRESSES.values(), ids=ADDRESSES)
def test_an_address_that_leads_nowhere_is_named(address: Callable[[], str], why: str, mode: str) -> None:
    url = address()
    Fault(ConnectError, (url, why, "check the address")).check(mode, space(url).stream("Hi"))


def test_a_server_without_tls_behind_an_https_address_is_named(mode: str) -> None:
    with serve_script() as server:
        url = server.url.replace("http:", "https:")
        Fault(ConnectError, (url, "SSL")).check(mode, space(url).stream("Hi"))
        assert server.requests == []


ELSEWHERE = """
import socket, sys

def nobody_else(host, *rest, find=socket.getaddrinfo, **more):
    if host == "127.0.0.1":
        return find(host, *rest, **more)
    print("looked up", host)
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

socket.getaddrinfo = nobody_else
from qwen_spaces import QwenSpace

print(QwenSpace("qwen-2-72b", src=sys.argv[1]).ask("Hi"))
"""


def test_the_first_request_of_a_process_goes_to_no_other_machine(tmp_path: Path) -> None:
    # The SDK has the Hub's library find out who runs it, once a process and day.
    unset = ("HF_HUB_DISABLE_TELEMETRY", "DISABLE_TELEMETRY", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    environment = {name: value for name, value in os.environ.items() if name not in unset}
    with serve_script() as server:
        done = subprocess.run(
            [sys.executable, "-c", ELSEWHERE, server.url],
            env={**environment, "HF_HOME": str(tmp_path)},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
        )
    assert done.stdout == "Hello world.\n"
