"""The gateway as an ASGI app."""

from __future__ import annotations

import contextlib
import json
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

from .. import __version__
from ..errors import QwenSpacesError
from ..stream import TextStream
from ..timeouts import Timeouts
from .errors import ErrorBody, ErrorResponse, RequestRejectedError, error_response_for
from .middleware import CHAT, Gatekeeper, RequestContext
from .models import Models
from .responses import CompletionHead, ascii_json, chunks, completion, first_content
from .schema import ChatRequest, invalid

IGNORED = "x-qwen-spaces-ignored"  # the header that names what was ignored
UNREAD = 60.0  # seconds after which a client that reads nothing is left
MAX_CHARS = 1_000_000  # of an answer, far more than a Qwen model writes; it may have to wait for its client
MARGIN = 1.0  # seconds more for the streams than for the server that ends them, see `server`


class ModelList(BaseModel):
    """The answer of ``/v1/models``."""

    object: str
    data: list[Model]


FAULTS: dict[int | str, dict[str, Any]] = {"4XX": {"model": ErrorBody}, "5XX": {"model": ErrorBody}}


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
) -> FastAPI:
    """Make an OpenAI-compatible app whose models are Spaces.

    It has ``/v1/models``, ``/v1/models/{model}``, ``/v1/chat/completions`` and ``/healthz``.

    Without `api_key`, a Hugging Face token that a client sends as its bearer token (``hf_...``) is used for
    that request, towards Hugging Face only; the saved token otherwise. With it, the bearer token is the key.

    Args:
        models: model -> where it is, a URL or ``owner/name``, ``None`` for its usual place; a name of your
            own stands for whatever Gradio chat is there. Without it: all of `available_spaces`.
        api_key: what every client must send as its bearer token.
        origins: web pages that may use it, ``"*"`` for all; a request from another page is refused.
        loopback: whether it is for this machine only; then a request to another name than a loopback one is
            refused, such as that of a page under a name that was rebound.
        max_requests: answers on their way at once; more are refused with 429 and ``Retry-After``.
        grace: seconds that streams may go on when the server shuts down; then their jobs are ended.
        timeouts: seconds that each phase of an answer may take.
        max_chars: characters of an answer and its reasoning; a longer one ends with an error. Memory for
            answers is bounded by a few times this for each of `max_requests`.

    Raises:
        UnknownSpaceError: one of `models` is no Space, and has no place.

    Example:
        >>> app = create_app({"qwen-2.5": "https://me-my-duplicate.hf.space"}, max_requests=4)
    """
    known = Models(models, timeouts, max_chars)
    streams: set[TextStream] = set()

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await known.aclose()

    app = FastAPI(
        title="qwen-spaces gateway", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None
    )
    app.state.streams = streams
    app.add_middleware(
        Gatekeeper, api_key=api_key, origins=origins, loopback=loopback, max_requests=max_requests
    )
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(origins),
            allow_methods=["GET", "POST"],
            allow_headers=["*"],
            expose_headers=[IGNORED, "Retry-After"],
        )
    app.add_exception_handler(RequestValidationError, _tell)
    app.add_exception_handler(HTTPException, _tell)
    app.add_exception_handler(QwenSpacesError, _tell)
    app.add_exception_handler(RequestRejectedError, _tell)
    app.add_exception_handler(Exception, _tell)
    _add_routes(app, known, streams, grace)
    return app


def _tell(request: Request, error: Exception) -> Response:
    """Return an error in OpenAI's form."""
    if isinstance(error, RequestValidationError):
        fault = invalid(error.errors())
    elif isinstance(error, HTTPException):
        fault = ErrorResponse(error.status_code, str(error.detail), headers=error.headers or {})
    else:
        fault = error_response_for(error)
    ours = isinstance(error, QwenSpacesError)
    request.state.context.error = type(error).__name__ if ours or not fault.code else fault.code
    return fault.response()


def _add_routes(app: FastAPI, known: Models, streams: set[TextStream], grace: float) -> None:
    @app.get("/healthz")
    async def health() -> dict[str, str | int]:
        return {"status": "ok", "running": len(streams)}

    @app.get("/v1/models", response_model=ModelList, responses=FAULTS)
    async def models() -> Response:
        listed = [choice.model.model_dump(exclude_unset=True) for choice in known.listed()]
        return _json(json.dumps({"object": "list", "data": listed}))

    @app.get("/v1/models/{model:path}", response_model=Model, responses=FAULTS)
    async def one_model(model: str) -> Response:
        return _json(ascii_json(known.find(model).model))

    streaming: dict[str, Any] = {"content": {"text/event-stream": {}}}

    @app.post(CHAT, response_model=ChatCompletion, responses={200: streaming, **FAULTS})
    async def chat(asked: ChatRequest, request: Request) -> Response:
        context: RequestContext = request.state.context
        choice = known.find(asked.model)
        context.model = choice.name
        space = await context.things.enter_async_context(known.space(choice, context.token))
        options: dict[str, Any] = {**choice.options, **asked.options(space)}
        stream = await context.things.enter_async_context(space.stream(asked.turns(), **options))
        streams.add(stream)
        context.things.callback(streams.discard, stream)
        return await _answer(stream, asked, context, grace)


async def _answer(stream: TextStream, asked: ChatRequest, context: RequestContext, grace: float) -> Response:
    """Return the response once there is some text: what fails before has a status code of its own."""
    ignored = asked.ignored()
    headers = {IGNORED: ", ".join(ignored)} if ignored else {}
    head = CompletionHead.of(context.model or asked.model)
    if asked.stream:
        events = stream.events()
        first = await first_content(events)
        usage = bool(asked.stream_options and asked.stream_options.include_usage)
        body = chunks(first, events, head, context, usage=usage)
        context.things.push_async_callback(body.aclose)  # not at some garbage collection: it holds the answer
        return EventSourceResponse(
            body,
            headers=headers,
            sep="\n",
            send_timeout=UNREAD,
            shutdown_grace_period=grace + MARGIN,
        )
    reply = await stream
    metrics = reply.metrics
    context.first = (metrics.connect or 0) + (metrics.first or 0)
    context.deltas, context.characters = metrics.deltas, len(reply.reasoning + reply.text)
    return _json(ascii_json(completion(reply, head)), headers)


def _json(content: str, headers: Mapping[str, str] | None = None) -> Response:
    return Response(content, headers=headers, media_type="application/json")
