"""What the SDK, the Hub and the network raise, told as the errors of this package."""

from __future__ import annotations

import concurrent.futures
import contextlib
import email.utils
import json
import math
import ssl
import time
from typing import TypeVar

import httpx
import huggingface_hub.errors as hub
from gradio_client import exceptions

from .. import errors
from .zero_gpu import kind_of, seconds_to_wait, without_html

# How the SDK words an error whose reason the app hides (gradio_client 2.7.2, client.py).
_HIDDEN = "The upstream Gradio app has raised an exception"
DAY = 86_400.0  # seconds, the longest that a server may ask us to wait
_PASSING = (502, 503, 504)  # HTTP statuses of a server that is not there for the moment
# What a response that is not of its form makes of the code that reads it.
_MALFORMED = (TypeError, ValueError, LookupError, AttributeError, RecursionError, StopIteration)
LONGEST = 2000  # characters of a server's text that an error quotes
_E = TypeVar("_E", bound=errors.QwenSpacesError)


def check_config(config: object, space: str) -> None:
    """Raise `ContractError` where a config is not that of a Gradio app we can talk to."""
    if not isinstance(config, dict) or "dependencies" not in config:
        raise errors.ContractError(
            f"{space} is no Gradio app: its config is some other JSON. Check the address."
        )
    version, protocol = config.get("version", "unknown"), config.get("protocol", "ws")
    if not str(protocol).startswith("sse_v"):
        raise errors.ContractError(
            f"{space} runs Gradio {str(version)[:50]}, whose protocol {str(protocol)[:50]!r} is not spoken "
            "any more. It takes Gradio 4.8 or newer."
        )


def connect_error(error: Exception, space: str) -> errors.QwenSpacesError:
    """Why a Space could not be opened."""
    status = _http_status(error)
    if isinstance(error, hub.GatedRepoError) or status in (401, 403) or _path(error).endswith("/login"):
        return _login_needed(space)
    if isinstance(error, hub.RepositoryNotFoundError):
        return errors.SpaceNotFoundError(
            f"There is no Space {space!r} on the Hub, or it is private. Check the name, or pass a token."
        )
    if status == 429:
        return _rate_limited(error, space)
    if status is not None and status >= 500:
        failed = errors.ConnectError(f"{space} answered with HTTP status {status}. Try again later.")
        return _transient(failed) if status in _PASSING else failed
    if _is_transport(error):
        return _unreachable(error, space)
    if status is not None:
        return errors.ContractError(f"{space} is no Gradio app: HTTP status {status}. Check the address.")
    if isinstance(error, json.JSONDecodeError):
        kind = "an HTML page" if error.doc.lstrip().startswith("<") else "no JSON"
        return errors.ContractError(f"{space} is no Gradio app: its config is {kind}. Check the address.")
    if isinstance(error, _MALFORMED):
        return errors.ContractError(
            f"{space} describes its API in a form that no Gradio app has, so that it cannot be called. "
            "Check the address."
        )
    return errors.ConnectError(f"{space} could not be opened: {type(error).__name__}: {_said(error)}.")


def stream_error(error: BaseException, lost: Exception | None, space: str) -> errors.QwenSpacesError:
    """Why an answer failed; `lost` is what broke the event stream, if that broke."""
    if isinstance(error, exceptions.AppError):
        return _app_error(error, space)
    status = _http_status(error)
    if status is not None:
        return _refused(error, status, space)
    if _is_transport(error):  # the request was not handed in
        return _unreachable(error, space)
    if lost is not None or isinstance(error, concurrent.futures.CancelledError):
        reason = f": {_said(lost)}" if lost else ""
        return errors.ConnectionLostError(
            f"The connection to {space} was lost before the answer was complete{reason}. Try again."
        )
    if isinstance(error, _MALFORMED):
        return errors.UnexpectedOutputError(
            f"{space} sent what is no message of Gradio's, so that its answer cannot be read. Try again."
        )
    return errors.StreamError(f"The answer of {space} failed: {type(error).__name__}: {error}")


def _refused(error: BaseException, status: int, space: str) -> errors.QwenSpacesError:
    """The server did not take the request."""
    if status == 401:
        return _login_needed(space)
    if status == 429:
        return _rate_limited(error, space)
    if status == 503 and _path(error).endswith("/join"):
        return errors.QueueFullError(
            f"The queue of {space} is full. Try again later, or duplicate the Space.",
            retry_after=_retry_after(error),
        )
    if status < 500:
        return errors.ContractError(
            f"{space} does not take this request (HTTP status {status}): {_detail(error)}"
        )
    failed = errors.SpaceError(f"{space} answered with HTTP status {status}. Try again later.")
    return _transient(failed) if status in _PASSING else failed


