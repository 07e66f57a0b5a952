"""The keyword arguments of `QwenSpace`: their types and checks."""

from __future__ import annotations

import base64
import re
import reprlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypedDict

from .._addresses import redact
from .._types.timeouts import Timeouts, is_seconds
from ..errors import AuthenticationError, UnsupportedOptionError

if TYPE_CHECKING:
    import ssl

RETRIES = 2
MAX_CHARS = 10_000_000  # of an answer and its reasoning
_PROXY = re.compile(
    r"(?:https?|socks5h?)://(?:[^/?#\s]*@)?(?:[^/?#@\s:]+|\[[0-9a-f:.]+\])(?::\d{1,5})?/?", re.IGNORECASE
)
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, `token`
_HEADER_VALUE = re.compile(r"[\t -~]*")  # what httpx encodes: ASCII


class Settings(TypedDict, total=False):
    """The keyword arguments of `QwenSpace`, for type checkers."""

    src: str | None
    token: str | bool | None
    proxy: str | None
    headers: Mapping[str, str] | None
    auth: tuple[str, str] | None
    ssl_verify: bool | ssl.SSLContext
    timeouts: Timeouts | float | None
    retries: int | None
    max_chars: int
    endpoint: str | None


class NoOptions(TypedDict):
    """The options of a Space that has none, for type checkers."""


def _check_timeouts(timeouts: object) -> Timeouts:
    """Return the timeouts; a number limits the whole answer, ``None`` means the defaults."""
    if timeouts is None:
        return Timeouts()
    if isinstance(timeouts, Timeouts):
        return timeouts
    if not is_seconds(timeouts):
        raise UnsupportedOptionError(
            f"timeouts={reprlib.repr(timeouts)} is not a number of seconds. Pass one, such as timeouts=20.0, "
            "or Timeouts(first=..., gap=...), in which None waits for ever."
        )
    return Timeouts(total=float(timeouts))  # type: ignore[arg-type]


def _check_retries(retries: object) -> int:
    if retries is None:
        return RETRIES
    if not isinstance(retries, int) or isinstance(retries, bool) or retries < 0:
        raise UnsupportedOptionError(
            f"retries={reprlib.repr(retries)} is not a number of retries: pass 0, 1, 2 ..."
        )
    return int(retries)


def _check_max_chars(max_chars: object) -> int:
    if not isinstance(max_chars, int) or isinstance(max_chars, bool) or max_chars < 1:
        raise UnsupportedOptionError(f"max_chars={reprlib.repr(max_chars)} is not a number of characters.")
    return int(max_chars)


def _check_endpoint(endpoint: object) -> str | None:
    """Return the api name of an endpoint, which begins with a slash."""
    if endpoint is None:
        return None
    if not isinstance(endpoint, str) or not endpoint.strip("/ "):
        raise UnsupportedOptionError(
            f"endpoint={reprlib.repr(endpoint)} is not the api name of an endpoint, such as '/chat'."
        )
    return f"/{endpoint.strip().lstrip('/')}"


def _check_token(token: object) -> str | bool | None:
    """Return the token; ``True`` means the saved one, as ``None`` does and as in `huggingface_hub`."""
    if token is None or token is True:
        return None
    if token is False or (isinstance(token, str) and re.fullmatch(r"[!-~]+", token)):
        return token
    problem = f"is a {type(token).__name__}"
    if isinstance(token, str):
        problem = "has blanks or other characters that no token has" if token else "is empty"
    raise AuthenticationError(
        f"The token {problem}. Pass a Hugging Face token as token='hf_...', None for the saved one, or "
        "False for none."
    )


def _check_headers(headers: object) -> dict[str, str] | None:
    """Return the headers; an error names one of them, and never has its value."""
    if headers is None:
        return None
    if not isinstance(headers, Mapping):
        raise UnsupportedOptionError(
            f"headers is a {type(headers).__name__}; pass a dict such as headers={{'X-Name': 'value'}}."
        )
    for name, value in headers.items():
        if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name):
            raise UnsupportedOptionError(f"headers has {reprlib.repr(name)}, which is not a header's name.")
        if not isinstance(value, str):
            raise UnsupportedOptionError(f"headers[{name!r}] is a {type(value).__name__}; it must be text.")
        if not _HEADER_VALUE.fullmatch(value):
            raise UnsupportedOptionError(
                f"headers[{name!r}] has a line break or another character that is not ASCII; encode it first."
            )
    return {name: value.strip() for name, value in headers.items()}


def _check_auth(auth: object) -> tuple[str, str] | None:
    if auth is None:
        return None
    if isinstance(auth, (tuple, list)) and len(auth) == 2 and all(map(_is_text, auth)):
        return auth[0], auth[1]
    given = f"{len(auth)} values" if isinstance(auth, (tuple, list)) else f"a {type(auth).__name__}"
    raise UnsupportedOptionError(f"auth is {given}; pass a pair of strings: auth=('user', 'password').")


def _check_proxy(proxy: object) -> str | None:
    """Return the address of a proxy, ``None`` if it is blank, as an empty environment variable is."""
    if proxy is None or (isinstance(proxy, str) and not proxy.strip()):
        return None
    if not isinstance(proxy, str):
        raise UnsupportedOptionError(f"proxy is a {type(proxy).__name__}; pass an address as text.")
    proxy = proxy.strip()
    port = re.search(r":(\d+)/?$", proxy)
    if _is_text(proxy) and _PROXY.fullmatch(proxy) and (port is None or int(port[1]) < 65536):
        return proxy
    raise UnsupportedOptionError(
        f"proxy={reprlib.repr(redact(proxy))} is not the address of a proxy. Pass one like "
        "'http://127.0.0.1:3128'; its scheme is http, https, socks5 or socks5h."
    )


def _check_ssl_verify(ssl_verify: object) -> Any:
    if isinstance(ssl_verify, bool):
        return ssl_verify
    import ssl

    if isinstance(ssl_verify, ssl.SSLContext):
        return ssl_verify
    raise UnsupportedOptionError(
        f"ssl_verify is a {type(ssl_verify).__name__}; pass True, False, or an SSLContext, such as "
        "ssl.create_default_context(cafile='ca.pem')."
    )


def _is_text(value: object) -> bool:
    return isinstance(value, str) and not re.search(r"[\ud800-\udfff]", value)


_CHECKS: dict[str, Callable[[object], Any]] = {
    "timeouts": _check_timeouts,
    "retries": _check_retries,
    "max_chars": _check_max_chars,
    "endpoint": _check_endpoint,
    "token": _check_token,
    "proxy": _check_proxy,
    "headers": _check_headers,
    "auth": _check_auth,
    "ssl_verify": _check_ssl_verify,
}


def check_settings(given: Mapping[str, object], credentials: tuple[str, str] | None) -> dict[str, Any]:
    """Return the arguments of `QwenSpace` by name, checked, with the `credentials` of its address.

    Raises:
        AuthenticationError: the token cannot be one.
        UnsupportedOptionError: another argument cannot be used; it names the argument and what to pass.
    """
    settings = {name: check(given[name]) for name, check in _CHECKS.items()}
    headers = settings["headers"] or {}
    if credentials and "authorization" not in map(str.lower, headers):
        pair = base64.b64encode(":".join(credentials).encode("utf-8", "replace")).decode()
        settings["headers"] = {**headers, "Authorization": f"Basic {pair}"}
    return settings
