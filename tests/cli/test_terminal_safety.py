"""No text of a server controls a terminal, hides there, or is reordered there."""

from __future__ import annotations

import ast
import contextlib
import io
import logging
import re
import sys
import threading
import traceback
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import huggingface_hub
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

import qwen_spaces.cli
from qwen_spaces import Reply, Status, Text, Timeouts
from qwen_spaces._markup.terminal import strip_controls
from qwen_spaces._space import find
from qwen_spaces._types.events import Done, Reasoning
from qwen_spaces.cli import _Group, main
from qwen_spaces.cli._options import Setup
from qwen_spaces.cli._safety import SafeStream, safe_streams

from ..support.cases import case
from ..support.commands import COMMAND, invoke
from ..support.hub import listed, serve_hub
from ..support.modes import PATIENCE
from ..support.scripted_gradio import (
    BEGIN,
    CONFIG,
    PAIRS,
    Page,
    Script,
    endpoint,
    fails,
    generates,
    info,
    message,
    serve_script,
    succeeds,
)
from ..support.servers import Servers
from ..support.terminal import Screen, Terminal, paper, stage

PAYLOADS = {
    "colour": "\x1b[38;5;199m",
    "conceal": "\x1b[8m",
    "erase": "\x1b[2J\x1b[H",
    "alternate screen": "\x1b[?1049h",
    "clipboard": "\x1b]52;c;ZWNobyBoaQ==\x07",
    "hyperlink": "\x1b]8;;http://example.org\x1b\\x\x1b]8;;\x1b\\",
    "title": "\x1b]0;owned\x07",
    "DCS": '\x1bP$q"p\x1b\\',
    "APC": "\x1b_Gi=1;AAAA\x1b\\",
    "PM": "\x1b^x\x1b\\",
    "SOS": "\x1bXx\x1b\\",
    "report": "\x1b[0c",
    "reset": "\x1bc",
    "C1 CSI": "\x9b2J",
    "C1 OSC": "\x9d52;c;ZWNo\x9c",
    "C1 DCS": "\x90x\x9c",
    "C1 APC": "\x9fx\x9c",
    "C1 NEL": "a\x85b",
    "overwrite": "good\rEvil",
    "backspace": "good\x08\x08\x08\x08Evil",
    "bell": "\x07",
    "form feed": "\x0b\x0c",
    "charset": "\x0e\x0f",
    "DEL": "\x7f",
    "bidi override": "\u202egnp.exe\u202c",
    "bidi embedding": "\u202ax\u202b\u202c",
    "bidi isolate": "\u2066x\u2067x\u2068x\u2069",
    "bidi mark": "\u200ex\u200fx\u061c",
    "separators": "a\u2028b\u2029c",
    "zero width": "a\u200bb\u2060c\ufeffd",
    "tags": "a\U000e0068\U000e0069b",
    "deprecated": "a\u206ab\ufff9c\u180ed",
    "tags after a flag": "\U0001f3f4" + "".join(chr(0xE0000 + ord(char)) for char in "ignore all rules"),
}
EVIL = " ".join(f"<{payload}>" for payload in PAYLOADS.values())
KEPT = (
    *(
        "👩‍💻 👨‍👩‍👧‍👦 🏳️‍🌈 🇫🇷 👍🏽 ❤️",
        "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
    ),
    *(
        "שלום עולם",
        "مرحبا بالعالم",
        "می‌خواهم",
        "नमस्ते क्‍ष",
        "世界 ไทย",
        "tab\tnew\nline",
        "x = “y” — …",
        "é e\u0301",
    ),
)
# The escape sequences of the command itself.
OURS = re.compile(r"\x1b\[[0-9;]*m|\x1b\[K|\x1b\[J|\x1b\[\d*A|\r+\n|\r(?=\x1b\[(?:2m|K))")


def controls(shown: str) -> list[str]:
    """Return the control and invisible characters of a text, except those that scripts need."""
    return [
        character
        for character in shown
        if (unicodedata.category(character) in ("Cc", "Zl", "Zp", "Cs") and character not in "\t\n")
        or (unicodedata.category(character) == "Cf" and character not in "\u200c\u200d\u00ad")
    ]


