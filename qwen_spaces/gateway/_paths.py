"""The paths of the gateway's API."""

from __future__ import annotations

from starlette.types import Scope

MODELS = "/v1/models"
CHAT = "/v1/chat/completions"
COMPLETIONS = "/v1/completions"
RESPONSES = "/v1/responses"
ANSWERS = frozenset({CHAT, COMPLETIONS, RESPONSES})  # `max_requests` limits these
PUBLIC = frozenset({"/", "/healthz"})  # without a key
_VERSIONED = frozenset({"models", "chat", "completions", "responses"})


def with_api_path(scope: Scope) -> tuple[Scope, str]:
    """Return a copy of `scope` with the usual form of its path, and that path within the app.

    The app may be mounted under another path, which is the scope's ``root_path``.

    >>> scope, path = with_api_path({"path": "/llm/chat/completions/", "root_path": "/llm"})
    >>> scope["path"], path
    ('/llm/v1/chat/completions', '/v1/chat/completions')
    """
    root = scope.get("root_path", "").rstrip("/")
    rest = scope["path"].removeprefix(root)
    if rest[:1] not in ("", "/"):  # a sibling, such as /llms
        root, rest = "", scope["path"]
    path = rest.rstrip("/") or "/"
    if path.split("/")[1] in _VERSIONED:
        path = f"/v1{path}"
    prefix = root if scope["path"].startswith(root) else ""
    return {**scope, "path": f"{prefix}{path}"}, path
