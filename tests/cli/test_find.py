"""`qwen-spaces spaces --find`: the table, JSON, `--ask`, what is found by none, and Ctrl-C."""

from __future__ import annotations

import contextlib
import json
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import huggingface_hub
import pytest

from qwen_spaces import Timeouts
from qwen_spaces._space import find
from qwen_spaces.cli import _find as command

from ..support.commands import invoke
from ..support.hub import SEARCH, listed, serve_hub
from ..support.modes import PATIENCE
from ..support.proxy import Request, recording
from ..support.reluctant import Reluctant
from ..support.scripted_gradio import BEGIN, CONFIG, Page, Script, info, serve_script
from ..support.servers import ROOT, Servers
from ..support.terminal import Terminal

LONG = f"a-studio-with-a-long-name/qwen-{'chat-' * 10}demo"


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No chat may be missed because the machine is busy."""
    bound = 4 * PATIENCE
    monkeypatch.setattr(find, "CHECK", replace(find.CHECK, connect=bound))
    monkeypatch.setattr(command, "ANSWER", Timeouts(connect=bound, wake=bound, first=bound, total=bound))


@contextlib.contextmanager
def hub_of(
    hosts: Mapping[str, str], spaces: Sequence[Mapping[str, Any]] | None = None, **more: Any
) -> Iterator[str]:
    with serve_hub(hosts, spaces=spaces, **more) as (url, _), pytest.MonkeyPatch.context() as patch:
        patch.setattr(huggingface_hub.constants, "ENDPOINT", url)
        yield url


def test_the_table_fits_75_columns(servers: Servers) -> None:
    spaces = [
        listed("Qwen/QVQ-72B-preview", 4),
        listed(LONG, 123_456, hardware="a-kind-of-hardware-with-a-long-name"),
        listed("studio/qwen", hardware="zero-a10g"),
    ]
    hosts = {"Qwen/QVQ-72B-preview": servers["qvq-72b"]}
    with hub_of(hosts | dict.fromkeys([LONG, "studio/qwen"], servers["qwen-2.5"]), spaces):
        code, text, errors = invoke("spaces", "--find", "qwen")
    assert (code, errors) == (0, "")
    lines = text.splitlines()
    words = [line.split() for line in lines]
    queues = [row.pop() for row in words if "RUNNING" in row]
    assert all(queue.isdecimal() for queue in queues)  # another test's request may wait there
    assert words == [
        ["SPACE", "STATE", "LIKES", "IMAGES", "QUEUE"],
        ["Qwen/QVQ-72B-preview", "RUNNING", "cpu-basic", "4", "yes"],
        [LONG],
        ["RUNNING", "a-kind-of-ha", "123456", "no"],
        ["studio/qwen", "RUNNING", "zero-a10g", "0", "no"],
    ]
    rows = [line for line in lines if line != LONG]
    assert {len(row) for row in rows} == {len(lines[0])}
    assert len(lines[0]) <= 75


def test_json_has_the_facts(servers: Servers) -> None:
    with hub_of({"studio/qwen": servers["qwen-2.5"]}, [listed("studio/qwen", 4)]):
        code, text, errors = invoke("spaces", "--find", "qwen", "--json")
    assert (code, errors) == (0, "")
    (row,) = json.loads(text)
    assert isinstance(row.pop("queue_size"), int)  # another test's request may wait there
    assert [row] == [
        {
            "space": "studio/qwen",
            "url": servers["qwen-2.5"],
            "stage": "RUNNING",
            "hardware": "cpu-basic",
            "likes": 4,
            "images": False,
            "gradio": servers.gradio,
        }
    ]


def test_a_line_break_of_a_server_is_none_of_ours() -> None:
    with (
        serve_script() as server,
        hub_of({"a/qwen": server.url}, [listed("a/qwen", hardware="x\n\x1b[31my")]),
    ):
        code, text, _ = invoke("spaces", "--find", "qwen")
    assert code == 0
    assert len(text.splitlines()) == 2


def test_a_prompt_is_sent_with_ask_alone(servers: Servers, prompt: str, mocker: Any) -> None:
    mocker.patch.object(command, "PROMPT", prompt)
    with hub_of({"studio/qwen": servers["qwen-2.5"]}):
        assert invoke("spaces", "--find", "qwen")[0] == 0
        assert servers.count("begin", prompt) == 0
        code, text, errors = invoke("spaces", "--find", "qwen", "--ask")
        assert (code, errors) == (0, "")
        servers.wait_for("begin", prompt)
        assert servers.count("begin", prompt) == 1
    note = text.splitlines()[2]
    assert note.startswith("    answered after ")
    assert note.endswith("...")
    assert len(note) <= 75


def test_ask_shows_who_does_not_answer(servers: Servers, prompt: str, mocker: Any) -> None:
    mocker.patch.object(command, "PROMPT", f"{prompt} [[pace=0]]")
    failing = Script(join=Page(status=500))
    spaces = [listed("lab/qwen-broken", 9), listed("studio/qwen")]
    with (
        serve_script(failing) as server,
        hub_of({"lab/qwen-broken": server.url, "studio/qwen": servers["qwen-2.5"]}, spaces),
    ):
        code, text, errors = invoke("spaces", "--find", "qwen", "--ask")
        assert (code, errors) == (0, "")
        lines = text.splitlines()
        assert lines[1].startswith("lab/qwen-broken ")
        assert lines[2].startswith("    no answer: ")
        assert all(len(line) <= 75 for line in lines)
        broken, working = json.loads(invoke("spaces", "--find", "qwen", "--ask", "--json")[1])
    assert (broken["answered"], working["answered"]) == (False, True)
    assert "HTTP status 500" in broken["error"]
    assert prompt in working["text"]
    assert working["seconds"] >= 0


class Turnstile:
    """Lets requests of a kind pass by fours, and counts how many there were at most at the same time."""

    def __init__(self, kind: str) -> None:
        self.kind, self.most = kind, 0
        self._inside, self._lock = 0, threading.Lock()
        self._barrier = threading.Barrier(4, timeout=PATIENCE)

    def __call__(self, request: Request) -> None:
        if request.kind == self.kind:
            with self._lock:
                self._inside += 1
                self.most = max(self.most, self._inside)
            self._barrier.wait()
            time.sleep(0.1)  # for a fifth
            with self._lock:
                self._inside -= 1


@pytest.mark.parametrize("kind", ["config", "join"])
def test_four_are_checked_and_asked_at_the_same_time(kind: str) -> None:
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(serve_script())
        front = stack.enter_context(recording(server.url, turnstile := Turnstile(kind)))
        stack.enter_context(hub_of({f"lab/qwen-{number}": front.url for number in range(8)}))
        code, text, errors = invoke("spaces", "--find", "qwen", "--ask")
    assert (code, errors) == (0, "")
    assert text.count("answered after") == 8
    assert turnstile.most == 4


def test_where_none_answers_the_exit_code_says_so() -> None:
    with serve_script(Script(join=Page(status=500))) as server, hub_of({"lab/qwen": server.url}):
        code, text, errors = invoke("spaces", "--find", "qwen", "--ask")
    assert (code, errors) == (4, "Error: None of them answers.\n")
    assert "lab/qwen" in text


@pytest.mark.parametrize("how", [[], ["--json"]], ids=["words", "json"])
def test_where_none_is_found_the_error_says_why(how: list[str]) -> None:
    with hub_of({}):
        assert invoke("spaces", "--find", "qwen", *how) == (
            3,
            "",
            "Error: The Hub lists no Space that runs for 'qwen'. Try other words.\n",
        )
    no_chat = Script(config=Page(body={**CONFIG, "dependencies": []}), info=Page(body=info()))
    with serve_script(no_chat) as server, hub_of({"lab/qwen": server.url}):
        code, text, errors = invoke("spaces", "--find", "qwen", *how)
    assert (code, text) == (3, "")
    why = "The Hub lists 1 Space for 'qwen', but no chat can be reached there. Try other words."
    assert errors == f"Error: {why}\n"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--ask"], "--ask needs --find TEXT"),
        (["--find", "qwen", "--check"], "exclude each other"),
        (["--find", " "], "is no text to search for"),
    ],
)
def test_wrong_usage_is_named(arguments: list[str], why: str) -> None:
    code, text, errors = invoke("spaces", *arguments)
    assert (code, text) == (2, "")
    assert why in errors


def test_a_given_token_goes_to_the_hub_and_not_to_a_strangers_space(servers: Servers) -> None:
    with (
        recording(servers["qwen-2.5"]) as front,
        serve_hub({"stranger/qwen": front.url}) as (url, seen),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(huggingface_hub.constants, "ENDPOINT", url)
        assert invoke("spaces", "--find", "qwen", "--ask", "--token", "hf_Secret")[0] == 0
        assert "hf_Secret" in str([headers for headers in seen if headers.path.startswith(SEARCH)])
        assert "hf_Secret" not in str(front.seen)


PROGRAM = f"""
from dataclasses import replace
from qwen_spaces._space import find
from qwen_spaces.cli import main
find.CHECK = replace(find.CHECK, connect={4 * PATIENCE})
main()
"""


@pytest.mark.parametrize("stuck", ["hub", "space", "answer"])
def test_ctrl_c_ends_it(stuck: str) -> None:
    with contextlib.ExitStack() as stack:
        hanging = stack.enter_context(contextlib.closing(Reluctant(drips=False)))
        endless = stack.enter_context(serve_script(Script(events=BEGIN, end="hang")))
        host = endless.url if stuck == "answer" else hanging.url
        hub, _ = stack.enter_context(serve_hub({"lab/qwen": host}))
        environment = {"HF_ENDPOINT": hanging.url if stuck == "hub" else hub, "PYTHONPATH": str(ROOT)}
        arguments = [sys.executable, "-c", PROGRAM, "spaces", "--find", "qwen", "--ask"]
        terminal = stack.enter_context(Terminal(arguments, environment))
        shown = {"hub": "Searching the Hub", "space": "Checking the Spaces: 0 of 1, 0 with a chat"}
        terminal.wait_for(shown.get(stuck, "Asking the Spaces: 0 of 1"))
        if stuck == "answer":
            endless.wait_for("/queue/data", PATIENCE)
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.wait() == 130
        assert terminal.screen.text().strip() == "Cancelled."
        if stuck == "answer":
            endless.wait_for("/cancel", PATIENCE)
