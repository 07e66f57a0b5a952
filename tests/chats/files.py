"""Kind 2 too: files beside an answer. They come with the reply, and leave its text as it is."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .app import Expected, chat
from .lazy import gr, major, role_messages
from .model import answer
from .turns import chatbot, count, with_answer, with_user


def drawing() -> str:
    """Draw a picture where Gradio may serve it from, and return its path."""
    from PIL import Image

    folder = Path(os.environ.get("GRADIO_TEMP_DIR", tempfile.gettempdir()))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "drawing.png"
    if not path.exists():
        Image.new("RGB", (8, 8), "green").save(path)
    return str(path)


@chat(2, Expected(chain=("/draw",), files=1))
def picture_beside_text() -> Any:
    """A Markdown and an Image are filled together."""

    def draw(request: str) -> Iterator[tuple[str, str]]:
        for text in answer(request):
            yield text, drawing()

    with gr.Blocks() as demo:
        request = gr.Textbox(label="Request")
        report, picture = gr.Markdown(), gr.Image(type="filepath")
        gr.Button("Draw").click(draw, request, [report, picture])
    return demo


@chat(2, Expected(chain=("/respond",), history="native", conversation="native", files=1))
def picture_after_text() -> Any:
    """A picture is the last bubble of a chat, after the text."""

    def respond(message: str, history: list[Any]) -> Iterator[tuple[str, list[Any]]]:
        for text in answer(message, count(history)):
            talked = with_answer(with_user(history, message), text)
            yield "", talked
        if major() < 6:
            yield "", [*talked, [None, (drawing(),)]]
        else:
            yield "", [*talked, {"role": "assistant", "content": {"path": drawing()}}]

    with gr.Blocks() as demo:
        board, line = chatbot(), gr.Textbox()
        line.submit(respond, [line, board], [line, board])
    return demo


@chat(2, Expected(chain=("/respond",), history="native", conversation="native", files=1), versions=(5, 6))
def picture_as_component() -> Any:
    """A message whose content is a component, before the text."""

    def respond(message: str, history: list[Any]) -> Iterator[tuple[str, list[Any]]]:
        before = [*history, {"role": "user", "content": message}]
        before.append({"role": "assistant", "content": gr.Image(drawing())})
        for text in answer(message, count(history)):
            yield "", [*before, {"role": "assistant", "content": text}]

    with gr.Blocks() as demo:
        board, line = gr.Chatbot(**role_messages()), gr.Textbox()
        line.submit(respond, [line, board], [line, board])
    return demo
