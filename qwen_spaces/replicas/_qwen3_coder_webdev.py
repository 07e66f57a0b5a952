"""`Qwen/Qwen3-Coder-WebDev`: a description of a web page in, its code out, in updates.

The endpoint, its inputs, the order of steps and the history in the session are those of public forks of the
app, which descends from Qwen2.5-Coder-Artifacts, and of its callers (read 2026-11, Gradio 5). The page that
the code makes is not shown here.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import gradio as gr

from ._blocks import Blocks
from ._brain import Brain
from ._chat_page import show_answers
from ._components import Markdown
from ._runner import answers, as_turns

SYSTEM = "You are a web development engineer. Output only the HTML."  # the Space's own is longer

State = dict[str, Any]
Step = tuple[Any, Any, State]


def qwen3_coder_webdev(brain: Brain, slots: int | None) -> Blocks:
    async def generate_code(
        input_value: str, system_prompt_input_value: str, state_value: State
    ) -> AsyncIterator[Step]:
        yield gr.update(value=None), gr.skip(), state_value
        history = [*state_value["history"], {"role": "user", "content": input_value or ""}]
        turns = as_turns((message["role"], message["content"]) for message in history)
        text = ""
        async for text in answers(brain, system_prompt_input_value or "", turns, (), "Qwen3-Coder"):
            yield gr.update(value=text), gr.skip(), state_value
        # Only now: the Space's history has no turn that failed or was cancelled.
        state_value["history"] = [*history, {"role": "assistant", "content": text}]
        yield gr.update(value=text), gr.update(value=_code(text)), state_value

    with Blocks("Qwen/Qwen3-Coder-WebDev") as demo:
        state = gr.State({"history": []})
        gr.Markdown("<center><font size=8>Qwen3-Coder-WebDev, a local replica</font></center>")
        description = gr.Textbox(label="Describe the page")
        system = gr.Textbox(SYSTEM, label="System prompt")
        send, clear = gr.Button("Submit"), gr.Button("Clear history")
        output = Markdown()
        download = gr.Textbox(visible=False)
        sent = send.click(
            generate_code,
            [description, system, state],
            [output, download, state],
            concurrency_limit=slots or 40,
        )
        clear.click(lambda: {"history": []}, None, state, api_name="clear_history")
        show_answers(sent, [description], output)
    return demo


def _code(text: str) -> str:
    """Return what the page would download: the first block of HTML, else all."""
    found = re.search(r"```html\n(.+?)\n```", text, re.DOTALL)
    return (found[1] if found else text).strip()
