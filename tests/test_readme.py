"""The README runs as printed, against a Hub and replicas here; its tables and CONTRIBUTING are true."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from qwen_spaces import QwenSpace, available_spaces
from qwen_spaces._types.options import describe_option
from qwen_spaces.gateway import create_app

from .support.gateway import serve_gateway
from .support.readme import FRIENDS, README, RUNNER, blocks, hub_environment, run
from .support.servers import ROOT, Servers

BY_CI = ("Try it", "Test it")  # the two commands that .ci/run runs in a fresh clone
GATEWAY = "http://127.0.0.1:8000/v1"  # where the README has it; here it is on a free port


@pytest.fixture(scope="module")
def environment(servers: Servers) -> Iterator[dict[str, str]]:
    with hub_environment(servers) as environment:
        yield environment


@pytest.fixture(scope="module")
def gateway(servers: Servers) -> Iterator[str]:
    with serve_gateway(create_app({"qwen-2.5": servers["qwen-2.5"]})) as url:
        yield f"{url}/v1"


@pytest.mark.slow
def test_every_python_block_runs(environment: dict[str, str], gateway: str, tmp_path: Path) -> None:
    codes = [
        code.replace(GATEWAY, gateway)
        for heading, language, code in blocks()
        if language == "python" and heading not in FRIENDS
    ]
    assert len(codes) > 5
    run([sys.executable, "-c", RUNNER], json.dumps(codes), environment, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    "code",
    [code for heading, language, code in blocks() if language == "sh" and heading not in (*BY_CI, *FRIENDS)],
)
def test_every_command_runs(code: str, environment: dict[str, str], tmp_path: Path) -> None:
    assert run(["sh", "-e"], code, environment, tmp_path)


def test_every_block_is_in_a_language_that_is_run_here() -> None:
    assert {language for _, language, _ in blocks()} == {"python", "sh", "text"}


def test_the_two_commands_stand_alone_in_their_blocks() -> None:
    commands = {heading: code for heading, _, code in blocks() if heading in BY_CI}
    assert set(commands) == set(BY_CI)
    for code in commands.values():
        assert code.startswith("python3 -m venv .venv && .venv/bin/pip install -q ")
        assert code.count("\n") == 1


NOTES = {"qwen-3-coder-webdev": "the prompt native, the turns folded"}


def row(facade: type[QwenSpace]) -> str:
    """A Space's line in the README's table."""
    options = (
        "; ".join(f"`{name}`: {describe_option(values)}" for name, values in facade.options.items()) or "none"
    )
    contract = facade.contract
    cells = (
        f"`{facade.aliases[0]}`",
        f"`{facade.space_id}`",
        f"`{facade.__name__}`",
        {0: "text", 1: "text, one image", None: "text, images"}[facade.max_images],
        options,
        "apart" if facade.reasons else "-",
        "in its session"
        if contract.stateful
        else "folded into the prompt"
        if contract.positional or contract.steps
        else NOTES.get(facade.alias, "native"),
    )
    return f"| {' | '.join(cells)} |"


def test_the_table_of_spaces_is_that_of_the_facades() -> None:
    section = README.partition("## The Spaces\n")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    assert rows == [row(facade) for facade in available_spaces()]


def test_the_life_of_a_message_names_what_is_in_the_code() -> None:
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    life = contributing.partition("## The life of a message\n")[2].partition("\n## ")[0]
    assert 0 < len(re.findall(r"^\d+\. ", life, re.MULTILINE)) <= 14
    named = re.findall(r"`([\w.]+)(?:\(.*?\))?`(?:,? or `(\w+)`,?)?\s\(`([\w/]+\.py)`\)", life)
    assert len(named) >= 14
    for name, other, path in named:
        source = (ROOT / "qwen_spaces" / path).read_text(encoding="utf-8")
        for part in (*name.split("."), *filter(None, [other])):
            assert re.search(rf"^ *(?:async def|def|class) {part}\b", source, re.MULTILINE), (part, path)
