"""The plugin of `llm`: its Python API, and its command line in a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import llm.cli
import pytest
from click.testing import CliRunner
from pydantic import ValidationError

from qwen_spaces import QwenSpace, available_spaces
from qwen_spaces.integrations import llm as plugin

from ..support.hub import serve_hub
from ..support.images import PNG
from ..support.servers import Servers

pytestmark = pytest.mark.filterwarnings("ignore:unclosed database")  # of `llm`, from Python 3.13 on

COMMAND = [sys.executable, "-m", "llm"]
SAVED, PASSED = "hf_SavedInTheTests", "hf_PassedInTheTests"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of `llm`'s keys and logs."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("llm")
        patch.setenv("LLM_USER_PATH", str(folder))
        yield folder


@pytest.fixture(autouse=True)
def at_home(home: Path) -> None:
    """No test reads the keys of the user who runs it."""


@pytest.fixture(scope="module")
def model(home: Path) -> Any:
    return llm.get_model("qwen-2.5")


@pytest.fixture
def src(servers: Servers) -> str:
    return servers["qwen-2.5"]


def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`llm` in its own process, which takes about 2 seconds."""
    return subprocess.run(
        [*COMMAND, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environment},
        check=False,
    )


def invoke(*arguments: str, stdin: str | bytes = "") -> tuple[int, str, str]:
    """The same command line in this process."""
    result = CliRunner().invoke(llm.cli.cli, arguments, input=stdin)
    return result.exit_code, result.stdout, result.stderr


def test_every_space_is_a_model_under_both_its_names() -> None:
    models, others = llm.get_model_aliases(), llm.get_async_model_aliases()
    for facade in available_spaces():
        for name in facade.aliases:
            assert models[name].model_id == others[name].model_id == facade.aliases[0]
            assert models[name].can_stream
            assert set(models[name].Options.model_fields) == {*facade.options, "src"}
            assert bool(models[name].attachment_types) == bool(facade.vision_models)


def test_the_answer_of_the_space_is_streamed(model: Any, src: str, prompt: str) -> None:
    response = model.prompt(f"{prompt} [[pace=0.002]]", system="Be brief.", src=src, size="7B")
    pieces = list(response)
    answer = QwenSpace("qwen-2.5", src=src).ask(f"{prompt} [[pace=0]]", system="Be brief.", size="7B").text
    assert "".join(pieces) == response.text() == answer.replace("[[pace=0]]", "[[pace=0.002]]")
    assert len(pieces) > 3
    assert response.json()["rewritten"] is False
    assert response.json()["metrics"]["deltas"] == len(pieces)


def test_without_streaming_it_is_one_piece(model: Any, src: str) -> None:
    (text,) = model.prompt("Hi [[rewrite]] [[pace=0.001]]", src=src, stream=False)
    assert text.startswith('You asked: "Hi')
    assert text.endswith("do not think.")


def test_an_answer_that_was_rewritten_is_whole_at_the_end(model: Any, src: str) -> None:
    response = model.prompt("Hi [[rewrite]] [[pace=0.002]]", src=src)
    before, answer = response.text().split(plugin._REVISED)
    assert before.startswith("You(let me think)")
    assert answer == model.prompt("Hi [[rewrite]] [[pace=0.002]]", src=src, stream=False).text()
    assert response.json()["rewritten"] is True


