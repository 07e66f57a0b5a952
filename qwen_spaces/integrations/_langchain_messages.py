"""LangChain's messages -> those of a Space, and its answers -> LangChain's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, convert_to_openai_messages
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from .._stream.stop import Cut
from .._stream.text_stream import tool_calls_of
from .._types.events import Event, Reply
from .._types.tools import arguments_of
from ..errors import InvalidMessagesError

if TYPE_CHECKING:
    from .._stream.text_stream import TextStream

PROVIDER = "qwen-spaces"


def to_openai(messages: Sequence[BaseMessage]) -> list[dict[str, Any]]:
    """Return messages in the OpenAI form, of which a system message at the end is the user's."""
    # Send only the text and the calls of an answer: its parts may include reasoning.
    texts = [
        AIMessage(message.text, tool_calls=message.tool_calls) if isinstance(message, AIMessage) else message
        for message in messages
    ]
    try:
        converted = convert_to_openai_messages(texts, pass_through_unknown_blocks=True)
    except (KeyError, TypeError, ValueError) as error:
        reason = str(error).partition("Full content block")[0].strip()  # which may quote a whole file
        reason = f"it lacks {reason}" if isinstance(error, KeyError) else reason
        raise InvalidMessagesError(f"The messages have a part that cannot be sent: {reason}") from error
    if converted and converted[-1]["role"] == "system":  # as the gateway does
        converted[-1]["role"] = "user"
    return converted


def chunk_of(event: Event, cut: Cut) -> ChatGenerationChunk | None:
    """Return the chunk of an event; the calls are in the last."""
    if event.type == "reasoning":
        reasoning = {"reasoning_content": event.text}
        return ChatGenerationChunk(message=AIMessageChunk(content="", additional_kwargs=reasoning))
    if event.type == "text" and (text := cut.feed(event.text)):
        return ChatGenerationChunk(message=AIMessageChunk(content=text))
    return None


def last_chunk(
    name: str, text: str, reply: Reply | None, stream: TextStream, *, one_call: bool
) -> ChatGenerationChunk:
    """Return the last chunk of an answer; if a stop cut it, there is no `reply`."""
    calls = tool_calls_of(stream)[: 1 if one_call else None]
    message = AIMessageChunk(
        content=text,
        response_metadata=_metadata(name, reply),
        tool_call_chunks=[
            {"name": call.name, "args": arguments_of(call), "id": call.id, "index": index}
            for index, call in enumerate(calls)
        ],
        chunk_position="last",
    )
    return ChatGenerationChunk(message=message)


def result_of(name: str, reply: Reply, *, one_call: bool) -> ChatResult:
    """Return a whole answer."""
    reasoning = {"reasoning_content": reply.reasoning} if reply.reasoning else {}
    calls = reply.tool_calls[: 1 if one_call else None]
    message = AIMessage(
        reply.text,
        additional_kwargs=reasoning,
        response_metadata=_metadata(name, reply),
        tool_calls=[{"name": call.name, "args": dict(call.arguments), "id": call.id} for call in calls],
    )
    return ChatResult(generations=[ChatGeneration(message=message)])


def _metadata(name: str, reply: Reply | None) -> dict[str, Any]:
    metadata: dict[str, Any] = {"model_name": name, "model_provider": PROVIDER}
    if reply is not None:
        metadata |= {"metrics": asdict(reply.metrics), "rewritten": reply.rewritten, "space": reply.space}
    return metadata
