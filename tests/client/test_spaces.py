"""The three Spaces, in all three modes, against real servers."""

from __future__ import annotations

import inspect
import time
from collections.abc import Iterator
from typing import Any
from zlib import crc32

import pytest
from click.testing import CliRunner
from pytest_mock import MockerFixture

from qwen_spaces import (
    QVQ_72B,
    Done,
    GradioChat,
    Message,
    Qwen2_5,
    Qwen2_72B,
    Qwen3,
    QwenSpace,
    Status,
    Text,
    TextStream,
    Timeouts,
)
from qwen_spaces.cli import main

from ..support.modes import MODES, POLLING, deltas_through, run_async
from ..support.servers import SPACES, TURNS, Servers


@pytest.fixture(params=SPACES)
def each_space(request: pytest.FixtureRequest, servers: Servers) -> Iterator[QwenSpace]:
    with QwenSpace(str(request.param), src=servers[request.param]) as space:
        yield space


@pytest.fixture
def space(request: pytest.FixtureRequest, servers: Servers) -> Iterator[QwenSpace]:
    """One of the Spaces, which the test's name chooses, so that each has some."""
    name = SPACES[crc32(request.node.name.encode()) % len(SPACES)]
    with QwenSpace(name, src=servers[name]) as space:
        yield space


def test_the_deltas_are_the_answer_and_quote_the_prompt(
    each_space: QwenSpace, mode: str, prompt: str
) -> None:
    prompt += " [[pace=0.005]]"
    stream = each_space.stream(prompt)
    deltas = deltas_through(mode, stream)
    assert POLLING or len(deltas) > 1
    assert "".join(deltas) == stream.text == stream.result().text
    assert f'You asked: "{prompt}"' in stream.text
    assert not stream.result().rewritten


def test_deltas_come_while_the_space_still_produces(
    space: QwenSpace, mode: str, prompt: str, servers: Servers
) -> None:
    prompt += " [[pace=0.05]]"
    stream = space.stream(prompt)
    before_the_end = []

    def note(delta: str) -> None:
        before_the_end.append(not servers.reported("complete", prompt))

    if mode == "sync":
        for delta in stream:
            note(delta)
            if len(before_the_end) == 4:
                break
    else:

        async def read() -> None:
            async for delta in stream:
                note(delta)
                if len(before_the_end) == 4:
                    break

        run_async(mode, read)
    assert before_the_end == [True] * 4


def test_earlier_turns_and_the_system_prompt_reach_the_space(
    space: QwenSpace, mode: str, prompt: str
) -> None:
    stream = space.stream([*TURNS, {"role": "user", "content": prompt}], system="Speak like a pirate.")
    text = "".join(deltas_through(mode, stream))
    for given in ("My name is Ada.", "Hello Ada.", "Speak like a pirate.", prompt):
        assert given in text
    if space.max_images:  # it takes a prompt only, so all of it is folded into one
        assert "System: Speak like a pirate.\nUser: My name is Ada.\nAssistant: Hello Ada.\nUser: " in text
    else:
        assert "This is turn 2." in text


@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("qwen-2-72b", "You are a helpful assistant."),
        ("qwen-2.5", "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."),
    ],
)
def test_without_a_system_prompt_the_space_uses_its_own(name: str, default: str, servers: Servers) -> None:
    assert f'System prompt: "{default}"' in QwenSpace(name, src=servers[name]).ask("Hi").text


@pytest.mark.parametrize("size", Qwen2_5.options["size"])
def test_each_size_reaches_the_space(size: str, servers: Servers) -> None:
    reply = Qwen2_5(src=servers["qwen-2.5"]).ask("Hi [[pace=0]]", size=size)  # type: ignore[arg-type]
    assert f"Model: {size}." in reply.text


def test_the_whole_answer_can_be_awaited_or_waited_for(space: QwenSpace, backend: str, prompt: str) -> None:
    async def ask() -> str:
        return (await space.stream(prompt)).text

    assert run_async(backend, ask) == space.ask(prompt).text


def test_events_are_the_status_then_the_text_then_the_reply(space: QwenSpace, mode: str, prompt: str) -> None:
    stream = space.stream(prompt)
    if mode == "sync":
        events = list(stream.events())
    else:

        async def read() -> list[object]:
            return [event async for event in stream.events()]

        events = run_async(mode, read)
    assert events[0] == Status("connecting")
    assert "running" in [event.stage for event in events if isinstance(event, Status)]
    texts = [event for event in events if isinstance(event, Text)]
    assert [event.start for event in texts] == [
        sum(len(text.text) for text in texts[:index]) for index in range(len(texts))
    ]
    assert isinstance(events[-1], Done)
    reply = events[-1].reply
    assert reply.text == "".join(event.text for event in texts)
    assert reply.message == Message("assistant", reply.text)
    assert str(reply) == reply.text
    metrics = reply.metrics
    assert metrics.deltas == len(texts)
    assert None not in (metrics.connect, metrics.queued, metrics.first, metrics.total)
    assert metrics.queued <= metrics.first < metrics.total  # type: ignore[operator]


