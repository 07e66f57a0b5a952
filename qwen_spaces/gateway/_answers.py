"""The response to a request for an answer: whole, or a stream that begins early and stays alive."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from dataclasses import replace

import anyio
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.responses import Response

from .._stream.stop import Cut, find_stop
from .._stream.text_stream import TextStream, space_of, tool_calls_of
from .._types.events import Done, Event, Reasoning, Reply, Status, Text
from .._types.tools import ToolCall, arguments_of
from ..errors import QwenSpacesError, StreamCancelledError
from ._errors import error_response_for
from ._forms import Form, Frame, pieces
from ._log import RequestContext

SEND_TIMEOUT = 60.0  # seconds; a client that reads nothing for so long is disconnected
MARGIN = 1.0  # seconds; the server cancels the streams before sse-starlette does
# A proxy in front, such as nginx, gives up after 60 seconds of silence, and clients then try again.
EARLY = 10.0  # seconds without any text until a stream begins with comments; until then, errors have a status
PING = 12  # seconds between comments
SPACE_HEADER = "x-qwen-spaces-space"


class Answer:
    """One answer of a Space, in the form of an API.

    Args:
        stream: the Space's answer.
        form: the form of the API.
        stops: texts before which the answer ends.
        context: the request.
        one_call: whether it has one call of a tool at most.
    """

    def __init__(
        self,
        stream: TextStream,
        form: Form,
        stops: list[str],
        context: RequestContext,
        *,
        one_call: bool = False,
    ) -> None:
        self._stream, self._form, self._stops, self._context = stream, form, stops, context
        self._one_call = one_call
        self._events = stream.events()
        self._first: Event | Exception = _cancelled()
        self._has_begun = anyio.Event()

    async def whole(self, headers: Mapping[str, str]) -> Response:
        """Return the response with the whole answer."""
        context = self._context
        if self._stops:
            reply = await self._reply_before_stop()
        else:
            reply = await self._stream
            metrics = reply.metrics
            context.first = (metrics.connect or 0) + (metrics.first or 0)
            context.deltas, context.characters = metrics.deltas, len(reply.reasoning + reply.text)
        return json_response(self._form.whole(self._limited(reply)), {**headers, **self._space()})

    async def _reply_before_stop(self) -> Reply:
        """Return the answer before the first stop; end the job on the Space there."""
        longest = max(map(len, self._stops))
        async for event in self._events:
            if isinstance(event, (Reasoning, Text)):
                self._context.count(event.text)
            if isinstance(event, Text):
                text = self._stream.text  # as the Space has rewritten it
                if find_stop(text, self._stops, max(0, event.start - longest)) is not None:
                    return self._stopped()
            if isinstance(event, Done):
                return event.reply
        raise _cancelled()

    def _stopped(self) -> Reply:
        """End the job on the Space, and return the answer up to the first stop."""
        stream = self._stream
        stream.cancel()
        text = stream.text[: find_stop(stream.text, self._stops)]
        return Reply(text, stream.reasoning, tool_calls=tool_calls_of(stream))

    def _space(self) -> dict[str, str]:
        """Return the header with the name of the Space that answers."""
        return {SPACE_HEADER: space_of(self._stream).encode("ascii", "backslashreplace").decode()}

    def _limited(self, reply: Reply) -> Reply:
        return replace(reply, tool_calls=reply.tool_calls[:1]) if self._one_call else reply

    async def streamed(self, headers: Mapping[str, str], grace: float) -> Response:
        """Return the response after the first text, so that an earlier failure can set the status code.

        If there is none within `EARLY` seconds, the response begins without it, and without the Space's name.
        """
        self._context.tasks.start_soon(self._read_first)
        with anyio.move_on_after(EARLY):
            await self._has_begun.wait()
        if self._has_begun.is_set():
            self._first_event()
            headers = {**headers, **self._space()}
        content = self._content()
        # Otherwise only a garbage collection would close it and free the answer.
        self._context.exit_stack.push_async_callback(content.aclose)
        return EventSourceResponse(
            content,
            headers=headers,
            sep="\n",
            ping=PING,
            ping_message_factory=lambda: ServerSentEvent(comment=self._progress(), sep="\n"),
            send_timeout=SEND_TIMEOUT,
            shutdown_grace_period=grace + MARGIN,
        )

    async def _read_first(self) -> None:
        """Read up to the first event that is not a status, in a task that `EARLY` does not cancel."""
        try:
            async for event in self._events:
                if not isinstance(event, Status):
                    self._first = event
                    return
        except Exception as error:
            self._first = error
        finally:
            self._has_begun.set()

    def _progress(self) -> str:
        """Return where the request is, without the Space's own words."""
        status = self._stream.status
        place = "" if status is None or status.position is None else f", position {status.position + 1}"
        return f"{status.stage if status else 'connecting'}{place}"

    async def _content(self) -> AsyncGenerator[Frame, None]:
        """Yield the server-sent events of the answer, up to its end or an error."""
        cut = Cut(self._stops)
        try:
            if not self._has_begun.is_set():
                yield {"comment": self._progress()}
                await self._has_begun.wait()
            event = self._first_event()
            for frame in self._form.opening(has_text=not isinstance(event, ToolCall)):
                yield frame
            while not isinstance(event, Done):
                for frame in self._frames(event, cut):
                    yield frame
                if cut.over:
                    break
                event = await self._next_event()
        except QwenSpacesError as error:
            self._context.error = type(error).__name__
            for frame in self._form.failure(error_response_for(error)):
                yield frame
            return
        for frame in self._ending(event.reply if isinstance(event, Done) else self._stopped(), cut):
            yield frame

    def _first_event(self) -> Event:
        if isinstance(self._first, Exception):
            raise self._first
        return self._first

    async def _next_event(self) -> Event:
        async for event in self._events:
            return event
        raise _cancelled()

    def _frames(self, event: Event, cut: Cut) -> list[Frame]:
        """Return the text or the reasoning of an event; the calls come at the end."""
        if isinstance(event, Text):
            text = cut.feed(event.text) if self._stops else event.text
            return self._written(self._form.text, text) if text or not self._stops else []
        return self._written(self._form.reasoning, event.text) if isinstance(event, Reasoning) else []

    def _written(self, write: Callable[[str], list[Frame]], text: str) -> list[Frame]:
        self._context.count(text)
        return [frame for piece in pieces(text) for frame in write(piece)]

    def _ending(self, reply: Reply, cut: Cut) -> Iterator[Frame]:
        if cut.held:
            yield from self._written(self._form.text, cut.held)
        reply = self._limited(reply)
        for call in reply.tool_calls:
            self._context.count(arguments_of(call))
        yield from self._form.closing(reply)


def json_response(body: str, headers: Mapping[str, str] | None = None) -> Response:
    return Response(body, headers=headers, media_type="application/json")


def _cancelled() -> StreamCancelledError:
    return StreamCancelledError("The stream was cancelled.")
