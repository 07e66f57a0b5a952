"""ASGI middleware of the gateway: who may use it, how many at once, how much they send, and its log."""

from __future__ import annotations

import contextlib
import hmac
import json
import logging
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timezone

import anyio
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .._hosts import hostname, is_loopback
from .errors import ErrorResponse

logger = logging.getLogger("qwen_spaces.gateway")

MAX_BODY_BYTES = 24 * 2**20  # bytes of a request; an image of 10 MiB is 14 in base64
BODY_TIMEOUT = 60.0  # seconds for the body to arrive
RETRY_AFTER = 2  # seconds after which a place may be free
CHAT = "/v1/chat/completions"
OPEN = ("/healthz",)  # needs no key


@dataclass
class RequestContext:
    """One request from beginning to end; what is logged of it is in here.

    Attributes:
        token: the Hugging Face token that came with it.
        first: seconds until the first text or reasoning was there.
        error: the kind of what went wrong.
        left: whether the client went before the end.
        things: what is closed when the request is over, however that comes.
    """

    method: str
    path: str
    token: str | None = field(default=None, repr=False)
    model: str | None = None
    status: int | None = None
    first: float | None = None
    deltas: int = 0
    characters: int = 0
    error: str | None = None
    left: bool = False
    things: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack, repr=False)
    began: float = field(default_factory=time.monotonic, repr=False)

    def count(self, text: str) -> None:
        """Count a piece of the answer."""
        if self.first is None:
            self.first = time.monotonic() - self.began
        self.deltas += 1
        self.characters += len(text)

    def log(self) -> None:
        """Write its line: no contents, no tokens."""
        line = {
            "time": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
            "method": self.method,
            "path": self.path[:200],
            "status": self.status,
            "model": self.model,
            "seconds": round(time.monotonic() - self.began, 3),
            "first": None if self.first is None else round(self.first, 3),
            "deltas": self.deltas,
            "characters": self.characters,
            "left": self.left,
            "error": self.error,
        }
        logger.info(json.dumps(line))


class Gatekeeper:
    """ASGI middleware: lets a request in, and ends it when its client leaves.

    Args:
        app: what answers.
        api_key: what a client must send as its bearer token.
        origins: web pages that may ask; ``"*"`` is all.
        loopback: whether only requests to a loopback name are answered.
        max_requests: how many answers may be on their way at once.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        api_key: str | None,
        origins: Collection[str],
        loopback: bool,
        max_requests: int,
    ) -> None:
        self.app, self._key, self._origins, self._loopback = app, api_key, origins, loopback
        self._most, self._inside = max_requests, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        context = RequestContext(scope["method"], scope["path"])
        scope.setdefault("state", {})["context"] = context
        chat = scope["path"] == CHAT and scope["method"] == "POST"
        try:
            if fault := self._refusal(Headers(scope=scope), context, chat):
                context.status, context.error = fault.status, fault.code
                await fault.response()(scope, receive, send)
                return
            self._inside += chat
            try:
                async with context.things:
                    await self._serve(context, scope, receive, send)
            finally:
                self._inside -= chat
        finally:
            context.log()

    def _refusal(self, headers: Headers, context: RequestContext, chat: bool) -> ErrorResponse | None:
        if self._loopback and not is_loopback(hostname(headers.get("host", ""))):
            return ErrorResponse(
                421, "This server answers to 127.0.0.1 and localhost; see --host.", "host_not_allowed"
            )
        origin = headers.get("origin")
        if origin and not {"*", origin} & set(self._origins):
            # A page of any site can send requests to this machine, and with a rebound name read the answers.
            return ErrorResponse(403, "This origin is not allowed; see --cors.", "origin_not_allowed")
        scheme, _, given = headers.get("authorization", "").partition(" ")
        given = given.strip() if scheme.lower() == "bearer" else ""
        if self._key is None:
            context.token = given if given.startswith("hf_") else None
        elif context.path not in OPEN and not hmac.compare_digest(
            given.encode("latin-1"), self._key.encode()
        ):
            known = {"WWW-Authenticate": "Bearer"}
            return ErrorResponse(401, "The API key is missing or wrong.", "invalid_api_key", headers=known)
        if chat and self._inside >= self._most:
            return ErrorResponse(
                429,
                f"The gateway is full: {self._most} answers are on their way.",
                "gateway_full",
                headers={"Retry-After": str(RETRY_AFTER)},
            )
        return None

    async def _serve(self, context: RequestContext, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _body(receive)
        if body is None:
            context.left = True
        elif isinstance(body, ErrorResponse):
            context.status, context.error = body.status, body.code
            await body.response()(scope, receive, send)
        else:
            await self._pass_on(body, context, scope, receive, send)

    async def _pass_on(
        self, body: bytes, context: RequestContext, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Have it answered, unless the client leaves before the end."""
        unread: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
        complete = False

        async def again() -> Message:
            if not unread:
                await anyio.sleep_forever()
            return unread.pop()

        async def noted(message: Message) -> None:
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
                    context.left = True
                    tasks.cancel_scope.cancel()

            tasks.start_soon(watch)
            try:
                await self.app(scope, again, noted)
            except Exception as error:  # goes on to be a 500
                context.status, context.error = context.status or 500, type(error).__name__
                raise
            tasks.cancel_scope.cancel()


async def _body(receive: Receive) -> bytes | ErrorResponse | None:
    """Return the whole body; ``None`` if the client left meanwhile."""
    parts, size = [], 0
    with anyio.move_on_after(BODY_TIMEOUT):
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > MAX_BODY_BYTES:
                return ErrorResponse(
                    413, f"The body has more than {MAX_BODY_BYTES // 2**20} MiB.", "body_too_large"
                )
            if not message.get("more_body"):
                return b"".join(parts)
    return ErrorResponse(408, f"The body did not arrive within {BODY_TIMEOUT:g} s.", "body_too_slow")
