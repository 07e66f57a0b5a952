"""Kind 7: apps that take images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .app import Expected, Refusal, chat
from .lazy import gr, interface, role_messages
from .model import answer, whole
from .turns import chatbot, count, with_answer, with_user


@chat(7, Expected(chain=("/describe",), images=1))
def picture_and_question() -> Any:
    """An Image and a question."""

    def describe(picture: Any, question: str) -> Iterator[str]:
        yield from answer(question, images=int(picture is not None))

    with gr.Blocks() as demo:
        with gr.Row():
            picture, question = gr.Image(type="pil"), gr.Textbox(label="Question")
        report = gr.Markdown()
        gr.Button("Describe").click(describe, [picture, question], report)
    return demo


@chat(7, Expected(chain=("/ask",), images=1))
def several_take_images() -> Any:
    """Several endpoints take an image; one of them takes a question too and returns a text."""

    def ask(image: str | None, question: str) -> Iterator[str]:
        yield from answer(question, images=int(bool(image)))

    with gr.Blocks() as demo:
        image = gr.Image(type="filepath")
        question, caption, reply = gr.Textbox(), gr.Textbox(), gr.Textbox()
        label, turned = gr.Label(), gr.Image()
        gr.Button().click(lambda image: "a picture", image, caption, api_name="caption")
        gr.Button().click(lambda image: {"red": 1.0}, image, label, api_name="classify")
        gr.Button().click(lambda image: image, image, turned, api_name="turn")
        gr.Button("Ask").click(ask, [image, question], reply)
    return demo


@chat(7, Expected(chain=("/ask",), conversation="native", images=2))
def files_first() -> Any:
    """Files are added to a State by their own step, before the question."""

    def add_files(files: list[Any] | None, kept: list[str]) -> list[str]:
        return [*kept, *(str(getattr(file, "name", file)) for file in files or ())]

    def ask(question: str, kept: list[str], past: list[Any]) -> Iterator[tuple[str, list[Any]]]:
        for text in answer(question, len(past), images=len(kept)):
            yield text, [*past, (question, text)]

    with gr.Blocks() as demo:
        kept, past = gr.State([]), gr.State([])
        files = gr.File(file_count="multiple", file_types=["image"])
        question, reply = gr.Textbox(), gr.Markdown()
        files.upload(add_files, [files, kept], kept)
        question.submit(ask, [question, kept, past], [reply, past])
    return demo


@chat(7, Expected(chain={4: ("/chat",), 6: ("/look",)}, conversation="native", images=2))
def multimodal_interface() -> Any:
    """A multimodal ChatInterface."""

    def look(message: dict[str, Any], history: list[Any]) -> Iterator[str]:
        yield from answer(message["text"], count(history), images=len(message["files"]))

    return gr.ChatInterface(look, multimodal=True, **role_messages())


@chat(7, Expected(chain=("/send",), history="native", conversation="native", images=1))
def picture_beside_chat() -> Any:
    """A chat with an Image among its inputs, which the app empties afterwards."""

    def send(history: list[Any], text: str, picture: str | None) -> Iterator[tuple[list[Any], str, None]]:
        for words in answer(text, count(history), images=int(picture is not None)):
            yield with_answer(with_user(history, text), words), "", None

    with gr.Blocks() as demo:
        board = chatbot()
        with gr.Row():
            text, picture = gr.Textbox(), gr.Image(type="filepath")
        gr.Button("Send").click(send, [board, text, picture], [board, text, picture])
    return demo


@chat(7, Expected(chain=("/send",), history="native", conversation="native", images=2))
def files_beside_chat() -> Any:
    """A chat with a File for several images among its inputs."""

    def send(text: str, files: list[Any] | None, history: list[Any]) -> Iterator[tuple[str, None, Any]]:
        for words in answer(text, count(history), images=len(files or [])):
            yield "", None, with_answer(with_user(history, text), words)

    with gr.Blocks() as demo:
        board, text = chatbot(), gr.Textbox()
        files = gr.File(file_count="multiple", file_types=["image"])
        text.submit(send, [text, files, board], [text, files, board])
    return demo


@chat(7, Expected(chain=("/answer",), images=1, streams=False))
def interface_with_picture() -> Any:
    """A gr.Interface with an image and a question."""

    def answer_question(image: str | None, question: str) -> str:
        return whole(question, images=int(bool(image)))

    return interface(
        answer_question, [gr.Image(type="filepath"), gr.Textbox()], gr.Textbox(), api_name="answer"
    )


@chat(7, Expected(refusal=Refusal("ContractError", r"/caption\(image\)")))
def picture_alone() -> Any:
    """Only an image is taken, and no question: there is no chat."""
    with gr.Blocks() as demo:
        image, caption = gr.Image(type="filepath"), gr.Textbox()
        gr.Button().click(lambda image: "a picture", image, caption, api_name="caption")
    return demo