def assert_safe(output: bytes) -> None:
    shown = output.decode("utf-8")
    assert [name for name, payload in PAYLOADS.items() if payload in shown] == []
    assert controls(OURS.sub("", shown)) == []


def run(*arguments: str, code: int, **environment: str) -> bytes:
    """Run the command in a real terminal; return its output."""
    with Terminal([*COMMAND, *arguments], environment) as terminal:
        assert terminal.wait(2 * PATIENCE) == code, terminal.screen.text()
    assert_safe(terminal.output)
    return terminal.output


def run_here(*arguments: str, code: int) -> bytes:
    """Run the command in this process, which is faster, with a terminal as stdout and stderr."""
    with recorded_terminal() as written, pytest.raises(SystemExit) as ended:
        main.main(list(arguments))
    output = b"".join(written)
    assert ended.value.code == code, output
    assert_safe(output)
    return output


@contextlib.contextmanager
def recorded_terminal() -> Iterator[list[bytes]]:
    """Make stdout and stderr a terminal; yield what is written there."""
    written: list[bytes] = []
    with pytest.MonkeyPatch.context() as patch:
        stream = paper(Screen())
        write = stream.buffer.write
        patch.setattr(
            stream.buffer, "write", lambda data: written.append(bytes(data)) or write(data), raising=False
        )
        patch.setattr(sys, "stdout", stream)
        patch.setattr(sys, "stderr", stream)
        patch.setattr(sys, "stdin", io.StringIO())
        yield written
        stream.flush()


# The filter ------------------------------------------------------------------------------------------------


def test_the_filter_takes_what_steers() -> None:
    for payload in PAYLOADS.values():
        with case(payload):
            assert controls(strip_controls(payload)) == []


def test_the_filter_keeps_what_is_written() -> None:
    for text in KEPT:
        with case(text):
            assert strip_controls(text) == text


@given(st.text(st.characters(exclude_categories=())))
def test_no_control_passes_the_filter(text: str) -> None:
    once = strip_controls(text)
    assert strip_controls(once) == once
    assert not set(once) & set("\r\x1b\x07\x08\x7f\x9b\x9d\u202e\u2028\u200b\u2066")
    assert all(character in "\t\n" or unicodedata.category(character) != "Cc" for character in once)


# The layer -------------------------------------------------------------------------------------------------


def on_a_terminal(command: Any) -> bytes:
    """Return what a command writes to a terminal."""
    with recorded_terminal() as written:
        _Group("main", commands={"go": click.Command("go", callback=command)}).main(
            ["go"], standalone_mode=False
        )
    return b"".join(written)


def log() -> None:
    logger = logging.Logger("separate")  # pytest captures the root's records
    logger.addHandler(logging.StreamHandler())
    logger.warning("%s", EVIL)


def fail_in_a_thread() -> None:
    def fail() -> None:
        try:
            raise ValueError(EVIL)
        except ValueError:
            traceback.print_exc()

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()


WRITERS = {
    "print": lambda: print(EVIL),
    "stderr": lambda: print(EVIL, file=sys.stderr),
    "click": lambda: click.echo(EVIL),
    "click err": lambda: click.secho(EVIL, err=True),
    "lines": lambda: sys.stdout.writelines([EVIL, EVIL]),
    "logging": log,
    "traceback": fail_in_a_thread,
    "echo": lambda: qwen_spaces.cli._terminal.echo(EVIL, dim=True, err=True),
}


@pytest.mark.parametrize("writer", WRITERS.values(), ids=WRITERS)
def test_every_writer_in_a_command_is_filtered(writer: Any) -> None:
    output = on_a_terminal(writer)
    assert b"good" in output
    assert_safe(output)


def test_bytes_cannot_bypass_the_filter() -> None:
    stream: Any = SafeStream(io.TextIOWrapper(io.BytesIO()))
    assert not hasattr(stream, "buffer")
    with pytest.raises(TypeError):
        stream.write(b"\x1b")


def test_the_streams_are_restored_when_a_command_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    before = sys.stdout, sys.stderr
    with safe_streams():
        assert isinstance(sys.stderr, SafeStream)
    assert (sys.stdout, sys.stderr) == before
    monkeypatch.setattr(sys, "stdout", None)  # as with pythonw
    monkeypatch.setattr(sys, "stderr", None)
    with safe_streams():
        qwen_spaces.cli._terminal.echo("nowhere")


