"""`Qwen/Qwen2.5-VL-72B-Instruct`: images and text in pairs, and a hidden history of its own in the session.

Names and behaviour are those of QwenLM's own demo, ``web_demo_mm.py``, and of callers of the Space (read
2026-11, Gradio 5); that the Space's text is not turned into HTML, as the demo's is, is likely: callers read
plain JSON from it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from mimetypes import guess_type
from typing import Any

import gradio as gr
from gradio.data_classes import FileData

from .blocks import Blocks
from .brain import Brain
from .components import Chatbot as TextChatbot
from .components import Pairs
from .runner import answers

Turns = list[list[Any]]  # [[user, answer or None], ...]; a user's file is (path,)


class Chatbot(TextChatbot):  # type: ignore[metaclass]
    """The chatbot with pair histories, where a cell may be a file: in code ``(path,)``."""

    def preprocess(self, payload: Pairs | None) -> Turns:
        """Return the history as the Space's own code reads it."""
        return [[_as_path(cell) for cell in pair] for pair in super().preprocess(payload)]

    def postprocess(self, value: Turns | None) -> Pairs:
        """Return the history as it travels."""
        return Pairs(root=[(_as_file(user), _as_file(bot)) for user, bot in value or []])


def _as_path(cell: Any) -> Any:
    return (cell["file"]["path"],) if isinstance(cell, dict) else cell


def _as_file(cell: Any) -> Any:
    if not isinstance(cell, tuple):
        return cell
    return {"file": FileData(path=cell[0], mime_type=guess_type(cell[0])[0]).model_dump(), "alt_text": None}


def qwen2_5_vl_72b(brain: Brain, slots: int | None) -> gr.Blocks:
    """`slots`: answers at once (40; the Space's own is not known)."""

    async def predict(_chatbot: Turns, task_history: Turns) -> AsyncIterator[Turns]:
        query = task_history[-1][0]
        if not query:
            return
        turns, images = _asked(task_history)
        *earlier, (prompt, _) = turns
        text = ""
        async for text in answers(brain, "", earlier, prompt, images, "Qwen2.5-VL-72B-Instruct"):
            _chatbot[-1] = [_chatbot[-1][0], text]
            yield _chatbot
        # Only now: a turn that failed or was cancelled has no answer in the Space's own history.
        task_history[-1] = [query, text]
        yield _chatbot

    async def regenerate(_chatbot: Turns, task_history: Turns) -> AsyncIterator[Turns]:
        if not task_history or task_history[-1][1] is None:
            yield _chatbot
            return
        task_history[-1] = [task_history[-1][0], None]
        _chatbot[-1] = [_chatbot[-1][0], None]
        async for chatbot in predict(_chatbot, task_history):
            yield chatbot

    space = "Qwen/Qwen2.5-VL-72B-Instruct"
    demo = Blocks(space)
    with demo:
        gr.Markdown("<center><font size=8>Qwen2.5-VL-72B-Instruct, a local replica</font></center>")
        chatbot = Chatbot(value=[], label="Qwen2.5-VL-72B-Instruct")
        query = gr.Textbox(lines=2, label="Input")
        task_history = gr.State([])
        with gr.Row():
            upload = gr.UploadButton("📁 Upload", file_types=["image", "video"])
            submit = gr.Button("🚀 Submit")
            again = gr.Button("🤔️ Regenerate")
            empty = gr.Button("🧹 Clear History")
        both = [chatbot, task_history]
        limit = slots or 40
        asked = submit.click(add_text, inputs=[*both, query], outputs=both)
        asked.then(predict, inputs=both, outputs=[chatbot], concurrency_limit=limit)
        submit.click(reset_user_input, inputs=[], outputs=[query])
        empty.click(reset_state, inputs=both, outputs=[chatbot])
        again.click(regenerate, inputs=both, outputs=[chatbot], concurrency_limit=limit)
        upload.upload(add_file, inputs=[*both, upload], outputs=both)
    return demo


def add_text(history: Turns, task_history: Turns, text: str) -> tuple[Turns, Turns]:
    """Return a question, not yet answered."""
    return [*history, [text, None]], [*task_history, [text, None]]


def add_file(history: Turns, task_history: Turns, file: Any) -> tuple[Turns, Turns]:
    """Return an image for the next question."""
    return [*history, [(str(file),), None]], [*task_history, [(str(file),), None]]


def reset_user_input() -> str:
    """Return an empty line."""
    return ""


def reset_state(_chatbot: Turns, task_history: Turns) -> Turns:
    """Return an empty chat."""
    task_history.clear()
    return []


def _asked(task_history: Turns) -> tuple[list[tuple[str, str]], list[str]]:
    """Return the turns as (user, assistant), and all images."""
    files = [user[0] for user, _ in task_history if isinstance(user, tuple)]
    turns = [(user, bot or "") for user, bot in task_history if not isinstance(user, tuple)]
    if isinstance(task_history[-1][0], tuple):
        raise ValueError("A file was sent, and no question.")
    return turns, files
