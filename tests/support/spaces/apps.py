"""Gradio chat apps that share no code with the replicas, with other contracts. For Gradio 5 and 6."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

SIX = int(gr.__version__.partition(".")[0]) >= 6


def words(text: str) -> Iterator[str]:
    """The text so far, one word longer each time, slowly enough to be streamed."""
    growing = ""
    for word in text.split(" "):
        growing += f"{word} "
        yield growing.rstrip()
        time.sleep(0.02)


def shuffled() -> gr.Blocks:
    """`/model_chat` with its parameters, outputs and components in another order."""

    def model_chat(system: str, history: Any, radio: str, query: str) -> Iterator[Any]:
        for text in words(f"query={query} system={system} radio={radio} history={json.dumps(history)}"):
            yield system, "some other text", [*history, [query, text]], ""

    with gr.Blocks() as demo:
        gr.Markdown("Another order")
        log = gr.Textbox(label="Log")
        chat = gr.JSON([], label="Chat")
        box = gr.Textbox(label="Input")
        radio = gr.Radio(["72B", "7B", "Math-7B"], value="72B")
        system = gr.Textbox("The Space's own.", label="System")
        gr.on([box.submit], lambda text: text, box, log, api_name="update_log")
        gr.on(
            [box.submit],
            model_chat,
            [system, chat, radio, box],
            [system, log, chat, box],
            api_name="model_chat",
        )
    return demo


def turned() -> gr.Blocks:
    """`/generate` with an earlier component, and further outputs after the answer."""

    def generate(picture: str | None, words_: str) -> Iterator[Any]:
        for text in words(f"prompt={words_} image={picture is not None}"):
            yield text, 7

    with gr.Blocks() as demo:
        answer = gr.Textbox(label="Answer")
        count = gr.Number(label="Count")
        words_ = gr.Textbox(label="Text")
        picture = gr.Image(type="filepath", label="Picture")
        gr.Button().click(generate, [picture, words_], [answer, count], api_name="generate")
    return demo


def role_messages() -> gr.Blocks:
    """A chat whose history is role messages: strings on Gradio 5, lists of parts on Gradio 6."""

    def respond(message: str, chat_history: list[dict[str, Any]]) -> Iterator[Any]:
        before = [f"{turn['role']}:{turn['content']}" for turn in chat_history]
        for text in words(f"message={message} before={before}"):
            yield [
                *chat_history,
                {"role": "user", "content": message},
                {"role": "assistant", "content": text},
            ]

    with gr.Blocks() as demo:
        chat = gr.Chatbot(**({} if SIX else {"type": "messages"}))
        box = gr.Textbox()
        box.submit(respond, [box, chat], [chat], api_name="respond")
    return demo


def no_chat() -> gr.Blocks:
    """An app that is no chat."""
    with gr.Blocks() as demo:
        first, second = gr.Number(), gr.Number()
        first.submit(lambda a, b: a + b, [first, second], second, api_name="add")
    return demo


def odd_output() -> gr.Blocks:
    """A chat that answers with a number."""
    with gr.Blocks() as demo:
        box, number = gr.Textbox(), gr.Number()
        box.submit(lambda query: len(query), box, number, api_name="model_chat")
    return demo


def thief() -> gr.Blocks:
    """A chat in several calls, the first of which returns a file that nobody sent."""
    secret = Path(get_upload_folder(), "secret.txt")
    secret.parent.mkdir(parents=True, exist_ok=True)
    secret.write_text("secret")
    file = {"path": str(secret), "meta": {"_type": "gradio.FileData"}}

    def predict(_chatbot: Any) -> Iterator[Any]:
        for text in words(f"chat={json.dumps(_chatbot)}"):
            yield [["Hi", text]]

    with gr.Blocks() as demo:
        chat, text, button = gr.JSON([]), gr.Textbox(), gr.Button()
        picture = gr.Image(type="filepath")
        button.click(lambda history, file: history, [chat, picture], chat, api_name="add_file")
        button.click(lambda history, text: [[file, None]], [chat, text], chat, api_name="add_text")
        button.click(predict, chat, chat, api_name="predict")
    return demo


APPS = {
    "thief": thief,
    "shuffled": shuffled,
    "turned": turned,
    "role_messages": role_messages,
    "no_chat": no_chat,
    "odd_output": odd_output,
}


class Unprefixed:
    """An ASGI app around a Gradio app, without the ``/gradio_api`` prefix, as Gradio 4 had it."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope.get("path", "")
        if path == "/config":
            await self._config(scope, receive, send)
        elif path.startswith("/gradio_api"):
            await send({"type": "http.response.start", "status": 404, "headers": []})
            await send({"type": "http.response.body", "body": b"no such prefix"})
        elif scope["type"] == "http" and path != "/":
            inner = f"/gradio_api{path}"
            await self.app({**scope, "path": inner, "raw_path": inner.encode()}, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _config(self, scope: Any, receive: Any, send: Any) -> None:
        start: dict[str, Any] = {}
        body = b""

        async def collect(message: Any) -> None:
            nonlocal body
            if message["type"] == "http.response.start":
                start.update(message)
            else:
                body += message.get("body", b"")

        await self.app(scope, receive, collect)
        config = json.loads(body)
        config["api_prefix"] = ""
        config["version"] = "4.44.1"
        body = json.dumps(config).encode()
        headers = [(name, value) for name, value in start["headers"] if name != b"content-length"]
        await send({**start, "headers": [*headers, (b"content-length", str(len(body)).encode())]})
        await send({"type": "http.response.body", "body": body})
