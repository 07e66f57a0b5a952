"""Kind 2: what an answer looks like."""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import Any

from .app import Expected, Refusal, chat
from .lazy import gr, role_messages
from .model import answer, whole
from .turns import chatbot, count, with_answer, with_user


def by_interface(name: str) -> dict[int, tuple[str, ...]]:
    """Return the chain of a ChatInterface: Gradio 6 calls it like its function."""
    return {4: ("/chat",), 6: (name,)}


@chat(2, Expected(chain=by_interface("/respond"), conversation="native"), versions=(5, 6))
def message_dict() -> Any:
    """A ChatInterface that yields messages as dicts, with metadata and options."""

    def respond(message: str, history: list[Any]) -> Iterator[dict[str, Any]]:
        for text in answer(message, count(history)):
            yield {"role": "assistant", "content": text, "options": [{"value": "Go on"}], "metadata": {}}

    return gr.ChatInterface(respond, **role_messages())


@chat(
    2,
    Expected(chain=by_interface("/respond"), conversation="native", reasoning="They want an answer."),
    versions=(5, 6),
)
def thought_then_answer() -> Any:
    """A ChatInterface that yields a list: a thought with a title, and the answer."""

    def respond(message: str, history: list[Any]) -> Iterator[list[Any]]:
        thought = gr.ChatMessage(
            role="assistant", content="They want an answer.", metadata={"title": "Thinking"}
        )
        for text in answer(message, count(history)):
            yield [thought, gr.ChatMessage(role="assistant", content=text)]

    return gr.ChatInterface(respond, **role_messages())


@chat(
    2,
    Expected(chain=by_interface("/respond"), conversation="native", streams=False),
    versions=(5, 6),
)
def text_and_gallery() -> Any:
    """A ChatInterface that answers with a list of a text and a gallery.

    Its endpoint has the gallery as Python prints it, a string, which is no text of the answer.
    """

    def respond(message: str, history: list[Any]) -> list[Any]:
        import numpy

        tiles = [numpy.full((4, 4, 3), shade, "uint8") for shade in (40, 200)]
        return [whole(message, count(history)), gr.Gallery(tiles)]

    return gr.ChatInterface(respond, **role_messages())


@chat(2, Expected(chain=("/write",)))
def update_value() -> Any:
    """A Markdown that is filled by gr.update(value=...)."""

    def write(question: str) -> Iterator[Any]:
        for text in answer(question):
            yield gr.update(value=text, visible=True)

    with gr.Blocks() as demo:
        question, report = gr.Textbox(label="Question"), gr.Markdown()
        gr.Button("Write").click(write, question, report)
    return demo


def reasoned(prompt: str) -> Iterator[dict[str, str]]:
    for text in answer(prompt):
        yield {"reasoning": "Let me think.", "content": text}


@chat(2, Expected(chain=("/generate",), reasoning="Let me think."), versions=(5, 6))
def reasoning_and_content() -> Any:
    """gr.api: a function of the API alone, which yields its reasoning and its content."""

    def generate(prompt: str) -> Iterator[dict[str, str]]:
        yield from reasoned(prompt)

    with gr.Blocks() as demo:
        gr.Markdown("This page is for programs.")
        gr.api(generate, api_name="generate")
    return demo


@chat(2, Expected(chain=("/generate",), reasoning="Let me think."), versions=(6,))
def server_mode() -> Any:
    """What gr.Server makes: an app without a page, which yields its reasoning and its content."""

    def generate(prompt: str) -> Iterator[dict[str, str]]:
        yield from reasoned(prompt)

    with gr.Blocks(
        mode="server"
    ) as demo:  # as Server.launch() does, which also sets the process's environment
        gr.api(generate, api_name="generate")
    return demo


@chat(2, Expected(chain=("/reply",)))
def text_in_a_dict() -> Any:
    """A JSON component with one text in it."""

    def reply(prompt: str) -> Iterator[dict[str, str]]:
        for text in answer(prompt):
            yield {"response": text}

    with gr.Blocks() as demo:
        prompt, result = gr.Textbox(label="Prompt"), gr.JSON()
        gr.Button("Send").click(reply, prompt, result)
    return demo


CODE = "Look:\n\n```python\nif a < b:\n    print('a & b')\n```\n"


def as_html(text: str) -> str:
    """Return Markdown as such apps turn it into HTML: code in blocks, and all other lines with breaks."""
    lines, inside = [], False
    for line in text.split("\n"):
        if line.startswith("```"):
            lines.append("</code></pre>" if inside else f'<pre><code class="language-{line[3:]}">')
            inside = not inside
        elif inside:
            lines.append(html.escape(line, quote=False).replace(" ", "&nbsp;") + "\n")
        else:
            lines.append(f"{line}<br>")
    return "".join(lines).removesuffix("<br>")


@chat(
    2,
    Expected(chain=("/predict",), conversation="native", text=f"{CODE}{{answer}}"),
)
def html_of_markdown() -> Any:
    """HTML that the app makes of Markdown, with <br> and <pre><code>; the model's history is a State."""

    def predict(_query: str, _chatbot: list[Any], task: list[Any]) -> Iterator[tuple[Any, Any]]:
        for text in answer(_query, len(task)):
            shown = as_html(f"{CODE}{text}")
            yield with_answer(with_user(_chatbot, _query), shown), [*task, (_query, text)]

    with gr.Blocks() as demo:
        board, task, query = chatbot(), gr.State([]), gr.Textbox()
        query.submit(predict, [query, board, task], [board, task])
    return demo


