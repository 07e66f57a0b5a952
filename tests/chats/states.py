"""Kind 1 too: steps whose session has to be one, as they pass on a `gr.State` that the page never sees."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from .app import Expected, chat
from .lazy import gr
from .model import answer
from .turns import chatbot, count, with_answer, with_user

Task = list[Any]  # what the model is given: texts and files, each with its answer


def put(task: Task, content: Any) -> Task:
    return [*(task or []), (content, None)]


def files_of(task: Task) -> int:
    """Return the number of files since the last answer."""
    waiting = 0
    for content, text in task:
        waiting = 0 if text else waiting + isinstance(content, tuple)
    return waiting


@chat(1, Expected(chain=("/add_text", "/predict"), conversation="native", images=2))
def task_history() -> Any:
    """/add_text, /predict and /add_file with the model's history in a State, as in the Qwen-VL family."""

    def add_text(_chatbot: list[Any], task: Task, text: str) -> tuple[list[Any], Task]:
        return with_user(_chatbot, text), put(task, text)

    def add_file(_chatbot: list[Any], task: Task, file: Any) -> tuple[list[Any], Task]:
        path = str(getattr(file, "name", file))
        return with_user(_chatbot, (path,)), put(task, (path,))

    def predict(_chatbot: list[Any], task: Task) -> Iterator[tuple[list[Any], Task]]:
        prompt, before = task[-1][0], task[:-1]
        for text in answer(prompt, sum(bool(done) for _, done in before), images=files_of(before)):
            yield with_answer(_chatbot, text), [*before, (prompt, text)]

    with gr.Blocks() as demo:
        board, task, query = chatbot(), gr.State([]), gr.Textbox(lines=2, label="Input")
        with gr.Row():
            upload = gr.UploadButton("Upload", file_types=["image"])
            submit, forget = gr.Button("Submit"), gr.Button("Clear")
        sent = submit.click(add_text, [board, task, query], [board, task])
        sent.then(predict, [board, task], [board, task], show_progress="full")
        submit.click(lambda: "", None, query, api_name="reset_user_input")
        upload.upload(add_file, [board, task, upload], [board, task])
        forget.click(lambda: ([], []), None, [board, task], api_name="reset_state")
    return demo


@chat(
    1,
    Expected(
        chain=("/read_profile", "/respond"),
        history="native",
        conversation="native",
        defaults={"profile": "Ada"},
    ),
)
def load_fills_state() -> Any:
    """The page's load event fills a State without which the answer fails."""

    def read_profile() -> dict[str, str]:
        return {"name": "Ada"}

    def respond(message: str, chat_history: list[Any], profile: dict[str, str]) -> Iterator[tuple[str, Any]]:
        name = profile["name"]
        for text in answer(message, count(chat_history), profile=name):
            yield "", with_answer(with_user(chat_history, message), text)

    with gr.Blocks() as demo:
        board, profile, line = chatbot(), gr.State(), gr.Textbox()
        demo.load(read_profile, None, profile)
        line.submit(respond, [line, board, profile], [line, board])
    return demo


@chat(
    1,
    Expected(chain=("/respond",), history="native", conversation="native", images=1),
)
def upload_fills_state() -> Any:
    """The upload event of a picture fills the State from which the answer takes it."""

    def keep(picture: str) -> dict[str, str]:
        return {"path": picture}

    def respond(
        message: str, history: list[Any], picture: str | None, kept: dict[str, str] | None
    ) -> Iterator[tuple[str, list[Any]]]:
        for text in answer(message, count(history), images=1 if kept else 0):
            yield "", with_answer(with_user(history, message), text)

    with gr.Blocks() as demo:
        board, kept = chatbot(), gr.State()
        picture, line = gr.Image(type="filepath"), gr.Textbox()
        picture.upload(keep, picture, kept)
        line.submit(respond, [line, board, picture, kept], [line, board])
    return demo


@dataclass
class Talk:
    """A conversation as an object, of which the page gets only what it shows."""

    turns: list[list[str | None]] = field(default_factory=list)

    def shown(self) -> list[Any]:
        history: list[Any] = []
        for question, text in self.turns:
            history = with_user(history, question)
            history = with_answer(history, text) if text is not None else history
        return history


@chat(
    1,
    Expected(
        chain=("/add_text", "/http_bot"),
        conversation="native",
        defaults={"temperature": "0.7", "top_p": "1"},
        option=("temperature", 0.2),
    ),
)
def buttons_and_object() -> Any:
    """A State that is an object, and a row of buttons among the outputs, as in the FastChat family."""

    def add_text(state: Talk | None, text: str) -> tuple[Any, ...]:
        state = state or Talk()
        state.turns.append([text, None])
        return (state, state.shown(), "", *[gr.Button(interactive=False)] * 3)

    def http_bot(state: Talk, temperature: float, top_p: float) -> Iterator[tuple[Any, ...]]:
        prompt, before = str(state.turns[-1][0]), len(state.turns) - 1
        for text in answer(prompt, before, temperature=temperature, top_p=top_p):
            state.turns[-1][1] = text
            yield (state, state.shown(), *[gr.Button(interactive=False)] * 3)
        yield (state, state.shown(), *[gr.Button(interactive=True)] * 3)

    with gr.Blocks() as demo:
        state, board, line = gr.State(), chatbot(), gr.Textbox(show_label=False)
        with gr.Row():
            row = [gr.Button(name, interactive=False) for name in ("Good", "Bad", "Again")]
        warmth = gr.Slider(0, 1, value=0.7, step=0.1, label="Temperature")
        share = gr.Slider(0, 1, value=1, step=0.1, label="Top P")
        sent = line.submit(add_text, [state, line], [state, board, line, *row])
        sent.then(http_bot, [state, warmth, share], [state, board, *row])
        row[0].click(lambda talk: None, state, None, api_name="upvote")
    return demo