def test_the_raw_output_is_kept(servers: Servers) -> None:
    reply = Qwen2_72B(src=servers["qwen-2-72b"]).ask("Hi")
    cleared, history, system = reply.raw
    assert (cleared, system) == ("", "You are a helpful assistant.")
    assert [list(turn) for turn in history] == [["Hi", reply.text]]


@pytest.mark.parametrize(("name", "mode"), list(zip(SPACES, MODES, strict=True)))
def test_20000_characters_of_many_scripts_arrive_whole(name: str, mode: str, servers: Servers) -> None:
    from qwen_spaces.replicas._brain import long_text

    deltas = deltas_through(mode, QwenSpace(name, src=servers[name]).stream("[[long=20000]]"))
    assert "".join(deltas) == long_text(20_000)


def test_an_answer_split_after_each_code_point_arrives_whole(space: QwenSpace) -> None:
    from qwen_spaces.replicas._sample_text import PASSAGES

    deltas = list(space.stream("[[multibyte]] [[pace=0.001]]"))
    assert len(deltas) > 1
    assert "".join(deltas).strip() == "".join(PASSAGES).strip()  # QVQ's Markdown strips the ends


def test_a_rewrite_is_an_event_and_the_reply_is_right(each_space: QwenSpace, prompt: str) -> None:
    answer = ""
    stream = each_space.stream(f"{prompt} [[rewrite]] [[pace=0.01]]")
    for event in stream.events():
        if isinstance(event, Text):
            answer = answer[: event.start] + event.text
    reply = stream.result()
    assert reply.rewritten
    assert answer == reply.text
    assert "let me think" not in reply.text


def test_a_stream_sends_nothing_before_its_first_use() -> None:
    stream = QwenSpace("qwen-2.5", src="http://127.0.0.1:9").stream("Hi")
    assert not stream.done
    assert stream.status is None
    assert "not started" in repr(stream)
    stream.close()


def test_a_second_loop_over_a_finished_stream_gives_nothing(space: QwenSpace) -> None:
    stream = space.stream("Hi [[pace=0]]")
    assert "".join(stream)
    assert list(stream) == []
    assert stream.done


def test_two_loops_at_once_share_the_deltas(space: QwenSpace, backend: str, prompt: str) -> None:
    import anyio

    stream = space.stream(prompt)
    shares: list[list[tuple[int, str]]] = [[], []]

    async def read(share: list[tuple[int, str]]) -> None:
        async for event in stream.events():
            if isinstance(event, Text):
                share.append((event.start, event.text))

    async def both() -> None:
        async with anyio.create_task_group() as tasks:
            for share in shares:
                tasks.start_soon(read, share)

    run_async(backend, both)
    assert "".join(text for _, text in sorted(shares[0] + shares[1])) == stream.text


def test_one_object_serves_threads_tasks_and_successive_loops(servers: Servers) -> None:
    import concurrent.futures

    space = QwenSpace("qwen-2-72b", src=servers["qwen-2-72b"])
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        replies = list(pool.map(space.ask, [f"thread {number} [[pace=0.01]]" for number in range(4)]))
    assert [f"thread {number}" in reply.text for number, reply in enumerate(replies)] == [True] * 4
    for backend in ("asyncio", "asyncio", "trio"):

        async def ask() -> str:
            return (await space.stream("loop [[pace=0]]")).text

        assert "loop" in run_async(backend, ask)


def test_a_sync_loop_works_inside_a_running_event_loop(servers: Servers, backend: str) -> None:
    async def cell() -> str:
        return "".join(QwenSpace("qwen-2.5", src=servers["qwen-2.5"]).stream("in a notebook [[pace=0]]"))

    assert "in a notebook" in run_async(backend, cell)


def test_a_slow_reader_gets_the_newest_text_at_once(servers: Servers) -> None:
    stream = QwenSpace("qwen-2-72b", src=servers["qwen-2-72b"]).stream("slow reader [[pace=0.01]]")
    first = next(deltas := iter(stream))
    servers.wait_for("complete", "slow reader [[pace=0.01]]")
    time.sleep(0.3)  # the last snapshot travels
    rest = list(deltas)
    assert len(rest) == 1
    assert first + rest[0] == stream.result().text


def test_status_has_the_endpoint_and_its_parameters(servers: Servers, backend: str) -> None:
    status = QwenSpace("qwen-2.5", src=servers["qwen-2.5"]).status()
    assert status.endpoint == "/model_chat"
    assert status.parameters == {"prompt": "query", "history": "history", "system": "system", "size": "radio"}
    assert status.history == "pairs"
    assert status.gradio == servers.gradio
    assert run_async(backend, QwenSpace("qvq-72b", src=servers["qvq-72b"]).astatus).endpoint == "/generate"


