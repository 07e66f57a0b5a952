"""The Spaces with a ``/model_chat``: `Qwen/Qwen2-72B-Instruct`, `Qwen/Qwen2.5` and their relatives.

Components and events are made in the order of the real apps, so that they have the same ids. `slots` is the
number of answers at once, by default that of the Space's own app.
"""

# ruff: noqa: RUF001  (the Space's own labels have full-width colons)
from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import Any

import gradio as gr

from ._blocks import Blocks
from ._brain import Brain
from ._chat_page import show_chat
from ._components import Chatbot, Modelscopechatbot, Radio
from ._runner import answers

QWEN2_SYSTEM = "You are a helpful assistant."
QWEN2_5_SYSTEM = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."
GENERAL = ("72B", "32B", "14B", "7B", "3B", "1.5B", "0.5B")
MATH = ("Math-72B", "Math-7B", "Math-1.5B")
CODER = ("Coder-7B", "Coder-1.5B")
CODERS = ("32B", "14B", "7B", "3B", "1.5B", "0.5B")  # of the Coder Space

History = list[list[Any]]
Step = tuple[str, History, str]  # the input, the whole history with the text so far, the system prompt
Limit = int | str | None  # events at once; "default" is Gradio's own name


def _one_model(space_id: str, label: str, system_prompt: str, brain: Brain, slots: int | None) -> Blocks:
    """Build a Space with string cells and without a choice of models."""
    model = space_id.partition("/")[2].removesuffix("-Demo")

    async def model_chat(query: str, history: History, system: str) -> AsyncIterator[Step]:
        async for step in _steps(brain, query, history, system, model):
            yield step

    limit = slots or 40
    with Blocks(space_id) as demo:
        gr.Markdown(f"<center><font size=8>{label}, a local replica</font></center>")
        page = _Page(system_prompt, Chatbot, label)
        page.connect(model_chat, submit=limit, click=limit, other=limit)
        show_chat(page.chatbot)
    return demo


# The label and system prompt of Qwen2.5-72B are those of its captured `/info`; the label of Max is a guess.
qwen2_72b = partial(_one_model, "Qwen/Qwen2-72B-Instruct", "qwen2-72B-instruct", QWEN2_SYSTEM)
qwen2_5_72b = partial(_one_model, "Qwen/Qwen2.5-72B-Instruct", "Qwen2.5-72B-Instruct", QWEN2_5_SYSTEM)
qwen2_5_max = partial(_one_model, "Qwen/Qwen2.5-Max-Demo", "Qwen2.5-Max", QWEN2_SYSTEM)


def qwen2_5(brain: Brain, slots: int | None) -> Blocks:
    """Build `Qwen/Qwen2.5`, with dict cells and a choice of sizes."""
    sizes = (*GENERAL, *MATH, *CODER)
    with Blocks("Qwen/Qwen2.5", threads=5) as demo:
        gr.Markdown("<center><font size=8>Qwen2.5, a local replica</font></center>")
        with gr.Row():
            with gr.Row():
                one = Radio(choices=list(GENERAL), value="72B", label="Qwen2.5：")
            with gr.Row():
                two = Radio(choices=list(MATH), label="Qwen2.5-Math：")
            with gr.Row():
                three = Radio(choices=list(CODER), label="Qwen2.5-Coder：")
        radio = Radio(choices=list(sizes), value="72B", visible=False)
        with gr.Row(), gr.Accordion():
            title = gr.Markdown("<center><font size=8>Qwen2.5-72B-instruct</font></center>")
        page = _Page(QWEN2_5_SYSTEM, Modelscopechatbot, "72b")
        for this, *others in ((one, two, three), (two, one, three), (three, one, two)):
            this.input(update_other_radios, inputs=[this, *others], outputs=[radio, *others])
        page.connect(_sized(brain, sizes, "qwen2.5"), radio, submit=slots or "default", click=slots or 5)
        page.connect_radio(radio, title, "Qwen2.5")
        show_chat(page.chatbot)
    return demo


