"""A connection to a Space: its config and API, and requests to it."""

from __future__ import annotations

import contextlib
import logging
import re
import ssl
import time
import urllib.parse
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import huggingface_hub
from gradio_client import handle_file

from .._contract.exchange import Call, Exchange
from .._stream.mailbox import Mailbox
from .._types.events import Status
from .._types.images import check_size
from ..errors import AuthenticationError, QwenSpacesError, SpaceError, UnexpectedOutputError
from .certificates import context
from .errors import Sent, connect_error, stream_error
from .files import UserFile
from .guard import RequestGuard
from .hub import Located, locate
from .job import JobClient
from .login import offers_login
from .proxies import check_proxies, proxy_in_use
from .waiting import CONNECT_TIMEOUT, WakePoll, retry_connecting

logger = logging.getLogger("qwen_spaces")

READ_TIMEOUT = 60.0  # seconds without a byte; a Gradio server sends a heartbeat every 15
QUEUE_STATUS_TIMEOUT = 5.0  # seconds; the status can do without it


class Connection:
    """A Space's config and API, fetched once.

    Args:
        src: the address of a Gradio app, or ``owner/name`` on the Hub.
        token, proxy, headers, auth, ssl_verify: as `QwenSpace` takes them.
        timeout: seconds to open a TCP connection.
        wake: seconds to wait for a Space that sleeps or builds; ``None`` waits for ever.
        mailbox: of the request that opens it, whose end aborts it.
        on_status: receives the status meanwhile.

    Raises:
        ConnectError: or one of its kinds, if the Space cannot be opened.
        SpaceTimeoutError: it did not wake up in time.
    """

    def __init__(
        self,
        src: str,
        *,
        token: str | bool | None,
        proxy: str | None,
        headers: Mapping[str, str] | None,
        auth: tuple[str, str] | None,
        ssl_verify: bool | ssl.SSLContext,
        timeout: float | None,
        wake: float | None,
        mailbox: Mailbox,
        on_status: Callable[[Status], None],
    ) -> None:
        self._timeout, self._proxy = timeout, proxy
        poll = WakePoll(mailbox, wake, on_status)
        attempt = CONNECT_TIMEOUT if timeout is None else min(CONNECT_TIMEOUT, timeout)
        try:
            verify = context(ssl_verify) if isinstance(ssl_verify, bool) else ssl_verify
            check_proxies(src if "://" in src else huggingface_hub.constants.ENDPOINT, proxy, verify)
            self.located = Located(src)
            if "://" not in src:
                self.located = locate(src, token=token_for(src, token), proxy=proxy, verify=verify, poll=poll)
                on_status(Status("connecting"))
            self.url = self.located.url
            self._settings: dict[str, Any] = {
                "token": token_for(self.url, token),
                "headers": dict(headers or {}),
                "ssl_verify": verify,
                "httpx_kwargs": {"timeout": httpx.Timeout(READ_TIMEOUT, connect=attempt), "proxy": proxy},
            }
            self._client = retry_connecting(
                lambda: JobClient(self.url, mailbox=mailbox, poll=poll, auth=auth, **self._settings),
                mailbox,
                timeout,
            )
            if self._client.src != f"{self.url.rstrip('/')}/":  # redirected
                self.url = self._client.src.rstrip("/")
        except QwenSpacesError:
            raise
        except Exception as error:
            raise connect_error(error, src, proxy_in_use(self.located.url, proxy)) from error
        logger.debug("Connected to %s, Gradio %s", self.url, self.version)

    @property
    def version(self) -> str:
        """The Gradio version of the Space."""
        return str(self._client.config.get("version", "unknown"))

    @property
    def endpoints(self) -> Mapping[str, Mapping[str, Any]]:
        """The named endpoints of the Space's API info."""
        named: Mapping[str, Mapping[str, Any]] = self._client._info["named_endpoints"]
        return named

    @property
    def config(self) -> Mapping[str, Any]:
        """The config of the app: its components, and the events of its page."""
        config: Mapping[str, Any] = self._client.config
        return config

    def queue_size(self, mailbox: Mailbox) -> int | None:
        """Return how many requests wait there now, ``None`` if the server does not report it."""
        client, guard = self._client, RequestGuard(self.url)
        mailbox.on_cancel(guard.abort)
        kwargs = {**client.httpx_kwargs, "verify": client.ssl_verify, "auth": guard}
        with contextlib.suppress(Exception), guard.within(QUEUE_STATUS_TIMEOUT):
            answer = httpx.get(
                f"{client.src_prefixed}queue/status", headers=client.headers, cookies=client.cookies, **kwargs
            )
            return int(answer.json()["queue_size"])
        return None

    def file(self, path_or_url: str | Path, name: str) -> dict[str, Any]:
        """Return a file as an argument for `run`, which uploads a local one.

        Raises:
            InvalidImageError: it is larger than the app takes; the error calls it `name`.
        """
        if isinstance(path_or_url, Path):
            limit = self._client.config.get("max_file_size")
            check_size(name, path_or_url.stat().st_size, limit, self.url)
        return UserFile(handle_file(path_or_url))

    def run(
        self,
        exchange: Exchange,
        mailbox: Mailbox,
        *,
        session_hash: str | None = None,  # of a session that is kept
        upload: int | None = None,  # bytes of the files
        addresses: Sequence[str] = (),  # of images that the Space has to fetch
    ) -> None:
        """Make the calls of one request, and put the answer into `mailbox`; blocks until it is over.

        A cancel ends all jobs of a session, so each request has its own, unless it continues one.

        Raises:
            QwenSpacesError: one of its kinds.
        """
        if mailbox.timeline.submitted is None:
            mailbox.timeline.submitted = time.monotonic()
        mailbox.set_status(Status("queued", upload=upload))  # wakes the reader, which has other bounds now
        proxy = proxy_in_use(self.url, self._proxy)
        keeps_session = session_hash is not None
        login = offers_login(self._client.config, self.endpoints.get(exchange.name, {}))
        sent = Sent(proxy, images=bool(upload or addresses), addresses=addresses, login=login)
        session_hash = session_hash or uuid.uuid4().hex
        for call in exchange.before:
            with contextlib.suppress(*((SpaceError, UnexpectedOutputError) if call.optional else ())):
                self._call(call, exchange, mailbox, session_hash, sent)
            if mailbox.ended:
                return
        mailbox.parse = exchange.answer_parser()
        output = self._answer(exchange.answer, exchange, mailbox, session_hash, sent)
        mailbox.set_snapshot(output)
        exchange.keep(exchange.answer, output)
        for call in exchange.after if keeps_session else ():
            if not mailbox.ended:
                self._call(call, exchange, mailbox, session_hash, sent)

    def _call(self, call: Call, exchange: Exchange, mailbox: Mailbox, session_hash: str, sent: Sent) -> None:
        """Make a call that does not answer."""
        unread = Mailbox()
        unread.parse = lambda _: None
        mailbox.on_cancel(unread.cancel)
        exchange.keep(call, self._answer(call, exchange, unread, session_hash, sent))
        if unread.error and not mailbox.ended:
            raise unread.error

    def _answer(
        self, call: Call, exchange: Exchange, mailbox: Mailbox, session_hash: str, sent: Sent
    ) -> object:
        args, kwargs = exchange.arguments(call)
        stream_failure: Exception | None = None

        def answer() -> object:
            nonlocal stream_failure
            client = JobClient(
                self.url, shared=self._client, mailbox=mailbox, session_hash=session_hash, **self._settings
            )
            try:
                return client.answer(call.endpoint, args, kwargs)
            finally:
                stream_failure = client.stream_error

        try:
            return retry_connecting(answer, mailbox, self._timeout)
        except QwenSpacesError:
            raise
        except Exception as error:
            raise stream_error(error, stream_failure, self.url, sent) from error


def is_hugging_face(src: str) -> bool:
    """Return whether a Space at `src` is on Hugging Face's own hosts, and reached over TLS.

    Example:
        >>> is_hugging_face("Qwen/Qwen2.5"), is_hugging_face("https://qwen-qwen2-5.hf.space")
        (True, True)
        >>> is_hugging_face("https://hf.space.example.org"), is_hugging_face("http://qwen-qwen2-5.hf.space")
        (False, False)
    """
    if "://" not in src:
        return True  # owner/name, which the Hub finds
    parts = urllib.parse.urlsplit(src)
    host = parts.hostname or ""
    ours = host in ("hf.space", "huggingface.co") or host.endswith((".hf.space", ".huggingface.co"))
    return ours and parts.scheme == "https"


def token_for(url: str, token: str | bool | None) -> str | bool:
    """Return the token for this address: the saved one goes to Hugging Face only."""
    if token is None:
        token = (huggingface_hub.get_token() or False) if is_hugging_face(url) else False
    if isinstance(token, str) and not re.fullmatch(r"[!-~]+", token):
        # httpx would refuse it, too, but quote it.
        raise AuthenticationError("The token has spaces or other characters that no token has.")
    return token