def _login_needed(space: str) -> errors.AuthenticationError:
    return errors.AuthenticationError(
        f"{space} asks for a login. Pass auth=(user, password), or a token that opens it."
    )


def _rate_limited(error: BaseException, space: str) -> errors.RateLimitedError:
    return errors.RateLimitedError(
        f"{space} gets too many requests. Wait a little, or duplicate the Space.",
        retry_after=_retry_after(error),
    )


def _unreachable(error: BaseException, space: str) -> errors.ConnectError:
    """No connection to `space`; one that was refused or reset may come with the next try."""
    failed = errors.ConnectError(
        f"{space} cannot be reached: {_said(error)}. Check the address, the network and the proxy."
    )
    chain, cause = [error], error.__cause__ or error.__context__
    while cause is not None:
        chain.append(cause)
        cause = cause.__cause__ or cause.__context__
    reset = (ConnectionRefusedError, ConnectionResetError, httpx.RemoteProtocolError)
    return _transient(failed) if any(isinstance(link, reset) for link in chain) else failed


def _transient(error: _E) -> _E:
    error.transient = True
    return error


def _app_error(error: exceptions.AppError, space: str) -> errors.StreamError:
    message, title = _quoted(error.message), _quoted(error.title)
    if message.startswith(_HIDDEN):
        return errors.SpaceError(
            f"{space} failed and hides the reason. Usual ones: the model behind it is overloaded or gone, "
            "the conversation is too long, or an argument is not to its liking. Try again, or a shorter one."
        )
    named = f"{title}: {message}" if title not in ("Error", "None", "", message) else message
    text = f"{space} failed: {without_html(named).rstrip('. ')}."
    match kind_of(title, message):
        case "quota":
            return errors.QuotaExceededError(
                f"{text} Pass a token of an account with quota left, or wait.",
                retry_after=seconds_to_wait(message),
            )
        case "queue":
            return errors.QueueFullError(
                f"{text} All its GPUs are busy. Try again later, or duplicate the Space."
            )
        case "aborted":
            aborted = errors.SpaceError(
                f"{text} Its worker gave up. Try again.", title=title, message=message
            )
            aborted.max_retries = 1
            return _transient(aborted)
    return errors.SpaceError(text, title=title, message=message)


def _quoted(text: object) -> str:
    """A server's text, no longer than an error should be, in characters that can be encoded."""
    text = str(text).encode(errors="replace").decode()
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def _http_status(error: BaseException) -> int | None:
    # httpx.HTTPStatusError, and the Hub's errors, which are of httpx2 in huggingface_hub 2.
    code = getattr(getattr(error, "response", None), "status_code", None)
    return code if isinstance(code, int) else None


def _detail(error: BaseException) -> str:
    """What a server said of a request that it did not take, in FastAPI's form or any other."""
    body = str(getattr(getattr(error, "response", None), "text", ""))
    try:
        detail = json.loads(body)["detail"]
        if isinstance(detail, list):
            names = [row.get("parameter_name") or ".".join(map(str, row.get("loc", ()))) for row in detail]
            said = [row.get("message") or row.get("msg") for row in detail]
            detail = "; ".join(f"{name}: {text}" for name, text in zip(names, said, strict=True))
    except (ValueError, KeyError, TypeError, AttributeError):
        detail = " ".join(body.split())[:300]
    return _quoted(detail)


def _path(error: BaseException) -> str:
    # What was asked for; "" where the error is none of HTTP.
    request = getattr(getattr(error, "response", None), "request", None)
    return str(request.url.path) if request is not None else ""


def _retry_after(error: BaseException) -> float | None:
    headers = getattr(getattr(error, "response", None), "headers", {})
    value = str(headers.get("retry-after", ""))
    with contextlib.suppress(ValueError, OverflowError):
        seconds = float(value)
        return min(max(seconds, 0.0), DAY) if math.isfinite(seconds) else None
    with contextlib.suppress(ValueError, TypeError, OverflowError):  # a date, which may lack its time zone
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    return None


def _is_transport(error: BaseException) -> bool:
    # The Hub's are httpx2's, whose classes have the names of httpx's.
    names = {kind.__name__ for kind in type(error).__mro__}
    return "TransportError" in names or isinstance(error, (ssl.SSLError, OSError))


def _said(error: BaseException) -> str:
    return (_quoted(error) or type(error).__name__).rstrip(".")
