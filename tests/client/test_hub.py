"""From a bare name through the Hub to the text, and whatever a Hub may answer instead."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import huggingface_hub
import pytest

from qwen_spaces import (
    AuthenticationError,
    ConnectError,
    ContractError,
    QwenSpace,
    QwenSpacesError,
    SpaceTimeoutError,
    SpaceUnavailableError,
    Timeouts,
    available_spaces,
)

from ..support.hub import serve_hub
from ..support.modes import PATIENCE
from ..support.proxy import Answer, recording
from ..support.reluctant import Reluctant, assert_closing_ends_a_status, assert_gone
from ..support.servers import Servers

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def hub(servers: Servers) -> Iterator[tuple[str, list[Any]]]:
    hosts = {facade.space_id: servers[facade.aliases[0]] for facade in available_spaces()}
    hosts["somebody/paused"] = servers["qwen-2.5"]
    with serve_hub(hosts, {"somebody/paused": ["PAUSED"]}) as hub:
        yield hub


@pytest.fixture
def run(hub: tuple[str, list[Any]]) -> Run:
    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-W", "error", *arguments],
            env={**os.environ, "HF_ENDPOINT": hub[0], "HF_HUB_DISABLE_TELEMETRY": "1", **environment},
            capture_output=True,
            text=True,
            timeout=2 * PATIENCE,
            check=False,
        )

    return run


def test_a_bare_name_finds_its_space_through_the_hub(run: Run) -> None:
    program = "from qwen_spaces import QwenSpace; print(QwenSpace('{}').ask('Why is the sky blue?'))"
    for name in ("qwen-2.5", "qwen-2-72b", "Qwen/QVQ-72B-preview"):
        ended = run("-c", program.format(name))
        assert ended.stderr == ""
        assert 'You asked: "Why is the sky blue?"' in ended.stdout


def test_the_saved_token_goes_to_the_hub_but_not_to_a_host_elsewhere(
    run: Run, hub: tuple[str, list[Any]]
) -> None:
    hub[1].clear()
    program = (
        "from qwen_spaces import QwenSpace; s = QwenSpace('qwen-2.5'); s.ask('Hi');"
        "print(s._client._reached[0]._client.headers)"
    )
    ended = run("-c", program, HF_TOKEN="hf_saved")
    assert ended.stderr == ""
    assert "hf_saved" not in ended.stdout
    assert [headers.get("authorization") or headers.get("Authorization") for headers in hub[1]] == [
        "Bearer hf_saved"
    ]


@pytest.mark.parametrize(
    ("name", "error", "why"),
    [
        ("somebody/nothing", "SpaceNotFoundError", "There is no Space 'somebody/nothing' on the Hub"),
        ("somebody/paused", "SpaceUnavailableError", "does not run: PAUSED"),
    ],
)
def test_a_refusal_of_the_hub_is_its_error(name: str, error: str, why: str, run: Run) -> None:
    ended = run("-c", f"from qwen_spaces import QwenSpace; QwenSpace({name!r}).ask('Hi')")
    assert f"qwen_spaces.errors.{error}" in ended.stderr.splitlines()[-1]
    assert why in ended.stderr
    command = f'qwen-spaces spaces --find "{name.removeprefix("somebody/")}"'
    assert command in ended.stderr


# What a Hub may answer, in this process -------------------------------------------------------------------

OLD, NEW = "somebody/old", "somebody/new"
SECRET = "hf_VerySecret"


@contextlib.contextmanager
def hub_of(hosts: dict[str, str], **more: Any) -> Iterator[list[Any]]:
    """A Hub with these Spaces, in place of the real one; gives the headers of its requests."""
    with serve_hub(hosts, **more) as (url, seen), pytest.MonkeyPatch.context() as patch:
        patch.setattr(huggingface_hub.constants, "ENDPOINT", url)
        yield seen


def moved(where: str, status: int = 307) -> dict[str, Answer]:
    return {OLD: Answer(status, {"Location": where})}


def described(**more: Any) -> Answer:
    """The Hub's description of a Space that runs."""
    return Answer(200, body=json.dumps({"id": OLD, "runtime": {"stage": "RUNNING"}, **more}).encode())


def ask(space_id: str = OLD, **settings: Any) -> str:
    return QwenSpace("qwen-2.5", src=space_id, retries=0, **settings).ask("Hi [[pace=0]]").text


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_space_that_was_renamed_is_followed_to_its_new_name(status: int, servers: Servers) -> None:
    answers = moved(f"/api/spaces/{NEW}", status)
    with hub_of({NEW: servers["qwen-2.5"]}, answers=answers) as seen:
        assert "Hi" in ask(token=SECRET)
    assert [headers.get("authorization") for headers in seen] == [f"Bearer {SECRET}"] * 2


def test_a_space_that_was_renamed_goes_by_its_new_name_in_errors(servers: Servers) -> None:
    stages = {NEW: ["PAUSED"]}
    with (
        hub_of({NEW: servers["qwen-2.5"]}, answers=moved(f"/api/spaces/{NEW}"), stages=stages),
        pytest.raises(SpaceUnavailableError, match=NEW),
    ):
        ask()


