"""The Spaces that answer at ``/model_chat``: `Qwen/Qwen2-72B-Instruct`, `Qwen/Qwen2.5` and their kin.

Components are made in the order of the real apps, so that their ids are the same, and so are events.
"""

# ruff: noqa: RUF001  (the Space's own labels have full-width colons)
from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from .blocks import Blocks
from .brain import Brain
from .components import Chatbot, Modelscopechatbot, Radio
from .runner import answers

QWEN2_SYSTEM = "You are a helpful assistant."
QWEN2_5_SYSTEM = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."
GENERAL = ("72B", "32B", "14B", "7B", "3B", "1.5B", "0.5B")
MATH = ("Math-72B", "Math-7B", "Math-1.5B")
CODER = ("Coder-7B", "Coder-1.5B")
CODERS = ("32B", "14B", "7B", "3B", "1.5B", "0.5B")  # of the Coder Space

History = list[list[Any]]
Turn = tuple[str, History, str]


def qwen2_72b(brain: Brain, slots: int | None) -> gr.Blocks:
    """`Qwen/Qwen2-72B-Instruct`: string cells. `slots`: answers at once (40, as the Space's own)."""
    return _strings(brain, slots, "Qwen/Qwen2-72B-Instruct", "qwen2-72B-instruct", QWEN2_SYSTEM)


def qwen2_5_72b(brain: Brain, slots: int | None) -> gr.Blocks:
    """`Qwen/Qwen2.5-72B-Instruct`: the same with another label and system prompt (its captured ``/info``)."""
    return _strings(brain, slots, "Qwen/Qwen2.5-72B-Instruct", "Qwen2.5-72B-Instruct", QWEN2_5_SYSTEM)


def qwen2_5_max(brain: Brain, slots: int | None) -> gr.Blocks:
    """`Qwen/Qwen2.5-Max-Demo`: the same again (callers of the Space); its label is a guess."""
    return _strings(brain, slots, "Qwen/Qwen2.5-Max-Demo", "Qwen2.5-Max", QWEN2_SYSTEM)


def _strings(brain: Brain, slots: int | None, space_id: str, label: str, default: str) -> gr.Blocks:
    """Build a Space without a choice of models. `default`: its system prompt."""
    model = space_id.partition("/")[2].removesuffix("-Demo")

    async def model_chat(query: str, history: History, system: str) -> AsyncIterator[Turn]:
        async for turn in _turns(brain, query, history, system, model):
            yield turn

    limit = slots or 40
    demo = Blocks(space_id)
    with demo:
        gr.Markdown(f"<center><font size=8>{label}, a local replica</font></center>")
        page = _page(default, Chatbot, label)
        _connect(page, model_chat, [], {"submit": limit, "click": limit, "other": limit})
    return demo


def qwen2_5(brain: Brain, slots: int | None) -> gr.Blocks:
    """`Qwen/Qwen2.5`: dict cells, a model size. `slots`: answers at once (5, as the Space's own)."""

    async def model_chat(query: str, history: History, system: str, radio: str) -> AsyncIterator[Turn]:
        if radio not in (*GENERAL, *MATH, *CODER):
            raise ValueError(f"Model not exist: qwen2.5-{str(radio).lower()}-instruct")
        async for turn in _turns(brain, query, history, system, radio):
            yield turn

    demo = Blocks("Qwen/Qwen2.5")
    with demo:
        gr.Markdown("<center><font size=8>Qwen2.5, a local replica</font></center>")
        with gr.Row():
            with gr.Row():
                one = Radio(choices=list(GENERAL), value="72B", label="Qwen2.5：")
            with gr.Row():
                two = Radio(choices=list(MATH), label="Qwen2.5-Math：")
            with gr.Row():
                three = Radio(choices=list(CODER), label="Qwen2.5-Coder：")
        radio = Radio(choices=[*GENERAL, *MATH, *CODER], value="72B", visible=False)
        with gr.Row(), gr.Accordion():
            title = gr.Markdown("<center><font size=8>Qwen2.5-72B-instruct</font></center>")
        page = _page(QWEN2_5_SYSTEM, Modelscopechatbot, "72b")
        for this, *others in ((one, two, three), (two, one, three), (three, one, two)):
            this.input(update_other_radios, inputs=[this, *others], outputs=[radio, *others])
        _connect(page, model_chat, [radio], {"submit": slots or "default", "click": slots or 5})
        _connect_radio(page, radio, title, "Qwen2.5")
    return demo


