"""CORS for the web pages that may use the gateway."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from ._access import origin_refused
from ._errors import ErrorResponse
from ._log import REQUEST_ID, RequestContext
from ._paths import with_api_path

PRIVATE_NETWORK = "access-control-request-private-network"


class GatewayCORSMiddleware(CORSMiddleware):
    """Logs preflights, and answers them in JSON; allows pages of a public site to use a private address."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        is_preflight = "origin" in headers and "access-control-request-method" in headers
        if not is_preflight or scope["method"] != "OPTIONS":
            await super().__call__(scope, receive, send)
            return
        context = RequestContext("OPTIONS", with_api_path(scope)[1])
        context.take_id(headers)
        response = self.preflight_response(headers)
        response.headers[REQUEST_ID] = context.id
        context.status = response.status_code
        context.error = response.code if isinstance(response, ErrorResponse) else None
        try:
            await response(scope, receive, send)
        finally:
            context.log()

    def preflight_response(self, request_headers: Headers) -> Response:
        """Return the response to a preflight."""
        # Not left to Starlette, where this depends on the version.
        known = [(name, value) for name, value in request_headers.raw if name.decode() != PRIVATE_NETWORK]
        answer = super().preflight_response(Headers(raw=known))
        headers = {name: value for name, value in answer.headers.items() if not name.startswith("content-")}
        if not self.is_allowed_origin(request_headers["origin"]):
            refused = origin_refused()
            refused.headers["Vary"] = "Origin"
            return refused
        if answer.status_code != 200:
            message = "Pages may send GET, HEAD and POST; this preflight requests another method."
            return ErrorResponse(400, message, "preflight_failed", headers=headers)
        if PRIVATE_NETWORK in request_headers:
            headers["Access-Control-Allow-Private-Network"] = "true"
        return JSONResponse({"status": "ok"}, headers=headers)
