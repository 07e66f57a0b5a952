"""ASGI middleware that checks, limits and logs requests, and cancels those of disconnected clients."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator
from functools import partial

import anyio
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ._access import check_access
from ._errors import ErrorResponse, RequestRejectedError, error_response_for
from ._log import REQUEST_ID, RequestContext
from ._paths import ANSWERS, with_api_path

MAX_BODY_BYTES = 24 * 2**20  # an image of 10 MiB takes 14 MiB in base64
BODY_TIMEOUT = 60.0  # seconds
RETRY_AFTER = 2  # seconds


class GatewayMiddleware:
    """Checks and limits requests, and cancels those of disconnected clients. Arguments: see `create_app`."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        api_key: str | None,
        origins: Collection[str],
        loopback: bool | None,
        max_requests: int,
        record: Callable[[RequestContext], None],
    ) -> None:
        self.app, self._record = app, record
        self._check_access = partial(check_access, api_key=api_key, origins=origins, loopback=loopback)
        self._max_requests, self._running = max_requests, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        method, state = scope["method"], scope.setdefault("state", {})
        scope, path = with_api_path(scope)
        context = RequestContext(method, path)
        context.take_id(Headers(scope=scope))
        state["context"] = context
        send = _finishing(send, context)
        if method == "HEAD":
            scope["method"] = "GET"
        try:
            context.token = self._check_access(scope, path)
            async with context.exit_stack:
                if path in ANSWERS and method == "POST":
                    context.exit_stack.enter_context(self._slot())
                body = await _read_body(receive)
                if body is None:
                    context.disconnected = True
                else:
                    await self._run_app(body, context, scope, receive, send)
        except RequestRejectedError as error:
            context.status, context.error = error.response.status_code, error.response.code
            await error.response(scope, receive, send)
        finally:
            context.log()
            self._record(context)

    @contextlib.contextmanager
    def _slot(self) -> Iterator[None]:
        if self._running >= self._max_requests:
            message = f"The gateway is busy with {self._max_requests} other requests."
            headers = {"Retry-After": str(RETRY_AFTER)}
            raise RequestRejectedError(ErrorResponse(429, message, "gateway_full", headers=headers))
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1

    async def _run_app(
        self, body: bytes, context: RequestContext, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Run the app, unless the client disconnects before the end."""
        unread: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
        complete = False

        async def replay() -> Message:
            if not unread:
                await anyio.sleep_forever()  # `watch` waits for the disconnect
            return unread.pop()

        async def observe(message: Message) -> None:
            nonlocal complete
            if message["type"] == "http.response.start":
                context.status = message["status"]
            complete = message["type"] == "http.response.body" and not message.get("more_body")
            await send(message)

        async with anyio.create_task_group() as tasks:

            async def watch() -> None:
                while (await receive())["type"] != "http.disconnect":
                    pass
                if not complete:
                    context.disconnected = True
                    tasks.cancel_scope.cancel()

            context.tasks = tasks
            tasks.start_soon(watch)
            try:
                await self.app(scope, replay, observe)
            except Exception as error:
                context.error = type(error).__name__
                if context.status is None:  # here, as Starlette's own 500 is without the headers of CORS
                    await error_response_for(error)(scope, replay, observe)
                raise
            tasks.cancel_scope.cancel()


def _finishing(send: Send, context: RequestContext) -> Send:
    """Return `send` with the request's id in the headers, and without a body for HEAD."""

    async def finish(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message)[REQUEST_ID] = context.id
        elif context.method == "HEAD":
            message = {**message, "body": b""}
        await send(message)

    return finish


async def _read_body(receive: Receive) -> bytes | None:
    """Return the body, or ``None`` if the client disconnected; raise if it is too large or too slow."""
    body = bytearray()
    with anyio.move_on_after(BODY_TIMEOUT):
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")
            if len(body) > MAX_BODY_BYTES:
                text = f"The body is larger than {MAX_BODY_BYTES // 2**20} MiB."
                raise RequestRejectedError(ErrorResponse(413, text, "body_too_large"))
            if not message.get("more_body"):
                return bytes(body)
    text = f"The body did not arrive within {BODY_TIMEOUT:g} s."
    raise RequestRejectedError(ErrorResponse(408, text, "body_too_slow"))
