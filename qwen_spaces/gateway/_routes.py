"""The routes of the gateway."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.routing import APIRoute
from openai.types import Completion, Model
from openai.types.chat import ChatCompletion
from pydantic import BaseModel
from starlette.responses import PlainTextResponse, Response

from .._stream.text_stream import TextStream
from ._answers import Answer, json_response
from ._errors import ErrorBody
from ._forms import ChatForm, CompletionForm, Form
from ._log import RequestContext
from ._metrics import Metrics
from ._models import Models
from ._params import AnswerRequest
from ._paths import CHAT, COMPLETIONS, MODELS
from ._schema import ChatRequest, CompletionRequest

IGNORED_HEADER = "x-qwen-spaces-ignored"
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


def add_routes(
    app: FastAPI, models: Models, streams: set[TextStream], metrics: Metrics, *, grace: float, locked: bool
) -> None:
    """Add all routes; the arguments are those of `create_app`."""

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
        return json_response(ModelList(object="list", data=[entry.to_openai() for entry in models.entries()]))

    @app.get(f"{MODELS}/{{model:path}}", response_model=Model, responses=ERROR_RESPONSES)
    async def one_model(model: str) -> Response:
        return json_response(models.find(model).to_openai())

    async def answer(
        body: AnswerRequest, messages: list[dict[str, Any]], kind: type[Form], context: RequestContext
    ) -> Response:
        entry = models.find(body.model)
        context.model = entry.name
        space = await context.exit_stack.enter_async_context(models.space(entry, context.token))
        options: dict[str, Any] = {**entry.options, **body.options(space)}
        stream = await context.exit_stack.enter_async_context(space.stream(messages, **options))
        streams.add(stream)
        context.exit_stack.callback(streams.discard, stream)
        ignored = body.ignored_params(space)
        headers = {IGNORED_HEADER: ", ".join(ignored)} if ignored else {}
        answer = Answer(stream, kind(entry.name, usage=body.include_usage), body.stops, context)
        return await (answer.streamed(headers, grace) if body.stream else answer.whole(headers))

    @app.post(CHAT, response_model=ChatCompletion, responses={200: EVENT_STREAM, **ERROR_RESPONSES})
    async def chat(body: ChatRequest, request: Request) -> Response:
        return await answer(body, body.to_messages(), ChatForm, request.state.context)

    @app.post(COMPLETIONS, response_model=Completion, responses={200: EVENT_STREAM, **ERROR_RESPONSES})
    async def completions(body: CompletionRequest, request: Request) -> Response:
        return await answer(body, body.to_messages(), CompletionForm, request.state.context)


def routes_of(app: FastAPI) -> list[str]:
    """Return the methods and paths of the app."""
    routes = (route for route in app.routes if isinstance(route, APIRoute))
    return [f"{', '.join(sorted(route.methods or ()))} {route.path_format}" for route in routes]
