"""The public API as type checkers see it: mypy --strict and pyright check this file, nothing runs it.

Each wrong use has the error that mypy must report; a `type: ignore` without an error is an error itself.
"""

from __future__ import annotations

from pathlib import Path

from typing_extensions import assert_type

from qwen_spaces import (
    QVQ_72B,
    Answers,
    Conversation,
    Done,
    GradioChat,
    Message,
    Qwen2_5,
    Qwen2_5_VL_32B,
    Qwen2_5_VL_72B,
    Qwen2_72B,
    Qwen3,
    Qwen3_5_Omni,
    Qwen3_Coder_WebDev,
    Qwen3_Omni,
    Qwen3_VL_30B,
    QwenSpace,
    Reasoning,
    Reply,
    Router,
    Row,
    Status,
    Text,
    TextStream,
    Timeouts,
    ToolCall,
    available_spaces,
    find_spaces,
)
from qwen_spaces._display.live_reply import LiveReply
from qwen_spaces._types.images import Image

# An alias gives its facade.
assert_type(QwenSpace("qwen-2.5"), Qwen2_5)
assert_type(QwenSpace("qwen-qwen2-5"), Qwen2_5)
assert_type(QwenSpace("qwen-2-72b"), Qwen2_72B)
assert_type(QwenSpace("qvq-72b", src="http://127.0.0.1:7860", timeouts=20.0), QVQ_72B)
assert_type(QwenSpace("qwen-3"), Qwen3)
assert_type(QwenSpace("qwen-2.5-vl-72b"), Qwen2_5_VL_72B)
assert_type(QwenSpace("qwen-3-omni"), Qwen3_Omni)
assert_type(QwenSpace("qwen-3.5-omni"), Qwen3_5_Omni)
assert_type(QwenSpace("qwen-3-vl-30b"), Qwen3_VL_30B)
assert_type(QwenSpace("qwen-qwen2-5-vl-32b-instruct"), Qwen2_5_VL_32B)
assert_type(QwenSpace("qwen-3-coder-webdev"), Qwen3_Coder_WebDev)
assert_type(QwenSpace("someone/their-chat-space"), QwenSpace)
assert_type(GradioChat("someone/their-chat-space").ask("Hi", temperature=0.2), Reply)
assert_type(Qwen2_72B(src="http://127.0.0.1:7860"), Qwen2_72B)
assert_type(Qwen2_5(), Qwen2_5)
assert_type(Qwen2_5.local(timeouts=20.0), Qwen2_5)
assert_type(QwenSpace.local("qwen-3"), QwenSpace)
QwenSpace(token=False, proxy=None, headers={"x": "y"}, auth=("a", "b"), ssl_verify=False)
QwenSpace("qwen-2.5", timeouts=Timeouts(first=None))

# Its options are typed.
assert_type(QwenSpace("qwen-2.5").stream("Hi", size="7B"), TextStream)
assert_type(QwenSpace("qwen-2.5").ask("Hi", system="Be brief.", size="Coder-7B"), Reply)
assert_type(QwenSpace("qwen-2.5").conversation(size="Math-7B"), Conversation)
assert_type(QwenSpace("qvq-72b").ask("Hi", images=["cat.png", b"...", Path("cat.png")]), Reply)

assert_type(QwenSpace("qwen-2.5").ask("Hi", size="7B"), Reply)
assert_type(QwenSpace("qwen-3.5-omni").ask("Hi", temperature=0.2, return_audio=False), Reply)
assert_type(QwenSpace("qwen-2.5-coder").ask("Hi", max_length=100), Reply)
assert_type(QwenSpace("qwen-2.5").show("Hi", size="7B"), LiveReply)
assert_type(QwenSpace("qwen-2.5").show("Hi", size="7B").result(), Reply)
assert_type(QwenSpace("qwen-2-72b").show("Hi", system="Be brief."), LiveReply)
assert_type(GradioChat("someone/their-chat-space").show("Hi", temperature=0.2), LiveReply)
assert_type(Qwen3().conversation(thinking_budget=4).show("Hi"), LiveReply)

assert_type(QwenSpace("qwen-3").ask("Hi", model="qwen3-8b", thinking_budget=4), Reply)