@pytest.mark.parametrize(
    ("name", "options", "complaint"),
    [
        ("qwen-2.5", {"size": "999B"}, "Input should be '72B', '32B'"),
        ("qwen-2-72b", {"size": "7B"}, "Extra inputs are not permitted"),
    ],
    ids=["value", "name"],
)
def test_an_option_that_a_space_does_not_take_is_refused(name: str, options: Any, complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        llm.get_model(name).prompt("Hi", **options)


def test_an_option_that_is_a_range_takes_the_numbers_in_it(home: Path) -> None:
    options = llm.get_model("qwen-3").Options
    assert options(thinking_budget="38").thinking_budget == 38
    for wrong in ("0", "39", "many"):
        with pytest.raises(ValidationError, match="thinking_budget"):
            options(thinking_budget=wrong)


def test_a_conversation_is_native_history(model: Any, src: str) -> None:
    chat = model.conversation()
    chat.prompt("My name is Ada. [[pace=0]]", system="Be brief.", src=src).text()
    text = chat.prompt("What is it? [[pace=0]]", src=src).text()
    assert text.startswith('You asked: "What is it? [[pace=0]]"\n\nThis is turn 2.')
    assert 'Before, you said: "My name is Ada. [[pace=0]]" and I answered: "You asked' in text
    assert 'System prompt: "Be brief."' in text


@pytest.mark.parametrize("form", ["path", "content"])
def test_an_attachment_reaches_the_space_and_stays_in_the_conversation(
    servers: Servers, tmp_path: Path, form: str
) -> None:
    (tmp_path / "picture").write_bytes(PNG)
    image: Any = {"path": str(tmp_path / "picture"), "content": PNG}[form]
    chat = llm.get_model("qvq-72b").conversation()
    options: Any = {"src": servers["qvq-72b"]}
    first = chat.prompt("What? [[pace=0]]", attachments=[llm.Attachment(**{form: image})], **options)
    assert "31x17" in first.text()
    second = chat.prompt("And its colour? [[pace=0]]", **options).text()
    assert "31x17" in second
    assert "User: What? [[pace=0]]" in second


def test_an_address_is_passed_on_for_the_space_to_fetch(model: Any) -> None:
    def prompt(url: str) -> llm.Prompt:
        image = llm.Attachment(type="image/png", url=url)
        return llm.Prompt(
            "What?", model, attachments=[image], options=model.Options(src="http://127.0.0.1:9")
        )

    (message,) = plugin._messages(prompt("https://example.org/cat.png"))
    image = {"type": "image_url", "image_url": {"url": "https://example.org/cat.png"}}
    assert message == {"role": "user", "content": [{"type": "text", "text": "What?"}, image]}
    for url in ("file:///etc/passwd", "/etc/passwd"):
        with pytest.raises(llm.ModelError, match="not an https:, http: or data: address"):
            list(model.execute(prompt(url), stream=True, response=None, conversation=None))


def test_an_image_for_a_space_that_takes_none_is_refused(model: Any, src: str) -> None:
    image = llm.Attachment(type="image/png", content=PNG)
    with pytest.raises(ValueError, match="does not support attachments"):
        model.prompt("What?", attachments=[image], src=src)
    with pytest.raises(llm.ModelError, match=r"qwen-2\.5 takes no images"):
        model.prompt(messages=[llm.user("What?", image)], src=src).text()


def test_the_reasoning_is_separate_and_not_sent_again(servers: Servers) -> None:
    chat = llm.get_model("qwen-3").conversation()
    options: Any = {"src": servers["qwen-3"], "thinking_budget": 2}
    first = chat.prompt("Hi [[pace=0]]", **options)
    reply = QwenSpace("qwen-3", src=servers["qwen-3"]).ask("Hi [[pace=0]]", thinking_budget=2)
    kinds = [event.type for event in first.stream_events()]
    assert kinds == sorted(kinds)
    assert set(kinds) == {"reasoning", "text"}
    (message,) = first.messages()
    assert [part.text for part in message.parts] == [reply.reasoning, reply.text]
    second = chat.prompt("And now? [[pace=0]]", **options)
    (_, answer, _) = plugin._messages(second.prompt)
    assert answer == {"role": "assistant", "content": [{"type": "text", "text": reply.text}]}
    assert "And now?" in second.text()


def test_an_error_has_the_message_of_the_space_after_the_partial_text(model: Any, src: str) -> None:
    response = model.prompt("Hi [[gr-error-after=3]] [[pace=0.05]]", src=src)
    pieces = []
    with pytest.raises(llm.ModelError, match=r"failed: The replica was asked to fail after 3 steps"):
        pieces.extend(piece for piece in response)
    assert "".join(response._chunks) == 'You asked: "Hi'


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_abandoning_an_answer_ends_the_job(servers: Servers, src: str, prompt: str, mode: str) -> None:
    endless = f"{prompt} [[forever]]"

    async def leave() -> None:
        async for _ in llm.get_async_model("qwen-2.5").prompt(endless, src=src):
            break  # what is dropped here ends without the garbage collector
        await asyncio.to_thread(servers.wait_for, "end", endless)

    if mode == "async":
        asyncio.run(leave())
    else:
        for _ in llm.get_model("qwen-2.5").prompt(endless, src=src):
            break
        servers.wait_for("end", endless)


def test_cancelling_the_task_ends_the_job(servers: Servers, src: str, prompt: str) -> None:
    endless = f"{prompt} [[forever]]"

    async def leave() -> None:
        response = llm.get_async_model("qwen-2.5").prompt(endless, src=src)
        task = asyncio.ensure_future(response.text())
        await asyncio.to_thread(servers.wait_for, "begin", endless)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(servers.wait_for, "end", endless)

    asyncio.run(leave())


def test_the_async_model_answers_many_at_once_and_remembers(src: str) -> None:
    async def ask() -> list[str]:
        model = llm.get_async_model("qwen-qwen2-5")
        chat = model.conversation()
        await chat.prompt("My name is Ada. [[pace=0]]", src=src)
        responses = [model.prompt(f"{number} [[pace=0]]", src=src) for number in range(4)]
        texts = await asyncio.gather(*(response.text() for response in responses))
        return [*texts, await chat.prompt("And now? [[pace=0]]", src=src).text()]

    *texts, last = asyncio.run(ask())
    for number, text in enumerate(texts):
        assert text.startswith(f'You asked: "{number} [[pace=0]]"')
    assert 'Before, you said: "My name is Ada.' in last


def test_an_async_error_is_the_same(src: str) -> None:
    async def ask() -> None:
        await llm.get_async_model("qwen-2.5").prompt("[[gr-error=No.]]", src=src)

    with pytest.raises(llm.ModelError, match=r"failed: No\."):
        asyncio.run(ask())


def test_a_saved_key_goes_to_hugging_face_only_and_a_passed_one_to_the_space(model: Any, home: Path) -> None:
    def tokens(headers: dict[str, str]) -> set[str]:
        return {value for value in headers.values() if SAVED in value or PASSED in value}

    def sent(**options: str) -> set[str]:
        with serve_hub({}) as (url, seen):
            with pytest.raises(llm.ModelError):
                model.prompt("Hi", src=url, **options).text()
            assert seen
            return set.union(*map(tokens, seen))

    (home / "keys.json").write_text(json.dumps({plugin._KEY: SAVED, "mine": PASSED}))
    try:
        assert sent() == set()
        assert sent(key=PASSED) == sent(key="mine") == {f"Bearer {PASSED}"}
        with serve_hub({}) as (hub, seen):
            ended = command("-m", "qwen-2.5", "Hi", HF_ENDPOINT=hub)
        assert set.union(*map(tokens, seen)) == {f"Bearer {SAVED}"}
    finally:
        (home / "keys.json").unlink()
    assert ended.returncode == 1
    assert SAVED not in ended.stdout + ended.stderr


def test_the_command_line_streams_continues_and_logs(src: str, prompt: str) -> None:
    first = command("-m", "qwen-2.5", "-o", "src", src, "-o", "size", "7B", "-s", "Be brief.", prompt)
    assert (first.returncode, first.stderr) == (0, "")
    for expected in (f'You asked: "{prompt}"', 'System prompt: "Be brief."', "Model: 7B."):
        assert expected in first.stdout
    second = command("-c", "And now?", "-o", "src", src)
    assert (second.returncode, second.stderr) == (0, "")
    assert f'This is turn 2.\n\nBefore, you said: "{prompt}"' in second.stdout
    logs = json.loads(invoke("logs", "--json", "-n", "2")[1])
    assert [entry["prompt"] for entry in logs] == [prompt, "And now?"]
    assert logs[0]["conversation_id"] == logs[1]["conversation_id"]
    assert logs[0]["response"] == first.stdout.removesuffix("\n")
    assert logs[0]["response_json"]["metrics"]["total"] > 0


def test_the_command_line_takes_an_image_from_a_pipe(servers: Servers) -> None:
    code, text, errors = invoke("-m", "qvq-72b", "-o", "src", servers["qvq-72b"], "-a", "-", "?", stdin=PNG)
    assert (code, errors) == (0, "")
    assert "31x17" in text


def test_the_command_line_refuses_an_image_and_a_value_in_one_line(src: str, tmp_path: Path) -> None:
    (tmp_path / "picture.png").write_bytes(PNG)
    code, text, errors = invoke("-m", "qwen-2-72b", "-a", str(tmp_path / "picture.png"), "What?")
    assert (code, text, errors.count("\n")) == (1, "", 1)
    assert errors.startswith("Error: ")
    code, text, errors = invoke("-m", "qwen-2.5", "-o", "size", "999B", "Hi")
    assert (code, text) == (1, "")
    assert errors.startswith("Error: size\n  Input should be '72B', '32B'")


def test_a_chat_remembers_and_ends_in_one_line_on_an_error(src: str) -> None:
    lines = "My name is Ada.\nWhat is it?\nHi [[gr-error=No.]]\n"
    code, text, errors = invoke("chat", "-m", "qwen-2.5", "-o", "src", src, stdin=lines)
    assert 'This is turn 2.\n\nBefore, you said: "My name is Ada."' in text
    assert (code, errors) == (1, f"Error: {src} failed: No.\n")


def test_the_models_are_listed_with_their_options() -> None:
    code, text, _ = invoke("models", "list", "--options")
    assert code == 0
    for facade in available_spaces():
        assert f"Qwen Space: {facade.aliases[0]} (aliases: {facade.aliases[1]})" in text
    assert "size: str\n      One of: 72B, 32B, 14B" in text


def test_ctrl_c_ends_the_job(servers: Servers, src: str, prompt: str) -> None:
    endless = f"{prompt} [[forever]]"
    with subprocess.Popen(
        [*COMMAND, "-m", "qwen-2.5", "-o", "src", src, endless],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout
        assert process.stdout.read(5) == b"word1"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    servers.wait_for("end", endless)
    assert (process.returncode, errors.split()) == (1, [b"Aborted!"])


def test_of_several_spaces_the_first_that_answers_is_used(home: Path, src: str, prompt: str) -> None:
    spaces = f"http://127.0.0.1:9,{src}"
    several: Any = llm.get_model("qwen-spaces")
    response = several.prompt(prompt, spaces=spaces)
    assert prompt in response.text()
    assert response.json()["space"] == src
    code, text, _ = invoke("-m", "qwen-spaces", "-o", "spaces", spaces, prompt, "--no-log")
    assert (code, prompt in text) == (0, True)
    code, _, errors = invoke("-m", "qwen-spaces", "-o", "spaces", "qwen-2.5,qwen-25", prompt, "--no-log")
    assert code == 1
    assert "Did you mean 'qwen-2.5'" in errors


def test_several_addresses_are_duplicates(model: Any, src: str, prompt: str) -> None:
    response = model.prompt(prompt, src=f"http://127.0.0.1:9,{src}", size="7B")
    assert "Model: 7B." in response.text()
    assert response.json()["space"] == src


def test_without_a_list_several_spaces_are_all_for_text() -> None:
    router: Any = plugin._space(os.getpid(), plugin.ALL, None, None, SAVED)
    names = {member.name for member in router._members}
    assert names == {facade.alias for facade in available_spaces() if facade.max_images == 0}
    assert {space._recipe["token"] for space in router._guests.values()} == {SAVED}
    mixed: Any = plugin._space(os.getpid(), "qwen-2.5,http://127.0.0.1:9", None, None, SAVED)
    assert [member.name for member in mixed._guests] == ["qwen-2.5"]
