"""The events of a stream, and its reply."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from .._markup.markdown import markdown
from .messages import Message
from .timeouts import Stage
from .tools import ToolCall

_TEXTS: dict[Stage, str] = {
    "connecting": "Connecting",
    "waking": "The Space wakes up",
    "queued": "Waiting in the queue",
    "running": "The Space is at work",
}


@dataclass(frozen=True, slots=True)
class Status:
    """The progress of a request.

    Attributes:
        stage: ``"connecting"``, ``"waking"``, ``"queued"`` or ``"running"``.
        position: place in the Space's queue, 0 for the next; ``None`` if unknown.
        queue_size: number of requests in that queue.
        eta: seconds until the request's turn, as the Space estimates, or until the next retry.
        reason: why the request will be retried, or where there is a `level`, what the Space says meanwhile,
            such as that it waits for a GPU; else ``""``.
        upload: bytes of the images that are being uploaded, ``None`` if none are.
        level: ``"info"``, ``"success"``, ``"warning"`` or ``"error"`` for a message of the Space's own, from
            `gr.Info`, `gr.Warning` or ZeroGPU; ``""`` for any other status.
        space: the name of the Space, if a `Router` chose it; else ``""``.
    """

    stage: Stage
    position: int | None = None
    queue_size: int | None = None
    eta: float | None = None
    reason: str = ""
    upload: int | None = None
    level: str = ""
    space: str = ""
    type: Literal["status"] = field(default="status", init=False, repr=False)

    def __str__(self) -> str:
        """Return the status in words, without `eta`.

        >>> str(Status("queued", position=0, queue_size=3))
        'Waiting in the queue, at place 1 of 3'
        >>> str(Status("running", reason="Waiting for a GPU", level="info"))
        'The Space says: Waiting for a GPU'
        """
        if self.level:
            return f"The Space says: {self.reason}"
        if self.reason:
            return f"Another try follows: {self.reason}"
        if self.upload is not None:
            size = f"{self.upload / 1e6:.1f} MB" if self.upload >= 1e6 else f"{self.upload / 1e3:.1f} kB"
            return f"Uploading {size}"
        if self.position is None:
            return _TEXTS[self.stage]
        of_all = f" of {self.queue_size}" if self.queue_size else ""
        return f"{_TEXTS[self.stage]}, at place {self.position + 1}{of_all}"


@dataclass(frozen=True, slots=True)
class Metrics:
    """The timings of an answer, in seconds; ``None`` if unknown.

    Attributes:
        connect: to connect to the Space; about 0 if it is connected already.
        queued: from submit until the Space starts on the request.
        first: from submit to the first text or reasoning.
        total: from submit to the end.
        deltas: number of deltas of text and reasoning.
    """

    connect: float | None = None
    queued: float | None = None
    first: float | None = None
    total: float | None = None
    deltas: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete answer; ``str(reply)`` is its text.

    Attributes:
        text: the answer.
        reasoning: the reasoning before it, if the Space marks it.
        rewritten: whether the Space changed text that it had already sent.
        metrics: the timings.
        raw: the Space's last output, as `gradio_client` returns it.
        files: the addresses of the files beside the text, such as images; nothing is downloaded.
        tool_calls: the calls of tools that the model asks for.
        parsed: the answer as the ``response_format`` has it: an object of a pydantic model, or JSON's value.
        space: the name of the Space that answered.
    """

    text: str
    reasoning: str = ""
    rewritten: bool = False
    metrics: Metrics = field(default_factory=Metrics)
    raw: Any = field(default=None, repr=False)
    files: tuple[str, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    parsed: Any = None
    space: str = ""

    @property
    def message(self) -> Message:
        """The answer as a message, for the next request."""
        return Message("assistant", self.text, tool_calls=self.tool_calls)

    def __str__(self) -> str:
        return self.text

    def _repr_markdown_(self) -> str:
        return markdown(self.text)


@dataclass(frozen=True, slots=True)
class Reasoning:
    """A delta of the reasoning before the answer."""

    text: str
    type: Literal["reasoning"] = field(default="reasoning", init=False, repr=False)


@dataclass(frozen=True, slots=True)
class Text:
    """A delta of the answer, which is now ``answer[:start] + text``; `start` counts characters."""

    text: str
    start: int
    type: Literal["text"] = field(default="text", init=False, repr=False)


@dataclass(frozen=True, slots=True)
class Done:
    """The end of the answer."""

    reply: Reply
    type: Literal["done"] = field(default="done", init=False, repr=False)


Event: TypeAlias = Status | Reasoning | Text | ToolCall | Done
