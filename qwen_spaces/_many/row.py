"""`Row`, the answer to one of many prompts; `Prompt`, one of them on its way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .._types.events import Reply
from .._types.messages import Message
from ..errors import QwenSpacesError, StreamCancelledError


@dataclass(frozen=True, slots=True)
class Row:
    """The answer to one of the prompts of `map`, or the error in its place.

    Attributes:
        index: the place of the prompt, from 0.
        prompt: the prompt as it was given.
        reply: the answer; ``None`` if it failed.
        error: why it failed, else ``None``.
    """

    index: int
    prompt: Any
    reply: Reply | None = None
    error: QwenSpacesError | None = field(default=None, repr=False)

    @property
    def text(self) -> str:
        """The text of the answer.

        Raises:
            QwenSpacesError: the row's error.
        """
        if self.reply is None:
            raise self.error or StreamCancelledError("This row has no answer.")
        return self.reply.text


class ResumedRow(Row):
    """A row from a journal."""

    __slots__ = ()


class Named(NamedTuple):
    """A prompt with an id of the user's, for the journal."""

    prompt: Any
    id: str | None = None


@dataclass(slots=True)
class Prompt:
    """One prompt on its way."""

    index: int
    given: Any
    id: str | None = None
    messages: tuple[Message, ...] = ()
    key: str = ""  # in the journal
    failures: int = 0
    not_before: float = 0.0  # when to try again, in seconds of `time.monotonic()`
