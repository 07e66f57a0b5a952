"""`Qwen/QVQ-72B-preview`: one image or none and a prompt, at ``/generate``; no history, no system.

The Space's own source is not public: its parameter names and layout are guesses, so pass arguments by
position.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import gradio as gr

from .blocks import Blocks
from .brain import Brain
from .components import Image
from .runner import answers


def qvq_72b(brain: Brain, slots: int | None) -> gr.Blocks:
    """`slots`: answers at once (40; the Space's own is not known)."""

    async def generate(image: str | None, query: str) -> AsyncIterator[str]:
        async for text in answers(brain, "", [], query or "", [image] if image else [], "QVQ-72B-Preview"):
            yield text

    demo = Blocks("Qwen/QVQ-72B-preview")
    with demo:
        gr.Markdown("<center><font size=8>QVQ-72B-Preview, a local replica</font></center>")
        with gr.Row():
            with gr.Column():
                image = Image(type="filepath", label="Image")
                query = gr.Textbox(label="Question")
                send = gr.Button("Submit")
            with gr.Column():
                answer = gr.Markdown(label="Answer")
        send.click(generate, inputs=[image, query], outputs=[answer], concurrency_limit=slots or 40)
    return demo
