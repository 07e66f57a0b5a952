"""All that publishes a Space's text in a notebook."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, TypeAlias

import pytest
from IPython.core.formatters import DisplayFormatter

from qwen_spaces import (
    Conversation,
    Message,
    QwenSpace,
    Reply,
    SpaceError,
    SpaceStatus,
    Status,
    UnexpectedOutputError,
)
from qwen_spaces._display.displays import CellDisplay

Bundles: TypeAlias = list[dict[str, str]]


def whole(text: str) -> str:
    """The text as it is sent: without halves of surrogate pairs."""
    return text.encode("utf-8", "replace").decode()


def value(shown: object) -> Bundles:
    """What IPython publishes of a cell's value."""
    return [DisplayFormatter().format(shown)[0]]


def conversation(text: str) -> Bundles:
    chat = Conversation(lambda *_args, **_how: pytest.fail("called"))
    text = whole(text) or "x"
    chat.messages = (Message("system", text), Message("user", text), Message("assistant", text))
    return value(chat)


def status(text: str) -> Bundles:
    texts = {"url": text, "gradio": text, "endpoint": text, "stage": text, "hardware": text}
    names = {text: text, "size": f"{text}|", f"`{text}": text}
    return value(SpaceStatus(**texts, parameters=names, options=names, history="pairs"))  # type: ignore[arg-type]


def space(text: str) -> Bundles:
    named: Any = QwenSpace("http://127.0.0.1:1")
    named.src = named.name = named.label = text
    return value(named)


def shown(text: str, *, growing: bool = False) -> Bundles:
    """All that `show` publishes, of an answer that fails."""
    published: Bundles = []
    shell = SimpleNamespace(display_pub=SimpleNamespace(publish=lambda data, **_: published.append(data)))
    stream = SimpleNamespace(reasoning="", text="", status=Status("queued", reason=text))
    cell = CellDisplay(shell)
    cell.draw(stream)  # type: ignore[arg-type]
    stream.reasoning = text
    cell.draw(stream)  # type: ignore[arg-type]
    stream.text = text
    for end in range(0, len(text) if growing else 0, 5):
        stream.text = text[:end]
        cell.draw(stream)  # type: ignore[arg-type]
    cell.end(stream, SpaceError(text, title=text, message=text, partial_text=text))  # type: ignore[arg-type]
    return published


PLACES: dict[str, Callable[[str], Bundles]] = {
    "Reply": lambda text: value(Reply(text, reasoning=text, raw={"x": text})),
    "Conversation": conversation,
    "SpaceStatus": status,
    "QwenSpace": space,
    "errors": lambda text: value(SpaceError(text, title=text)) + value(UnexpectedOutputError(text, raw=text)),
    "show": shown,
}
