"""The chat on a replica's page: bubbles, drawn by Gradio's own chatbot.

It shows what a component holds whose form only programs read, and which is hidden. Scripts of the page copy
it, so that nothing of this is in the app's API. Texts are Markdown without HTML, and load no images.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import gradio as gr
from gradio.blocks import BlockContext
from gradio.components.base import Component
from gradio.context import Context
from gradio.events import Dependency, EventListener

IS_GRADIO_5 = int(gr.__version__.partition(".")[0]) < 6
# Gradio 5 deprecates all other settings; there is no tag left in a text, anyway.
SETTINGS: dict[str, Any] = (
    {"type": "messages", "allow_tags": True} if IS_GRADIO_5 else {"buttons": ["copy"], "allow_tags": False}
)
SCRIPT = Path(__file__).with_name("_chat_page.js").read_text(encoding="utf-8").strip()
LATEX: list[dict[str, str | bool]] = [  # as Qwen writes it
    {"left": "$$", "right": "$$", "display": True},
    {"left": r"\[", "right": r"\]", "display": True},
    {"left": r"\(", "right": r"\)", "display": False},
]
# The chatbot's own buttons would clear what it shows, and not the Space's history.
CSS = """
.chat-page .icon-button-wrapper.top-panel { display: none; }
.chat-page table { display: block !important; overflow-x: auto; }
.chat-page :is(th, td) { padding: 6px !important; word-break: normal !important; }
.chat-page :is(th, td) { overflow-wrap: normal !important; }
@media (max-width: 640px) { font[size="8"] { font-size: x-large; } }
"""


def show_chat(chat: Component, *, escapes: Mapping[str, str] | None = None) -> None:
    """Show the chat that a component holds, in its place; call this last in an app.

    Args:
        chat: its value is pairs or messages, in the form of any of the Spaces.
        escapes: if the chat is HTML as of QwenLM's demo: what it writes for a character of code.
    """
    shown = _chatbot_at(chat)
    inverse = escapes and {escaped: character for character, escaped in escapes.items()}
    change = partial(EventListener("change").listener, chat)
    _run("show", change, [chat], shown, escapes=inverse)


def show_answers(sent: Dependency, question: Sequence[Component], answer: Component) -> None:
    """Show all questions and answers in the place of `answer`, which holds the latest; call this last.

    Args:
        sent: the event of the question.
        question: its inputs.
        answer: its output, which grows.
    """
    shown = _chatbot_at(answer)
    change = partial(EventListener("change").listener, answer)
    inputs = [shown, answer, *question]
    _run("answer", change, inputs, shown)
    _run("end", sent.success, inputs, shown)


def _chatbot_at(hidden: Component) -> gr.Chatbot:
    """Hide a component, and return a chatbot in its place, which shows the progress of its events."""
    shown = gr.Chatbot(
        label="Chat",
        show_label=False,
        height="60vh",
        latex_delimiters=LATEX,
        elem_classes="chat-page",
        **SETTINGS,
    )
    app: Any = Context.root_block
    old, new = cast(BlockContext, shown.parent), cast(BlockContext, hidden.parent)
    old.children.remove(shown)
    new.children.insert(new.children.index(hidden), shown)
    shown.parent, hidden.visible = new, "hidden"
    for event in app.fns.values():
        if hidden in event.outputs:
            event.show_progress_on = [shown]
    return shown


def _run(
    name: str,
    event: Callable[..., Dependency],
    inputs: Sequence[Component],
    shown: gr.Chatbot,
    **options: Any,
) -> None:
    """Let a function of the script make what `shown` shows of `inputs`, whenever an event happens."""
    options["parts"] = not IS_GRADIO_5
    # Gradio 5 adds the outputs to the arguments.
    arguments = f"...values.slice(0, {len(inputs)})"
    js = f"(...values) => ({SCRIPT})({json.dumps(options)}).{name}({arguments})"
    event(fn=None, inputs=list(inputs), outputs=[shown], js=js, show_progress="hidden")
