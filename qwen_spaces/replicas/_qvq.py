"""`Qwen/QVQ-72B-preview`: an optional image and a prompt, at ``/generate``; no history, no system prompt.

The Space's source is not public. Its layout, its limit of 40 answers at once and its parameter names are
guesses, so pass arguments by position.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import gradio as gr

from ._blocks import Blocks
from ._brain import Brain
from ._chat_page import show_answers
from ._components import Image, Markdown
from ._runner import answers


def qvq_72b(brain: Brain, slots: int | None) -> Blocks:
    async def generate(image: str | None, query: str) -> AsyncIterator[str]:
        images = [image] if image else []
        async for text in answers(brain, "", [(query or "", "")], images, "QVQ-72B-Preview"):
            yield text

    with Blocks("Qwen/QVQ-72B-preview") as demo:
        gr.Markdown("<center><font size=8>QVQ-72B-Preview, a local replica</font></center>")
        with gr.Row():
            with gr.Column():
                image = Image(type="filepath", label="Image")
                query = gr.Textbox(label="Question")
                send = gr.Button("Submit")
            with gr.Column():
                answer = Markdown(label="Answer")
        question = [image, query]
        sent = send.click(generate, inputs=question, outputs=[answer], concurrency_limit=slots or 40)
        show_answers(sent, question, answer)
    return demo
