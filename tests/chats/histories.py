"""Kind 6: the history lives in the app."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .app import Expected, chat
from .lazy import gr, major, role_messages
from .model import answer
from .turns import chatbot, count, question, with_answer, with_user


@chat(6, Expected(chain=("/respond",), conversation="native"))
def state_and_text() -> Any:
    """The history is a State; the page shows the last answer as a text."""

    def respond(message: str, past: list[tuple[str, str]]) -> Iterator[tuple[str, Any]]:
        for text in answer(message, len(past)):
            yield text, [*past, (message, text)]

    with gr.Blocks() as demo:
        past, line, out = gr.State([]), gr.Textbox(label="Message"), gr.Textbox(label="Answer")
        line.submit(respond, [line, past], [out, past])
    return demo


everyone: list[str] = []


@chat(6, Expected(chain=("/respond",), conversation=None))
def module_global() -> Any:
    """The history is a global of the module, which all users share."""

    def respond(message: str) -> Iterator[str]:
        before = len(everyone)
        everyone.append(message)
        yield from answer(message, before)

    with gr.Blocks() as demo:
        line, out = gr.Textbox(label="Message"), gr.Markdown()
        line.submit(respond, line, out)
    return demo


@chat(6, Expected(chain={4: ("/chat",), 6: ("/respond",)}, conversation="native"))
def interface() -> Any:
    """A plain ChatInterface."""

    def respond(message: str, history: list[Any]) -> Iterator[str]:
        yield from answer(message, count(history))

    return gr.ChatInterface(respond, **role_messages())


@chat(6, Expected(chain={4: ("/chat",), 6: ("/respond",)}, conversation="native"), versions=(4, 5))
def interface_of_pairs() -> Any:
    """A ChatInterface whose history is pairs, as it was by default."""

    def respond(message: str, history: list[Any]) -> Iterator[str]:
        yield from answer(message, count(history))

    return gr.ChatInterface(respond, **({"type": "tuples"} if major() == 5 else {}))


@chat(6, Expected(chain={4: ("/chat",), 6: ("/respond",)}, conversation="native"), versions=(5, 6))
def saved_and_edited() -> Any:
    """A ChatInterface with saved conversations, messages that can be edited, and examples."""

    def respond(message: str, history: list[Any]) -> Iterator[str]:
        yield from answer(message, count(history))

    return gr.ChatInterface(
        respond, save_history=True, editable=True, examples=["Hello", "Who are you?"], **role_messages()
    )


@chat(6, Expected(chain=("/send", "/complete"), history="native", conversation="native"))
def undo_and_retry() -> Any:
    """Two steps beside Undo, Retry and Clear, of which Retry starts the second step as well."""

    def send(message: str, history: list[Any]) -> tuple[str, list[Any]]:
        return "", with_user(history, message)

    def complete(history: list[Any]) -> Iterator[list[Any]]:
        for text in answer(question(history), count(history)):
            yield with_answer(history, text)

    def take_back(history: list[Any]) -> list[Any]:
        return history[:-1]

    with gr.Blocks() as demo:
        board, line = chatbot(), gr.Textbox()
        with gr.Row():
            retry, undo, clear = gr.Button("Retry"), gr.Button("Undo"), gr.Button("Clear")
        line.submit(send, [line, board], [line, board]).then(complete, board, board)
        retry.click(take_back, board, board, api_name="retry").then(complete, board, board)
        undo.click(take_back, board, board, api_name="undo")
        clear.click(list, None, board, api_name="clear")
        gr.Examples(["Hello", "Who are you?"], line)
    return demo


@chat(6, Expected(chain=("/respond",), conversation="native"))
def chatbot_for_show() -> Any:
    """The Chatbot is an output alone; what the model gets is a State."""

    def respond(message: str, memory: list[Any]) -> Iterator[tuple[str, list[Any], list[Any]]]:
        for text in answer(message, count(memory)):
            talked = with_answer(with_user(memory, message), text)
            yield "", talked, talked

    with gr.Blocks() as demo:
        board, memory, line = chatbot(), gr.State([]), gr.Textbox()
        line.submit(respond, [line, memory], [line, board, memory])
    return demo


@chat(6, Expected(chain=("/respond",), history="native", conversation="native"))
def greeting() -> Any:
    """A Chatbot that begins with a greeting, which is no part of an answer."""

    def respond(message: str, history: list[Any]) -> Iterator[tuple[str, list[Any]]]:
        for text in answer(message, count(history)):
            yield "", with_answer(with_user(history, message), text)

    hello = "How can I help?"
    with gr.Blocks() as demo:
        first = [[None, hello]] if major() < 6 else [{"role": "assistant", "content": hello}]
        board, line = chatbot(value=first), gr.Textbox()
        line.submit(respond, [line, board], [line, board])
    return demo