def qwen2_5_coder(brain: Brain, slots: int | None) -> Blocks:
    """Build `Qwen/Qwen2.5-Coder-demo`, with string cells and a choice of sizes; the layout is a guess."""
    limit = slots or 40
    with Blocks("Qwen/Qwen2.5-Coder-demo") as demo:
        gr.Markdown("<center><font size=8>Qwen2.5-Coder, a local replica</font></center>")
        radio = Radio(choices=list(CODERS), value="32B", label="Qwen2.5-Coder：")
        with gr.Row(), gr.Accordion():
            title = gr.Markdown("<center><font size=8>Qwen2.5-Coder-32B-instruct</font></center>")
        page = _Page(QWEN2_5_SYSTEM, Chatbot, "32b")
        page.connect(_sized(brain, CODERS, "qwen2.5-coder"), radio, submit=limit, click=limit)
        page.connect_radio(radio, title, "Qwen2.5-Coder")
        show_chat(page.chatbot)
    return demo


def _sized(brain: Brain, sizes: Sequence[str], stem: str) -> Callable[..., AsyncIterator[Step]]:
    async def model_chat(query: str, history: History, system: str, radio: str) -> AsyncIterator[Step]:
        if radio not in sizes:
            raise ValueError(f"Model not exist: {stem}-{str(radio).lower()}-instruct")
        async for step in _steps(brain, query, history, system, radio):
            yield step

    return model_chat


def update_other_radios(value: str, other_radio1: str, other_radio2: str) -> tuple[str, str, str]:
    if value == "":
        return other_radio1 or other_radio2, other_radio1, other_radio2
    return value, "", ""


class _Page:
    """The components below the title, and their events, which all these Spaces share."""

    def __init__(self, system_prompt: str, chatbot: type[Chatbot], label: str) -> None:
        self.system_prompt = system_prompt
        with gr.Row():
            with gr.Column(scale=3):
                self.system = gr.Textbox(value=system_prompt, lines=1, label="System")
            with gr.Column(scale=1):
                self.modify = gr.Button("🛠️ Set system prompt and clear history")
                self.system_state = gr.Textbox(value=system_prompt, visible=False)
        self.chatbot = chatbot(value=[], label=label)
        self.textbox = gr.Textbox(lines=1, label="Input")
        with gr.Row():
            self.clear = gr.Button("🧹 Clear history")
            self.send = gr.Button("🚀 Send")

    def connect(
        self, model_chat: Any, *more: Radio, submit: Limit, click: Limit, other: Limit = "default"
    ) -> None:
        """Add the four events in the Spaces' order, each with its limit; `more` are further inputs."""

        def clear_session() -> tuple[str, History]:
            return "", []

        def modify_system_session(system: str) -> tuple[str, str, History]:
            system = system or self.system_prompt
            return system, system, []

        inputs = [self.textbox, self.chatbot, self.system_state, *more]
        outputs = [self.textbox, self.chatbot, self.system]
        self.textbox.submit(model_chat, inputs=inputs, outputs=outputs, concurrency_limit=submit)
        self.send.click(model_chat, inputs=inputs, outputs=outputs, concurrency_limit=click)
        chat = [self.textbox, self.chatbot]
        self.clear.click(clear_session, inputs=[], outputs=chat, concurrency_limit=other)
        session = [self.system_state, self.system, self.chatbot]
        self.modify.click(
            modify_system_session, inputs=[self.system], outputs=session, concurrency_limit=other
        )

    def connect_radio(self, radio: Radio, title: gr.Markdown, stem: str) -> None:
        """Change the title and the label with the size, and clear the input."""

        def chiose_radio(radio: str, system: str) -> tuple[Any, Any, str, str, str]:  # the Spaces' spelling
            heading = gr.update(value=f"<center><font size=8>{stem}-{radio}-instruct</font></center>")
            system = system or self.system_prompt
            return heading, gr.update(label=str(radio).lower()), system, system, ""

        outputs = [title, self.chatbot, self.system_state, self.system, self.textbox]
        radio.change(chiose_radio, inputs=[radio, self.system], outputs=outputs)


async def _steps(
    brain: Brain, query: str | None, history: History | None, system: str, model: str
) -> AsyncIterator[Step]:
    query, history = query or "", history or []
    turns = [(_text(user), _text(bot)) for user, bot in history]
    async for text in answers(brain, system or "", [*turns, (query, "")], (), model):
        yield "", [*history, [query, text]], system


def _text(cell: Any) -> str:
    return str((cell.get("text") if isinstance(cell, dict) else cell) or "")
