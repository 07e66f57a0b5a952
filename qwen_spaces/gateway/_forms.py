"""Answers in the forms of OpenAI's APIs, complete or in chunks."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, TypeAlias

from openai.types import Completion, CompletionChoice, CompletionUsage
from openai.types.chat import ChatCompletion, ChatCompletionChunk, ChatCompletionMessage
from openai.types.chat.chat_completion import Choice
from openai.types.chat.chat_completion_chunk import Choice as ChunkChoice
from openai.types.chat.chat_completion_chunk import ChoiceDelta
from pydantic import BaseModel

from .._types.events import Reply
from .._types.tools import ToolCall, arguments_of, as_openai
from ._errors import ErrorResponse

MAX_CHUNK = 8192  # characters, so that little is buffered for a slow client
Frame: TypeAlias = dict[str, str]  # a server-sent event, as sse-starlette takes it


def ascii_json(value: BaseModel) -> str:
    """Return JSON in ASCII, since some clients read U+2028 as the end of a line."""
    return json.dumps(value.model_dump(exclude_unset=True))


def no_usage() -> CompletionUsage:
    """Return counts of 0: a Space does not count tokens, and some clients fail without the counts."""
    return CompletionUsage(prompt_tokens=0, completion_tokens=0, total_tokens=0)


def pieces(text: str) -> Iterator[str]:
    """Yield a text in pieces of `MAX_CHUNK`; an empty one is one piece."""
    for start in range(0, max(1, len(text)), MAX_CHUNK):
        yield text[start : start + MAX_CHUNK]


class Form:
    """An answer in the form of one API: as a whole, or as the events of a stream.

    Args:
        model: the name of the model.
        usage: whether the client requests the counts in a stream: null in each chunk, then a last one.
    """

    prefix: ClassVar[str]
    object: ClassVar[str]

    def __init__(self, model: str, *, usage: bool = False) -> None:
        self._head: dict[str, Any] = {"id": f"{self.prefix}-{uuid.uuid4().hex}", "created": int(time.time())}
        self._head["model"] = model
        self._usage = usage
        self._common: dict[str, Any] = {**self._head, "object": self.object}
        if usage:
            self._common["usage"] = None

    def opening(self, *, has_text: bool) -> Iterator[Frame]:
        """Yield what comes before the first text, or before the calls if there is none."""
        del has_text
        yield from ()

    def text(self, text: str) -> list[Frame]:
        """Return a piece of the text."""
        raise NotImplementedError

    def reasoning(self, text: str) -> list[Frame]:
        """Return a piece of the reasoning."""
        raise NotImplementedError

    def closing(self, reply: Reply) -> Iterator[Frame]:
        """Yield the calls, the reason why the answer ends, and what else comes after the text."""
        raise NotImplementedError

    def failure(self, error: ErrorResponse) -> Iterator[Frame]:
        """Yield the error that ends a stream."""
        yield {"data": bytes(error.body).decode()}

    def whole(self, reply: Reply) -> str:
        """Return the JSON of the whole answer."""
        raise NotImplementedError


class ChunkForm(Form):
    """The form of an API whose stream consists of chunks."""

    def mark_rewritten(self, reply: Reply) -> None:
        """Add ``"rewritten": true`` to the chunks that follow, if the Space changed text that was sent."""
        if reply.rewritten:
            self._common["rewritten"] = True


class ChatForm(ChunkForm):
    """The form of ``/v1/chat/completions``."""

    prefix = "chatcmpl"
    object = "chat.completion.chunk"
    call_reason: ClassVar[str] = "tool_calls"

    def _chunk(self, finish_reason: Any = None, **delta: Any) -> Frame:
        choice = ChunkChoice(index=0, delta=ChoiceDelta(**delta), finish_reason=finish_reason, logprobs=None)
        return _data(ChatCompletionChunk(choices=[choice], **self._common))

    def opening(self, *, has_text: bool) -> Iterator[Frame]:
        yield self._chunk(role="assistant", content="" if has_text else None)

    def text(self, text: str) -> list[Frame]:
        return [self._chunk(content=text)]

    def reasoning(self, text: str) -> list[Frame]:
        return [self._chunk(reasoning_content=text)]

    def _call(self, index: int, call: ToolCall) -> Iterator[Frame]:
        function = {"name": call.name, "arguments": ""}
        yield self._chunk(
            tool_calls=[{"index": index, "id": call.id, "type": "function", "function": function}]
        )
        for piece in pieces(arguments_of(call)):
            yield self._chunk(tool_calls=[{"index": index, "function": {"arguments": piece}}])

    def _calls(self, calls: Sequence[ToolCall]) -> dict[str, Any]:
        """Return the fields of a message with calls."""
        return {"tool_calls": list(map(as_openai, calls))}

    def closing(self, reply: Reply) -> Iterator[Frame]:
        self.mark_rewritten(reply)
        for index, call in enumerate(reply.tool_calls):
            yield from self._call(index, call)
        yield self._chunk(self.call_reason if reply.tool_calls else "stop")
        if self._usage:
            yield _data(ChatCompletionChunk(choices=[], **{**self._common, "usage": no_usage()}))
        yield DONE

    def whole(self, reply: Reply) -> str:
        extra: dict[str, Any] = {"reasoning_content": reply.reasoning} if reply.reasoning else {}
        content: str | None = reply.text
        if reply.tool_calls:
            content = reply.text or None
            extra.update(self._calls(reply.tool_calls))
        message = ChatCompletionMessage(role="assistant", content=content, refusal=None, **extra)
        reason: Any = self.call_reason if reply.tool_calls else "stop"
        choice = Choice(index=0, message=message, finish_reason=reason, logprobs=None)
        head: dict[str, Any] = {**self._head, "object": "chat.completion"}
        return ascii_json(ChatCompletion(**head, choices=[choice], usage=no_usage()))


class LegacyChatForm(ChatForm):
    """The form of ``/v1/chat/completions`` for a request with ``functions``, as before tools: one call."""

    call_reason = "function_call"

    def _call(self, index: int, call: ToolCall) -> Iterator[Frame]:
        del index  # there is one call
        yield self._chunk(function_call={"name": call.name, "arguments": ""})
        for piece in pieces(arguments_of(call)):
            yield self._chunk(function_call={"arguments": piece})

    def _calls(self, calls: Sequence[ToolCall]) -> dict[str, Any]:
        return {"function_call": {"name": calls[0].name, "arguments": arguments_of(calls[0])}}


class CompletionForm(ChunkForm):
    """The form of ``/v1/completions``."""

    prefix = "cmpl"
    object = "text_completion"

    def _chunk(self, text: str, finish_reason: Any = None, **extra: Any) -> Frame:
        # A chunk's reason is null until the last, which the type does not allow.
        fields = {"index": 0, "text": text, "finish_reason": finish_reason, "logprobs": None}
        choice = CompletionChoice.model_construct(**fields, **extra)
        return _data(Completion.model_construct(choices=[choice], **self._common))

    def text(self, text: str) -> list[Frame]:
        return [self._chunk(text)]

    def reasoning(self, text: str) -> list[Frame]:
        return [self._chunk("", reasoning_content=text)]

    def closing(self, reply: Reply) -> Iterator[Frame]:
        self.mark_rewritten(reply)
        yield self._chunk("", "stop")
        if self._usage:
            yield _data(Completion(choices=[], **{**self._common, "usage": no_usage()}))
        yield DONE

    def whole(self, reply: Reply) -> str:
        extra: dict[str, Any] = {"reasoning_content": reply.reasoning} if reply.reasoning else {}
        choice = CompletionChoice(index=0, text=reply.text, finish_reason="stop", logprobs=None, **extra)
        return ascii_json(Completion(choices=[choice], **{**self._common, "usage": no_usage()}))


DONE: Frame = {"data": "[DONE]"}


def _data(chunk: BaseModel) -> Frame:
    return {"data": ascii_json(chunk)}