def qwen2_5_coder(brain: Brain, slots: int | None) -> gr.Blocks:
    """`Qwen/Qwen2.5-Coder-demo`: string cells, a model size (callers of the Space; the layout is a guess)."""

    async def model_chat(query: str, history: History, system: str, radio: str) -> AsyncIterator[Turn]:
        if radio not in CODERS:
            raise ValueError(f"Model not exist: qwen2.5-coder-{str(radio).lower()}-instruct")
        async for turn in _turns(brain, query, history, system, radio):
            yield turn

    limit = slots or 40
    demo = Blocks("Qwen/Qwen2.5-Coder-demo")
    with demo:
        gr.Markdown("<center><font size=8>Qwen2.5-Coder, a local replica</font></center>")
        radio = Radio(choices=list(CODERS), value="32B", label="Qwen2.5-Coder：")
        with gr.Row(), gr.Accordion():
            title = gr.Markdown("<center><font size=8>Qwen2.5-Coder-32B-instruct</font></center>")
        page = _page(QWEN2_5_SYSTEM, Chatbot, "32b")
        _connect(page, model_chat, [radio], {"submit": limit, "click": limit})
        _connect_radio(page, radio, title, "Qwen2.5-Coder")
    return demo


def update_other_radios(value: str, other_radio1: str, other_radio2: str) -> tuple[str, str, str]:
    """One size chosen: the other two groups are cleared."""
    if value == "":
        return other_radio1 or other_radio2, other_radio1, other_radio2
    return value, "", ""


@dataclass
class _Page:
    """What the pages have in common."""

    default: str  # the system prompt
    system: Any
    system_state: Any
    modify: Any
    chatbot: Any
    textbox: Any
    clear: Any
    send: Any


def _page(default: str, chatbot: type[Chatbot], label: str) -> _Page:
    with gr.Row():
        with gr.Column(scale=3):
            system = gr.Textbox(value=default, lines=1, label="System")
        with gr.Column(scale=1):
            modify = gr.Button("🛠️ Set system prompt and clear history")
            system_state = gr.Textbox(value=default, visible=False)
    history = chatbot(value=[], label=label)
    textbox = gr.Textbox(lines=1, label="Input")
    with gr.Row():
        clear = gr.Button("🧹 Clear history")
        send = gr.Button("🚀 Send")
    return _Page(default, system, system_state, modify, history, textbox, clear, send)


def _connect(page: _Page, model_chat: Callable[..., Any], more: list[Any], limits: dict[str, Any]) -> None:
    """Add the four events, in the Spaces' order. `limits`: events at once."""

    def clear_session() -> tuple[str, History]:
        return "", []

    def modify_system_session(system: str) -> tuple[str, str, History]:
        system = system or page.default
        return system, system, []

    other = {"concurrency_limit": limits.get("other", "default")}
    given = [page.textbox, page.chatbot, page.system_state, *more]
    shown = [page.textbox, page.chatbot, page.system]
    page.textbox.submit(model_chat, inputs=given, outputs=shown, concurrency_limit=limits["submit"])
    page.send.click(model_chat, inputs=given, outputs=shown, concurrency_limit=limits["click"])
    page.clear.click(clear_session, inputs=[], outputs=[page.textbox, page.chatbot], **other)
    state = [page.system_state, page.system, page.chatbot]
    page.modify.click(modify_system_session, inputs=[page.system], outputs=state, **other)


def _connect_radio(page: _Page, radio: Any, title: Any, stem: str) -> None:
    """Another size: its title, its label, and an empty question. The event's name is the Spaces' own."""

    def chiose_radio(radio: str, system: str) -> tuple[Any, Any, str, str, str]:
        shown = gr.update(value=f"<center><font size=8>{stem}-{radio}-instruct</font></center>")
        system = system or page.default
        return shown, gr.update(label=str(radio).lower()), system, system, ""

    shown = [title, page.chatbot, page.system_state, page.system, page.textbox]
    radio.change(chiose_radio, inputs=[radio, page.system], outputs=shown)


async def _turns(
    brain: Brain, query: str | None, history: History | None, system: str, model: str
) -> AsyncIterator[Turn]:
    """One answer as the Spaces yield it: each step is the whole history with the text so far."""
    query, history = query or "", history or []
    earlier = [(_text(user), _text(bot)) for user, bot in history]
    async for text in answers(brain, system or "", earlier, query, (), model):
        yield "", [*history, [query, text]], system


def _text(cell: Any) -> str:
    return str((cell.get("text") if isinstance(cell, dict) else cell) or "")
