"""The command line as people run it: arguments in, streams apart, exit codes kept."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub
import pytest
from pytest_mock import MockerFixture

from qwen_spaces import QwenSpace, available_spaces
from qwen_spaces.cli import main
from qwen_spaces.cli._terminal import StatusLine

from ..support.commands import COMMAND, invoke
from ..support.hub import serve_hub
from ..support.images import picture
from ..support.modes import PATIENCE
from ..support.servers import Servers
from ..support.terminal import Terminal

SECRET = "hf_SecretOfTheTests"


def shell(line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    scripts = Path(sys.executable).parent
    return subprocess.run(
        ["bash", "-c", line],
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
        env={**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}", **environment},
        stdin=subprocess.DEVNULL,
        check=False,
    )


def helps() -> Iterator[tuple[str, str]]:
    yield "", invoke("--help")[1]
    for name in main.commands:
        yield name, invoke(name, "--help")[1]


EXAMPLES = [
    line.strip()
    for _, text in helps()
    for line in re.findall(r"^ {4}(?=\S)(.*qwen-spaces.*)$", text, re.MULTILINE)
]
LOCAL = next(example for example in EXAMPLES if "--local" in example)


@pytest.mark.slow  # the README's first command does it, too
def test_ask_local_answers_from_a_replica() -> None:
    code, text, errors = invoke(*shlex.split(LOCAL)[1:])
    assert (code, errors) == (0, "")
    assert 'You asked: "Why is the sky blue?"' in text
    assert text.endswith("\n")


def test_ask_takes_a_model_a_system_prompt_and_an_image(servers: Servers, tmp_path: Path) -> None:
    image = tmp_path / "picture.png"
    image.write_bytes(picture("PNG", (9, 7), "green"))
    code, text, errors = invoke(
        *("ask", "-m", "qvq-72b", "-s", "Be brief.", "-i", str(image), "--src", servers["qvq-72b"], "What?")
    )
    assert (code, errors) == (0, "")
    assert "9x7" in text
    assert "Be brief." in text


@pytest.mark.parametrize(
    ("arguments", "stdin", "prompt"),
    [
        (["-"], "piped words", "piped words"),
        ([], "piped words\n", "piped words"),
        (["What is this?"], "piped words\n", "piped words\n\nWhat is this?"),
        (["What is this?"], "", "What is this?"),
        (["What is this?"], " \n", "What is this?"),
    ],
    ids=["dash", "alone", "with a prompt", "nothing piped", "blank piped"],
)
def test_a_prompt_may_come_from_stdin(
    servers: Servers, arguments: list[str], stdin: str, prompt: str
) -> None:
    code, text, errors = invoke("ask", "--src", servers["qwen-2.5"], *arguments, stdin=stdin)
    assert (code, errors) == (0, "")
    assert f'You asked: "{prompt}"' in text


@pytest.mark.parametrize(
    "option", [["-o", "size", "7B"], ["--option", "size=7B"], ["-osize=7B"]], ids=" ".join
)
def test_an_option_is_one_argument_or_two(servers: Servers, option: list[str]) -> None:
    code, text, _ = invoke("ask", *option, "--src", servers["qwen-2.5"], "Hi")
    assert code == 0
    assert "Model: 7B." in text


def test_json_is_one_object(servers: Servers) -> None:
    code, text, errors = invoke("ask", "--json", "--src", servers["qwen-2.5"], "Hi 世界")
    assert (code, errors) == (0, "")
    answer = json.loads(text)
    assert answer["text"].startswith('You asked: "Hi 世界')
    assert (answer["space"], answer["reasoning"], answer["rewritten"]) == ("qwen-2.5", "", False)
    assert answer["metrics"]["total"] > 0
    assert all(seconds == round(seconds, 3) for seconds in answer["metrics"].values())
    assert text.endswith("}\n")


def test_jsonl_is_an_event_a_line(servers: Servers) -> None:
    code, text, _ = invoke("ask", "--jsonl", "--src", servers["qwen-2.5"], "Hi")
    events = [json.loads(line) for line in text.splitlines()]
    assert code == 0
    assert events[0]["type"] == "status"
    assert events[-1]["type"] == "done"
    answer = "".join(event["text"] for event in events if event["type"] == "text")
    assert answer == events[-1]["text"]


def test_jsonl_ends_with_the_error(servers: Servers) -> None:
    code, text, errors = invoke(
        "ask", "--jsonl", "--src", servers["qwen-2.5"], "[[error-after=2]] [[pace=0.01]]"
    )
    last = json.loads(text.splitlines()[-1])
    assert (code, last["type"], last["error"]) == (4, "error", "SpaceError")
    assert errors == f"Error: {last['message']}\n"


def test_a_revised_answer_is_written_in_full_at_the_end(servers: Servers) -> None:
    prompt = "Hi [[rewrite]] [[pace=0.01]]"
    code, text, errors = invoke("ask", "--src", servers["qwen-2.5"], prompt)
    assert (code, errors) == (0, "The Space revised its answer. The full answer:\n")
    before, answer = text.split(f'\nYou asked: "{prompt}"\n\n')
    assert before.startswith("You(let me think)")
    assert answer.startswith("This is turn 1.")
    assert answer.endswith("do not think.\n")


def test_no_stream_writes_the_final_answer_only(servers: Servers) -> None:
    prompt = "Hi [[rewrite]] [[pace=0.001]]"
    code, text, errors = invoke("ask", "--no-stream", "--src", servers["qwen-2.5"], prompt)
    assert (code, errors) == (0, "")
    assert text.startswith(f'You asked: "{prompt}"')


def test_a_space_without_a_chat_is_an_error(servers: Servers) -> None:
    code, text, errors = invoke("ask", "--src", servers["no_chat"], "Hi")
    assert (code, text) == (3, "")
    assert errors.startswith("Error: ")
    assert errors.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        (["ask", "-m", "qwen-25", "Hi"], 2, "Did you mean 'qwen-2.5'?"),
        (["ask", "-i", "no.png", "-m", "qvq-72b", "Hi"], 2, "The image cannot be read"),
        (["ask", "--local", "--src", "http://127.0.0.1:9", "Hi"], 2, "exclude each other"),
        (["ask", "--json", "--jsonl", "Hi"], 2, "exclude each other"),
        (["ask"], 2, "nothing to ask"),
        (["ask", "-o", "size=9B", "Hi"], 2, "does not take size='9B'. It takes: 72B"),
        (["ask", "-o", "temperature", "0.5", "Hi"], 2, "no option 'temperature'. It has: size."),
        (["ask", "Hi", "-o", "size"], 2, "lacks a value"),
        (["ask", "--timeout", "0", "Hi"], 2, "Invalid value"),
        (["ask", "--local", "-m", "ada/chat", "Hi"], 2, "no replica of ada/chat"),
        (["replica", "nothing"], 2, "No Space is called 'nothing'"),
        (["replica", "ada/chat"], 2, "no replica of ada/chat"),
        (["status", "qwen-2.5", "--src", "http://127.0.0.1:9"], 3, "cannot be reached"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_an_error_is_one_line_and_an_exit_code(arguments: list[str], code: int, why: str) -> None:
    got, text, errors = invoke(*arguments)
    assert got == code
    assert why in errors
    assert text == ""
    assert "Traceback" not in errors


def test_binary_stdin_is_an_error() -> None:
    code, _, errors = invoke("ask", stdin=b"caf\xe9 \xff\xfe\x00")
    assert code == 2
    assert "Stdin is not UTF-8 text: byte 0xe9 at character 3. If it is Latin-1, convert it: iconv" in errors
    code, _, errors = invoke("ask", "caf\udce9")
    assert "The prompt is not UTF-8 text: byte 0xe9" in errors


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_a_line_of_a_chat_in_another_encoding_is_an_error_and_the_others_are_sent(
    servers: Servers, locale: str
) -> None:
    ended = shell(
        f"printf 'one\\ncaf\\xe9\\ntwo\\n' | qwen-spaces chat --src {servers['qwen-2.5']}",
        LC_ALL=locale,
        PYTHONPATH=str(Path(__file__).parents[2]),
    )
    assert ended.returncode == 2
    assert "This is turn 2." in ended.stdout
    assert ended.stderr.count("\n") == 1
    assert "A line of stdin is not UTF-8 text: byte 0xe9 at character 3" in ended.stderr


def test_characters_that_a_pipe_cannot_carry_are_counted(servers: Servers) -> None:
    ended = shell(
        f"qwen-spaces ask --src {servers['qwen-2.5']} '世界 ok'",
        PYTHONIOENCODING="latin-1",
        PYTHONPATH=str(Path(__file__).parents[2]),
    )
    assert 'You asked: "?? ok"' in ended.stdout
    assert ended.stderr == (
        'The encoding of stdout, iso8859-1, lacks 2 characters of the text, written as "?". '
        "PYTHONIOENCODING=utf-8 keeps them.\n"
    )


def test_a_prompt_needs_no_quotes(servers: Servers) -> None:
    code, text, _ = invoke("ask", "why", "is", "--src", servers["qwen-2.5"], "the", "sky", "blue")
    assert code == 0
    assert 'You asked: "why is the sky blue"' in text


def test_a_dash_on_a_terminal_says_what_it_waits_for(servers: Servers) -> None:
    with Terminal([*COMMAND, "ask", "--plain", "--src", servers["qwen-2.5"], "-"]) as terminal:
        terminal.wait_for("Type the text; Ctrl-D on a new line ends it.")
        terminal.type("one\ntwo\n\x04")
        assert terminal.wait() == 0
        assert 'You asked: "one' in terminal.screen.text()


def test_partial_text_is_written_before_the_error(servers: Servers) -> None:
    code, text, errors = invoke("ask", "--src", servers["qwen-2.5"], "[[error-after=6]] [[pace=0.01]]")
    assert code == 4
    assert text.startswith("You asked:")
    assert text.endswith("\n")
    assert errors.startswith("Error: ")


def test_a_timeout_bounds_the_answer_and_names_the_option(servers: Servers, prompt: str) -> None:
    code, _, errors = invoke("ask", "--timeout", "0.3", "--src", servers["qwen-2.5"], f"{prompt} [[wait=9]]")
    assert code == 5
    assert "--timeout SECONDS" in errors
    servers.wait_for("end", f"{prompt} [[wait=9]]")


@pytest.mark.parametrize("debug", [(), ("--debug",)], ids=["plain", "debug"])
def test_an_unexpected_error_is_one_line_without_the_token(
    debug: tuple[str, ...], mocker: MockerFixture
) -> None:
    broken = RuntimeError(f"broken with {SECRET}")
    mocker.patch("qwen_spaces.QwenSpace.stream", autospec=True, side_effect=broken)
    code, text, errors = invoke(*debug, "ask", "--token", SECRET, "Hi")
    assert (code, text) == (1, "")
    assert SECRET not in errors
    assert ("Traceback" in errors) is bool(debug)
    assert errors.splitlines()[-1].startswith("Error: RuntimeError: broken with *** (run with")


def test_ctrl_c_ends_the_job_on_the_server(servers: Servers, prompt: str) -> None:
    endless = f"{prompt} [[forever]]"
    asking = subprocess.Popen(
        [*COMMAND, "ask", "--src", servers["qwen-2.5"], endless],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert asking.stdout
    assert asking.stdout.read(5) == "word1"
    asking.send_signal(signal.SIGINT)
    servers.wait_for("end", endless)
    _, errors = asking.communicate(timeout=PATIENCE)
    assert asking.returncode == 130
    assert errors == "Cancelled.\n"


def test_a_broken_pipe_ends_the_job_silently(servers: Servers, prompt: str) -> None:
    endless = f"{prompt} [[forever]]"
    ended = shell(
        f"qwen-spaces ask --src {servers['qwen-2.5']} '{endless}' | head -c 5; echo \" ${{PIPESTATUS[0]}}\""
    )
    assert (ended.stdout, ended.stderr) == ("word1 141\n", "")
    servers.wait_for("end", endless)


def test_spaces_lists_the_facades() -> None:
    code, text, _ = invoke("spaces")
    assert code == 0
    for part in ("qwen-2.5", "Qwen/Qwen2.5", "qvq-72b", "text, one image", "size: 72B, 32B"):
        assert part in text
    listed = json.loads(invoke("spaces", "--json")[1])
    assert [space["alias"] for space in listed] == [facade.aliases[0] for facade in available_spaces()]


@pytest.fixture(scope="module")
def hub(servers: Servers) -> Iterator[str]:
    """A Hub on this machine whose Spaces are replicas."""
    with serve_hub({facade.space_id: servers[facade.aliases[0]] for facade in available_spaces()}) as (
        url,
        _,
    ):
        yield url


@pytest.fixture
def local_hub(hub: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", hub)


def test_check_reports_each_space(local_hub: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qwen_spaces.spaces.QVQ_72B.space_id", "ada/gone")
    code, text, errors = invoke("spaces", "--check")
    assert (code, errors) == (0, "")
    for facade in available_spaces():
        row = text[text.index(facade.aliases[0]) :].splitlines()[1]
        is_gone = facade.space_id == "ada/gone"
        assert re.search("no Space" if is_gone else r"reachable in \d+ ms, Gradio \d", row)


def test_status_shows_the_api(servers: Servers) -> None:
    arguments = "status", "qwen-2.5", "--src", servers["qwen-2.5"], "--token", SECRET
    code, text, errors = invoke(*arguments)
    assert (code, errors) == (0, "")
    for part in ("/model_chat", servers.gradio, servers["qwen-2.5"], "radio"):
        assert part in text
    facts = json.loads(invoke(*arguments, "--json")[1])
    assert (facts["space"], facts["endpoint"], facts["gradio"]) == ("qwen-2.5", "/model_chat", servers.gradio)
    assert SECRET not in f"{text}{facts}"


def test_replica_serves_the_named_space(mocker: MockerFixture) -> None:
    # That it serves until Ctrl-C is shown in test_replicas.py.
    run = mocker.patch("qwen_spaces.replicas.__main__.run", autospec=True)
    assert invoke("replica", "qwen-qvq-72b-preview", "--port", "0") == (0, "", "")
    run.assert_called_once_with("qvq-72b", port=0, host="127.0.0.1", brain=None)


def test_of_several_models_the_first_that_answers_is_used(servers: Servers, prompt: str) -> None:
    models = f"http://127.0.0.1:9, {servers['qwen-2.5']}"
    code, text, errors = invoke("ask", "-m", models, "--json", prompt)
    assert (code, errors) == (0, "")
    answer = json.loads(text)
    assert answer["space"] == servers["qwen-2.5"]
    assert prompt in answer["text"]
    code, _, errors = invoke("ask", "-m", "qwen-2.5,qwen-3", "--src", "http://127.0.0.1:9", "Hi")
    assert code == 2
    assert "are for one Space" in errors


def test_every_help_has_examples_and_version_works() -> None:
    for name, text in helps():
        assert f"qwen-spaces {name}".strip() in re.split("Examples?:", text)[1]
    assert invoke("--version")[1].startswith("qwen-spaces, version ")
    assert len(EXAMPLES) > 12


@pytest.mark.parametrize("example", [example for example in EXAMPLES if example != LOCAL])
def test_every_example_runs(
    example: str, local_hub: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mocker: MockerFixture
) -> None:
    """Run our command in this process, with a local Hub, and the rest of the example in a shell."""
    from qwen_spaces.replicas import __main__ as replica_command

    monkeypatch.chdir(tmp_path)
    mocker.patch.object(replica_command, "run", autospec=True, side_effect=lambda *_, **__: print("Replica"))
    # That it serves until Ctrl-C is shown in test_gateway.py; here it listens on loopback only.
    mocker.patch("qwen_spaces.gateway._server.run", autospec=True)
    serve = sys.modules["qwen_spaces.cli._serve"]  # in the package the name is the command's
    mocker.patch.object(
        serve, "listen", autospec=True, side_effect=lambda *_: socket.create_server(("127.0.0.1", 0))
    )
    Path("cat.png").write_bytes(picture("PNG", (64, 48), "orange"))
    Path("notes.txt").write_text("The sky is blue.\n")
    Path("in.jsonl").write_text('{"prompt": "Hi", "question": "Hi?"}\n')
    if example.startswith("eval"):
        ended = shell(f"{example}; complete -p qwen-spaces")
        assert (ended.returncode, ended.stderr) == (0, "")
        return
    before, variable, command, after = re.fullmatch(
        r"(?:(.*) \| )?(?:(\w+=\w+) )?(qwen-spaces .*?)(?: \| (.*))?", example
    ).groups()
    if variable:
        monkeypatch.setenv(*variable.split("="))
    stdin = shell(before).stdout if before else ""
    code, text, errors = invoke(*shlex.split(command)[1:], stdin=stdin)
    assert code == 0
    if " batch " in command:  # whose answers are in a file
        assert re.fullmatch(r"\d answered, 0 before, 0 failed.\n", errors)
        return
    assert errors == ""
    assert text or "chat" in command
    if after:
        ended = subprocess.run(["sh", "-c", after], input=text, capture_output=True, text=True, check=True)
        assert ended.stdout


def test_the_tab_key_completes_models() -> None:
    completed = shell(
        "qwen-spaces", _QWEN_SPACES_COMPLETE="bash_complete", COMP_WORDS="x ask -m q", COMP_CWORD="3"
    )
    assert "plain,qwen-2.5" in completed.stdout
    assert "plain,qvq-72b" in completed.stdout


def test_help_advises_a_saved_token() -> None:
    for _, text in helps():
        assert "hf auth login" in " ".join(text.split()) or "--token" not in text


def test_slow_imports_wait_until_they_are_used() -> None:
    slow = {"rich", "prompt_toolkit", "markdown_it", "gradio", "gradio_client", "httpx"}
    program = f"import sys, qwen_spaces.cli; print({slow} & set(sys.modules))"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout == "set()\n"
    program = "import sys, qwen_spaces; print('click' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout == "False\n"


def test_only_a_terminal_gets_a_status_line(capsys: pytest.CaptureFixture[str]) -> None:
    line = StatusLine()
    line.show("Connecting")
    line.clear()
    assert capsys.readouterr() == ("", "")


MARKDOWN = """Hi