def test_a_facade_can_be_called_by_its_class(servers: Servers) -> None:
    for facade, name in ((Qwen2_72B, "qwen-2-72b"), (Qwen2_5, "qwen-2.5"), (QVQ_72B, "qvq-72b")):
        space = facade(src=servers[name])
        assert type(space) is facade is type(QwenSpace(name))
        assert "Hi" in space.ask("Hi [[pace=0]]").text
        assert type(facade(servers[name])) is facade


def test_none_means_the_defaults(servers: Servers) -> None:
    space = QwenSpace(
        "qwen-2.5",
        src=servers["qwen-2.5"],
        token=None,
        proxy=None,
        headers=None,
        auth=None,
        timeouts=None,
        retries=None,
    )
    assert space.timeouts == Timeouts()
    assert space.ask("Hi [[pace=0]]", images=None).text
    assert space.conversation().ask("Hi [[pace=0]]", images=None).text


def test_a_server_is_reached_by_each_form_of_its_address(servers: Servers) -> None:
    port = servers["qwen-2.5"].rpartition(":")[2]
    for src in (
        f"127.0.0.1:{port}",
        f" HTTP://127.0.0.1:{port}/?view=api ",
        f"127.0.0.1:{port}/gradio_api/info",
    ):
        assert QwenSpace("qwen-2.5", src=src).status().endpoint
        assert QwenSpace(src).status().endpoint
    ended = CliRunner().invoke(main, ["ask", "-m", f"127.0.0.1:{port}/", "Hi [[pace=0]]"])
    assert (ended.exit_code, ended.stderr) == (0, "")
    ended = CliRunner().invoke(main, ["status", "qwen-2.5", "--src", f"localhost:{port}/?__theme=dark"])
    assert ended.exit_code == 0


TOOLS = "tools: 'Tools' = None, tool_choice: 'ToolChoice' = None, response_format: 'ResponseFormat' = None"
COMMON = f"self, messages: 'Messages', *, system: 'str | None' = None, images: 'Images' = (), {TOOLS}"
SIZES = ", ".join(map(repr, Qwen2_5.options["size"]))


@pytest.mark.parametrize(
    ("method", "result"), [("stream", "TextStream"), ("ask", "Reply"), ("show", "LiveReply")]
)
def test_a_signature_has_the_options_of_its_facade(method: str, result: str) -> None:
    def signature(facade: type[QwenSpace]) -> str:
        return str(inspect.signature(getattr(facade, method)))

    assert signature(Qwen2_5) == f"({COMMON}, size: Literal[{SIZES}] = '72B') -> '{result}'"
    assert signature(Qwen2_72B) == f"({COMMON}) -> '{result}'"
    assert signature(Qwen3).endswith(f", thinking_budget: int = 38) -> '{result}'")
    assert signature(GradioChat) == f"({COMMON}, **options: Any) -> '{result}'"
    assert signature(QwenSpace) == f"({COMMON}, **options: 'Unpack[NoOptions]') -> '{result}'"
    bound = inspect.signature(getattr(QwenSpace("qwen-2.5"), method))
    tools = ["tools", "tool_choice", "response_format"]
    assert list(bound.parameters) == ["messages", "system", "images", *tools, "size"]
    assert getattr(Qwen2_5, method).__doc__ == getattr(QwenSpace, method).__doc__


def test_the_signature_of_a_conversation_has_the_options_too() -> None:
    signature = str(inspect.signature(Qwen2_5().conversation))
    size = f"size: Literal[{SIZES}] = '72B'"
    assert signature == f"(system: 'str | None' = None, *, {TOOLS}, {size}) -> 'Conversation'"


def test_a_facade_keeps_a_method_of_its_own() -> None:
    class Own(QwenSpace):
        contract = Qwen2_5.contract

        def stream(self, *args: Any, **options: Any) -> TextStream:
            raise NotImplementedError

    class Other(Qwen2_5):
        contract = Qwen2_5.contract

    with pytest.raises(NotImplementedError):
        object.__new__(Own).ask("Hi", temperature=0.5)
    assert inspect.signature(Other.ask) == inspect.signature(Qwen2_5.ask)


def test_a_method_that_is_replaced_is_so_for_all_facades(mocker: MockerFixture) -> None:
    stream = mocker.patch.object(QwenSpace, "stream", autospec=True)
    space = QwenSpace("qwen-2.5")
    assert space.ask("Hi", size="7B") is stream.return_value.__enter__.return_value.result.return_value
    stream.assert_called_once_with(space, "Hi", size="7B")
