"""Parse the outputs of a Space: an output -> a snapshot, two snapshots -> a delta. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from ..errors import ConnectionLostError, UnexpectedOutputError
from .content import Snapshot, brief, is_update, join, parse_content, split_reasoning


class Turn(NamedTuple):
    """One message of a chat history, whatever the form of the history."""

    role: str
    message: object  # a mapping with a role, or the half of a pair

    @property
    def snapshot(self) -> Snapshot:
        """Its text, reasoning and files."""
        return parse_content(self.message)


@dataclass(frozen=True, slots=True)
class Delta:
    """A change of an answer: ``answer = answer[:start] + text``; `start` counts characters."""

    text: str
    start: int


@dataclass(frozen=True, slots=True)
class AnswerParser:
    """Parses the outputs of one request.

    Attributes:
        placeholder: the text of an answer that has not begun.
        turns: how many of the user's turns a stateful Space must know by now; 0 for any other.
        position: of the answer among several outputs; ``None`` if it is to be found there.
        sent: the chat history that was sent, which is no part of the answer.
        reasoning_tags: pairs of tags around reasoning, such as ``("<think>", "</think>")``.
        to_text: turns what the app made of the model's text back into that.
        prompt: what the user wrote, where the answer is a page that begins with it.
        files: the positions of outputs that are files beside the answer.
        on_forgotten: called, in place of the error, where the Space knows fewer turns than it must.
    """

    placeholder: str = ""
    turns: int = 0
    position: int | None = None
    sent: object = ()
    reasoning_tags: Sequence[tuple[str, str]] = ()
    to_text: Callable[[str], str] | None = None
    prompt: str = ""
    files: tuple[int, ...] = ()
    on_forgotten: Callable[[], None] | None = None

    def __call__(self, output: object) -> Snapshot | None:
        """Return the answer in an output of a Space, or ``None`` if the output is empty.

        An output is what `gradio_client` returns: the value of a lone output component, or a tuple of
        all. A chat history in it is a list of ``[user, assistant]`` pairs, a list of messages with
        roles, or an update that holds one (the Spaces' contracts, read 2026-11, Gradio 4 to 6).

        Raises:
            ConnectionLostError: the Space knows fewer turns than it must.
            UnexpectedOutputError: the output is not empty, and none of it is chat text.

        Example:
            >>> AnswerParser()(("", [["Hi", "Hello."]], "Be brief."))
            Snapshot(text='Hello.', reasoning='')
            >>> AnswerParser("Thinking...")(("", [["Hi", "Thinking..."]]))
            Snapshot(text='', reasoning='')
        """
        try:
            snapshot = self._parse(output)
        except UnexpectedOutputError as error:
            error.raw = output
            raise
        if snapshot is None:
            return None
        if self.to_text is not None:
            snapshot = replace(snapshot, text=self._without_sent(self.to_text(snapshot.text)))
        if isinstance(output, tuple) and self.files:
            beside = join(parse_content(output[place]) for place in self.files if place < len(output))
            snapshot = replace(snapshot, files=(*snapshot.files, *beside.files))
        if self.placeholder and snapshot.text.strip() == self.placeholder:
            return Snapshot("", snapshot.reasoning, snapshot.files)
        return split_reasoning(snapshot, self.reasoning_tags)

    def _parse(self, output: object) -> Snapshot | None:
        values = output if isinstance(output, tuple) else (output,)
        if self.position is not None and self.position < len(values):
            values = (values[self.position],)
        if history := _find_history(values):
            if 0 < (count_user_turns(history) or 0) < self.turns:
                if self.on_forgotten is not None:
                    self.on_forgotten()
                    return None
                raise ConnectionLostError(
                    "The Space has forgotten the conversation, as one does that was started again. "
                    "Ask again: the earlier turns are then sent along."
                )
            return _parse_history(history, read_turns(self.sent))
        if self.position is None:
            return _parse_values(values)
        return None if _is_empty(values) else parse_content(values[0])

    def _without_sent(self, text: str) -> str:
        """Return the text of a page without what was there before, and without the prompt."""
        if self.to_text is not None and isinstance(self.sent, str):
            for known in (self.to_text(self.sent).strip(), self.prompt.strip()):
                text = text[len(known) :].lstrip() if known and text.startswith(known) else text
        return text


def find_history(output: object) -> Sequence[Any]:
    """Return the chat history in an output; empty where there is none.

    Example:
        >>> find_history(("", [["Hi", None]]))
        [['Hi', None]]
    """
    return _find_history(output if isinstance(output, tuple) else (output,))


def count_user_turns(history: Sequence[Any]) -> int | None:
    """Return how many turns of a chat history are the user's; ``None`` if none is.

    Example:
        >>> count_user_turns([["Hi", "Hello."]])
        1
    """
    return sum(turn.role == "user" for turn in read_turns(history)) or None


def read_turns(history: object) -> list[Turn]:
    """Return the messages of a chat history in any form.

    Example:
        >>> [turn.role for turn in read_turns([["Hi", "Hello."], [None, "And?"]])]
        ['user', 'assistant', 'assistant']
    """
    turns: list[Turn] = []
    for item in history if isinstance(history, (list, tuple)) else ():
        if isinstance(item, Mapping):
            turns.append(Turn(str(item.get("role")), item))
        elif isinstance(item, (list, tuple)) and len(item) == 2:
            halves = zip(("user", "assistant"), item, strict=True)
            turns += [Turn(role, half) for role, half in halves if half is not None]
    return turns


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


def _parse_values(values: Sequence[object]) -> Snapshot | None:
    """Return the first text of an output without a chat, or ``None`` if there is no answer yet."""
    if _is_empty(values):
        return None
    text = next((value for value in values if isinstance(value, str)), None)
    if text is not None and values[0] == text and (text or not any(map(_is_compound, values))):
        return Snapshot(text)
    for value in values:  # beside a value of another shape, an emptied text box is no answer
        if _is_compound(value):
            return parse_content(value)
    if text is not None:
        return Snapshot(text)
    shown = values if len(values) > 1 else values[0]
    raise UnexpectedOutputError(f"The Space put out {brief(shown)}, which is no chat text.")


def _is_compound(value: object) -> bool:
    return isinstance(value, (Mapping, list)) and not (is_update(value) and "value" not in value)


def _is_empty(values: Sequence[object]) -> bool:
    # An empty list is a chat without turns; the strings beside it are no answer.
    return [] in values or all(
        value is None
        or (is_update(value) and isinstance(value, Mapping) and value.get("value") in (None, []))
        for value in values
    )


def _find_history(values: Iterable[object]) -> Sequence[Any]:
    return next((history for value in values if (history := _history_in(value))), [])


def _history_in(value: object) -> Sequence[Any]:
    """Return the chat history that a value is, or that an update holds; empty where there is none."""
    if isinstance(value, Mapping):
        value = value.get("value", value.get("items"))
    return value if isinstance(value, list) and value and all(map(_is_turn, value)) else []


def _is_turn(item: object) -> bool:
    if isinstance(item, Mapping):
        return "role" in item and "content" in item
    return isinstance(item, (list, tuple)) and len(item) == 2


def _parse_history(history: Sequence[Any], sent: Sequence[Turn]) -> Snapshot:
    """Return the answer that follows what was sent: several bubbles, such as a thought and the text."""
    turns = read_turns(history)
    same = sum(1 for _ in itertools.takewhile(lambda pair: _is_same(*pair), zip(turns, sent, strict=False)))
    answer = list(itertools.takewhile(lambda turn: turn.role == "assistant", reversed(turns[same:])))
    return join(turn.snapshot for turn in reversed(answer))


def _is_same(one: Turn, other: Turn) -> bool:
    return one.role == other.role and (one.message == other.message or one.snapshot == other.snapshot)