QwenSpace("qwen-2.5").ask("Hi", size="9B")  # type: ignore[arg-type]
QwenSpace("qwen-2.5").show("Hi", size="9B")  # type: ignore[arg-type]
QwenSpace("qwen-2.5").conversation(size="9B")  # type: ignore[arg-type]
QwenSpace("qwen-2.5").ask("Hi", "Be brief.")  # type: ignore[call-arg]
QwenSpace("qwen-2.5").show(7)  # type: ignore[arg-type]
QwenSpace("qwen-2.5").ask()  # type: ignore[call-arg]
QwenSpace("qwen-3").ask("Hi", model="qwen3-9b")  # type: ignore[arg-type]
QwenSpace("qwen-3").ask("Hi", thinking_budget="much")  # type: ignore[arg-type]
QwenSpace("qwen-2.5-coder").ask("Hi", size="72B")  # type: ignore[arg-type]
QwenSpace("qwen-2.5-max").ask("Hi", size="72B")  # type: ignore[call-arg]
QwenSpace("qvq-72b").show("Hi", size="7B")  # type: ignore[call-arg]
QwenSpace("qvq-72b").stream("Hi", size="7B")  # type: ignore[call-arg]
QwenSpace("qwen-2-72b").ask("Hi", size="7B")  # type: ignore[call-arg]
QwenSpace("qwen-2.5").stream("Hi", size="8B")  # type: ignore[arg-type]
QwenSpace("qwen-2.5").ask("Hi", sizes="7B")  # type: ignore[call-arg]
QwenSpace("qwen-2.5").stream("Hi", "Be brief.")  # type: ignore[call-arg]
QwenSpace("qwen-2.5", timeout=20.0)  # type: ignore[call-overload]
QwenSpace("qwen-2.5", "http://127.0.0.1:7860")  # type: ignore[call-overload]
QwenSpace("qwen-2.5").stream(7)  # type: ignore[arg-type]
Message("robot", "Hi")  # type: ignore[arg-type]
Message("user", "Hi", images=[7])  # type: ignore[list-item]

# Messages come in every usual form.
space = QwenSpace("qwen-2.5")
space.stream([{"role": "user", "content": "Hi"}])
space.stream([Message("user", "Hi"), {"role": "assistant", "content": "Hello."}, Message("user", "Hi")])
space.stream([{"role": "user", "content": [{"type": "text", "text": "Hi"}]}])
space.stream(Message("user", "Hi", images=["https://example.org/cat.png"]))
assert_type(Message("user", "Hi").images, tuple[Image, ...])


def a_script() -> None:
    """Read in sync code."""
    for delta in space.stream("Hi"):
        assert_type(delta, str)
    for event in space.stream("Hi").events():
        assert_type(event, Status | Reasoning | Text | ToolCall | Done)
        if event.type == "status":
            assert_type(event, Status)
        elif event.type == "text":
            assert_type(event.start, int)
        elif event.type == "done":
            assert_type(event.reply, Reply)
    with space.stream("Hi") as stream:
        assert_type(stream, TextStream)
        assert_type(stream.result(timeout=1.0), Reply)
    with QwenSpace("qwen-2.5") as mine:
        assert_type(mine, Qwen2_5)
    for facade in available_spaces():
        assert_type(facade, type[QwenSpace])
    assert_type(find_spaces("qwen chat", limit=3), list[QwenSpace])
    find_spaces(7)  # type: ignore[arg-type]


def many_prompts() -> None:
    """Answer many prompts, at one Space or at one of several."""
    router = Router([["qwen-2.5", space], "qwen-3"], patience=None, token=False)
    assert_type(router.ask("Hi", tools=[print], size="7B"), Reply)
    assert_type(router.conversation(response_format="json_object"), Conversation)
    assert_type(space.map(["Hi"], concurrency=2, size="7B"), Answers)
    assert_type(space.map(["Hi"]).result(), list[Row])
    for row in router.map(prompt for prompt in ("Hi", [Message("user", "Hi")])):
        assert_type(row, Row)
        assert_type(row.text, str)
    space.map(["Hi"], concurrency="all")  # type: ignore[arg-type]
    space.map(7)  # type: ignore[arg-type]
    router.stream("Hi", "Be brief.")  # type: ignore[call-arg]


async def a_notebook() -> None:
    """Read in async code."""
    async for delta in space.stream("Hi"):
        assert_type(delta, str)
    assert_type(await space.stream("Hi"), Reply)
    assert_type(await space.show("Hi"), Reply)
    chat = space.conversation(system="Be brief.")
    assert_type(await chat.show("Hi"), Reply)
    assert_type(chat.undo(), Message | None)
    chat.messages = [{"role": "user", "content": "Hi"}]
    chat.system = 7  # type: ignore[assignment]
    async with space.stream("Hi") as stream:
        async for event in stream.events():
            assert_type(event, Status | Reasoning | Text | ToolCall | Done)
    await space.ask("Hi")  # type: ignore[misc]
    async with QwenSpace("qvq-72b") as vision:
        assert_type(vision, QVQ_72B)