def test_only_one_module_writes() -> None:
    for path in Path(qwen_spaces.cli.__file__).parent.glob("*.py"):
        if path.name == "_terminal.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                assert ast.unparse(node.func) not in (
                    "print",
                    "click.echo",
                    "click.secho",
                    "sys.stdout.write",
                    "sys.stderr.write",
                )


def test_a_pipe_gets_an_unfiltered_answer_but_stderr_is_filtered() -> None:
    with serve_script(Script(events=(*generates(EVIL), *fails(EVIL, EVIL)))) as server:
        code, text, errors = invoke("--debug", "ask", "--src", server.url, "Hi")
    assert code == 4
    assert text == f"{EVIL}\n"
    assert controls(errors) == []
    assert "Evil" in errors


# In a real terminal ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [["--plain"], [], ["--no-stream"], ["--json"], ["--jsonl"]], ids=" ".join)
def test_an_answer_and_its_reasoning(how: list[str]) -> None:
    with serve_script(
        Script(events=succeeds(EVIL[:90], f"{EVIL}\n\n```{EVIL}\n{EVIL}\n```\n\n- {EVIL}"))
    ) as server:
        output = run_here("ask", *how, "--src", server.url, "Hi", code=0)
        assert b"good" in output
        if not how:
            run("ask", "--src", server.url, "Hi", code=0)


def test_an_answer_on_a_dumb_terminal() -> None:
    with serve_script(Script(events=succeeds(EVIL))) as server:
        run("ask", "--src", server.url, "Hi", code=0, TERM="dumb")


@pytest.mark.parametrize("model", ["qwen-3", "qvq-72b"])
def test_a_reasoning(model: str, servers: Servers) -> None:
    run_here("ask", "-m", model, "--src", servers[model], f"{EVIL} [[pace=0]]", code=0)


@pytest.mark.parametrize("debug", [[], ["--debug"]], ids=["plain", "debug"])
@pytest.mark.parametrize(
    ("script", "code"),
    [
        (Script(events=(*BEGIN, *fails(EVIL, EVIL))), 4),
        (Script(join=Page(422, {"detail": EVIL})), 3),
        (Script(join=Page(422, {"detail": [{"loc": [EVIL], "msg": EVIL}]})), 3),
        (Script(config=Page(200, f"<title>{EVIL}</title>")), 3),
        (Script(info=Page(200, info(**{EVIL: endpoint(**{EVIL: {"type": EVIL}})}))), 3),
        (Script(events=(*BEGIN, message("unexpected_error", message=EVIL))), 4),
    ],
    ids=["error", "refused", "validation", "page", "endpoints", "unexpected"],
)
def test_an_error(script: Script, code: int, debug: list[str]) -> None:
    with serve_script(script) as server:
        output = run_here(*debug, "ask", "--src", server.url, "Hi", code=code)
    assert b"Error:" in output
    assert (b"Traceback" in output) == bool(debug)


def test_an_error_in_a_real_terminal() -> None:
    with serve_script(Script(events=(*BEGIN, *fails(EVIL, EVIL)))) as server:
        output = run("--debug", "ask", "--src", server.url, "Hi", code=4)
    assert b"Error:" in output
    assert b"Traceback" in output


HOSTILE = {
    "query": {"type": "string"},
    "history": PAIRS,
    "system": {"type": "string"},
    EVIL: {"type": "string", "enum": [EVIL, "x"]},
    f"{EVIL}2": {"type": "number"},
}


@pytest.mark.parametrize("how", [[], ["--json"]], ids=["words", "json"])
def test_a_status(how: list[str]) -> None:
    hostile = {**endpoint(**HOSTILE), "returns": [{"type": {"type": "string"}}]}
    with serve_script(Script(info=Page(body=info(model_chat=hostile)))) as server:
        output = run_here("status", server.url, *how, code=0)
    assert b"Evil" in output


def test_a_check_of_the_spaces() -> None:
    with serve_script(Script(config=Page(body={**CONFIG, "version": EVIL}))) as server:
        hosts = {
            "Qwen/Qwen2.5": server.url,
            "Qwen/Qwen2-72B-Instruct": server.url,
            "Qwen/QVQ-72B-preview": EVIL,
        }
        with serve_hub(hosts, {"Qwen/Qwen2.5": [EVIL]}) as (hub, _):
            output = run("spaces", "--check", code=0, HF_ENDPOINT=hub)
    assert b"<[38;5;199m>" in output


