"""Parse the outputs of a Space: an output -> a snapshot, two snapshots -> a delta. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import ConnectionLostError, UnexpectedOutputError
from .html_text import markdown_of
from .media import is_media

_RED = '<span style="color: var(--color-red-500)">'


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The answer so far."""

    text: str = ""
    reasoning: str = ""


@dataclass(frozen=True, slots=True)
class Delta:
    """A change of an answer: ``answer = answer[:start] + text``; `start` counts characters."""

    text: str
    start: int


def parse(output: object, *, placeholder: str = "", turns: int = 0, html: bool = False) -> Snapshot | None:
    """Return the last answer in an output of a Space, or ``None`` if the output is empty.

    An output is what `gradio_client` returns: the value of a lone output component, or a tuple of
    all. A chat history in it is a list of ``[user, assistant]`` pairs, a list of messages with
    roles, or an update that holds one (the Spaces' contracts, read 2026-11, Gradio 4 to 6).

    Args:
        output: the output.
        placeholder: the text of an answer that has not begun.
        turns: how many of the user's turns a stateful Space must know by now; 0 for any other.
        html: whether the Space makes HTML of its answers.

    Raises:
        ConnectionLostError: the Space knows fewer turns than it must.
        UnexpectedOutputError: the output is not empty, and none of it is chat text.

    Example:
        >>> parse(("", [["Hi", "Hello."]], "Be brief."))
        Snapshot(text='Hello.', reasoning='')
        >>> parse(("", [["Hi", "Thinking..."]]), placeholder="Thinking...")
        Snapshot(text='', reasoning='')
    """
    if history := find_history(output):
        snapshot: Snapshot | None = _parse_history(history, output)
        if 0 < (count_user_turns(output) or 0) < turns:
            raise ConnectionLostError(
                "The Space has forgotten the conversation, as one does that was started again. "
                "Ask again: the earlier turns are then sent along."
            )
    else:
        snapshot = _parse_values(output)
    if snapshot and placeholder and snapshot.text.strip() == placeholder:
        return Snapshot("", snapshot.reasoning)
    return Snapshot(markdown_of(snapshot.text), snapshot.reasoning) if snapshot and html else snapshot


def find_history(output: object) -> Sequence[Any]:
    """Return the chat history in an output; empty where there is none.

    Example:
        >>> find_history(("", [["Hi", None]]))
        [['Hi', None]]
    """
    return next((history for value in _values(output) if (history := _history_in(value))), [])


def count_user_turns(output: object) -> int | None:
    """Return how many turns of the chat in an output are the user's; ``None`` where there is no chat.

    Example:
        >>> count_user_turns(("", [["Hi", "Hello."]]))
        1
    """
    history = find_history(output)
    return sum(not isinstance(turn, Mapping) or turn.get("role") == "user" for turn in history) or None


def diff(old: str, new: str) -> Delta | None:
    """Return what `new` adds to `old`, or ``None`` if they are the same.

    Example:
        >>> diff("Hello", "Hello you")
        Delta(text=' you', start=5)
        >>> diff("Hello you", "Hello me")
        Delta(text='me', start=6)
    """
    if new == old:
        return None
    start = len(old) if new.startswith(old) else _common_length(old, new)
    return Delta(new[start:], start)


def _common_length(old: str, new: str) -> int:
    """Return how many characters both begin with."""
    low, high = 0, min(len(old), len(new))
    while low < high:
        middle = (low + high + 1) // 2
        if new.startswith(old[:middle]):
            low = middle
        else:
            high = middle - 1
    return low


def _values(output: object) -> Sequence[object]:
    return output if isinstance(output, tuple) else (output,)


def _parse_values(output: object) -> Snapshot | None:
    """Return the first string of an output without a chat, or ``None`` if there is no answer yet."""
    values = _values(output)
    if _is_empty(values):
        return None if [] in values else _parse_updates(values)
    text = next((value for value in values if isinstance(value, str)), None)
    # Beside a value of an unknown shape, an emptied text box is no answer, nor are the values after it.
    unknown = any(isinstance(value, (Mapping, list)) for value in values)
    if text is None or (unknown and (not text or values[0] != text)):
        raise UnexpectedOutputError(f"The Space put out {_brief(output)}, which is no chat text.", raw=output)
    return Snapshot(text)


def _parse_updates(values: Sequence[object]) -> Snapshot | None:
    """Return the first text that an update holds, ``None`` if none does."""
    held = (value.get("value") for value in values if isinstance(value, Mapping))
    return next((Snapshot(text) for text in held if text and isinstance(text, str)), None)


def _is_empty(values: Sequence[object]) -> bool:
    # An empty list is a chat without turns; the strings beside it are no answer.
    return [] in values or all(value is None or _is_update(value) for value in values)


def _is_update(value: object) -> bool:
    return isinstance(value, Mapping) and value.get("__type__") == "update"


def _history_in(value: object) -> Sequence[Any]:
    """Return the chat history that a value is, or that an update holds; empty where there is none."""
    if isinstance(value, Mapping):
        value = value.get("value", value.get("items"))
    return value if isinstance(value, list) and value and _is_turn(value[-1]) else []


def _is_turn(item: object) -> bool:
    if isinstance(item, Mapping):
        return "role" in item and "content" in item
    return isinstance(item, (list, tuple)) and len(item) == 2


def _parse_history(history: Sequence[Any], output: object) -> Snapshot:
    last = history[-1]
    if not isinstance(last, Mapping):
        return _parse_content(last[1], output)
    # An answer may be several messages, such as a thought and the text; they follow the user's.
    answer = list(itertools.takewhile(_is_answer, reversed(history)))
    answer = [message for message in answer if not is_media(message["content"])] or answer
    return _join(_parse_message(message, output) for message in reversed(answer))


def _is_answer(message: object) -> bool:
    return isinstance(message, Mapping) and message.get("role") == "assistant"


def _parse_message(message: Mapping[str, Any], output: object) -> Snapshot:
    snapshot = _parse_content(message["content"], output)
    is_thought = bool((message.get("metadata") or {}).get("title"))
    return Snapshot("", snapshot.text + snapshot.reasoning) if is_thought else snapshot


def _parse_content(content: object, output: object) -> Snapshot:
    """Return the text of one answer: a string, a part such as ``{"text": ...}``, or a list of parts."""
    if isinstance(content, (list, tuple)):
        parts = [part for part in content if not is_media(part)] or content
        return _join(_parse_content(part, output) for part in parts if not _is_error_notice(part))
    if content is None:
        return Snapshot()
    part = content if isinstance(content, Mapping) else {"text": content}
    text = part.get("text", part.get("content"))
    if not isinstance(text, str):
        raise UnexpectedOutputError(
            f"The Space answered with {_brief(content)}, which is no text.", raw=output
        )
    return Snapshot("", text) if part.get("type") == "tool" else Snapshot(text)


def _is_error_notice(part: object) -> bool:
    """Return whether this part is an error notice, which Qwen3's apps append in red before they fail."""
    text = part.get("content") if isinstance(part, Mapping) else None
    return isinstance(text, str) and text.startswith(_RED) and text.endswith("</span>")


def _join(parts: Iterable[Snapshot]) -> Snapshot:
    parts = list(parts)
    return Snapshot("".join(part.text for part in parts), "".join(part.reasoning for part in parts))


def _brief(value: object) -> str:
    shown = repr(value)
    return f"{type(value).__name__} {shown[:80]}{'...' if len(shown) > 80 else ''}"
