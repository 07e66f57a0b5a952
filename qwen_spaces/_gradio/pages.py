"""Describe an HTTP response, be it Gradio's JSON or the web page of a firewall."""

from __future__ import annotations

import json
import re

import httpx

from .zero_gpu import without_html

MAX_QUOTE = 300  # characters of a response that an error quotes
_SEARCHED = 20_000  # bytes of a web page that are searched for its title
_TITLE = re.compile(r"<(title|h1)\b[^<>]{0,200}>(.{1,300}?)</\1", re.IGNORECASE | re.DOTALL)
_PAGE = re.compile(
    r"\s*(?:<!--.{0,500}?-->\s*)?<(?:!doctype html|html|head|body|title)\b", re.IGNORECASE | re.DOTALL
)
_LOGIN = re.compile(r"\b(log|sign)[ -]?in\b|authenticat|unauthori[sz]ed|\btoken\b", re.IGNORECASE)


def title_of(response: httpx.Response) -> str | None:
    """Return the title of a web page, ``""`` if it has none, ``None`` if the response is no web page."""
    page = response.content[:_SEARCHED].decode(errors="replace")
    if "html" not in response.headers.get("content-type", "").lower() and not _PAGE.match(page):
        return None
    found = _TITLE.search(page)
    return _one_line(found[2])[:100] if found else ""


def is_blocked(response: httpx.Response) -> bool:
    """Return whether this is the 403 of a firewall or a proxy: a web page that asks for no login."""
    title = title_of(response)
    wants_login = "www-authenticate" in response.headers or _LOGIN.search(title or "")
    return response.status_code == 403 and title is not None and not wants_login


def describe(response: httpx.Response) -> str:
    """Describe a response on one line, without HTML.

    Example:
        >>> page = "<title>Access denied</title>"
        >>> describe(httpx.Response(403, html=page))
        'HTTP status 403 and a web page, "Access denied"'
        >>> describe(httpx.Response(422, json={"detail": "Too many inputs"}))
        'HTTP status 422: Too many inputs'
    """
    status, title = f"HTTP status {response.status_code}", title_of(response)
    if title is not None:
        return f'{status} and a web page, "{title}"' if title else f"{status} and a web page"
    detail = _detail(response)
    return f"{status}: {detail}" if detail else status


def _detail(response: httpx.Response) -> str:
    """Return the reason in a response, in FastAPI's form or any other."""
    body = response.content.decode(errors="replace")
    try:
        detail = json.loads(body)["detail"]
        if isinstance(detail, list):
            names = [row.get("parameter_name") or ".".join(map(str, row.get("loc", ()))) for row in detail]
            texts = [row.get("message") or row.get("msg") for row in detail]
            detail = "; ".join(f"{name}: {text}" for name, text in zip(names, texts, strict=True))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        detail = body[:_SEARCHED]
    return _one_line(str(detail))[:MAX_QUOTE]


def _one_line(text: str) -> str:
    return " ".join(without_html(text).encode(errors="replace").decode().split())
