"""A chat's history in the forms of Gradio 4 to 6: pairs, messages, and messages whose content is parts.

The apps of Gradio 4 and 5 that use these functions have pairs, those of Gradio 6 messages: it has no pairs
any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .lazy import gr, major


def chatbot(**settings: Any) -> Any:
    """Return a Chatbot of pairs, of messages on Gradio 6."""
    return gr.Chatbot(**({"type": "tuples"} if major() == 5 else {}), **settings)


def text_of(content: Any) -> str:
    """Return the text in the content of one message or half a pair; "" for a file."""
    if isinstance(content, str):
        return content
    if isinstance(content, dict):
        return str(content.get("text") or "")
    if isinstance(content, list):
        return "".join(map(text_of, content))
    return ""


def is_file(content: Any) -> bool:
    """Return whether a content is a file: a tuple in pairs, a dict or an object in messages."""
    if isinstance(content, list):
        return any(map(is_file, content))
    if isinstance(content, dict):
        return "text" not in content
    return content is not None and not isinstance(content, str)


def halves(history: Sequence[Any] | None) -> list[tuple[str, Any]]:
    """Return the history as roles and contents, whatever its form."""
    flat: list[tuple[str, Any]] = []
    for turn in history or ():
        if isinstance(turn, dict):
            flat.append((turn["role"], turn["content"]))
        else:
            flat += [("user", turn[0]), ("assistant", turn[1])]
    return [(role, content) for role, content in flat if content is not None]


def count(history: Sequence[Any] | None) -> int:
    """Return the number of turns that have a question and an answer."""
    complete, asked = 0, False
    for role, content in halves(history):
        if role == "user":
            asked |= bool(text_of(content))
        elif role == "assistant" and asked and text_of(content):
            complete, asked = complete + 1, False
    return complete


def pending(history: Sequence[Any]) -> list[Any]:
    """Return the contents that the user has sent since the last answer."""
    contents: list[Any] = []
    for role, content in halves(history):
        contents = [*contents, content] if role == "user" else []
    return contents


def question(history: Sequence[Any]) -> str:
    """Return the text that the user has sent since the last answer."""
    return "".join(map(text_of, pending(history)))


def files(history: Sequence[Any]) -> int:
    """Return the number of files that the user has sent since the last answer."""
    return sum(map(is_file, pending(history)))


def with_user(history: Sequence[Any] | None, content: Any) -> list[Any]:
    """Return the history with a message of the user's, which has no answer yet; a tuple is a file."""
    if major() < 6:
        return [*(history or ()), [content, None]]
    return [
        *(history or ()),
        {"role": "user", "content": {"path": content[0]} if is_file(content) else content},
    ]


def with_answer(history: Sequence[Any], text: str) -> list[Any]:
    """Return the history with an answer to its last message, in place of an unfinished one."""
    if major() < 6:
        return [*history[:-1], [history[-1][0], text]]
    return [*history, {"role": "assistant", "content": text}]
