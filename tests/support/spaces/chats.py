"""Chat apps as people write them, each in its own way: nothing of the replicas, nothing of one another.

They are for `GradioChat`, which knows none of them. Gradio 5 and 6; what differs there is marked with `SIX`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

SIX = int(gr.__version__.partition(".")[0]) >= 6
MESSAGES: dict[str, Any] = {} if SIX else {"type": "messages"}


def settings() -> gr.Blocks:
    """A ChatInterface with four kinds of settings below it."""

    def respond(
        message: str,
        history: list[Any],
        system_message: str,
        max_tokens: int,
        temperature: float,
        style: str,
        shout: bool,
    ) -> Iterator[str]:
        facts = f"{message} | {system_message} | {max_tokens} {temperature} {style} {shout} | {len(history)}"
        for end in range(0, len(facts) + 8, 8):
            time.sleep(0.01)
            yield facts[:end]

    return gr.ChatInterface(
        respond,
        additional_inputs=[
            gr.Textbox("You are friendly.", label="System message"),
            gr.Slider(1, 2048, value=512, step=1, label="Max new tokens"),
            gr.Slider(0.1, 4.0, value=0.7, step=0.1, label="Temperature"),
            gr.Radio(["plain", "poem"], value="plain", label="Style"),
            gr.Checkbox(False, label="Shout"),
        ],
        **MESSAGES,
    )


def pictures() -> gr.Blocks:
    """A multimodal ChatInterface."""

    def look(message: dict[str, Any], history: list[Any]) -> Iterator[str]:
        answer = f"{message['text']!r} with {len(message['files'])} files"
        yield answer
        for file in message["files"]:
            time.sleep(0.01)
            answer += f", one of {len(Path(file).read_bytes())} bytes"
            yield answer

    return gr.ChatInterface(look, multimodal=True, **MESSAGES)


def thinker() -> gr.Blocks:
    """A ChatInterface that answers at once, with a thought and a text."""

    def ponder(message: str, history: list[Any]) -> list[Any]:
        thought = gr.ChatMessage(
            role="assistant", content=f"What is {message}?", metadata={"title": "Thinking"}
        )
        return [thought, {"role": "assistant", "content": f"{message} is {message}."}]

    return gr.ChatInterface(ponder, **MESSAGES)


class Counsel:
    """Blocks that keep pairs in a JSON component, and name their inputs in their own way."""

    def ask(self, question: str, chat_history: list[list[str]], sys_prompt: str) -> Iterator[tuple[Any, str]]:
        turns = [f"{who} -> {what}" for who, what in chat_history]
        answer = ""
        for piece in (f"Q: {question}", f" S: {sys_prompt}", f" H: {turns}"):
            answer += piece
            time.sleep(0.01)
            yield [*chat_history, [question, answer]], ""

    def build(self) -> gr.Blocks:
        with gr.Blocks() as demo:
            log = gr.JSON(value=[])
            with gr.Row():
                line, rules = gr.Textbox(), gr.Textbox(value="Be wise.")
                gr.Button("Ask").click(self.ask, [line, log, rules], [log, line], api_name="consult")
            gr.Button("Forget").click(list, None, log, api_name="forget")
        return demo


def shouter() -> gr.Blocks:
    """A gr.Interface from one text to another, with a slider."""

    def transform(sentence: str, times: float) -> str:
        return " ".join([sentence.upper()] * int(times))

    return gr.Interface(transform, [gr.Textbox(label="Sentence"), gr.Slider(1, 5, 1, step=1)], "text")


def eye() -> gr.Blocks:
    """A picture and a question, beside buttons for this and that."""

    def describe(photo: Any, question: str) -> str:
        seen = "nothing" if photo is None else f"{photo.size[0]}x{photo.size[1]} pixels"
        return f"**{question}** I see {seen}."

    with gr.Blocks() as demo, gr.Tab("Look"):
        photo = gr.Image(type="pil")
        question = gr.Textbox()
        report = gr.Markdown()
        gr.Button("Describe").click(describe, [photo, question], report)
        gr.Button("Clear").click(
            lambda: (None, "", ""), None, [photo, question, report], api_name="clear_all"
        )
        gr.Button("Undo").click(lambda text: text, question, question, api_name="undo")
        gr.Button("Like").click(lambda text: None, report, None, api_name="like")
    return demo


def two_chats() -> gr.Blocks:
    """Two chats, neither before the other."""
    with gr.Blocks() as demo:
        first, second, out = gr.Textbox(), gr.Textbox(), gr.Textbox()
        first.submit(lambda message: f"first {message}", first, out, api_name="first")
        second.submit(lambda message: f"second {message}", second, out, api_name="second")
    return demo


def coder_with_sliders() -> gr.Blocks:
    """`/model_chat` as the public source of Qwen2.5-Coder's demo has it: sliders in place of a radio."""

    def model_chat(
        query: str, history: Any, system: str, temperature: float, top_p: float, max_length: float
    ) -> Iterator[Any]:
        facts = f"{query} after {history} as {system}: {temperature=} {top_p=} max_length={int(max_length)}"
        for end in range(0, len(facts) + 8, 8):
            time.sleep(0.01)
            yield "", [*history, [query, facts[:end]]], system

    with gr.Blocks() as demo:
        chat = gr.JSON([], label="Chat")
        system = gr.Textbox("You are Qwen.", label="System")
        query = gr.Textbox(label="Input")
        sliders = [gr.Slider(0, 1, 0.7), gr.Slider(0, 1, 0.8), gr.Slider(1, 2048, 512, step=1)]
        query.submit(model_chat, [query, chat, system, *sliders], [query, chat, system])
    return demo


