"""Kind 1 too: steps after the answer, and steps that nobody but the page may call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .app import Expected, Refusal, chat
from .chains import reply
from .lazy import gr, private
from .turns import chatbot, with_user


@chat(1, Expected(chain=("/user", "/bot"), history="native", conversation="native"))
def title_afterwards() -> Any:
    """A step after the answer writes a title, which is no part of it."""

    def user(message: str, history: list[Any]) -> tuple[str, list[Any]]:
        return "", with_user(history, message)

    def bot(history: list[Any]) -> Iterator[list[Any]]:
        yield from reply(history)

    def name_it(history: list[Any]) -> str:
        return f"A chat of {len(history)} lines"

    with gr.Blocks() as demo:
        title, board, line = gr.Textbox(label="Title"), chatbot(), gr.Textbox()
        sent = line.submit(user, [line, board], [line, board])
        sent.then(bot, board, board).then(name_it, board, title)
    return demo


@chat(1, Expected(chain=("/bot",), history="native", conversation="native"))
def private_step() -> Any:
    """The first step is private, but the second takes a chat to which we add the message ourselves."""

    def user(message: str, history: list[Any]) -> tuple[str, list[Any]]:
        return "", with_user(history, message)

    def bot(history: list[Any]) -> Iterator[list[Any]]:
        yield from reply(history)

    with gr.Blocks() as demo:
        board, line = chatbot(), gr.Textbox()
        line.submit(user, [line, board], [line, board], **private()).then(bot, board, board)
    return demo


@chat(1, Expected(refusal=Refusal("ContractError", r"/bot\(\)")))
def private_state() -> Any:
    """A private first step keeps the message in a State, so that no client can send one."""

    def keep(message: str) -> tuple[str, str]:
        return "", message

    def bot(kept: str) -> Iterator[list[Any]]:
        yield from reply(with_user([], kept))

    with gr.Blocks() as demo:
        board, kept, line = chatbot(), gr.State(""), gr.Textbox()
        line.submit(keep, line, [line, kept], **private()).then(bot, kept, board)
    return demo
