"""`Qwen/Qwen3-Demo` and `Qwen/Qwen3-VL-Demo`: reasoning apart from the answer; the Space keeps the turns.

Seen in public forks of both apps and in callers (read 2026-11, Gradio 5): the endpoint's name and inputs,
its seven outputs, the fields of the messages, the order of steps, what is kept. Other endpoints are fewer
here, and components and events have other numbers.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import gradio as gr

from .blocks import Blocks
from .brain import Brain, Thought
from .modelscope_studio import AntdForm, AntdXSender, ModelScopeProChatbot, ModelScopeProMultimodalInput
from .runner import answers

SYSTEM = "You are a helpful and harmless assistant."
MODELS = (
    "qwen3-235b-a22b",
    "qwen3-32b",
    "qwen3-30b-a3b",
    "qwen3-14b",
    "qwen3-8b",
    "qwen3-4b",
    "qwen3-1.7b",
    "qwen3-0.6b",
)
BUDGET = 38  # times 1024 tokens: the most, and the default; the VL Space names none
SETTINGS = {"model": MODELS[0], "sys_prompt": SYSTEM, "thinking_budget": BUDGET}
VL_MODELS = {True: "qwen3-vl-235b-a22b-thinking", False: "qwen3-vl-235b-a22b-instruct"}  # likely
LIMIT = 100  # answers at once, as the Spaces' own

State = dict[str, Any]
Steps = AsyncIterator[list[Any]]


def qwen3(brain: Brain, slots: int | None) -> gr.Blocks:
    """`Qwen/Qwen3-Demo`: text. `slots`: answers at once (100, as the Space's own)."""

    async def add_message(
        input_value: str, settings_form_value: State, thinking_btn_state_value: State, state_value: State
    ) -> Steps:
        asked = {"settings": settings_form_value, **thinking_btn_state_value}
        async for step in _turn(brain, input_value, asked, state_value):
            yield step

    def make() -> Any:
        return AntdForm(value=SETTINGS, label="Settings"), AntdXSender(label="Input")

    return _app("Qwen3", make, add_message, slots)


def qwen3_vl(brain: Brain, slots: int | None) -> gr.Blocks:
    """`Qwen/Qwen3-VL-Demo`: text and images. `slots`: answers at once (100, as the Space's own)."""

    async def add_message(input_value: State, thinking_btn_state_value: State, state_value: State) -> Steps:
        files = {"type": "file", "content": list(input_value["files"])}
        content = [files, {"type": "text", "content": input_value["text"]}]
        model = VL_MODELS[thinking_btn_state_value["enable_thinking"]]
        asked = {"settings": {**SETTINGS, "model": model}, **thinking_btn_state_value}
        async for step in _turn(brain, content, asked, state_value):
            yield step

    def make() -> Any:
        return None, ModelScopeProMultimodalInput(label="Input", file_count="multiple")

    return _app("Qwen3-VL", make, add_message, slots)


def _app(
    title: str, make: Callable[[], Any], add_message: Callable[..., Steps], slots: int | None
) -> gr.Blocks:
    """Build the page and its events. `make`: the form, or None, and the line to write in."""
    demo = Blocks(f"Qwen/{title}-Demo")
    with demo:
        state = gr.State({"conversation_contexts": {}, "conversations": [], "conversation_id": ""})
        thinking = gr.State({"enable_thinking": True})
        gr.Markdown(f"<center><font size=8>{title}, a local replica</font></center>")
        with gr.Row():
            new = gr.Button("New conversation")
            clear = gr.Button("🧹 Clear history")
            think = gr.Button("💡 Thinking on or off")
        chatbot = ModelScopeProChatbot(label="Chat")
        form, line = make()
        given = [line, form, thinking, state] if form else [line, thinking, state]
        # The Space's list of conversations and its buttons, of which clients hear nothing.
        layout = [gr.State() for _ in range(4)]
        shown = [line, *layout, chatbot, state]
        line.submit(add_message, inputs=given, outputs=shown, concurrency_limit=slots or LIMIT)
        new.click(new_chat, inputs=[thinking, state], outputs=[chatbot, thinking, state])
        clear.click(clear_conversation_history, inputs=[state], outputs=[chatbot, state])
        think.click(toggle_thinking, inputs=[thinking], outputs=[thinking])
    return demo


def new_chat(thinking_btn_state: State, state_value: State) -> tuple[Any, State, State]:
    """Another conversation begins with the next message."""
    state_value["conversation_id"] = ""
    thinking_btn_state["enable_thinking"] = True
    return gr.update(value=None), thinking_btn_state, state_value


def clear_conversation_history(state_value: State) -> tuple[Any, State]:
    """Go on with the conversation without what was written."""
    if key := state_value["conversation_id"]:
        state_value["conversation_contexts"][key]["history"] = []
    return gr.update(value=None), state_value


def toggle_thinking(thinking_btn_state: State) -> State:
    """Thinking on or off; the name of the Space's event is not known."""
    return {"enable_thinking": not thinking_btn_state["enable_thinking"]}


async def _turn(brain: Brain, content: Any, asked: State, state: State) -> Steps:
    """One turn, in steps of seven outputs."""
    key = state["conversation_id"] = state["conversation_id"] or str(uuid.uuid4())
    history = state["conversation_contexts"].setdefault(key, {"history": []})["history"]
    state["conversation_contexts"][key] = {"history": history, **asked}
    earlier, images = _said([*history, {"role": "user", "content": content}])
    history.append({"role": "user", "content": content, "key": str(uuid.uuid4())})
    yield _step(state, history, value=None)
    # It is the history itself that grows, as in the forks: a turn that fails or is cancelled stays in
    # it as it is then, the user's message and what was answered so far.
    answer: State = {"role": "assistant", "content": [], "key": str(uuid.uuid4())}
    answer.update(header=asked["settings"].get("model"), loading=True, status="pending")
    history.append(answer)
    yield _step(state, history)
    yield _step(state)  # some callers have seen steps in which nothing changes
    start = time.monotonic()
    try:
        async for text in _answers(brain, earlier, images, asked):
            _show(answer, text, start)
            yield _step(state, history)
    except Exception as error:
        red = f'<span style="color: var(--color-red-500)">{error}</span>'
        answer.update(loading=False, status="done")
        answer["content"] = [*answer["content"], {"type": "text", "content": red}]
        yield _step(state, history)
        yield _step(state)
        raise
    answer.update(loading=False, status="done", footer=f"{time.monotonic() - start:.2f}s")
    yield _step(state, history)
    yield _step(state)


def _step(state: State, history: list[State] | None = None, **line: Any) -> list[Any]:
    """Return the seven outputs, of which most say nothing; without `history` all of them."""
    chat = gr.update() if history is None else gr.update(value=history)
    return [gr.update(**line), *[None] * 4, chat, state]


def _answers(
    brain: Brain, said: list[tuple[str, str]], images: list[str], asked: State
) -> AsyncIterator[str]:
    settings, thinks = asked["settings"], asked["enable_thinking"]
    model, budget = settings.get("model"), settings.get("thinking_budget", 1)
    if model not in (*MODELS, *VL_MODELS.values()):
        raise ValueError(f"Model not exist: {model}")
    if not 1 <= budget <= BUDGET:  # the Space's slider; that the model's own server refuses more is likely
        raise ValueError(f"The thinking budget must be from 1 to {BUDGET}, not {budget}.")
    *earlier, (prompt, _) = said
    thinking = int(budget) * 1024 if thinks else 0
    return answers(brain, settings.get("sys_prompt", ""), earlier, prompt, images, model, thinking)


def _show(answer: State, text: str, start: float) -> None:
    """Put what there is of thought or text into the answer's parts."""
    parts = {part["type"]: part for part in answer["content"]}
    if isinstance(text, Thought):
        options = {"title": "Thinking...", "status": "pending"}
        tool = {"type": "tool", "options": options, "copyable": False, "editable": False}
        parts["tool"] = {**tool, "content": str(text)}
    else:
        if "text" not in parts and "tool" in parts:
            title = f"End of Thought ({time.monotonic() - start:.2f}s)"
            parts["tool"]["options"] = {"title": title, "status": "done"}
        parts["text"] = {"type": "text", "content": text}
    answer["content"] = [parts[kind] for kind in ("tool", "text") if kind in parts]
    answer["loading"] = False


def _said(history: list[State]) -> tuple[list[tuple[str, str]], list[str]]:
    """Return the turns as (user, assistant), of which the first text counts; and all images."""
    turns: list[tuple[str, str]] = []
    images: list[str] = []
    for message in history:
        content = message["content"]
        parts = [{"type": "text", "content": content}] if isinstance(content, str) else content
        text = next((part["content"] for part in parts if part["type"] == "text"), "")
        if message["role"] == "user":
            images += [path for part in parts if part["type"] == "file" for path in part["content"]]
            turns.append((text or "", ""))
        elif turns:
            turns[-1] = (turns[-1][0], text)
    return turns, images
