"""From what a Space puts out to text: an output -> a snapshot, two snapshots -> a delta. All pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import ConnectionLostError, UnexpectedOutputError

_RED = '<span style="color: var(--color-red-500)">'


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that the answer holds so far."""

    text: str = ""
    reasoning: str = ""


@dataclass(frozen=True, slots=True)
class Delta:
    """What is new in an answer: ``answer = answer[:start] + text``; `start` counts characters."""

    text: str
    start: int


def read(output: object) -> Snapshot | None:
    """Return the last answer in an output of a Space, wherever in it that stands.

    An output is what `gradio_client` gives: the value of a lone output component, or a tuple of
    all. A chat history in it is a list of ``[user, assistant]`` pairs, a list of messages with
    roles, or an update that holds one (the Spaces' contracts, read 2026-11, Gradio 4 to 6).

    Returns:
        The snapshot, or ``None`` where the output says nothing at all, as ``(None, None, None)``.

    Raises:
        UnexpectedOutputError: there is something in it and none of it is chat text.

    Example:
        >>> read(("", [["Hi", "Hello."]], "Be brief."))
        Snapshot(text='Hello.', reasoning='')
        >>> read("Hello.")
        Snapshot(text='Hello.', reasoning='')
    """
    values = list(output) if isinstance(output, tuple) else [output]
    if history := chat_in(output):
        return _last_answer(history, output)
    # An empty list is a chat in which nothing is said yet; the strings beside it are no answer.
    if all(value is None or _is_update(value) for value in values) or [] in values:
        return None
    strings = [value for value in values if isinstance(value, str)]
    # Beside a shape we do not know, an emptied text box is no answer, nor is what comes behind it.
    unknown = any(isinstance(value, (Mapping, list)) for value in values)
    if strings and (not unknown or values[0] == strings[0] != ""):
        return Snapshot(strings[0])
    raise UnexpectedOutputError(f"The Space put out {_brief(output)}, which is no chat text.", raw=output)


def chat_in(output: object) -> Sequence[Any]:
    """Return the chat history in an output; empty where there is none.

    Example:
        >>> chat_in(("", [["Hi", None]]))
        [['Hi', None]]
    """
    values = output if isinstance(output, tuple) else (output,)
    return next((history for value in values if (history := _history(value))), [])


def turns(output: object) -> int | None:
    """How often the user has spoken in the chat in an output; ``None`` where there is none.

    Example:
        >>> turns(("", [["Hi", "Hello."]]))
        1
    """
    history = chat_in(output)
    spoken = [turn for turn in history if not isinstance(turn, Mapping) or turn.get("role") == "user"]
    return len(spoken) or None


def cut(old: str, new: str) -> Delta | None:
    """Return what `new` adds to `old`, or ``None`` if they are the same.

    Example:
        >>> cut("Hello", "Hello you")
        Delta(text=' you', start=5)
        >>> cut("Hello you", "Hello me")
        Delta(text='me', start=6)
    """
    if new == old:
        return None
    start = len(old) if new.startswith(old) else _common(old, new)
    return Delta(new[start:], start)


def _common(old: str, new: str) -> int:
    """How many characters both begin with."""
    low, high = 0, min(len(old), len(new))
    while low < high:
        middle = (low + high + 1) // 2
        if new.startswith(old[:middle]):
            low = middle
        else:
            high = middle - 1
    return low


def _is_update(value: object) -> bool:
    return isinstance(value, Mapping) and value.get("__type__") == "update"


def _history(value: object) -> Sequence[Any] | None:
    """Return the chat history in one value, or ``None`` where there is none."""
    if isinstance(value, Mapping) and ("value" in value or "items" in value):
        value = value.get("value", value.get("items"))
    if not isinstance(value, list) or not value:
        return None
    last = value[-1]
    if isinstance(last, Mapping) and "role" in last and "content" in last:
        return value
    if isinstance(last, (list, tuple)) and len(last) == 2:
        return value
    return None


def _last_answer(history: Sequence[Any], output: object) -> Snapshot:
    last = history[-1]
    if not isinstance(last, Mapping):
        return _cell(last[1], output)
    answer = Snapshot()
    # An answer of several messages (a thought, then the text) ends at the user's message before it.
    turn = []
    for message in reversed(history):
        if not isinstance(message, Mapping) or message.get("role") != "assistant":
            break
        turn.append(message)
    for message in reversed(turn):
        part = _cell(message["content"], output)
        thought = bool((message.get("metadata") or {}).get("title"))
        text, reasoning = ("", part.text + part.reasoning) if thought else (part.text, part.reasoning)
        answer = Snapshot(answer.text + text, answer.reasoning + reasoning)
    return answer


def _cell(cell: object, output: object) -> Snapshot:
    """Return the text of one answer: a string, ``{"text": ...}``, or a list of parts."""
    if cell is None:
        return Snapshot()
    if isinstance(cell, str):
        return Snapshot(cell)
    if isinstance(cell, Mapping) and isinstance(text := cell.get("text", cell.get("content")), str):
        return Snapshot("", text) if cell.get("type") == "tool" else Snapshot(text)
    if isinstance(cell, (list, tuple)):
        parts = [_cell(part, output) for part in cell if not _tells_a_failure(part)]
        return Snapshot("".join(part.text for part in parts), "".join(part.reasoning for part in parts))
    raise UnexpectedOutputError(f"The Space answered with {_brief(cell)}, which is no text.", raw=output)


def _tells_a_failure(part: object) -> bool:
    """Whether it is no text of the answer, but why there is no more, as Qwen3's apps say before they fail."""
    text = part.get("content") if isinstance(part, Mapping) else None
    return isinstance(text, str) and text.startswith(_RED) and text.endswith("</span>")


def _brief(value: object) -> str:
    shown = repr(value)
    return f"{type(value).__name__} {shown[:80]}{'...' if len(shown) > 80 else ''}"


@dataclass(frozen=True, slots=True)
class OutputParser:
    """Reads the outputs of one request.

    Attributes:
        placeholder: what the answer says before there is one.
        turns: of the user's, which the Space must remember; 0 where it need not.
    """

    placeholder: str = ""
    turns: int = 0

    def parse(self, output: object) -> Snapshot | None:
        """Return the answer in an output; ``None`` where there is none.

        Raises:
            UnexpectedOutputError: there is something in it and none of it is chat text.
            ConnectionLostError: the Space has forgotten earlier turns.
        """
        snapshot = read(output)
        if snapshot and self.placeholder and snapshot.text.strip() == self.placeholder:
            snapshot = Snapshot("", snapshot.reasoning)
        if (turns(output) or self.turns) < self.turns:
            raise ConnectionLostError(
                "The Space has forgotten the conversation, as one does that was started again. "
                "Ask again: the earlier turns are then sent along."
            )
        return snapshot
