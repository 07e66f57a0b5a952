"""The routes of the gateway."""

from __future__ import annotations

from functools import partial
from typing import Any

from anyio import to_thread
from fastapi import FastAPI, Request
from fastapi.routing import APIRoute
from openai.types import Completion, Model
from openai.types.chat import ChatCompletion
from openai.types.responses import Response as OpenAIResponse
from pydantic import BaseModel
from starlette.responses import PlainTextResponse, Response

from .._stream.text_stream import TextStream
from ._answers import Answer, json_response
from ._errors import ErrorBody, RequestRejectedError
from ._forms import ascii_json
from ._log import RequestContext
from ._metrics import Metrics
from ._models import Models
from ._params import AnswerRequest
from ._paths import CHAT, COMPLETIONS, MODELS, RESPONSES
from ._responses_schema import ResponsesRequest
from ._schema import ChatRequest, CompletionRequest

IGNORED_HEADER = "x-qwen-spaces-ignored"
EMULATED_HEADER = "x-qwen-spaces-emulated"
ERROR_RESPONSES: dict[int | str, dict[str, Any]] = {"4XX": {"model": ErrorBody}, "5XX": {"model": ErrorBody}}
EVENT_STREAM: dict[str, Any] = {"content": {"text/event-stream": {}}}
PAGE = """\
qwen-spaces: Qwen models on Hugging Face Spaces, for clients of OpenAI's API.

The base URL for a client is this address, followed by /v1. {key}

{paths}
{models}"""


class ModelList(BaseModel):
    """The answer of ``/v1/models``."""

    object: str
    data: list[Model]


class Responder:
    """What answers requests with the Spaces; the arguments are those of `create_app`."""

    def __init__(self, models: Models, streams: set[TextStream], *, grace: float, emulate: bool) -> None:
        self._models, self._streams, self._grace, self._emulate = models, streams, grace, emulate

    async def respond(self, body: AnswerRequest, request: Request) -> Response:
        """Return the response to a request for an answer."""
        context: RequestContext = request.state.context
        emulation = body.emulated_options()
        emulated = body.emulated(emulation)
        if not self._emulate:
            for response in emulated.values():
                raise RequestRejectedError(response)
        entry = self._models.find(body.model)
        context.model = entry.name
        space = await context.exit_stack.enter_async_context(self._models.space(entry, context.token))
        options: dict[str, Any] = {**entry.options, **body.options(entry), **emulation}
        make_stream = partial(space.stream, body.to_messages(), **options)
        # In a thread, as it takes time to check the schemas of many tools.
        stream = await to_thread.run_sync(make_stream) if emulation else make_stream()
        await context.exit_stack.enter_async_context(stream)
        self._streams.add(stream)
        context.stream = stream
        context.exit_stack.callback(self._streams.discard, stream)
        lists = ((IGNORED_HEADER, body.ignored_params(entry)), (EMULATED_HEADER, emulated))
        headers = {name: ", ".join(values) for name, values in lists if values}
        answer = Answer(stream, body.form(entry.name), body.stops, context, one_call=body.one_call)
        return await (answer.streamed(headers, self._grace) if body.stream else answer.whole(headers))


def add_routes(
    app: FastAPI,
    models: Models,
    streams: set[TextStream],
    metrics: Metrics,
    *,
    grace: float,
    locked: bool,
    emulate: bool,
) -> None:
    """Add all routes; the arguments are those of `create_app`."""
    respond = Responder(models, streams, grace=grace, emulate=emulate).respond

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        names = () if locked else ("Models:", *(f"  {entry.name}" for entry in models.entries()))
        key = "It needs the server's API key." if locked else "Any API key will do."
        text = PAGE.format(key=key, paths="\n".join(routes_of(app)), models="\n".join(("", *names, "")))
        return PlainTextResponse(text, headers={"X-Content-Type-Options": "nosniff"})

    @app.get("/healthz")
    async def health() -> dict[str, str | int]:
        return {"status": "ok", "running": len(streams)}

    @app.get("/metrics", include_in_schema=False)
    async def metrics_page() -> Response:
        return metrics.response()

    @app.get(MODELS, response_model=ModelList, responses=ERROR_RESPONSES)
    async def list_models() -> Response:
        data = [entry.to_openai() for entry in models.entries()]
        return json_response(ascii_json(ModelList(object="list", data=data)))

    @app.get(f"{MODELS}/{{model:path}}", response_model=Model, responses=ERROR_RESPONSES)
    async def one_model(model: str) -> Response:
        return json_response(ascii_json(models.find(model).to_openai()))

    @app.post(CHAT, response_model=ChatCompletion, responses={200: EVENT_STREAM, **ERROR_RESPONSES})
    async def chat(body: ChatRequest, request: Request) -> Response:
        return await respond(body, request)

    @app.post(COMPLETIONS, response_model=Completion, responses={200: EVENT_STREAM, **ERROR_RESPONSES})
    async def completions(body: CompletionRequest, request: Request) -> Response:
        return await respond(body, request)

    @app.post(RESPONSES, response_model=OpenAIResponse, responses={200: EVENT_STREAM, **ERROR_RESPONSES})
    async def responses(body: ResponsesRequest, request: Request) -> Response:
        return await respond(body, request)


def routes_of(app: FastAPI) -> list[str]:
    """Return the methods and paths of the app."""
    routes = (route for route in app.routes if isinstance(route, APIRoute))
    return [f"{', '.join(sorted(route.methods or ()))} {route.path_format}" for route in routes]
