"""Turn errors of the SDK and of the network into those of this package."""

from __future__ import annotations

import concurrent.futures
import contextlib
import email.utils
import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import httpx
from gradio_client import exceptions

from .. import errors
from .._types.images import shown_address, too_large, unfetched
from .certificates import why_not_trusted
from .login import login_error, needs_login
from .pages import describe, is_blocked
from .zero_gpu import kind_of, seconds_to_wait, without_html

# The SDK's text for an error whose reason the app hides (gradio_client 2.7.2, client.py).
_HIDDEN = "The upstream Gradio app has raised an exception"
MAX_RETRY_AFTER = 86_400.0  # seconds, the longest that a server may ask us to wait
_UNAVAILABLE = (502, 503, 504)  # HTTP statuses of a server that may soon be back
_NOT_OF_REQUEST = (407, 429)  # HTTP statuses below 500 that say nothing of the request itself
_TRANSPORT = (httpx.TransportError, OSError)
# Errors of code that reads a malformed response.
_MALFORMED = (TypeError, ValueError, LookupError, AttributeError, RecursionError, StopIteration)
MAX_QUOTE = 2000  # characters of a server's text that an error quotes
_E = TypeVar("_E", bound=errors.QwenSpacesError)


@dataclass(frozen=True, slots=True)
class Sent:
    """The facts about a request that its errors name."""

    proxy: str | None = None  # from `proxy_in_use`
    images: bool = False
    addresses: Sequence[str] = ()  # of images that the Space has to fetch
    login: bool = False  # whether the app has a login with Hugging Face


def connect_error(error: Exception, space: str, proxy: str | None = None) -> errors.QwenSpacesError:
    """Return why a Space could not be opened; `proxy` is from `proxy_in_use`."""
    if between := _proxy_or_firewall_error(error, space, proxy):
        return between
    if isinstance(error, httpx.HTTPStatusError):
        return _refused_config(error, space)
    if isinstance(error, _TRANSPORT):
        return _unreachable(error, space, proxy)
    if isinstance(error, json.JSONDecodeError):
        kind = "an HTML page" if error.doc.lstrip().startswith("<") else "no JSON"
        return errors.ContractError(f"{space} is no Gradio app: its config is {kind}. Check the address.")
    if isinstance(error, _MALFORMED):
        return errors.ContractError(
            f"{space} describes its API in a form that no Gradio app has, so that it cannot be called. "
            "Check the address."
        )
    return errors.ConnectError(f"{space} could not be opened: {type(error).__name__}: {_text(error)}.")


def stream_error(
    error: BaseException, stream_failure: Exception | None, space: str, sent: Sent = Sent()
) -> errors.QwenSpacesError:
    """Return why an answer failed; `stream_failure` is the error of the event stream, if it broke."""
    failed = _stream_error(error, stream_failure, space, sent)
    if isinstance(error, httpx.HTTPStatusError) and error.request.url.path.endswith("/join"):
        status = error.response.status_code
        failed._of_request = 400 <= status < 500 and status not in _NOT_OF_REQUEST
    return failed


def _stream_error(
    error: BaseException, stream_failure: Exception | None, space: str, sent: Sent
) -> errors.QwenSpacesError:
    for cause in (error, stream_failure):
        if isinstance(cause, httpx.HTTPStatusError) and cause.response.has_redirect_location:
            return errors.ContractError(
                f"{space} redirects a request to {cause.response.headers['location'][:200]!r}, and only its "
                "config may be redirected. Nothing was sent there. Pass the address of the app as src=..."
            )
    if isinstance(error, exceptions.AppError):
        return _app_error(error, space, sent)
    if between := _proxy_or_firewall_error(error, space, sent.proxy):
        return between
    if isinstance(error, httpx.HTTPStatusError):
        return _refused_request(error, space, sent)
    if isinstance(error, _TRANSPORT):  # the request did not get there
        return _unreachable(error, space, sent.proxy)
    if stream_failure is not None or isinstance(error, concurrent.futures.CancelledError):
        return _connection_lost(stream_failure, space, sent)
    if isinstance(error, _MALFORMED):
        return errors.UnexpectedOutputError(
            f"{space} sent something that is no message of Gradio's, so its answer cannot be read. Try again."
        )
    return errors.StreamError(f"The answer of {space} failed: {type(error).__name__}: {error}")