def talker() -> gr.Blocks:
    """A chat that tells its users what it does meanwhile, in each of Gradio's ways."""

    def respond(message: str) -> Iterator[str]:
        gr.Info("Waiting for a <b>GPU</b>")
        gr.Warning("Falling back to IP-based quotas", title="ZeroGPU client")
        gr.Info("unseen", visible=False)
        if "[[long]]" in message:
            gr.Info("\x1b[31m&lt;script&gt; " + "x" * 100_000)
        yield "You"
        time.sleep(0.1)
        gr.Info("Half-way")
        yield f"You said: {message}"

    with gr.Blocks() as demo:
        box, answer = gr.Textbox(), gr.Textbox()
        box.submit(respond, box, answer, api_name="chat")
    return demo


def needs_login() -> gr.Blocks:
    """A ChatInterface that acts for the user who is signed in."""

    def respond(message: str, history: list[Any], hf_token: gr.OAuthToken) -> Iterator[str]:
        yield f"{message} {history} {hf_token.token}"

    return gr.ChatInterface(respond, **MESSAGES)


def wants_login() -> gr.Blocks:
    """A chat that fails without a user who is signed in, with or without words of its own."""

    def respond(message: str, token: gr.OAuthToken | None) -> str:
        if "[[candid]]" in message and token is None:
            raise gr.Error("Please <b>log in</b> to Hugging Face first.")
        return token.token  # type: ignore[union-attr]

    with gr.Blocks() as demo:
        box, answer = gr.Textbox(), gr.Textbox()
        box.submit(respond, box, answer, api_name="chat")
        # What a `gr.LoginButton` brings, which needs the Hub: Gradio 5 says nothing else of a login.
        gr.Button("Sign in").click(None, js="() => window.open('/login/huggingface?_target_url=/')")
    return demo


CHATS = {
    "talker": talker,
    "needs-login": needs_login,
    "wants-login": wants_login,
    "coder-with-sliders": coder_with_sliders,
    "settings": settings,
    "pictures": pictures,
    "thinker": thinker,
    "counsel": Counsel().build,
    "shouter": shouter,
    "eye": eye,
    "two_chats": two_chats,
}
