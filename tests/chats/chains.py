"""Kind 1: one message takes several steps, as on the page. The steps pass on what the page shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .app import Expected, chat
from .lazy import gr, undocumented
from .model import answer
from .turns import chatbot, count, files, question, with_answer, with_user


def reply(history: list[Any], **given: Any) -> Iterator[list[Any]]:
    """Yield the history with a growing answer to its last message."""
    for text in answer(question(history), count(history), images=files(history), **given):
        yield with_answer(history, text)


@chat(1, Expected(chain=("/user", "/bot"), history="native", conversation="native"))
def user_bot() -> Any:
    """/user(user_message, history), then /bot(history)."""

    def user(user_message: str, history: list[Any]) -> tuple[str, list[Any]]:
        return "", with_user(history, user_message)

    def bot(history: list[Any]) -> Iterator[list[Any]]:
        yield from reply(history)

    with gr.Blocks() as demo:
        board, line = chatbot(), gr.Textbox()
        line.submit(user, [line, board], [line, board], queue=False).then(bot, board, board)
        gr.Button("Clear").click(lambda: None, None, board, queue=False)
    return demo


@chat(1, Expected(chain=("/user", "/bot"), history="native", conversation="native"))
def hidden_first_step() -> Any:
    """The first step is not in the API's documentation; a button does the same."""

    def user(message: str, history: list[Any]) -> tuple[str, list[Any]]:
        return "", with_user(history, message)

    def bot(history: list[Any]) -> Iterator[list[Any]]:
        yield from reply(history)

    with gr.Blocks() as demo:
        board = chatbot()
        with gr.Row():
            line, send = gr.Textbox(show_label=False), gr.Button("Send")
        for event in (line.submit, send.click):
            first = event(user, [line, board], [line, board], queue=False, **undocumented())
            first.success(bot, board, board)
    return demo


@chat(
    1,
    Expected(chain=("/add_message", "/bot"), history="native", conversation="native", images=2),
)
def multimodal_steps() -> Any:
    """/add_message(history, message), /bot(history), then the box is enabled again."""

    def add_message(history: list[Any], message: dict[str, Any]) -> tuple[list[Any], Any]:
        for file in message["files"]:
            history = with_user(history, (file,))
        if message["text"]:
            history = with_user(history, message["text"])
        return history, gr.MultimodalTextbox(value=None, interactive=False)

    def bot(history: list[Any]) -> Iterator[list[Any]]:
        yield from reply(history)

    with gr.Blocks() as demo:
        board = chatbot()
        box = gr.MultimodalTextbox(interactive=True, file_count="multiple", show_label=False)
        sent = box.submit(add_message, [board, box], [board, box])
        shown = sent.then(bot, board, board, api_name="bot")
        shown.then(lambda: gr.MultimodalTextbox(interactive=True), None, [box])
    return demo


@chat(1, Expected(chain=("/lambda", "/respond"), history="native", conversation="native"))
def lambda_respond() -> Any:
    """A lambda empties the box and keeps its text; /respond answers that."""

    def respond(kept: str, board: list[Any]) -> Iterator[list[Any]]:
        yield from reply(with_user(board, kept))

    with gr.Blocks() as demo:
        board, kept, line = chatbot(), gr.State(""), gr.Textbox()
        line.submit(lambda text: ("", text), line, [line, kept]).then(respond, [kept, board], board)
    return demo


@chat(
    1,
    Expected(
        chain=("/take", "/look_up", "/write"),
        history="native",
        conversation="native",
        defaults={"found": "yes"},
    ),
)
def three_steps() -> Any:
    """The middle one of three steps has no input but a State."""

    def take(line: str) -> tuple[str, dict[str, str]]:
        return "", {"text": line}

    def look_up(note: dict[str, str]) -> dict[str, str]:
        return {**note, "found": "yes"}

    def write(board: list[Any], note: dict[str, str]) -> Iterator[list[Any]]:
        history = with_user(board, note["text"])
        yield from reply(history, found=note.get("found", "no"))

    with gr.Blocks() as demo:
        board, note, line = chatbot(), gr.State({}), gr.Textbox()
        (line.submit(take, line, [line, note]).then(look_up, note, note).then(write, [board, note], board))
    return demo