@chat(2, Expected(chain=("/talk",), conversation="native", exact=False))
def page_of_bubbles() -> Any:
    """A gr.HTML that is the whole chat, drawn as bubbles; the history is a State."""

    def talk(message: str, turns: list[Any]) -> Iterator[tuple[str, str, list[Any]]]:
        for text in answer(message, len(turns)):
            talked = [*turns, (message, text)]
            bubbles = [
                f'<div class="me">{html.escape(me)}</div><div class="bot">{html.escape(bot)}</div>'
                for me, bot in talked
            ]
            yield "", f'<div class="page">{"".join(bubbles)}</div>', talked

    with gr.Blocks() as demo:
        turns, page, line = gr.State([]), gr.HTML(), gr.Textbox()
        line.submit(talk, [line, turns], [line, page, turns])
    return demo


@chat(
    2,
    Expected(chain=("/respond",), history="native", conversation="native", text="One moment.\n\n{answer}"),
)
def several_bubbles() -> Any:
    """Two messages for one answer; they are two paragraphs of the reply."""

    def respond(message: str, history: list[Any]) -> Iterator[tuple[str, list[Any]]]:
        before = [*history, {"role": "user", "content": message}]
        before.append({"role": "assistant", "content": "One moment."})
        for text in answer(message, count(history)):
            yield "", [*before, {"role": "assistant", "content": text}]

    with gr.Blocks() as demo:
        board, line = gr.Chatbot(**role_messages()), gr.Textbox()
        line.submit(respond, [line, board], [line, board])
    return demo


@chat(
    2,
    Expected(
        chain=("/respond",),
        history="native",
        conversation="native",
        reasoning="I look it up.\n\nIt is there.",
    ),
    versions=(5, 6),
)
def nested_thoughts() -> Any:
    """Thoughts below a thought, by parent_id, then the answer."""

    def respond(message: str, history: list[Any]) -> Iterator[tuple[str, list[Any]]]:
        def thought(text: str, **metadata: Any) -> dict[str, Any]:
            return {"role": "assistant", "content": text, "metadata": {"title": "Search", **metadata}}

        before = [*history, {"role": "user", "content": message}, thought("I look it up.", id="top")]
        before.append(thought("It is there.", id="below", parent_id="top"))
        for text in answer(message, count(history)):
            yield "", [*before, {"role": "assistant", "content": text}]

    with gr.Blocks() as demo:
        board, line = gr.Chatbot(**role_messages()), gr.Textbox()
        line.submit(respond, [line, board], [line, board])
    return demo


@chat(
    2,
    Expected(chain=("/respond",), history="native", conversation="native", reasoning="A thought."),
    versions=(6,),
)
def think_tags() -> Any:
    """Reasoning in tags, which the Chatbot's reasoning_tags name."""

    def respond(message: str, history: list[Any]) -> Iterator[tuple[str, list[Any]]]:
        for text in answer(message, count(history)):
            content = f"<think>A thought.</think>\n{text}"
            yield "", with_answer(with_user(history, message), content)

    with gr.Blocks() as demo:
        board, line = gr.Chatbot(reasoning_tags=[("<think>", "</think>")]), gr.Textbox()
        line.submit(respond, [line, board], [line, board])
    return demo


@chat(2, Expected(chain=("/respond",), history="native", conversation="native"))
def answer_alone() -> Any:
    """An app that adds only its own message to the chat, not the user's."""

    def respond(message: str, history: list[Any]) -> Iterator[list[Any]]:
        said = [turn for turn in history if turn["role"] == "assistant"]
        for text in answer(message, len(said)):
            yield [*history, {"role": "assistant", "content": text}]

    with gr.Blocks() as demo:
        board, line = gr.Chatbot(**role_messages()), gr.Textbox()
        line.submit(respond, [line, board], board)
    return demo


@chat(
    2,
    Expected(
        refusal=Refusal("(UnexpectedOutputError|ContractError)", r"no (chat )?text|/classify\(message\)")
    ),
)
def label_for_an_answer() -> Any:
    """A Label, which is no text: the error says what came."""

    def classify(message: str) -> dict[str, float]:
        return {"kind": 0.75, "rude": 0.25}

    with gr.Blocks() as demo:
        line, label = gr.Textbox(), gr.Label()
        line.submit(classify, line, label)
    return demo


@chat(2, Expected(chain=by_interface("/respond"), conversation="native"), versions=(5, 6))
def additional_outputs() -> Any:
    """A ChatInterface that fills a Code beside its answer."""

    def respond(message: str, history: list[Any]) -> Iterator[tuple[str, str]]:
        for text in answer(message, count(history)):
            yield text, "print('beside')"

    with gr.Blocks() as demo:
        code = gr.Code(render=False)
        gr.ChatInterface(respond, additional_outputs=[code], **role_messages())
        code.render()
    return demo
