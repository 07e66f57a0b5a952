"""`qwen-spaces batch`: every form of a line, resuming, and what the exit code says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from qwen_spaces import Timeouts
from qwen_spaces._many.answers import FIRST

from ..support.commands import COMMAND, invoke
from ..support.modes import PATIENCE
from ..support.servers import ROOT, Servers


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out.jsonl"


@pytest.fixture
def src(servers: Servers) -> str:
    return servers["qwen-2.5"]


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_each_form_of_a_line_is_a_prompt(src: str, out: Path, tmp_path: Path, prompt: str) -> None:
    turns = [
        {"role": "user", "content": "My name is Ada."},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": f"{prompt} 3"},
    ]
    given = [
        f"{prompt} 0",
        {"prompt": f"{prompt} 1", "id": 17},
        {"prompt": [{"role": "user", "content": f"{prompt} 2"}]},
        {"messages": turns},
        {"custom_id": "four", "method": "POST", "body": {"model": "any", "messages": f"{prompt} 4"}},
    ]
    source = tmp_path / "in.jsonl"
    source.write_text("\ufeff" + "".join(f"{json.dumps(line)}\n\n" for line in given), "utf-8")
    code, text, errors = invoke("batch", str(source), "-o", str(out), "--ordered", "--src", src, "-c", "2")
    assert (code, text, errors) == (0, "", "5 answered, 0 before, 0 failed.\n")
    answers = rows(out)
    assert [row["index"] for row in answers] == list(range(5))
    assert [row["id"] for row in answers] == [None, "17", None, None, "four"]
    for number, row in enumerate(answers):
        assert f"{prompt} {number}" in row["text"]
    assert "Before, you said" in answers[3]["text"]
    assert answers[3]["prompt"] == turns


def test_a_text_file_has_a_prompt_a_line_and_a_field_has_any_name(
    src: str, out: Path, tmp_path: Path, prompt: str
) -> None:
    source = tmp_path / "in.txt"
    source.write_text(f'"{prompt}"\n{{{prompt}\n')
    assert invoke("batch", str(source), "-o", str(out), "--src", src)[0] == 0
    assert sorted(row["prompt"] for row in rows(out)) == [f'"{prompt}"', f"{{{prompt}"]
    line = json.dumps({"question": f"{prompt} asked"})
    code, _, errors = invoke("batch", "-", "-o", str(out), "--field", "question", "--src", src, stdin=line)
    assert (code, errors) == (0, "1 answered, 0 before, 0 failed.\n")
    assert f"{prompt} asked" in rows(out)[-1]["text"]


def test_the_same_command_resumes_and_asks_again_what_failed(
    servers: Servers, src: str, out: Path, tmp_path: Path, prompt: str
) -> None:
    source = tmp_path / "in.txt"
    source.write_text(f"{prompt} good\n{prompt} [[gr-error=Oh no]]\n")
    arguments = ("batch", str(source), "-o", str(out), "--src", src, "--option", "size=7B")
    assert invoke(*arguments)[::2] == (4, "1 answered, 0 before, 1 failed.\n")
    failed = next(row for row in rows(out) if row["error"])
    assert failed["error"]["type"] == "SpaceError"
    assert "Oh no" in failed["error"]["message"]
    assert invoke(*arguments)[::2] == (4, "0 answered, 1 before, 1 failed.\n")
    servers.wait_for("begin", f"{prompt} good")
    assert servers.count("begin", f"{prompt} good") == 1
    servers.wait_for("begin", f"{prompt} [[gr-error=Oh no]]", times=2)
    assert servers.count("begin", f"{prompt} [[gr-error=Oh no]]") == 2
    assert len(rows(out)) == 2


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"prompt": ', "Line 2 of stdin is not JSON"),
        ('{"text": "Hi"}', "Line 2 of stdin has no prompt"),
        (b"\xff\xfe", "Line 2 of stdin is not UTF-8"),
    ],
    ids=["torn", "nameless", "binary"],
)
def test_a_line_that_is_no_prompt_is_named(src: str, out: Path, line: str | bytes, message: str) -> None:
    stdin = b'"Hi"\n' + (line.encode() if isinstance(line, str) else line)
    code, _, errors = invoke("batch", "-", "-o", str(out), "--src", src, stdin=stdin)
    assert code == 2
    assert message in errors


def test_a_file_that_is_no_journal_is_refused_untouched(src: str, out: Path) -> None:
    out.write_text("My thesis, the only copy")
    code, _, errors = invoke("batch", "-", "-o", str(out), "--src", src, stdin="Hi")
    assert code == 2
    assert "is not from" in errors
    assert out.read_text() == "My thesis, the only copy"


def test_ctrl_c_keeps_what_is_there_and_ends_the_jobs(
    servers: Servers, src: str, out: Path, tmp_path: Path, prompt: str
) -> None:
    endless = f"{prompt} [[forever]]"
    source = tmp_path / "in.txt"
    source.write_text(f"{prompt}\n{endless}\n")
    process = subprocess.Popen(
        [*COMMAND, "batch", str(source), "-o", str(out), "--src", src, "-c", "1"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    servers.wait_for("begin", endless)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert errors.splitlines()[-1] == "1 answered, 0 before, 0 failed."
    assert [row["prompt"] for row in rows(out)] == [prompt]
    servers.wait_for("end", endless)


def test_its_help_knows_that_many_prompts_may_wait_long() -> None:
    for command, first in (("batch", FIRST), ("ask", Timeouts().first)):
        assert f"Default: {first:g} until the first text" in " ".join(invoke(command, "--help")[1].split())
