"""Answers in OpenAI's form, complete or in chunks."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import AsyncGenerator
from typing import Any

from openai.types.chat import ChatCompletion, ChatCompletionChunk, ChatCompletionMessage
from openai.types.chat.chat_completion import Choice
from openai.types.chat.chat_completion_chunk import Choice as ChunkChoice
from openai.types.chat.chat_completion_chunk import ChoiceDelta
from pydantic import BaseModel

from .._stream.text_stream import StreamIterator
from .._types.events import Done, Event, Reasoning, Reply, Status, Text
from ..errors import QwenSpacesError, StreamCancelledError
from ._errors import error_response_for
from ._middleware import RequestContext

MAX_CHUNK = 8192  # characters, so that little is buffered for a slow client


def completion_head(model: str) -> dict[str, Any]:
    """Return the fields that all chunks of a new answer share."""
    return {"id": f"chatcmpl-{uuid.uuid4().hex}", "created": int(time.time()), "model": model}


def ascii_json(value: BaseModel) -> str:
    """Return JSON in ASCII, since some clients read U+2028 as the end of a line."""
    return json.dumps(value.model_dump(exclude_unset=True))


def completion(reply: Reply, head: dict[str, Any]) -> ChatCompletion:
    """Return the complete answer, without `usage`, since a Space does not count tokens."""
    reasoning: dict[str, Any] = {"reasoning_content": reply.reasoning} if reply.reasoning else {}
    message = ChatCompletionMessage(role="assistant", content=reply.text, refusal=None, **reasoning)
    choice = Choice(index=0, message=message, finish_reason="stop", logprobs=None)
    return ChatCompletion(**head, object="chat.completion", choices=[choice])


async def first_content(events: StreamIterator[Event]) -> Event:
    """Return the first event that is not a status."""
    async for event in events:
        if not isinstance(event, Status):
            return event
    raise StreamCancelledError("The stream was cancelled.")


async def chunks(
    first: Event, events: StreamIterator[Event], head: dict[str, Any], context: RequestContext, *, usage: bool
) -> AsyncGenerator[dict[str, str], None]:
    """Yield the chunks of an answer as server-sent events, up to its end or an error.

    If the client requests `usage`, it is null in each chunk, and the chunk with the counts is missing: a
    Space does not count tokens. If the Space rewrote text, the last chunk has ``"rewritten": true``.
    """
    common: dict[str, Any] = {**head, "object": "chat.completion.chunk"}
    if usage:
        common["usage"] = None

    def chunk(finish_reason: Any = None, **delta: Any) -> dict[str, str]:
        choice = ChunkChoice(index=0, delta=ChoiceDelta(**delta), finish_reason=finish_reason, logprobs=None)
        return {"data": ascii_json(ChatCompletionChunk(choices=[choice], **common))}

    yield chunk(role="assistant", content="")
    event: Event | None = first
    try:
        while not isinstance(event, Done):
            if isinstance(event, (Reasoning, Text)):
                context.count(event.text)
                field = "content" if isinstance(event, Text) else "reasoning_content"
                for start in range(0, max(1, len(event.text)), MAX_CHUNK):  # an empty text is one chunk
                    yield chunk(**{field: event.text[start : start + MAX_CHUNK]})
            event = await anext(events, None)
            if event is None:
                raise StreamCancelledError("The stream was cancelled.")
    except QwenSpacesError as error:
        context.error = type(error).__name__
        yield {"data": bytes(error_response_for(error).body).decode()}
        return
    if event.reply.rewritten:
        common["rewritten"] = True
    yield chunk("stop")
    yield {"data": "[DONE]"}
