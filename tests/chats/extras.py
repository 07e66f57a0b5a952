"""Kind 4: inputs that nobody asked about, and that a page sends as they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .app import Expected, Refusal, chat
from .lazy import gr, role_messages
from .model import answer
from .turns import chatbot, count, with_answer, with_user


@chat(
    4,
    Expected(
        chain=("/respond",), history="native", conversation="native", defaults={"media": "none"}, images=1
    ),
)
def empty_media() -> Any:
    """An Audio, a Video, a File, an Image and a MultimodalTextbox beside the text."""

    def respond(
        text: str, audio: Any, video: Any, file: Any, image: Any, note: Any, history: list[Any]
    ) -> Iterator[tuple[str, list[Any]]]:
        given = [audio, video, file, (note or {}).get("text") or (note or {}).get("files")]
        media = "some" if any(given) else "none"
        for words in answer(text, count(history), images=int(image is not None), media=media):
            yield "", with_answer(with_user(history, text), words)

    with gr.Blocks() as demo:
        board, text = chatbot(), gr.Textbox(label="Message")
        with gr.Accordion("Attach", open=False):
            media = [gr.Audio(), gr.Video(), gr.File(), gr.Image(type="filepath")]
            note = gr.MultimodalTextbox(label="Note")
        text.submit(respond, [text, *media, note, board], [text, board])
    return demo


@chat(
    4,
    Expected(
        chain=("/respond",),
        defaults={"temperature": "0.5", "stop": "False", "size": "small", "count": "3", "mode": "None"},
        option=("size", "large"),
    ),
)
def bare_controls() -> Any:
    """A slider with a minimum only, a checkbox, a dropdown, a number, and a radio without a value."""

    def respond(
        prompt: str, temperature: float, stop: bool, size: str, count: float, mode: str | None
    ) -> Iterator[str]:
        yield from answer(prompt, temperature=temperature, stop=stop, size=size, count=int(count), mode=mode)

    with gr.Blocks() as demo:
        prompt, out = gr.Textbox(label="Prompt"), gr.Textbox(label="Answer")
        with gr.Row():
            warmth = gr.Slider(minimum=0.5, maximum=1.5, step=0.1)
            stop = gr.Checkbox(label="Stop early")
            size = gr.Dropdown(["small", "large"], value="small")
            count = gr.Number(3, precision=0)
            mode = gr.Radio(["a", "b"])
        gr.Button("Send").click(respond, [prompt, warmth, stop, size, count, mode], out)
    return demo


@chat(
    4,
    Expected(
        chain={4: ("/chat",), 6: ("/respond",)},
        conversation="native",
        system="native",
        defaults={"temperature": "0.1", "voice": "none"},
        option=("temperature", 1.5),
    ),
)
def additional_inputs() -> Any:
    """A ChatInterface with a system prompt, a slider without a value and an Audio as additional inputs."""

    def respond(
        message: str, history: list[Any], system_message: str, temperature: float, voice: Any
    ) -> Iterator[str]:
        heard = "some" if voice else "none"
        yield from answer(message, count(history), system_message, temperature=temperature, voice=heard)

    return gr.ChatInterface(
        respond,
        additional_inputs=[
            gr.Textbox(label="System message"),
            gr.Slider(0.1, 2.0, step=0.1, label="Temperature"),
            gr.Audio(label="Voice"),
        ],
        **role_messages(),
    )


@chat(
    4,
    Expected(
        chain=("/respond",),
        history="native",
        conversation="native",
        defaults={"session": "s-1"},
    ),
)
def hidden_textbox() -> Any:
    """A text box that nobody sees, with a value, before the one in which the user writes."""

    def respond(session: str, text: str, history: list[Any]) -> Iterator[tuple[str, list[Any]]]:
        for words in answer(text, count(history), session=session):
            yield "", with_answer(with_user(history, text), words)

    with gr.Blocks() as demo:
        session = gr.Textbox("s-1", visible=False)
        board, text = chatbot(), gr.Textbox()
        text.submit(respond, [session, text, board], [text, board])
    return demo


@chat(
    4,
    Expected(refusal=Refusal("UnsupportedOptionError", r"needs.*size|size.*(number|integer|numeric)")),
    versions=(5, 6),
)
def required_argument() -> Any:
    """gr.api with an argument that no page shows and that has no default: only the user knows it."""

    def generate(prompt: str, size: int) -> Iterator[str]:
        yield from answer(prompt, size=size)

    with gr.Blocks() as demo:
        gr.api(generate, api_name="generate")
    return demo
