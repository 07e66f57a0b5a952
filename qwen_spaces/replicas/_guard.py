"""ASGI middleware of a replica: it checks Host, Origin and size of requests, and bounds what a page loads."""

from __future__ import annotations

import re

import anyio
from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .._hosts import hostname, is_same_site, is_served

MIB = 2**20
MAX_FILE_BYTES = 20 * MIB  # of an uploaded file
MAX_BODY_BYTES = 32 * MIB  # of any request
TAIL_BYTES = 128  # enough for the end of a form, whose boundary has at most 70
# What a stranger's text shows on a page comes from this server, and tells no other one of it.
POLICY = "img-src 'self' data: blob:; media-src 'self' data: blob:; object-src 'none'; base-uri 'self'"
DRAIN_TIMEOUT = 5.0  # seconds for the rest of a refused body to arrive
# Gradio looks for the words "maximum allowed size".
TOO_LARGE = f"The request exceeds the maximum allowed size of {MAX_BODY_BYTES // MIB} MiB."

_DEEP_LINK = re.compile(r"[\w-]{0,200}", re.ASCII)


class Guard:
    """Refuses requests that are not meant for a server on `host`, and bodies that are too large."""

    def __init__(self, app: ASGIApp, host: str) -> None:
        self.app: ASGIApp = app
        self._host = host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        body = _Body(receive, send, headers)
        app = self._refusal(headers, QueryParams(scope["query_string"])) or self.app
        await app(scope, body.receive, body.send)

    def _refusal(self, headers: Headers, query: QueryParams) -> Response | None:
        hosts = headers.getlist("host")
        host = hostname(hosts[0]) if len(hosts) == 1 else ""
        if not is_served(host, self._host):
            text = "This server does not answer to that Host: use the address it printed, or --host"
            return PlainTextResponse(text, status_code=421)
        if any(not is_same_site(origin, host) for origin in headers.getlist("origin")):
            return PlainTextResponse("Pages of other sites may not use this server.", status_code=403)
        if not all(_DEEP_LINK.fullmatch(link) for link in query.getlist("deep_link")):
            # Gradio 5 makes a path of it without a check.
            return PlainTextResponse("This is not a deep link of this server.", status_code=400)
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length) > MAX_BODY_BYTES:
            return PlainTextResponse(TOO_LARGE, status_code=413)
        return None


class _Body:
    """The body of a request, which is counted, and read to its end before the response ends.

    A connection that closes with unread data is reset, and the client may never see the response.
    """

    def __init__(self, receive: Receive, send: Send, headers: Headers) -> None:
        self._receive, self._send = receive, send
        kind, options = parse_options_header(headers.get("content-type"))
        self._multipart = kind.startswith(b"multipart/")
        self._end = b"\r\n--%b--" % options.get(b"boundary", b"")
        self._tail = b"\r\n"  # for a form without parts
        self._unread = "content-length" in headers or "transfer-encoding" in headers
        self._size = 0

    async def receive(self) -> Message:
        """Receive the next part; raise an error on which Gradio deletes its temporary files."""
        message = await self._receive()
        ended = not self._unread
        self._count(message)
        if self._size > MAX_BODY_BYTES:
            raise MultiPartException(TOO_LARGE) if self._multipart else HTTPException(413, TOO_LARGE)
        if self._multipart and not (ended or self._unread or self._tail.rstrip().endswith(self._end)):
            raise MultiPartException("The upload broke off.")
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            if headers.get("content-type", "").startswith("text/html"):
                headers.setdefault("content-security-policy", POLICY)
        if self._unread and message["type"] == "http.response.body" and not message.get("more_body"):
            await self._send({**message, "more_body": True})
            await self._drain()
            message = {"type": "http.response.body", "body": b"", "more_body": False}
        await self._send(message)

    async def _drain(self) -> None:
        with anyio.move_on_after(DRAIN_TIMEOUT):
            while self._unread:
                self._count(await self._receive())
        self._unread = False

    def _count(self, message: Message) -> None:
        body = message.get("body", b"")  # none on a disconnect
        self._size += len(body)
        self._tail = (self._tail + body[-TAIL_BYTES:])[-TAIL_BYTES:]
        self._unread = message.get("more_body", False)
