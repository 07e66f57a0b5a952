"""`Qwen/Qwen3-Demo` and the demos of Qwen3-VL: separate reasoning, and the history in the session.

The endpoint's name and inputs, its seven outputs, the fields of the messages, the order of steps and the
state are those of public forks of both apps and of callers (read 2026-11, Gradio 5). There are fewer other
endpoints here, and the ids of components and events differ.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any

import gradio as gr

from ._blocks import Blocks
from ._brain import Brain, Thought
from ._chat_page import show_chat
from ._modelscope_studio import AntdForm, AntdXSender, ModelScopeProChatbot, ModelScopeProMultimodalInput
from ._runner import Turns, answers, as_turns

SYSTEM = "You are a helpful and harmless assistant."
SIZES = ("235b-a22b", "32b", "30b-a3b", "14b", "8b", "4b", "1.7b", "0.6b")
MODELS = tuple(f"qwen3-{size}" for size in SIZES)
BUDGET = 38  # times 1024 tokens; the maximum and the default, in the VL Space a guess
SETTINGS: dict[str, object] = {"model": MODELS[0], "sys_prompt": SYSTEM, "thinking_budget": BUDGET}
VL_SIZES = {"Qwen3-VL": "235b-a22b", "Qwen3-VL-30B-A3B": "30b-a3b"}
VL_MODELS = {  # (title, whether it thinks) -> its name, which is likely
    (title, thinks): f"qwen3-vl-{size}-{kind}"
    for title, size in VL_SIZES.items()
    for thinks, kind in ((True, "thinking"), (False, "instruct"))
}
LIMIT = 100  # answers at once, as the Spaces' own

State = dict[str, Any]
Steps = AsyncIterator[list[Any]]


def qwen3(brain: Brain, slots: int | None) -> Blocks:
    async def add_message(
        input_value: str, settings_form_value: State, thinking_btn_state_value: State, state_value: State
    ) -> Steps:
        request = {"settings": settings_form_value, **thinking_btn_state_value}
        async for step in _turn(brain, input_value, request, state_value):
            yield step

    def make() -> Any:
        return AntdForm(value=SETTINGS, label="Settings"), AntdXSender(label="Input")

    return _app("Qwen3", make, add_message, slots)


def _qwen3_vl(title: str, brain: Brain, slots: int | None) -> Blocks:
    async def add_message(input_value: State, thinking_btn_state_value: State, state_value: State) -> Steps:
        files = {"type": "file", "content": list(input_value["files"])}
        content = [files, {"type": "text", "content": input_value["text"]}]
        model = VL_MODELS[title, thinking_btn_state_value["enable_thinking"]]
        request = {"settings": {**SETTINGS, "model": model}, **thinking_btn_state_value}
        async for step in _turn(brain, content, request, state_value):
            yield step

    def make() -> Any:
        return None, ModelScopeProMultimodalInput(label="Input", file_count="multiple")

    return _app(title, make, add_message, slots)


qwen3_vl = partial(_qwen3_vl, "Qwen3-VL")
qwen3_vl_30b = partial(_qwen3_vl, "Qwen3-VL-30B-A3B")


def _app(title: str, make: Callable[[], Any], add_message: Callable[..., Steps], slots: int | None) -> Blocks:
    """Build the page and its events. `make` returns the form, or None, and the input."""
    with Blocks(f"Qwen/{title}-Demo", threads=100) as demo:
        state = gr.State({"conversation_contexts": {}, "conversations": [], "conversation_id": ""})
        thinking = gr.State({"enable_thinking": True})
        gr.Markdown(f"<center><font size=8>{title}, a local replica</font></center>")
        with gr.Row():
            new = gr.Button("New conversation")
            clear = gr.Button("🧹 Clear history")
            think = gr.Button("💡 Thinking on or off")
        chatbot = ModelScopeProChatbot(label="Chat")
        form, textbox = make()
        inputs = [textbox, form, thinking, state] if form else [textbox, thinking, state]
        # The Space's list of conversations and its buttons, which clients do not see.
        layout = [gr.State() for _ in range(4)]
        outputs = [textbox, *layout, chatbot, state]
        textbox.submit(add_message, inputs=inputs, outputs=outputs, concurrency_limit=slots or LIMIT)
        new.click(new_chat, inputs=[thinking, state], outputs=[chatbot, thinking, state])
        clear.click(clear_conversation_history, inputs=[state], outputs=[chatbot, state])
        think.click(toggle_thinking, inputs=[thinking], outputs=[thinking])
        show_chat(chatbot)
    return demo


def new_chat(thinking_btn_state: State, state_value: State) -> tuple[Any, State, State]:
    state_value["conversation_id"] = ""
    thinking_btn_state["enable_thinking"] = True
    return gr.update(value=None), thinking_btn_state, state_value


def clear_conversation_history(state_value: State) -> tuple[Any, State]:
    if key := state_value["conversation_id"]:
        state_value["conversation_contexts"][key]["history"] = []
    return gr.update(value=None), state_value


def toggle_thinking(thinking_btn_state: State) -> State:
    """Toggle thinking; the name is a guess."""
    return {"enable_thinking": not thinking_btn_state["enable_thinking"]}


async def _turn(brain: Brain, content: Any, request: State, state: State) -> Steps:
    """Yield one turn, in steps of seven outputs."""
    key = state["conversation_id"] = state["conversation_id"] or str(uuid.uuid4())
    history = state["conversation_contexts"].setdefault(key, {"history": []})["history"]
    state["conversation_contexts"][key] = {"history": history, **request}
    messages = [*history, {"role": "user", "content": content, "key": str(uuid.uuid4())}]
    turns = as_turns((message["role"], next(_contents(message, "text"), "") or "") for message in messages)
    images = [path for message in messages for paths in _contents(message, "file") for path in paths]
    history.append(messages[-1])
    yield _step(state, history, value=None)
    # As in the forks, the answer grows within the history, which keeps that of a failed or cancelled turn.
    answer: State = {"role": "assistant", "content": [], "key": str(uuid.uuid4())}
    answer.update(header=request["settings"].get("model"), loading=True, status="pending")
    history.append(answer)
    yield _step(state, history)
    yield _step(state)  # some callers have seen steps in which nothing changes
    start = time.monotonic()
    try:
        async for text in _answers(brain, turns, images, request):
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


def _step(state: State, history: list[State] | None = None, **textbox: Any) -> list[Any]:
    """Return the seven outputs; without `history`, the chat does not change."""
    chat = gr.update() if history is None else gr.update(value=history)
    return [gr.update(**textbox), *[None] * 4, chat, state]


def _answers(brain: Brain, turns: Turns, images: list[str], request: State) -> AsyncIterator[str]:
    settings = request["settings"]
    model, budget = settings.get("model"), settings.get("thinking_budget", 1)
    if model not in (*MODELS, *VL_MODELS.values()):
        raise ValueError(f"Model not exist: {model}")
    if not 1 <= budget <= BUDGET:  # the Space's slider; its model's server probably refuses more, too
        raise ValueError(f"The thinking budget must be from 1 to {BUDGET}, not {budget}.")
    thinking = int(budget) * 1024 if request["enable_thinking"] else 0
    return answers(brain, settings.get("sys_prompt", ""), turns, images, model, thinking)


def _show(answer: State, text: str, start: float) -> None:
    """Put the text or the reasoning so far into the answer's parts."""
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


def _contents(message: State, kind: str) -> Iterator[Any]:
    """Return the contents of a message's parts of one kind; a string is a text."""
    content = message["content"]
    parts = [{"type": "text", "content": content}] if isinstance(content, str) else content
    return (part["content"] for part in parts if part["type"] == kind)
