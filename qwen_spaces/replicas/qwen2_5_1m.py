"""`Qwen/Qwen2.5-1M-Demo`: the WebUI of Qwen-Agent, where the answer's cell is a list with a place per agent.

The endpoints, their inputs and outputs are those of ``qwen_agent/gui/web_ui.py`` and of callers of the Space
(read 2026-11): they send an agent's number, so it has several; how many is a guess.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import gradio as gr
from gradio.data_classes import FileData

from .blocks import Blocks
from .brain import Brain
from .components import Modelscopechatbot
from .modelscope_studio import ModelScopeMultimodalInput
from .runner import answers

AGENTS = ("Qwen2.5-1M", "Long documents")
THINKING = "Qwen is thinking..."  # what callers have seen before the first text

Pairs = list[list[Any]]
History = list[dict[str, Any]]  # messages in Qwen-Agent's form
Shown = tuple[Pairs, History, int]


def qwen2_5_1m(brain: Brain, slots: int | None) -> gr.Blocks:
    """`slots`: answers at once (10, as Qwen-Agent's own)."""

    async def agent_run(
        _chatbot: Pairs, _history: History, _agent_selector: int | None = None
    ) -> AsyncIterator[Shown]:
        agent = _agent_selector or 0
        places: list[Any] = [None] * len(AGENTS)
        places[agent] = {"text": THINKING}
        _chatbot[-1][1] = places
        yield _chatbot, _history, agent
        text = ""
        turns, files = _asked(_history)
        *earlier, (prompt, _) = turns
        async for text in answers(brain, "", earlier, prompt, files, AGENTS[agent]):
            places[agent] = {"text": text}
            yield _chatbot, _history, agent
        # Only now: a turn that failed or was cancelled has no answer in the Space's own history.
        if text:
            _history.append({"role": "assistant", "content": text})
        else:
            places[agent] = None
        yield _chatbot, _history, agent

    space = "Qwen/Qwen2.5-1M-Demo"
    demo = Blocks(space)
    with demo:
        history = gr.State([])
        gr.Markdown("<center><font size=8>Qwen2.5-1M, a local replica</font></center>")
        chatbot = Modelscopechatbot(value=[], label="Qwen2.5-1M")
        line = ModelScopeMultimodalInput(label="Input", file_count="multiple")
        agents = [(name, number) for number, name in enumerate(AGENTS)]
        agent = gr.Dropdown(choices=agents, value=0, label="Agents")
        info = gr.Markdown(AGENTS[0])
        agent.change(change_agent, inputs=[agent], outputs=[agent, info], queue=False)
        asked = line.submit(
            add_text, inputs=[line, chatbot, history], outputs=[line, chatbot, history], queue=False
        )
        places = [chatbot, history, agent]
        answered = asked.then(agent_run, inputs=places, outputs=places, concurrency_limit=slots or 10)
        answered.then(flushed, inputs=None, outputs=[line])
    return demo


def change_agent(agent_selector: int) -> tuple[int, str]:
    """Another agent: its name is shown."""
    return agent_selector, AGENTS[agent_selector]


def add_text(_input: dict[str, Any], _chatbot: Pairs, _history: History) -> tuple[Any, Pairs, History]:
    """Return a question, not yet answered."""
    text, files = _input["text"], _input["files"]
    _history.append({"role": "user", "content": [{"text": text}, *({"image": path} for path in files)]})
    sent = {"text": text, "files": [FileData(path=path).model_dump() for path in files]}
    return gr.update(interactive=False, value=None), [*_chatbot, [sent, None]], _history


def flushed() -> Any:
    """Let the line take the next question."""
    return gr.update(interactive=True)


def _asked(history: History) -> tuple[list[tuple[str, str]], list[str]]:
    """Return the turns as (user, assistant), and all files."""
    turns: list[tuple[str, str]] = []
    files: list[str] = []
    for message in history:
        if message["role"] == "user":
            text, *images = message["content"]
            turns.append((text["text"] or "", ""))
            files += [image["image"] for image in images]
        else:
            turns[-1] = (turns[-1][0], message["content"])
    return turns, files
