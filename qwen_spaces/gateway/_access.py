"""Access control of the gateway: the Host, the Origin and the API key of a request."""

from __future__ import annotations

import hmac
from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.types import Scope

from .._hosts import hostname, is_loopback
from ._errors import ErrorResponse, RequestRejectedError
from ._paths import PUBLIC


def check_access(
    scope: Scope, path: str, *, api_key: str | None, origins: Collection[str], loopback: bool | None
) -> str | None:
    """Return the Hugging Face token of a request, or raise if it is not allowed.

    `path` is that within the app. The keyword arguments are those of `create_app`. With an `api_key`, the
    bearer token is the key.
    """
    headers = Headers(scope=scope)
    if loopback is None:
        loopback = api_key is None and _arrived_at_loopback(scope)
    if loopback and not is_loopback(hostname(headers.get("host", ""))):
        message = "This server answers to 127.0.0.1 and localhost; see --host, or create_app(loopback=False)."
        raise RequestRejectedError(ErrorResponse(421, message, "host_not_allowed"))
    origin = headers.get("origin")
    if origin and not {"*", origin} & set(origins):
        # Any site's page can send requests to this machine, and read the answers by DNS rebinding.
        raise RequestRejectedError(origin_refused())
    token = _bearer_token(headers)
    if api_key is None:
        return token if token.startswith("hf_") else None
    if path not in PUBLIC and not hmac.compare_digest(token.encode("latin-1"), api_key.encode()):
        message, challenge = "The API key is missing or wrong.", {"WWW-Authenticate": "Bearer"}
        raise RequestRejectedError(ErrorResponse(401, message, "invalid_api_key", headers=challenge))
    return None


def origin_refused() -> ErrorResponse:
    return ErrorResponse(403, "This origin is not allowed; see --cors.", "origin_not_allowed")


def _arrived_at_loopback(scope: Scope) -> bool:
    """Return whether the connection came to a loopback address, wherever the app is mounted."""
    host = (scope.get("server") or ("", None))[0]
    return is_loopback(host.lower().removeprefix("::ffff:"))  # an IPv6 socket's form of an IPv4 address


def _bearer_token(headers: Headers) -> str:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
