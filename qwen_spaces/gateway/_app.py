"""The gateway as an ASGI app."""

from __future__ import annotations

import contextlib
import importlib.metadata
from collections.abc import AsyncIterator, Collection, Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from .._stream.text_stream import TextStream
from .._types.timeouts import Timeouts
from ..errors import QwenSpacesError
from ._answers import SPACE_HEADER
from ._cors import GatewayCORSMiddleware
from ._errors import ErrorResponse, RequestRejectedError, error_response_for
from ._log import REQUEST_ID, RequestContext
from ._metrics import Metrics
from ._middleware import GatewayMiddleware
from ._models import Models
from ._routes import EMULATED_HEADER, IGNORED_HEADER, add_routes, routes_of
from ._validation import validation_error_response

MAX_CHARS = 1_000_000  # a Qwen model writes far fewer, and a slow client keeps them in memory
MAX_QUOTED = 100  # characters of a path in an error


def create_app(
    models: Mapping[str, str | None] | None = None,
    *,
    api_key: str | None = None,
    origins: Collection[str] = (),
    loopback: bool | None = None,
    max_requests: int = 40,
    grace: float = 5.0,
    timeouts: Timeouts = Timeouts(),  # noqa: B008  (frozen)
    max_chars: int = MAX_CHARS,
    endpoints: Mapping[str, str] | None = None,
    emulate: bool = True,
) -> FastAPI:
    """Return an OpenAI-compatible app whose models are Spaces.

    It has ``/v1/models``, ``/v1/models/{model}``, ``/v1/chat/completions``, ``/v1/completions``,
    ``/v1/responses``, all of them also without ``/v1``, ``/healthz``, ``/metrics`` for Prometheus, and a
    short page at ``/``. It can be mounted under a path of another app, which need not run its lifespan: each
    request ends its own job on the Space, and an idle Space holds no socket and no thread.

    Without `api_key`, a client may send a Hugging Face token (``hf_...``) as its bearer token. The app sends
    it with that request, to Hugging Face only; otherwise it sends the saved token.

    Args:
        models: model -> its URL or ``owner/name``, or ``None`` for the usual one; a new name stands for any
            Gradio chat. Of several Spaces, as in ``{"any": "qwen-2.5,me/my-duplicate"}``, the first that
            answers is used, as by a `Router`; ``{"qwen-2.5": "me/one,me/two"}`` are equals, and ``"*"`` is
            all that are for text alone. The default is all of `available_spaces`, and ``{"qwen": "*"}``.
        api_key: the bearer token that every client must send.
        origins: web pages that may use the app, ``"*"`` for all; it rejects requests from other pages.
        loopback: whether to serve this machine only, and reject a request whose Host is not a loopback name,
            which prevents DNS rebinding. By default a request is rejected so if it came to a loopback
            address and there is no `api_key`; ``False`` is for a proxy that passes the Host on.
        max_requests: answers at once; further requests are rejected with 429 and ``Retry-After``.
        grace: seconds until running streams are cancelled when the server shuts down.
        timeouts: seconds that each phase of an answer may take.
        max_chars: characters of an answer and its reasoning; a longer one ends with an error. Answers take at
            most a few times ``max_chars * max_requests`` bytes of memory.
        endpoints: model -> the api name of the chat on its Space, where that has several.
        emulate: whether a request may have tools and formats of the answer. No Space knows them: the gateway
            describes them in the prompt, and reads the answer. Otherwise such a request gets status 400.

    Raises:
        UnknownSpaceError: a model is not a known Space, and has no URL.

    Example:
        >>> app = create_app({"qwen-2.5": "https://me-my-duplicate.hf.space"}, max_requests=4)
    """
    spaces = Models(models, timeouts, max_chars, endpoints)
    streams: set[TextStream] = set()
    metrics = Metrics(lambda: len(streams))

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
        redirect_slashes=False,  # the middleware drops them
        exception_handlers=dict.fromkeys(errors, _handle_error),
    )
    app.add_middleware(
        GatewayMiddleware,
        api_key=api_key,
        origins=origins,
        loopback=loopback,
        max_requests=max_requests,
        record=metrics.record,
    )
    if origins:
        app.add_middleware(
            GatewayCORSMiddleware,
            allow_origins=list(origins),
            allow_methods=["GET", "HEAD", "POST"],
            allow_headers=["*"],
            expose_headers=[EMULATED_HEADER, IGNORED_HEADER, SPACE_HEADER, REQUEST_ID, "Retry-After"],
        )
    app.state.streams = streams
    add_routes(app, spaces, streams, metrics, grace=grace, locked=api_key is not None, emulate=emulate)
    metrics.paths = {path for route in routes_of(app) for path in route.split()[1:]}
    return app


async def _handle_error(request: Request, error: Exception) -> Response:
    context: RequestContext = request.state.context
    if isinstance(error, RequestValidationError):
        response = validation_error_response(error.errors())
    elif isinstance(error, HTTPException):
        response = _routing_error(request, error, context)
    else:
        response = error_response_for(error)
    by_class = isinstance(error, QwenSpacesError) or not response.code
    context.error = type(error).__name__ if by_class else response.code
    response.headers[REQUEST_ID] = context.id
    return response


def _routing_error(request: Request, error: HTTPException, context: RequestContext) -> ErrorResponse:
    """Return the response to a path or a method that the app does not have."""
    path, headers = context.path[:MAX_QUOTED], dict(error.headers or {})
    known = "; ".join(routes_of(request.app))
    if error.status_code == 404:
        message = f"There is no {path!r} here. The base URL of a client ends in /v1. There are: {known}."
    elif error.status_code == 405:
        allowed = headers.get("Allow", headers.get("allow", ""))
        if allowed == "GET":
            headers = {"Allow": "GET, HEAD"}
        message = f"{path!r} takes {allowed}, not {context.method[:MAX_QUOTED]}."
    else:
        return ErrorResponse(error.status_code, str(error.detail), headers=error.headers)
    code = {404: "unknown_url", 405: "method_not_allowed"}[error.status_code]
    return ErrorResponse(error.status_code, message, code, headers=headers)
