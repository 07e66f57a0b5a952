"""Kind 5: several endpoints that fit. The better one is taken; of equal ones the user chooses one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .app import Expected, Refusal, chat
from .lazy import gr, interface, role_messages
from .model import answer, whole
from .turns import chatbot, count, question, with_answer, with_user


def tie(first: str, second: str) -> Refusal:
    """Return the error of two endpoints that fit equally: it names them, and says how to choose."""
    return Refusal("ContractError", rf"(?s)(?=.*{first}\b)(?=.*{second}\b)(?=.*endpoint=)")


@chat(
    5,
    Expected(
        chain={4: ("/chat_1",), 6: ("/verse",)},
        endpoint="/verse",
        refusal=tie("/prose", "/verse"),
        conversation="native",
        defaults={"form": "verse"},
    ),
    versions=(6,),
)
def tabs_of_interfaces() -> Any:
    """Two ChatInterfaces in tabs."""

    def prose(message: str, history: list[Any]) -> Iterator[str]:
        yield from answer(message, count(history), form="prose")

    def verse(message: str, history: list[Any]) -> Iterator[str]:
        yield from answer(message, count(history), form="verse")

    chats = [gr.ChatInterface(one, **role_messages()) for one in (prose, verse)]
    return gr.TabbedInterface(chats, ["Prose", "Verse"])


@chat(
    5,
    Expected(
        chain=("/chat_1",),
        endpoint="/chat_1",
        refusal=tie("/chat", "/chat_1"),
        conversation="native",
        defaults={"form": "verse"},
    ),
    versions=(4, 5),
)
def tabs_of_numbered_interfaces() -> Any:
    """Two ChatInterfaces in tabs, which Gradio 4 and 5 call /chat and /chat_1."""
    return tabs_of_interfaces()


@chat(
    5,
    Expected(
        chain=("/right",),
        endpoint="/right",
        refusal=tie("/left", "/right"),
        history="native",
        conversation="native",
        defaults={"side": "right"},
    ),
)
def arena() -> Any:
    """Two chats side by side, each with its own box."""

    def respond(side: str, message: str, history: list[Any]) -> Iterator[tuple[str, list[Any]]]:
        for text in answer(message, count(history), side=side):
            yield "", with_answer(with_user(history, message), text)

    def left(message: str, history: list[Any]) -> Iterator[tuple[str, list[Any]]]:
        yield from respond("left", message, history)

    def right(message: str, history: list[Any]) -> Iterator[tuple[str, list[Any]]]:
        yield from respond("right", message, history)

    with gr.Blocks() as demo, gr.Row():
        for side in (left, right):
            with gr.Column():
                board, line = chatbot(), gr.Textbox()
                line.submit(side, [line, board], [line, board])
    return demo


@chat(5, Expected(chain=("/talk",), history="native", conversation="native"))
def chat_and_helpers() -> Any:
    """A chat beside endpoints that take a text and return one: the chat wins."""

    def talk(text: str, board: list[Any]) -> Iterator[tuple[str, list[Any]]]:
        for words in answer(text, count(board)):
            yield "", with_answer(with_user(board, text), words)

    with gr.Blocks() as demo:
        with gr.Tab("Translate"):
            message, result = gr.Textbox(), gr.Textbox()
            gr.Button().click(lambda message: f"translated {message}", message, result, api_name="translate")
            gr.Button().click(lambda message: message.title(), message, result, api_name="title")
        with gr.Tab("Talk"):
            board, line = chatbot(), gr.Textbox()
            line.submit(talk, [line, board], [line, board])
    return demo


@chat(5, Expected(chain=("/generate",)))
def streaming_and_plain() -> Any:
    """Two endpoints of equal inputs and outputs: the one that streams wins."""

    def generate(prompt: str) -> Iterator[str]:
        yield from answer(prompt)

    def generate_once(prompt: str) -> str:
        return whole(prompt)

    with gr.Blocks() as demo:
        prompt, out = gr.Textbox(), gr.Textbox()
        gr.Button("At once").click(generate_once, prompt, out)
        gr.Button("Stream").click(generate, prompt, out)
    return demo


@chat(5, Expected(chain=("/user", "/bot"), history="native", conversation="native"))
def box_and_button() -> Any:
    """The box and the button start the same two steps, which get numbered names."""

    def user(message: str, history: list[Any]) -> tuple[str, list[Any]]:
        return "", with_user(history, message)

    def bot(history: list[Any]) -> Iterator[list[Any]]:
        for text in answer(question(history), count(history)):
            yield with_answer(history, text)

    with gr.Blocks() as demo:
        board, line, send = chatbot(), gr.Textbox(), gr.Button("Send")
        line.submit(user, [line, board], [line, board]).then(bot, board, board)
        send.click(user, [line, board], [line, board]).then(bot, board, board)
    return demo


@chat(5, Expected(chain={4: ("/chat",), 6: ("/respond",)}, conversation="native"))
def interface_and_tool() -> Any:
    """A ChatInterface in one tab, and a gr.Interface from a text to a text in the other."""

    def respond(message: str, history: list[Any]) -> Iterator[str]:
        yield from answer(message, count(history))

    def shorten(text: str) -> Iterator[str]:
        yield text[:10]

    with gr.Blocks() as demo:
        with gr.Tab("Shorten"):
            interface(shorten, gr.Textbox(), gr.Textbox())
        with gr.Tab("Chat"):
            gr.ChatInterface(respond, **role_messages())
    return demo


@chat(
    5,
    Expected(
        chain=("/respond",),
        history="native",
        conversation="native",
        defaults={"model": "small"},
        option=("model", "large"),
    ),
)
def events_while_typing() -> Any:
    """Events of a menu and of typing, with texts as inputs and outputs, beside the chat."""

    def respond(line: str, model: str, board: list[Any]) -> Iterator[tuple[str, list[Any]]]:
        for text in answer(line, count(board), model=model):
            yield "", with_answer(with_user(board, line), text)

    def explain(model: str) -> str:
        return f"This is {model}."

    def measure(text: str) -> str:
        return f"{len(text)} characters"

    with gr.Blocks() as demo:
        model, about = gr.Dropdown(["small", "large"], value="small"), gr.Markdown()
        board, line, size = chatbot(), gr.Textbox(), gr.Textbox(interactive=False)
        model.change(explain, model, about)
        line.change(measure, line, size)
        line.submit(respond, [line, model, board], [line, board])
    return demo
