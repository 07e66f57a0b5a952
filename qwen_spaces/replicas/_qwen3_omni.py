"""`Qwen/Qwen3-Omni-Demo` and `Qwen/Qwen3.5-Omni-Offline-Demo`: text, an image, and an answer with its audio.

The endpoint, its inputs and outputs and the order of steps are those of Qwen's public web demo and of
callers of the Spaces (read 2026-11, Gradio 5). ``return_audio`` and ``enable_thinking`` are inputs of some
deployments only: here, of the first Space. The demo's tab for a microphone and a camera is missing, the
ranges of the sliders are guesses, and thinking changes nothing.
"""

from __future__ import annotations

import inspect
import tempfile
import wave
from collections.abc import AsyncIterator, Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import gradio as gr

from ._blocks import Blocks
from ._brain import Brain
from ._chat_page import show_chat
from ._components import Image, WithoutStub
from ._runner import Turns, answers, as_turns

# Gradio 5 deprecates the default of `allow_tags`.
MESSAGES: dict[str, Any] = {} if gr.__version__ >= "6" else {"type": "messages", "allow_tags": True}
INPUTS = ("text", "audio", "image", "video", "history", "system_prompt", "temperature", "top_p", "top_k")
SECOND = 8000  # samples of a second of sound

History = list[dict[str, Any]]
Step = tuple[Any, Any, Any, Any, History]


class Chatbot(gr.Chatbot, metaclass=WithoutStub):
    """The chatbot, which the page shows elsewhere: Gradio's own would let HTML through."""

    def get_block_name(self) -> str:
        return "json"


def _omni(space_id: str, model: str, choices: Sequence[str], brain: Brain, slots: int | None) -> Blocks:
    """Build one of the apps; `choices` are the names of its further inputs."""

    async def answered(
        text: str, image: str | None, history: History, system: str, *, speak: bool
    ) -> AsyncIterator[Step]:
        added = [text] if text else []
        history = [*history, *({"role": "user", "content": each} for each in added)]
        if image:
            history.append({"role": "user", "content": {"path": image}})
        yield None, None, None, None, history
        turns, images = _read(history)
        answer: dict[str, Any] = {"role": "assistant", "content": ""}
        history.append(answer)
        async for answer["content"] in answers(brain, system, turns, images, model):
            yield gr.skip(), gr.skip(), gr.skip(), gr.skip(), history
        if speak and answer["content"]:
            history.append({"role": "assistant", "content": gr.Audio(_sound())})
        yield gr.skip(), gr.skip(), gr.skip(), gr.skip(), history

    with Blocks(space_id) as demo:
        gr.Markdown(f"<center><font size=8>{model}, a local replica</font></center>")
        chatbot = Chatbot(label=model, **MESSAGES)
        text = gr.Textbox(show_label=False)
        with gr.Row():
            audio = gr.Audio(sources=["upload"], type="filepath")
            image = Image(sources=["upload"], type="filepath")
            video = gr.Video(sources=["upload"])
        system = gr.Textbox(label="System prompt")
        temperature = gr.Slider(0.1, 2.0, value=0.6, step=0.1, label="Temperature")
        top_p = gr.Slider(0.05, 1.0, value=0.95, step=0.05, label="Top P")
        top_k = gr.Slider(1, 100, value=20, step=1, label="Top K")
        boxes = [gr.Checkbox(value=True, label=name) for name in choices]
        send, clear = gr.Button("Submit"), gr.Button("Clear history")
        inputs = [text, audio, image, video, chatbot, system, temperature, top_p, top_k, *boxes]
        send.click(
            _predict(answered, (*INPUTS, *choices)),
            inputs,
            [text, audio, image, video, chatbot],
            api_name="chat_predict",
            concurrency_limit=slots or 40,
        )
        clear.click(list, None, chatbot, api_name="clear_history_offline")
        show_chat(chatbot)
    return demo


qwen3_omni = partial(_omni, "Qwen/Qwen3-Omni-Demo", "Qwen3-Omni", ("return_audio", "enable_thinking"))
qwen3_5_omni = partial(_omni, "Qwen/Qwen3.5-Omni-Offline-Demo", "Qwen3.5-Omni", ())


def _predict(answered: Callable[..., AsyncIterator[Step]], names: Sequence[str]) -> Any:
    """Return the app's function, whose parameters have these names."""

    async def chat_predict(*inputs: Any) -> AsyncIterator[Step]:
        given = dict(zip(names, inputs, strict=True))
        _refuse(given["audio"], given["video"])
        text, image, history, system = (given[name] for name in ("text", "image", "history", "system_prompt"))
        async for step in answered(text, image, history, system, speak=given.get("return_audio", True)):
            yield step

    # Gradio takes the names of the inputs from it.
    parameters = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names]
    chat_predict.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return chat_predict


def _refuse(audio: str | None, video: str | None) -> None:
    if audio or video:
        raise gr.Error("The replica neither hears nor watches.", print_exception=False)


def _read(history: History) -> tuple[Turns, list[str]]:
    """Return the turns of the text, and the paths of the images that the user has sent."""
    texts, images = [], []
    for message in history:
        for part in message["content"] if isinstance(message["content"], list) else [message["content"]]:
            if isinstance(part, str):
                texts.append((message["role"], part))
            elif isinstance(part, dict) and isinstance(part.get("text"), str):
                texts.append((message["role"], part["text"]))
            elif isinstance(part, dict) and message["role"] == "user":
                images.append((part.get("file") or part)["path"])
    return as_turns(texts), images


@cache
def _sound() -> str:
    """Return the path of a second of silence."""
    folder = Path(tempfile.mkdtemp(prefix="qwen_spaces_sound_"))
    with wave.open(str(folder / "answer.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(SECOND)
        sound.writeframes(bytes(2 * SECOND))
    return str(folder / "answer.wav")
