"""Answers in the forms of OpenAI's APIs, complete or in chunks."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any, ClassVar

from openai.types import Completion, CompletionChoice, CompletionUsage
from openai.types.chat import ChatCompletion, ChatCompletionChunk, ChatCompletionMessage
from openai.types.chat.chat_completion import Choice
from openai.types.chat.chat_completion_chunk import Choice as ChunkChoice
from openai.types.chat.chat_completion_chunk import ChoiceDelta
from pydantic import BaseModel


def ascii_json(value: BaseModel) -> str:
    """Return JSON in ASCII, since some clients read U+2028 as the end of a line."""
    return json.dumps(value.model_dump(exclude_unset=True))


def no_usage() -> CompletionUsage:
    """Return counts of 0: a Space does not count tokens, and some clients fail without the counts."""
    return CompletionUsage(prompt_tokens=0, completion_tokens=0, total_tokens=0)


class Form:
    """An answer in the form of one API: as a whole, or each of its chunks.

    Args:
        model: the name of the model.
        usage: whether the client requests the counts in a stream: null in each chunk, then a last one.
    """

    prefix: ClassVar[str]
    object: ClassVar[str]

    def __init__(self, model: str, *, usage: bool) -> None:
        self.usage = usage
        self._head: dict[str, Any] = {"id": f"{self.prefix}-{uuid.uuid4().hex}", "created": int(time.time())}
        self._head["model"] = model
        self._common: dict[str, Any] = {**self._head, "object": self.object}
        if usage:
            self._common["usage"] = None

    def opening(self) -> BaseModel | None:
        """Return the chunk before the first text."""
        return None

    def text(self, text: str) -> BaseModel:
        raise NotImplementedError

    def reasoning(self, text: str) -> BaseModel:
        raise NotImplementedError

    def closing(self) -> BaseModel:
        """Return the chunk with the reason why the answer ends."""
        raise NotImplementedError

    def counts(self) -> BaseModel:
        """Return the chunk with the counts."""
        raise NotImplementedError

    def whole(self, text: str, reasoning: str) -> BaseModel:
        raise NotImplementedError

    def mark_rewritten(self) -> None:
        """Add ``"rewritten": true`` to the chunks that follow: the Space changed text that was sent."""
        self._common["rewritten"] = True


class ChatForm(Form):
    """The form of ``/v1/chat/completions``."""

    prefix = "chatcmpl"
    object = "chat.completion.chunk"

    def _chunk(self, finish_reason: Any = None, **delta: Any) -> ChatCompletionChunk:
        choice = ChunkChoice(index=0, delta=ChoiceDelta(**delta), finish_reason=finish_reason, logprobs=None)
        return ChatCompletionChunk(choices=[choice], **self._common)

    def opening(self) -> ChatCompletionChunk:
        return self._chunk(role="assistant", content="")

    def text(self, text: str) -> ChatCompletionChunk:
        return self._chunk(content=text)

    def reasoning(self, text: str) -> ChatCompletionChunk:
        return self._chunk(reasoning_content=text)

    def closing(self) -> ChatCompletionChunk:
        return self._chunk("stop")

    def counts(self) -> ChatCompletionChunk:
        return ChatCompletionChunk(choices=[], **{**self._common, "usage": no_usage()})

    def whole(self, text: str, reasoning: str) -> ChatCompletion:
        extra: dict[str, Any] = {"reasoning_content": reasoning} if reasoning else {}
        message = ChatCompletionMessage(role="assistant", content=text, refusal=None, **extra)
        choice = Choice(index=0, message=message, finish_reason="stop", logprobs=None)
        head: dict[str, Any] = {**self._head, "object": "chat.completion"}
        return ChatCompletion(**head, choices=[choice], usage=no_usage())


class CompletionForm(Form):
    """The form of ``/v1/completions``."""

    prefix = "cmpl"
    object = "text_completion"

    def _chunk(self, text: str, finish_reason: Any = None, **extra: Any) -> Completion:
        # A chunk's reason is null until the last, which the type does not allow.
        fields = {"index": 0, "text": text, "finish_reason": finish_reason, "logprobs": None}
        choice = CompletionChoice.model_construct(**fields, **extra)
        return Completion.model_construct(choices=[choice], **self._common)

    def text(self, text: str) -> Completion:
        return self._chunk(text)

    def reasoning(self, text: str) -> Completion:
        return self._chunk("", reasoning_content=text)

    def closing(self) -> Completion:
        return self._chunk("", "stop")

    def counts(self) -> Completion:
        return Completion(choices=[], **{**self._common, "usage": no_usage()})

    def whole(self, text: str, reasoning: str) -> Completion:
        extra: dict[str, Any] = {"reasoning_content": reasoning} if reasoning else {}
        choice = CompletionChoice(index=0, text=text, finish_reason="stop", logprobs=None, **extra)
        return Completion(choices=[choice], **{**self._common, "usage": no_usage()})
