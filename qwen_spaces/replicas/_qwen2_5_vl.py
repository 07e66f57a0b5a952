"""`Qwen/Qwen2.5-VL-72B-Instruct` and its 32B: images and text in pairs, and a hidden history in the session.

Names and behaviour are those of QwenLM's own demo, ``web_demo_mm.py``, and of callers of the Space (read
2026-11, Gradio 5). As in the demo, the chat holds HTML.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from mimetypes import guess_type
from typing import Any

import gradio as gr
from gradio.data_classes import FileData

from ._blocks import Blocks
from ._brain import Brain
from ._chat_page import show_chat
from ._components import Chatbot as TextChatbot
from ._runner import Turns, answers

ESCAPES = str.maketrans(  # of code, as the demo does it
    {
        "`": r"\`",
        "<": "&lt;",
        ">": "&gt;",
        " ": "&nbsp;",
        "*": "&ast;",
        "_": "&lowbar;",
        **{character: f"&#{ord(character)};" for character in "-.!()$"},
    }
)

Pairs = list[list[Any]]  # [[user, answer or None], ...]; a user's file is (path,)


class Chatbot(TextChatbot):
    """The chatbot with pair histories, where a cell may be a file: in code ``(path,)``."""

    def preprocess(self, payload: Any) -> Pairs:
        pairs = super().preprocess(payload)
        return [
            [(cell["file"]["path"],) if isinstance(cell, dict) else cell for cell in pair] for pair in pairs
        ]

    @staticmethod
    def to_cell(value: Any) -> Any:
        if not isinstance(value, tuple):
            return value
        file = FileData(path=value[0], mime_type=guess_type(value[0])[0])
        return {"file": file.model_dump(), "alt_text": None}


def _qwen2_5_vl(model: str, brain: Brain, slots: int | None) -> Blocks:
    async def predict(_chatbot: Pairs, task_history: Pairs) -> AsyncIterator[Pairs]:
        query = task_history[-1][0]
        if not query:
            return
        turns, images = _read(task_history)
        text = ""
        async for text in answers(brain, "", turns, images, model):
            _chatbot[-1] = [_chatbot[-1][0], to_html(text)]
            yield _chatbot
        # Only now: the Space's history has no answer for a turn that failed or was cancelled.
        task_history[-1] = [query, text]
        yield _chatbot

    async def regenerate(_chatbot: Pairs, task_history: Pairs) -> AsyncIterator[Pairs]:
        if not task_history or task_history[-1][1] is None:
            yield _chatbot
            return
        task_history[-1] = [task_history[-1][0], None]
        _chatbot[-1] = [_chatbot[-1][0], None]
        async for chatbot in predict(_chatbot, task_history):
            yield chatbot

    with Blocks(f"Qwen/{model}") as demo:
        gr.Markdown(f"<center><font size=8>{model}, a local replica</font></center>")
        chatbot = Chatbot(value=[], label=model)
        query = gr.Textbox(lines=2, label="Input")
        task_history = gr.State([])
        with gr.Row():
            upload = gr.UploadButton("📁 Upload", file_types=["image", "video"])
            submit = gr.Button("🚀 Submit")
            again = gr.Button("🤔️ Regenerate")
            empty = gr.Button("🧹 Clear History")
        both = [chatbot, task_history]
        limit = slots or 40  # a guess
        added = submit.click(add_text, inputs=[*both, query], outputs=both)
        added.then(predict, inputs=both, outputs=[chatbot], concurrency_limit=limit)
        submit.click(reset_user_input, inputs=[], outputs=[query])
        empty.click(reset_state, inputs=both, outputs=[chatbot])
        again.click(regenerate, inputs=both, outputs=[chatbot], concurrency_limit=limit)
        upload.upload(add_file, inputs=[*both, upload], outputs=both)
        show_chat(chatbot, escapes={chr(character): escaped for character, escaped in ESCAPES.items()})
    return demo


qwen2_5_vl_72b = partial(_qwen2_5_vl, "Qwen2.5-VL-72B-Instruct")
qwen2_5_vl_32b = partial(_qwen2_5_vl, "Qwen2.5-VL-32B-Instruct")


def add_text(history: Pairs, task_history: Pairs, text: str) -> tuple[Pairs, Pairs]:
    return [*history, [to_html(text), None]], [*task_history, [text, None]]


def add_file(history: Pairs, task_history: Pairs, file: Any) -> tuple[Pairs, Pairs]:
    return [*history, [(str(file),), None]], [*task_history, [(str(file),), None]]


def to_html(text: str) -> str:
    r"""Return a text as the demo shows it: without empty lines, and with what is in code escaped.

    >>> to_html("So:\n\n```py\nf(x)\n```\n*Done*")
    'So:<pre><code class="language-py"><br>f&#40;x&#41;<br></code></pre><br>*Done*'
    """
    parts: list[str] = []
    in_code = False
    for line in filter(None, text.split("\n")):
        if "```" in line:
            in_code = not in_code
            opening = f'<pre><code class="language-{line.rpartition("`")[2]}">'
            parts.append(opening if in_code else "<br></code></pre>")
        else:
            shown = line.translate(ESCAPES) if in_code else line
            parts.append(f"<br>{shown}" if parts else line)
    return "".join(parts)


def reset_user_input() -> str:
    return ""


def reset_state(_chatbot: Pairs, task_history: Pairs) -> Pairs:
    task_history.clear()
    return []


def _read(task_history: Pairs) -> tuple[Turns, list[str]]:
    if isinstance(task_history[-1][0], tuple):
        raise ValueError("A file was sent without a question.")
    images = [user[0] for user, _ in task_history if isinstance(user, tuple)]
    return [(user, bot or "") for user, bot in task_history if not isinstance(user, tuple)], images
