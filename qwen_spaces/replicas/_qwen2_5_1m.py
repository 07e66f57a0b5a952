"""`Qwen/Qwen2.5-1M-Demo`: the WebUI of Qwen-Agent, where an answer is a list with a cell per agent.

The endpoints, their inputs and outputs are those of ``qwen_agent/gui/web_ui.py``, with the audio that it
takes since 2025-05, and of callers of the Space (read 2026-11); the limit of 10 answers at once is
Qwen-Agent's. Callers send the number of an agent, so there are several; two is a guess.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import gradio as gr
from gradio.data_classes import FileData

from ._blocks import Blocks
from ._brain import Brain
from ._chat_page import show_chat
from ._components import Modelscopechatbot
from ._modelscope_studio import ModelScopeMultimodalInput
from ._runner import answers, as_turns

AGENTS = ("Qwen2.5-1M", "Long documents")
THINKING = "Qwen is thinking..."  # what callers have seen before the first text

Pairs = list[list[Any]]
History = list[dict[str, Any]]  # messages in Qwen-Agent's form
Step = tuple[Pairs, History, int]


def qwen2_5_1m(brain: Brain, slots: int | None) -> Blocks:
    async def agent_run(
        _chatbot: Pairs, _history: History, _agent_selector: int | None = None
    ) -> AsyncIterator[Step]:
        agent = _agent_selector or 0
        cells: list[Any] = [None] * len(AGENTS)
        cells[agent] = {"text": THINKING}
        _chatbot[-1][1] = cells
        yield _chatbot, _history, agent
        text = ""
        turns = as_turns((message["role"], message["content"][0]["text"] or "") for message in _history)
        files = [part["image"] for message in _history for part in message["content"][1:]]
        async for text in answers(brain, "", turns, files, AGENTS[agent]):
            cells[agent] = {"text": text}
            yield _chatbot, _history, agent
        # Only now: the Space's history has no answer for a turn that failed or was cancelled.
        if text:
            _history.append({"role": "assistant", "content": [{"text": text}]})
        else:
            cells[agent] = None
        yield _chatbot, _history, agent

    with Blocks("Qwen/Qwen2.5-1M-Demo") as demo:
        history = gr.State([])
        gr.Markdown("<center><font size=8>Qwen2.5-1M, a local replica</font></center>")
        chatbot = Modelscopechatbot(value=[], label="Qwen2.5-1M")
        textbox = ModelScopeMultimodalInput(label="Input", file_count="multiple")
        audio = gr.Audio(sources=["microphone"], type="filepath", label="Audio input")
        agents = [(name, number) for number, name in enumerate(AGENTS)]
        agent = gr.Dropdown(choices=agents, value=0, label="Agents")
        info = gr.Markdown(AGENTS[0])
        agent.change(change_agent, inputs=[agent], outputs=[agent, info], queue=False)
        question = [textbox, audio, chatbot, history]
        added = textbox.submit(add_text, inputs=question, outputs=question, queue=False)
        session = [chatbot, history, agent]
        answered = added.then(agent_run, inputs=session, outputs=session, concurrency_limit=slots or 10)
        answered.then(flushed, inputs=None, outputs=[textbox])
        show_chat(chatbot)
    return demo


def change_agent(agent_selector: int) -> tuple[int, str]:
    return agent_selector, AGENTS[agent_selector]


def add_text(
    _input: dict[str, Any], _audio_input: str | None, _chatbot: Pairs, _history: History
) -> tuple[Any, None, Pairs, History]:
    text, files = _input["text"], [*_input["files"], *filter(None, [_audio_input])]
    _history.append({"role": "user", "content": [{"text": text}, *({"image": path} for path in files)]})
    cell = {"text": text, "files": [FileData(path=path).model_dump() for path in files]}
    return gr.update(interactive=False, value=None), None, [*_chatbot, [cell, None]], _history


def flushed() -> Any:
    return gr.update(interactive=True)
