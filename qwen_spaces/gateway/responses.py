"""What a client is told: an answer in OpenAI's form, whole or in chunks."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import AsyncGenerator, Iterator
from typing import Any, NamedTuple

from openai import BaseModel
from openai.types.chat import ChatCompletion, ChatCompletionChunk, ChatCompletionMessage
from openai.types.chat.chat_completion import Choice
from openai.types.chat.chat_completion_chunk import Choice as ChunkChoice
from openai.types.chat.chat_completion_chunk import ChoiceDelta

from ..errors import QwenSpacesError, StreamCancelledError
from ..events import Done, Event, Reasoning, Reply, Status, Text
from ..stream import StreamIterator
from .errors import error_response_for
from .middleware import RequestContext

PIECE = 8192  # characters in a chunk at most: what waits for a client that reads slowly is small


class CompletionHead(NamedTuple):
    """What an answer and all its chunks have in common."""

    id: str
    created: int
    model: str

    @classmethod
    def of(cls, model: str) -> CompletionHead:
        """Make a new one."""
        return cls(f"chatcmpl-{uuid.uuid4().hex}", int(time.time()), model)


def ascii_json(answer: BaseModel) -> str:
    """JSON of ASCII characters, for some clients take U+2028 for the end of a line."""
    return json.dumps(answer.model_dump(exclude_unset=True))


def completion(reply: Reply, head: CompletionHead) -> ChatCompletion:
    """Return the whole answer; its `usage` is absent, for a Space counts no tokens."""
    reasoning: dict[str, Any] = {"reasoning_content": reply.reasoning} if reply.reasoning else {}
    message = ChatCompletionMessage(role="assistant", content=reply.text, refusal=None, **reasoning)
    choice = Choice(index=0, message=message, finish_reason="stop", logprobs=None)
    return ChatCompletion(**head._asdict(), object="chat.completion", choices=[choice])


async def first_content(events: StreamIterator[Event]) -> Event:
    """Return the first event that says something of the answer."""
    async for event in events:
        if not isinstance(event, Status):
            return event
    raise StreamCancelledError("The stream was cancelled.")


async def chunks(
    first: Event, events: StreamIterator[Event], head: CompletionHead, context: RequestContext, *, usage: bool
) -> AsyncGenerator[dict[str, str], None]:
    """Yield the chunks of an answer as events for the client, to the end or to what went wrong.

    Where the client asks for the usage, each chunk has it as null, and the one with the counts is absent, as
    OpenAI's is where a stream is cut: a Space counts no tokens, and none are invented. What a Space takes
    back of its text cannot be taken back here: the last chunk then has ``"rewritten": true``.
    """
    common: dict[str, Any] = {**head._asdict(), "object": "chat.completion.chunk"}
    if usage:
        common["usage"] = None

    def chunk(finish: Any = None, **delta: Any) -> dict[str, str]:
        choice = ChunkChoice(index=0, delta=ChoiceDelta(**delta), finish_reason=finish, logprobs=None)
        return {"data": ascii_json(ChatCompletionChunk(choices=[choice], **common))}

    yield chunk(role="assistant", content="")
    event: Event | None = first
    try:
        while not isinstance(event, Done):
            if isinstance(event, (Reasoning, Text)):
                context.count(event.text)
                field = "content" if isinstance(event, Text) else "reasoning_content"
                for piece in _pieces(event.text):
                    yield chunk(**{field: piece})
            event = await anext(events, None)
            if event is None:
                raise StreamCancelledError("The stream was cancelled.")
    except QwenSpacesError as error:
        context.error = type(error).__name__
        yield {"data": error_response_for(error).body}
        return
    if event.reply.rewritten:
        common["rewritten"] = True
    yield chunk("stop")
    yield {"data": "[DONE]"}


def _pieces(text: str) -> Iterator[str]:
    """Cut the text into pieces, one if it is short or empty."""
    for start in range(0, max(1, len(text)), PIECE):
        yield text[start : start + PIECE]
