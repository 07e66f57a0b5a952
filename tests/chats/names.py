"""Kind 3: names that say little. What a component is, and where it stands, says more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .app import Expected, chat
from .lazy import gr, role_messages
from .model import answer, whole
from .turns import chatbot, count, with_answer, with_user


@chat(3, Expected(chain={4: ("/chat",), 6: ("/lambda_2",)}, conversation="native", streams=False))
def lambda_interface() -> Any:
    """A ChatInterface of a lambda, whose endpoint Gradio 6 calls by a number."""
    return gr.ChatInterface(lambda message, history: whole(message, count(history)), **role_messages())


@chat(
    3,
    Expected(chain={4: ("/chat",), 6: ("/lambda_2",)}, conversation="native", images=2, streams=False),
)
def multimodal_lambda() -> Any:
    """A multimodal ChatInterface of a lambda."""
    return gr.ChatInterface(
        lambda message, history: whole(message["text"], count(history), images=len(message["files"])),
        multimodal=True,
        **role_messages(),
    )


@chat(3, Expected(chain=("/predict",), history="native", conversation="native"))
def underscores() -> Any:
    """/predict(_query, _chatbot)."""

    def predict(_query: str, _chatbot: list[Any]) -> Iterator[tuple[list[Any], str]]:
        for text in answer(_query, count(_chatbot)):
            yield with_answer(with_user(_chatbot, _query), text), ""

    with gr.Blocks() as demo:
        board, line = chatbot(), gr.Textbox(lines=2)
        line.submit(predict, [line, board], [board, line])
    return demo


@chat(3, Expected(chain=("/go",), history="native", conversation="native", system="native"))
def odd_names() -> Any:
    """/go(sys, assistant_prompt, cbthst): the system prompt is the first of two text boxes."""

    def go(sys: str, assistant_prompt: str, cbthst: list[Any]) -> Iterator[tuple[str, list[Any]]]:
        for text in answer(assistant_prompt, count(cbthst), sys):
            yield "", with_answer(with_user(cbthst, assistant_prompt), text)

    with gr.Blocks() as demo:
        rules = gr.Textbox(label="System prompt")
        board = chatbot(label="Assistant")
        line = gr.Textbox(placeholder="Ask me anything")
        line.submit(go, [rules, line, board], [line, board])
    return demo


@chat(3, Expected(chain=("/ask",), history="native", conversation="native"))
def short_names() -> Any:
    """/ask(q, messages), a chat of messages with roles."""

    def ask(q: str, messages: list[Any]) -> Iterator[tuple[str, list[Any]]]:
        for text in answer(q, count(messages)):
            before = [*messages, {"role": "user", "content": q}]
            yield "", [*before, {"role": "assistant", "content": text}]

    with gr.Blocks() as demo:
        board, line = gr.Chatbot(**role_messages()), gr.Textbox()
        gr.Button("Ask").click(ask, [line, board], [line, board])
    return demo


@chat(
    3,
    Expected(
        chain=("/process",),
        system="native",
        defaults={"style": "plain"},
        option=("style", "short"),
    ),
)
def inputs_and_labels() -> Any:
    """/process(inputs, system_prompt_input_value, style): only labels and places tell them apart."""

    def process(inputs: str, system_prompt_input_value: str, style: str) -> Iterator[str]:
        yield from answer(inputs, system=system_prompt_input_value, style=style)

    with gr.Blocks() as demo, gr.Row():
        with gr.Column():
            style = gr.Textbox("plain", label="Style")
            system = gr.Textbox(label="System prompt", lines=4)
            inputs = gr.Textbox(label="Your message")
            run = gr.Button("Run", variant="primary")
        out = gr.Textbox(label="Response", interactive=False)
        run.click(process, [inputs, system, style], out)
    return demo


@chat(3, Expected(chain=("/fn",), history="native", conversation="native"))
def no_telling_names() -> Any:
    """/fn(a, b): a text box that is emptied, and a Chatbot."""

    def fn(a: list[Any], b: str) -> Iterator[tuple[list[Any], str]]:
        for text in answer(b, count(a)):
            yield with_answer(with_user(a, b), text), ""

    with gr.Blocks() as demo:
        board, line = chatbot(), gr.Textbox()
        line.submit(fn, [board, line], [board, line])
    return demo