# Heading 世界

Words, **bold** and `code` 👍.

| Name | Wert |
| --- | --- |
| 東京 | 1 |
| 🍎 | 22 |

```python
def f(x):
    return x
```

- one
- two

[[pace=0.005]]"""


def test_a_terminal_shows_markdown_once_and_no_status_at_the_end(servers: Servers) -> None:
    with Terminal([*COMMAND, "ask", "--src", servers["qwen-2.5"], MARKDOWN]) as terminal:
        assert terminal.wait() == 0
        shown = terminal.screen.text()
        assert any("Connecting" in screen for screen in terminal.screens)
    for once in ("Heading 世界", "東京", "🍎", "def f(x):", "• two", "bold", "You asked", "This is turn 1."):
        assert shown.count(once) == 1, shown
    assert not re.search(r"Connecting|queue|at work|\*\*|\|---|```", shown)
    assert max(map(len, terminal.screen.rows())) <= 80


def test_a_wait_in_the_queue_is_shown_and_erased(servers: Servers, prompt: str) -> None:
    ahead = QwenSpace("qwen-2.5", src=servers["one-slot"]).stream(f"{prompt} [[forever]]")
    deltas = iter(ahead)
    next(deltas)  # now it has the only slot
    with ahead, Terminal([*COMMAND, "ask", "--src", servers["one-slot"], "Hi"]) as terminal:
        terminal.wait_for("Waiting in the queue, at place 1 of 1")
        ahead.close()
        assert terminal.wait() == 0
        shown = terminal.screen.text()
    assert shown.startswith('You asked: "Hi"')
    assert "queue" not in shown