@pytest.mark.parametrize("form", ["{url}/api/spaces/x", "//{host}/x", "http://127.0.0.1@{host}/"])
def test_a_hub_cannot_send_the_token_to_another_host(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", SECRET)
    with recording(interfere=lambda _: Answer(200, body=b"{}")) as other:
        where = form.format(url=other.url, host=other.url.removeprefix("http://"))
        with hub_of({}, answers=moved(where)), pytest.raises(ContractError, match="redirects") as caught:
            ask()
        assert other.seen == []
    assert SECRET not in str(caught.value)


def test_redirects_of_the_hub_come_to_an_end() -> None:
    with hub_of({}, answers=moved(f"/api/spaces/{OLD}")) as seen, pytest.raises(ConnectError, match="Hub"):
        ask()
    assert len(seen) < 10


@pytest.mark.parametrize(
    "host",
    [
        "missing",
        None,
        "",
        7,
        ["http://127.0.0.1"],
        {},
        "nowhere",
        "ftp://127.0.0.1",
        "http://",
        "http://[",
        "\ud800",
    ],
    ids=repr,
)
def test_a_space_for_which_the_hub_names_no_address_is_an_error_of_its_own(host: object) -> None:
    answers = {OLD: described(host=host) if host != "missing" else described()}
    with hub_of({}, answers=answers), pytest.raises(ConnectError, match=f"no address for {OLD}") as caught:
        ask()
    assert type(caught.value) is ConnectError
    assert "src=" in str(caught.value)


ODD = {
    "a list": Answer(200, body=b"[1]"),
    "a page": Answer(200, {"Content-Type": "text/html"}, b"<html><title>Hotel Wi-Fi</title></html>"),
    "nothing": Answer(200, body=b""),
    "a stage that is none": described(host="http://127.0.0.1:9", runtime={"stage": ["RUNNING"]}),
    "a runtime that is none": described(host="http://127.0.0.1:9", runtime=[7]),
    "deep": Answer(200, body=b"[" * 100_000),
    "400": Answer(400, body=b'{"error": "no"}'),
    "404 with a page": Answer(404, {"Content-Type": "text/html"}, b"<html></html>"),
    "500": Answer(500, body=b"\xff"),
    "403 of a firewall": Answer(403, {"Content-Type": "text/html"}, b"<title>Blocked</title>"),
    "429": Answer(429, {"Retry-After": "7"}),
}


@pytest.mark.parametrize("answer", ODD.values(), ids=ODD)
def test_what_a_hub_answers_oddly_is_a_typed_error_that_names_the_hub(answer: Answer) -> None:
    with hub_of({}, answers={OLD: answer}), pytest.raises(QwenSpacesError, match="Hub") as caught:
        ask()
    assert not isinstance(caught.value, AuthenticationError)
    assert "Gradio" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert getattr(caught.value, "retry_after", None) == (7.0 if answer.status == 429 else None)


def test_a_hub_that_sends_too_much_is_not_read_to_the_end() -> None:
    huge = Answer(200, body=b'{"id": "' + b"x" * 20_000_000 + b'"}')
    with hub_of({}, answers={OLD: huge}), pytest.raises(ContractError, match="more than 16 MB"):
        ask()


def test_a_hub_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ConnectError, match=r"Hub \(http://127\.0\.0\.1:9\) cannot be reached"):
        ask()


def test_a_saved_token_that_is_none_is_not_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", f"{SECRET}\x01")
    with hub_of({}) as seen, pytest.raises(AuthenticationError) as caught:
        ask()
    assert SECRET not in repr(caught.value) + repr(caught.value.__cause__)
    assert seen == []


@pytest.fixture(params=[False, True], ids=["silent", "dripping"])
def reluctant(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reluctant]:
    with contextlib.closing(Reluctant(drips=request.param)) as server:
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", server.url)
        yield server


def test_a_look_at_the_hub_has_its_bound_and_leaves_nothing(reluctant: Reluctant) -> None:
    with pytest.raises(SpaceTimeoutError) as caught:
        QwenSpace("qwen-2.5", timeouts=Timeouts(connect=0.5)).status()
    assert caught.value.phase == "connect"
    assert_gone()


def test_a_look_at_the_hub_ends_when_its_space_is_closed(reluctant: Reluctant) -> None:
    space = QwenSpace("qwen-2.5", timeouts=Timeouts(connect=None))
    assert_closing_ends_a_status(space, reluctant)


def test_a_knock_at_a_sleeping_space_has_its_bound_too(servers: Servers) -> None:
    with contextlib.closing(Reluctant(drips=True)) as sleeper:
        asleep = described(host=sleeper.url, runtime={"stage": "SLEEPING"})
        with hub_of({}, answers={OLD: asleep}):
            space = QwenSpace("qwen-2.5", src=OLD, timeouts=Timeouts(wake=0.5))
            with pytest.raises(SpaceTimeoutError):
                space.status()
            assert_gone()
