"""Other apps: no chat in the page, and yet a text for a text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .app import Expected, chat
from .lazy import gr, interface
from .model import answer, whole


@chat(9, Expected(chain=("/predict",), streams=False, defaults={"length": "3"}, option=("length", 9)))
def text_interface() -> Any:
    """A gr.Interface from a text to a text, with a slider."""

    def complete(text: str, length: float) -> str:
        return whole(text, length=int(length))

    return interface(
        complete, [gr.Textbox(), gr.Slider(1, 10, value=3, step=1)], gr.Textbox(), api_name="predict"
    )


@chat(9, Expected(chain=("/explain",)))
def button_and_markdown() -> Any:
    """Blocks with a text, a button and a Markdown."""

    def explain(topic: str) -> Iterator[str]:
        yield from answer(topic)

    with gr.Blocks() as demo:
        topic, report = gr.Textbox(label="Topic"), gr.Markdown()
        gr.Button("Explain").click(explain, topic, report)
        gr.ClearButton([topic, report])
    return demo


@chat(9, Expected(chain=("/explain",)))
def status_line() -> Any:
    """An answer between two lines about the work."""

    def explain(question: str) -> Iterator[tuple[str, str, float]]:
        for text in answer(question):
            yield "Working ...", text, 0.5
        yield "Ready.", text, 1.0

    with gr.Blocks() as demo:
        question, state = gr.Textbox(label="Question"), gr.Textbox(label="Status", interactive=False)
        report, share = gr.Markdown(label="Answer"), gr.Number(label="Progress")
        gr.Button("Explain").click(explain, question, [state, report, share])
    return demo
