"""Kind 8: apps that want a login."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

from .app import Expected, Refusal, chat
from .lazy import gr, role_messages
from .model import answer
from .turns import count

SIGN_IN = Refusal("AuthenticationError", r"(?i)(sign|log)(ged)?[- ]?in")


class LoggedOut:
    """An ASGI middleware: a session in which nobody is logged in."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app({**scope, "session": {}}, receive, send)


def without_hub() -> None:
    """Let Gradio's apps know sessions, but not the Hub, whose OAuth it would otherwise look for."""
    routes: Any = importlib.import_module("gradio.routes")
    routes.attach_oauth = lambda app: app.add_middleware(LoggedOut)


@chat(8, Expected(refusal=SIGN_IN))
def login_button() -> Any:
    """A ChatInterface whose function takes an OAuthToken, below a LoginButton."""

    def respond(message: str, history: list[Any], oauth_token: gr.OAuthToken) -> Iterator[str]:
        yield from answer(message, count(history), token=bool(oauth_token))

    without_hub()
    with gr.Blocks() as demo:
        gr.LoginButton()
        gr.ChatInterface(respond, **role_messages())
    return demo


@chat(8, Expected(refusal=SIGN_IN))
def own_login_message() -> Any:
    """The app itself says that one has to sign in."""

    def ask(question: str, profile: gr.OAuthProfile | None) -> Iterator[str]:
        if profile is None:
            raise gr.Error("Please log in with your Hugging Face account first.")
        yield from answer(question)

    without_hub()
    with gr.Blocks() as demo:
        gr.LoginButton()
        question, reply = gr.Textbox(), gr.Markdown()
        question.submit(ask, question, reply)
    return demo