@chat(
    1,
    Expected(
        chain=("/user", "/bot"),
        history="native",
        conversation="native",
        system="native",
        defaults={"temperature": "0.1", "max_tokens": "256"},
        option=("temperature", 0.9),
    ),
)
def options_of_the_second_step() -> Any:
    """Temperature, length and system prompt are inputs of /bot; a slider shows its minimum."""

    def user(message: str, history: list[Any]) -> tuple[str, list[Any]]:
        return "", with_user(history, message)

    def bot(
        history: list[Any], system_prompt: str, temperature: float, max_tokens: float
    ) -> Iterator[list[Any]]:
        yield from reply(history, system=system_prompt, temperature=temperature, max_tokens=max_tokens)

    with gr.Blocks() as demo:
        board, line = chatbot(), gr.Textbox()
        system = gr.Textbox(label="System prompt", lines=3)
        warmth = gr.Slider(minimum=0.1, maximum=2.0, step=0.1, label="Temperature")
        length = gr.Slider(1, 1024, value=256, step=1, label="Length")
        line.submit(user, [line, board], [line, board]).then(bot, [board, system, warmth, length], board)
    return demo


@chat(1, Expected(chain=("/bot",), history="native", conversation="native"))
def no_first_step() -> Any:
    """/bot(history) alone: a script in the page adds the message."""

    def bot(history: list[Any]) -> Iterator[list[Any]]:
        yield from reply(history)

    with gr.Blocks() as demo:
        board, line = chatbot(), gr.Textbox()
        first = line.submit(None, [line, board], [line, board], js="(text, chat) => ['', [...chat, text]]")
        first.then(bot, board, board)
    return demo


@chat(1, Expected(chain=("/submit", "/bot"), history="native", conversation="native"))
def two_triggers() -> Any:
    """One event with two triggers, then the answer, then an event of the page alone."""

    def submit(history: list[Any], message: str) -> tuple[list[Any], str]:
        return with_user(history, message), ""

    def bot(history: list[Any]) -> Iterator[list[Any]]:
        yield from reply(history)

    with gr.Blocks() as demo:
        board, line, send = chatbot(), gr.Textbox(), gr.Button("Send")
        event = gr.on([line.submit, send.click], submit, [board, line], [board, line])
        event.then(bot, board, board).then(None, None, None, js="() => {}")
    return demo


@chat(
    1,
    Expected(chain=("/respond",), or_chain=("/lock", "/respond"), history="native", conversation="native"),
)
def locked_meanwhile() -> Any:
    """A step before the answer, and one after it, change only how the page looks."""

    def lock() -> Any:
        return gr.Button(interactive=False)

    def respond(message: str, history: list[Any]) -> Iterator[tuple[str, list[Any]]]:
        for board in reply(with_user(history, message)):
            yield "", board

    def unlock() -> Any:
        return gr.Button(interactive=True)

    with gr.Blocks() as demo:
        board, line, send = chatbot(), gr.Textbox(), gr.Button("Send")
        started = line.submit(lock, None, send)
        started.then(respond, [line, board], [line, board]).then(unlock, None, send)
    return demo


@chat(1, Expected(chain=("/respond",), history="native", conversation="native"))
def emptied_afterwards() -> Any:
    """The answer comes first, and a lambda empties the box after it."""

    def respond(history: list[Any], message: str) -> Iterator[list[Any]]:
        yield from reply(with_user(history, message))

    with gr.Blocks() as demo:
        board, line = chatbot(), gr.Textbox()
        line.submit(respond, [board, line], board).then(lambda: "", None, line)
    return demo


@chat(
    1,
    Expected(
        chain=("/check", "/user", "/bot"),
        or_chain=("/user", "/bot"),
        history="native",
        conversation="native",
    ),
)
def checked_first() -> Any:
    """A first step without outputs, which only refuses an empty message; the others follow its success."""

    def check(message: str) -> None:
        if not message.strip():
            raise gr.Error("Write something first.")

    def user(message: str, history: list[Any]) -> tuple[str, list[Any]]:
        return "", with_user(history, message)

    def bot(history: list[Any]) -> Iterator[list[Any]]:
        yield from reply(history)

    with gr.Blocks() as demo:
        board, line = chatbot(), gr.Textbox()
        checked = line.submit(check, line, None)
        checked.success(user, [line, board], [line, board]).success(bot, board, board)
    return demo