def _refused_config(error: httpx.HTTPStatusError, space: str) -> errors.QwenSpacesError:
    """Return the error for a server that does not send its config."""
    status = error.response.status_code
    if status in (401, 403) or (error.request.url.path.endswith("/login") and status < 500):
        return errors.AuthenticationError(
            f"{space} asks for a login. Pass auth=(user, password), or a token that opens it."
        )
    if status == 429:
        return _rate_limited(error, space)
    if status < 500:
        return errors.ContractError(f"{space} is no Gradio app: {_text(error)}. Check the address.")
    return _server_error(errors.ConnectError, error, space)


def _refused_request(error: httpx.HTTPStatusError, space: str, sent: Sent) -> errors.QwenSpacesError:
    """Return the error for a request that the server refuses."""
    status = error.response.status_code
    if status == 429:
        return _rate_limited(error, space)
    if status == 413:
        return _too_large(error, space, sent)
    if status == 503 and error.request.url.path.endswith("/join"):
        return errors.QueueFullError(
            f"The queue of {space} is full. Try again later, or duplicate the Space.",
            retry_after=retry_after(error),
        )
    if status in (401, 403):
        return errors.AuthenticationError(
            f"{space} refuses the request: {_text(error)}. Pass auth=(user, password), or a token that "
            "opens it."
        )
    if status < 500:
        return errors.ContractError(f"{space} does not take this request: {_text(error)}")
    return _server_error(errors.SpaceError, error, space)


def _server_error(kind: type[_E], error: httpx.HTTPStatusError, space: str) -> _E:
    failed = kind(f"{space} answered with {_text(error)}. Try again later.")
    if error.response.status_code in _UNAVAILABLE:
        failed.retry_after = retry_after(error)
        failed.transient = True
    return failed


def _connection_lost(
    stream_failure: Exception | None, space: str, sent: Sent
) -> errors.ConnectError | errors.ConnectionLostError:
    reason = ""
    if stream_failure is not None:
        if between := _proxy_or_firewall_error(stream_failure, space, sent.proxy):
            return between
        reason = f": {_text(stream_failure)}"
    return errors.ConnectionLostError(
        f"The connection to {space} was lost before the answer was complete{reason}. Try again."
    )


def _proxy_or_firewall_error(
    error: BaseException, space: str, proxy: str | None
) -> errors.ConnectError | None:
    """Return the error of a proxy or a firewall before the Space, ``None`` if neither caused it."""
    response = error.response if isinstance(error, httpx.HTTPStatusError) else None
    if response is not None and is_blocked(response):
        return errors.ConnectError(
            f"{space} answered with {describe(response)}, as a firewall or a proxy before it does. It is not "
            "about your token. Try another network, or open the address in a browser."
        )
    # A refused tunnel has no response, but an error that begins with the status (httpcore 1.0).
    tunnel = isinstance(error, httpx.ProxyError)
    if (response is not None and response.status_code == 407) or (tunnel and str(error).startswith("407")):
        named = f"The proxy {proxy}" if proxy else f"A proxy before {space}"
        return errors.ConnectError(
            f"{named} asks for a login (HTTP status 407). Put user and password, percent-encoded, into the "
            "proxy's address: http://USER:PASSWORD@HOST:PORT."
        )
    if tunnel:
        named = f"The proxy {proxy}" if proxy else "The proxy"
        return errors.ConnectError(f"{named} does not connect to {space}: {_text(error)}.")
    return None


