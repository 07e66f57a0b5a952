"""The gateway as an ASGI app."""

from __future__ import annotations

import contextlib
import importlib.metadata
from collections.abc import AsyncIterator, Collection, Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from openai.types import Model
from openai.types.chat import ChatCompletion
from pydantic import BaseModel
from sse_starlette import EventSourceResponse
from starlette.exceptions import HTTPException
from starlette.responses import Response

from .._stream.text_stream import TextStream
from .._types.timeouts import Timeouts
from ..errors import QwenSpacesError
from ._errors import ErrorBody, ErrorResponse, RequestRejectedError, error_response_for
from ._middleware import CHAT, GatewayMiddleware, RequestContext
from ._models import Models
from ._responses import ascii_json, chunks, completion, completion_head, first_content
from ._schema import ChatRequest, validation_error_response

IGNORED_HEADER = "x-qwen-spaces-ignored"
SEND_TIMEOUT = 60.0  # seconds; a client that reads nothing for so long is disconnected
MAX_CHARS = 1_000_000  # a Qwen model writes far fewer, and a slow client keeps them in memory
MARGIN = 1.0  # seconds; the server cancels the streams before sse-starlette does
ERROR_RESPONSES: dict[int | str, dict[str, Any]] = {"4XX": {"model": ErrorBody}, "5XX": {"model": ErrorBody}}


class ModelList(BaseModel):
    """The answer of ``/v1/models``."""

    object: str
    data: list[Model]


def create_app(
    models: Mapping[str, str | None] | None = None,
    *,
    api_key: str | None = None,
    origins: Collection[str] = (),
    loopback: bool = False,
    max_requests: int = 40,
    grace: float = 5.0,
    timeouts: Timeouts = Timeouts(),  # noqa: B008  (frozen)
    max_chars: int = MAX_CHARS,
    endpoints: Mapping[str, str] | None = None,
) -> FastAPI:
    """Return an OpenAI-compatible app whose models are Spaces.

    It has ``/v1/models``, ``/v1/models/{model}``, ``/v1/chat/completions`` and ``/healthz``.

    Without `api_key`, a client may send a Hugging Face token (``hf_...``) as its bearer token. The app sends
    it with that request, to Hugging Face only; otherwise it sends the saved token.

    Args:
        models: model -> its URL or ``owner/name``, or ``None`` for the usual one; a new name stands for any
            Gradio chat. The default is all of `available_spaces`.
        api_key: the bearer token that every client must send.
        origins: web pages that may use the app, ``"*"`` for all; it rejects requests from other pages.
        loopback: whether to serve this machine only, and reject a request whose Host is not a loopback name,
            which prevents DNS rebinding.
        max_requests: answers at once; further requests are rejected with 429 and ``Retry-After``.
        grace: seconds until running streams are cancelled when the server shuts down.
        timeouts: seconds that each phase of an answer may take.
        max_chars: characters of an answer and its reasoning; a longer one ends with an error. Answers take at
            most a few times ``max_chars * max_requests`` bytes of memory.
        endpoints: model -> the api name of the chat on its Space, where that has several.

    Raises:
        UnknownSpaceError: a model is not a known Space, and has no URL.

    Example:
        >>> app = create_app({"qwen-2.5": "https://me-my-duplicate.hf.space"}, max_requests=4)
    """
    spaces = Models(models, timeouts, max_chars, endpoints)

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await spaces.aclose()

    errors = (RequestValidationError, HTTPException, QwenSpacesError, RequestRejectedError, Exception)
    app = FastAPI(
        title="qwen-spaces gateway",
        version=importlib.metadata.version("qwen-spaces"),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        exception_handlers=dict.fromkeys(errors, _handle_error),
    )
    app.add_middleware(
        GatewayMiddleware, api_key=api_key, origins=origins, loopback=loopback, max_requests=max_requests
    )
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(origins),
            allow_methods=["GET", "POST"],
            allow_headers=["*"],
            expose_headers=[IGNORED_HEADER, "Retry-After"],
        )
    _add_routes(app, spaces, grace)
    return app


async def _handle_error(request: Request, error: Exception) -> Response:
    if isinstance(error, RequestValidationError):
        response = validation_error_response(error.errors())
    elif isinstance(error, HTTPException):
        response = ErrorResponse(error.status_code, str(error.detail), headers=error.headers)
    else:
        response = error_response_for(error)
    by_class = isinstance(error, QwenSpacesError) or not response.code
    request.state.context.error = type(error).__name__ if by_class else response.code
    return response


def _add_routes(app: FastAPI, models: Models, grace: float) -> None:
    streams: set[TextStream] = set()
    app.state.streams = streams

    @app.get("/healthz")
    async def health() -> dict[str, str | int]:
        return {"status": "ok", "running": len(streams)}

    @app.get("/v1/models", response_model=ModelList, responses=ERROR_RESPONSES)
    async def list_models() -> Response:
        return _json(ModelList(object="list", data=[entry.to_openai() for entry in models.entries()]))

    @app.get("/v1/models/{model:path}", response_model=Model, responses=ERROR_RESPONSES)
    async def one_model(model: str) -> Response:
        return _json(models.find(model).to_openai())

    event_stream: dict[str, Any] = {"content": {"text/event-stream": {}}}

    @app.post(CHAT, response_model=ChatCompletion, responses={200: event_stream, **ERROR_RESPONSES})
    async def chat(body: ChatRequest, request: Request) -> Response:
        context: RequestContext = request.state.context
        entry = models.find(body.model)
        context.model = entry.name
        space = await context.exit_stack.enter_async_context(models.space(entry, context.token))
        options: dict[str, Any] = {**entry.options, **body.options(space)}
        stream = await context.exit_stack.enter_async_context(space.stream(body.to_messages(), **options))
        streams.add(stream)
        context.exit_stack.callback(streams.discard, stream)
        return await _answer(stream, body, context, grace)


async def _answer(stream: TextStream, body: ChatRequest, context: RequestContext, grace: float) -> Response:
    """Return the response after the first text, so that an earlier failure can set the status code."""
    ignored = body.ignored_params()
    headers = {IGNORED_HEADER: ", ".join(ignored)} if ignored else {}
    head = completion_head(context.model or body.model)
    if body.stream:
        events = stream.events()
        first = await first_content(events)
        usage = bool(body.stream_options and body.stream_options.include_usage)
        content = chunks(first, events, head, context, usage=usage)
        # Otherwise only a garbage collection would close it and free the answer.
        context.exit_stack.push_async_callback(content.aclose)
        return EventSourceResponse(
            content,
            headers=headers,
            sep="\n",
            send_timeout=SEND_TIMEOUT,
            shutdown_grace_period=grace + MARGIN,
        )
    reply = await stream
    metrics = reply.metrics
    context.first = (metrics.connect or 0) + (metrics.first or 0)
    context.deltas, context.characters = metrics.deltas, len(reply.reasoning + reply.text)
    return _json(completion(reply, head), headers)


def _json(value: BaseModel, headers: Mapping[str, str] | None = None) -> Response:
    return Response(ascii_json(value), headers=headers, media_type="application/json")
