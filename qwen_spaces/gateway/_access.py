"""Access control of the gateway: the Host, the Origin and the API key of a request."""

from __future__ import annotations

import hmac
from collections.abc import Collection

from starlette.datastructures import Headers

from .._hosts import hostname, is_loopback
from ._errors import ErrorResponse, RequestRejectedError

PUBLIC_PATHS = ("/healthz",)  # without a key


def check_access(
    headers: Headers, path: str, *, api_key: str | None, origins: Collection[str], loopback: bool
) -> str | None:
    """Return the Hugging Face token of a request, or raise if it is not allowed.

    The keyword arguments are those of `create_app`. With an `api_key`, the bearer token is the key.
    """
    if loopback and not is_loopback(hostname(headers.get("host", ""))):
        message = "This server answers to 127.0.0.1 and localhost; see --host."
        raise RequestRejectedError(ErrorResponse(421, message, "host_not_allowed"))
    origin = headers.get("origin")
    if origin and not {"*", origin} & set(origins):
        # Any site's page can send requests to this machine, and read the answers by DNS rebinding.
        message = "This origin is not allowed; see --cors."
        raise RequestRejectedError(ErrorResponse(403, message, "origin_not_allowed"))
    token = _bearer_token(headers)
    if api_key is None:
        return token if token.startswith("hf_") else None
    if path not in PUBLIC_PATHS and not hmac.compare_digest(token.encode("latin-1"), api_key.encode()):
        message, challenge = "The API key is missing or wrong.", {"WWW-Authenticate": "Bearer"}
        raise RequestRejectedError(ErrorResponse(401, message, "invalid_api_key", headers=challenge))
    return None


def _bearer_token(headers: Headers) -> str:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