def _too_large(error: httpx.HTTPStatusError, space: str, sent: Sent) -> errors.QwenSpacesError:
    """Return the error for a request that is too large for the server (HTTP status 413)."""
    length = error.request.headers.get("content-length", "")
    size = int(length) if length.isdecimal() and length.isascii() else None
    if error.request.url.path.endswith("/upload"):
        return too_large("An image", space, size=size, detail=_text(error))
    if sent.images:
        return too_large("The request with its images", space, size=size, detail=_text(error))
    return errors.InvalidMessagesError(
        f"The messages are too large for {space} ({_text(error)}). Send fewer turns, or shorter ones."
    )


def _rate_limited(error: httpx.HTTPStatusError, space: str) -> errors.RateLimitedError:
    return errors.RateLimitedError(
        f"{space} gets too many requests. Wait a little, or duplicate the Space.",
        retry_after=retry_after(error),
    )


def _unreachable(error: BaseException, space: str, proxy: str | None) -> errors.ConnectError:
    """Return the error for a failed connection; one that was refused or reset may succeed later."""
    links = [error]
    for link in links:
        if cause := link.__cause__ or link.__context__:
            links.append(cause)
        if reason := why_not_trusted(link):
            return errors.ConnectError(f"The certificate of {space} {reason}")
    through = f" through the proxy {proxy}" if proxy else ""
    failed = errors.ConnectError(
        f"{space} cannot be reached{through}: {_text(error)}. Check the address, the network and the proxy."
    )
    reset = (ConnectionRefusedError, ConnectionResetError, httpx.RemoteProtocolError)
    failed.transient = any(isinstance(link, reset) for link in links)
    return failed


def _hidden_error(space: str, sent: Sent) -> errors.QwenSpacesError:
    if sent.login:
        return login_error(space, "So it seems: it failed, and hides the reason.")
    named = " and ".join(map(shown_address, sent.addresses))
    images = f" It may be unable to fetch {named}." if sent.addresses else ""
    return errors.SpaceError(
        f"{space} failed and hides the reason. Usual ones: the model behind it is overloaded or gone, "
        f"the conversation is too long, or an argument is not to its liking.{images} Try again, or a "
        "shorter one."
    )


def _app_error(error: exceptions.AppError, space: str, sent: Sent) -> errors.QwenSpacesError:
    message, title = _quoted(error.message), _quoted(error.title)
    if message.startswith(_HIDDEN):
        return _hidden_error(space, sent)
    if failed := unfetched(sent.addresses, space, without_html(message)):
        return failed
    named = f"{title}: {message}" if title not in ("Error", "None", "", message) else message
    text = f"{space} failed: {without_html(named).rstrip('. ')}."
    match kind_of(title, message):
        case "quota":
            return errors.QuotaExceededError(
                f"{text} Log in to an account with quota left (hf auth login), pass its token, or wait.",
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
            aborted.transient = True
            return aborted
    if needs_login(message, offered=sent.login):
        return login_error(space, f"It says: {without_html(message).rstrip('. ')}.")
    return errors.SpaceError(text, title=title, message=message)


def _quoted(text: object) -> str:
    """Return a server's text, no longer than an error should be, in characters that can be encoded."""
    text = str(text).encode(errors="replace").decode()
    return text if len(text) <= MAX_QUOTE else f"{text[:MAX_QUOTE]}..."


def retry_after(error: httpx.HTTPStatusError) -> float | None:
    """Return the seconds of the header ``Retry-After``, ``None`` where there is none."""
    value = error.response.headers.get("retry-after", "")
    with contextlib.suppress(ValueError, OverflowError):
        seconds = float(value)
        return min(max(seconds, 0.0), MAX_RETRY_AFTER) if math.isfinite(seconds) else None
    with contextlib.suppress(ValueError, TypeError, OverflowError):  # a date, which may lack its time zone
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    return None


def _text(error: BaseException) -> str:
    if isinstance(error, httpx.HTTPStatusError):  # its own text has a link about the status
        return describe(error.response).rstrip(".")
    return (_quoted(error) or type(error).__name__).rstrip(".")
