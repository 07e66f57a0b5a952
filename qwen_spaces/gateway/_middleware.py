"""ASGI middleware that checks, limits and logs requests, and cancels those of disconnected clients."""

from __future__ import annotations

import contextlib
import json
import logging
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import partial

import anyio
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ._access import check_access
from ._errors import ErrorResponse, RequestRejectedError

logger: logging.Logger = logging.getLogger("qwen_spaces.gateway")

MAX_BODY_BYTES = 24 * 2**20  # an image of 10 MiB takes 14 MiB in base64
BODY_TIMEOUT = 60.0  # seconds
RETRY_AFTER = 2  # seconds
CHAT = "/v1/chat/completions"


@dataclass
class RequestContext:
    """The state of one request, and its line in the log."""

    method: str
    path: str
    token: str | None = field(default=None, repr=False)  # for Hugging Face
    model: str | None = None
    status: int | None = None
    first: float | None = None  # seconds until the first text or reasoning
    deltas: int = 0
    characters: int = 0
    error: str | None = None  # its kind
    disconnected: bool = False  # by the client, before the end
    exit_stack: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack, repr=False)
    started: float = field(default_factory=time.monotonic, repr=False)

    def count(self, text: str) -> None:
        if self.first is None:
            self.first = time.monotonic() - self.started
        self.deltas += 1
        self.characters += len(text)

    def log(self) -> None:
        """Log the request as a line of JSON, without contents and tokens."""
        line = {
            "time": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
            "method": self.method,
            "path": self.path[:200],
            "status": self.status,
            "model": self.model,
            "seconds": round(time.monotonic() - self.started, 3),
            "first": None if self.first is None else round(self.first, 3),
            "deltas": self.deltas,
            "characters": self.characters,
            "left": self.disconnected,
            "error": self.error,
        }
        logger.info(json.dumps(line))


class GatewayMiddleware:
    """Checks and limits requests, and cancels those of disconnected clients. Arguments: see `create_app`."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        api_key: str | None,
        origins: Collection[str],
        loopback: bool,
        max_requests: int,
    ) -> None:
        self.app = app
        self._check_access = partial(check_access, api_key=api_key, origins=origins, loopback=loopback)
        self._max_requests, self._running = max_requests, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        context = RequestContext(scope["method"], scope["path"])
        scope.setdefault("state", {})["context"] = context
        try:
            context.token = self._check_access(Headers(scope=scope), context.path)
            async with context.exit_stack:
                if context.path == CHAT and context.method == "POST":
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

            tasks.start_soon(watch)
            try:
                await self.app(scope, replay, observe)
            except Exception as error:  # becomes a 500
                context.status, context.error = context.status or 500, type(error).__name__
                raise
            tasks.cancel_scope.cancel()


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