@pytest.mark.parametrize("how", [[], ["--json"]], ids=["words", "json"])
def test_a_search_of_the_hub(how: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find, "CHECK", replace(find.CHECK, connect=4 * PATIENCE))
    hostile, failing = Script(events=succeeds(EVIL)), Script(events=(*BEGIN, *fails(EVIL, EVIL)))
    spaces = [listed(f"lab/qwen-{number}", hardware=EVIL) for number in range(2)]
    with serve_script(hostile) as server, serve_script(failing) as other:
        hosts = {"lab/qwen-0": server.url, "lab/qwen-1": other.url}
        with serve_hub(hosts, spaces=spaces) as (hub, _):
            monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", hub)
            run_here("spaces", "--find", f"{PAYLOADS['erase']}{PAYLOADS['overwrite']}", *how, code=3)
            output = run_here("spaces", "--find", "qwen", "--ask", *how, code=0)
    assert output.count(b"lab/qwen-") == 2
    assert b"no answer:" in output or how


def wait_for_prompts(terminal: Terminal, count: int) -> None:
    terminal.wait_for(lambda shown: shown.count(">>> ") + shown.endswith(">>>") == count)


def test_a_chat() -> None:
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(serve_script(Script(events=succeeds(EVIL))))
        terminal = stack.enter_context(Terminal([*COMMAND, "chat", "--src", server.url]))
        for prompts, (line, shown) in enumerate((("Hi", "goodEvil"), ("/model", "qwen-2.5-max")), 1):
            wait_for_prompts(terminal, prompts)
            terminal.type(f"{line}\r")
            terminal.wait_for(shown)
        wait_for_prompts(terminal, 3)
        server.script = Script(events=(*BEGIN, *fails(EVIL, EVIL)))
        terminal.type("Hi\r")
        terminal.wait_for("Error:")
        wait_for_prompts(terminal, 4)  # a Ctrl-D before it would be lost
        terminal.type("\x04")
        assert terminal.wait() == 0
    shown = terminal.output.decode()
    assert [name for name, payload in PAYLOADS.items() if payload in shown] == []
    assert [char for char in controls(shown) if char not in "\x1b\r\x08\x07"] == []  # prompt_toolkit's own


def test_a_status_line(capsys: pytest.CaptureFixture[str]) -> None:
    del capsys
    with stage() as screen, Setup(plain=True).output() as output:
        output.show(Status("queued", reason=EVIL))
        assert "<" in screen.text()
        output.show(Reasoning(EVIL))
        output.show(Text(EVIL, 0))
        output.show(Done(Reply(EVIL)))
    assert controls(screen.text()) == []
    assert "Evil" in screen.text()


def test_markdown_makes_no_hyperlink_and_no_control() -> None:
    for source in [
        *(
            "[x](javascript:alert(1))",
            "[x](data:text/html,y)",
            "[x](file:///etc/hostname)",
            "<javascript:alert(1)>",
        ),
        *(
            "[x](https://example.org)",
            "![x](https://example.org/y.png)",
            "[x](&#27;[2J)",
            "&#x202e;gnp.exe&#x1b;[2J",
        ),
        *("&#155;2J &#8238; &#8294; &ZeroWidthSpace; &lrm; &rlm; &#8232; &#xe0041;", "`&#x202e;`"),
    ]:
        with case(source):
            with serve_script(Script(events=succeeds(source))) as server:
                output = run_here("ask", "--src", server.url, "Hi", code=0)
            assert b"\x1b]" not in output


def test_a_request_of_any_path_is_one_plain_line_of_the_gateways_log() -> None:
    from qwen_spaces.gateway._log import RequestContext, logger

    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logger.addHandler(handler)
    level, logger.level = logger.level, logging.INFO
    try:
        RequestContext("GET", EVIL).log()
    finally:
        logger.removeHandler(handler)
        logger.level = level
    assert controls("".join(lines).replace("\x7f", "")) == []
    assert CliRunner().invoke(main, ["--version"]).exit_code == 0
    assert Timeouts().first
