"""From a bare name through the Hub to the text, in programs of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from qwen_spaces import available_spaces

from .conftest import Servers
from .hub import serve_hub

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
            timeout=60,
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
        "print(s._transport._reached[0]._client.headers)"
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
def test_what_the_hub_says_no_to_is_told(name: str, error: str, why: str, run: Run) -> None:
    ended = run("-c", f"from qwen_spaces import QwenSpace; QwenSpace({name!r}).ask('Hi')")
    assert f"qwen_spaces.errors.{error}" in ended.stderr.splitlines()[-1]
    assert why in ended.stderr
