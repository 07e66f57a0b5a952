"""One session: a `gradio_client.Client` for one job, which pushes what the job hears.

Private names of the SDK that are used here were read in gradio_client 2.7.2; `HOOKS` lists them, and
where one is missing a request goes the plain way, by polling the job.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import Any

import httpx
from gradio_client import Client, utils

from .._stream.mailbox import Mailbox
from ..errors import QwenSpacesError, UnexpectedOutputError
from ..events import Status
from .config import fetch_config
from .diffs import OutputDiffs
from .event_stream import messages
from .guard import RequestGuard, origin
from .hub import no_telemetry
from .shims import MessagesByEvent, Outputs, Pool, Updates, ignored, in_thread, inline, tell

logger = logging.getLogger("qwen_spaces")

POLL = 0.02  # seconds between two looks at a job that cannot push
JOIN = 1.0  # seconds for the server to name a job that nobody waits for any more, so that it can be cancelled
CANCEL = 1.0  # seconds for the request that cancels it
HOOKS: Mapping[Any, tuple[str, ...]] = {
    Client: ("new_helper", "stream_messages", "_get_config", "_get_api_info"),
    utils: ("check_for_cancel", "Communicator", "JobStatus", "StatusUpdate"),
}
# What a message that is not of its form makes of the code that reads it.
_MALFORMED = (TypeError, ValueError, LookupError, AttributeError, RecursionError)


def missing_hooks() -> list[str]:
    """Return the private names of the SDK that this package uses and the installed version lacks."""
    return [name for place, names in HOOKS.items() for name in names if not hasattr(place, name)]


class JobClient(Client):  # type: ignore[misc]
    """A `Client` for one job, made without network from what another has fetched.

    The job runs in the thread that calls `answer`, and reads its event stream itself.

    Args:
        src: the address of a Gradio app.
        mailbox: the request for which it is; its end cuts the connections.
        wake: seconds to wait for a server that sleeps.
        say: is given the status while it is awaited.
        shared: the session that has fetched the config and the API.
        session_hash: the name of the session, where it goes on with another's.
    """

    def __init__(
        self,
        src: str,
        *,
        mailbox: Mailbox,
        wake: float | None = None,
        say: Callable[[Status], None] | None = None,
        shared: JobClient | None = None,
        session_hash: str | None = None,
        httpx_kwargs: Mapping[str, Any],
        **settings: Any,
    ) -> None:
        self._shared, self._mailbox = shared, mailbox
        self._wake, self._say = wake, say or mailbox.set_status
        self._helper: Any = None
        self._fetched: Any = None  # the config
        self.guard, self._stream = RequestGuard(src), RequestGuard(src, streams=True)
        self._giving_up: threading.Timer | None = None
        mailbox.on_cancel(self.guard.abort)
        self._tasks: list[Callable[[], None]] = []
        self.lost: Exception | None = None  # what broke the event stream
        self.cookies: dict[str, str] = {}
        with contextlib.ExitStack() as self._making_headers:
            self._making_headers.enter_context(no_telemetry())
            super().__init__(
                src,
                verbose=False,
                download_files=False,
                analytics_enabled=False,
                httpx_kwargs={**httpx_kwargs, "auth": self.guard},
                **settings,
            )
        if session_hash:
            self.session_hash = session_hash
        if shared is None:
            self._mailbox = Mailbox()  # the connection outlives the request that opened it
        self._pushes = shared is not None and not missing_hooks()
        if self._pushes:
            self.executor, self.helper_executor = Pool(self._tasks.append), Pool(inline)
        # The SDK's task of reading the stream is not run: the job's mailbox reads it.
        self.stream_executor = Pool(ignored if self._pushes else in_thread)

    def answer(self, api_name: str, args: tuple[object, ...], kwargs: Mapping[str, object]) -> Any:
        """Submit the job, feed what it puts out, and give its result; blocks until it is over."""
        job = self.submit(*self._by_position(api_name, args, kwargs), api_name=api_name)
        self._mailbox.on_cancel(lambda: self._give_up(job))
        if self._pushes:
            with contextlib.closing(self._for_the_sdk()) as stream:
                self.pending_messages_per_event = mailboxes = MessagesByEvent(stream)
                for task in self._tasks:
                    task()
            # They hold this session, which must not live in a cycle.
            self._tasks.clear()
            mailboxes.clear()
            self.streaming_future = None  # so does its callback
        else:
            try:
                _poll(job, self._mailbox)
            finally:  # its threads would stay until a garbage collection
                for pool in (self.executor, self.helper_executor):
                    pool.shutdown(wait=False)
        self._mailbox.on_cancel(_nothing)  # the other holds this session
        if self._mailbox.ended and job.communicator.event_id:  # its reader has left
            self._cancel(job)
        return job.result()

    def _by_position(
        self, api_name: str, args: tuple[object, ...], kwargs: Mapping[str, object]
    ) -> Sequence[object]:
        """All arguments in their places: by name, some would be taken for those of `submit` itself."""
        if not kwargs:
            return args
        (endpoint, *_) = (known for known in self.endpoints.values() if known.api_name == api_name)
        placed: list[object] = utils.construct_args(endpoint.parameters_info, args, dict(kwargs))
        return placed

    def _give_up(self, job: Any) -> None:
        """Stop waiting for the server; does not block."""
        self._stream.abort()
        if job.communicator.event_id is None:  # without it the job cannot be cancelled
            self._giving_up = threading.Timer(JOIN, self.guard.abort)
            self._giving_up.daemon = True
            self._giving_up.start()

    def _cancel(self, job: Any) -> None:
        """End the job on the server, whose event id is known here; blocks, `CANCEL` seconds at most."""
        if self._giving_up:
            self._giving_up.cancel()
        try:
            with self.guard.within(CANCEL):
                # Not `job.cancel()`, which may also POST to /reset, past the proxy.
                job.cancel_fn()
        except Exception as error:
            logger.debug("The cancel did not reach %s: %r", self.src, error)
        for guard in (self.guard, self._stream):
            guard.abort()

    # What follows takes the place of the SDK's own.

    def _get_space_state(self) -> None:
        # The SDK's would ask the Hub. It comes right after the headers, and before any request.
        self._making_headers.close()
        if self._shared is None:
            try:
                self._fetch()
            except httpx.HTTPStatusError as error:
                if error.response.status_code != 401:  # it is fetched again behind the login, if there is one
                    raise

    def _fetch(self) -> None:
        self._fetched = fetch_config(
            self.src, self._get, mailbox=self._mailbox, wake=self._wake, say=self._say
        )

    def _get(self, base: str) -> httpx.Response:
        # Another base is that of a redirect which was checked.
        self.src, self.guard.origin, self._stream.origin = base, origin(base), origin(base)
        url = f"{base}config"
        response = httpx.get(
            url, headers=self.headers, cookies=self.cookies, verify=self.ssl_verify, **self.httpx_kwargs
        )
        # By them a server that has several machines finds the right one.
        self.cookies = {**response.cookies, **self.cookies}
        return response

    def _telemetry_thread(self) -> None:
        pass

    def _get_config(self) -> Any:
        if self._shared is None:
            if self._fetched is None:
                self._fetch()
            return self._fetched
        self.cookies = dict(self._shared.cookies)
        return self._shared.config

    def _get_api_info(self) -> Any:
        return self._shared._info if self._shared else super()._get_api_info()

    def new_helper(self, fn_index: int, headers: dict[str, str] | None = None) -> Any:
        """Make the SDK's go-between of job and reader, one that pushes."""
        self._helper = super().new_helper(fn_index, headers=headers)
        if self._pushes:
            self._helper.job.outputs = Outputs(self._mailbox)
            self._helper.updates = Updates(self._mailbox)
        return self._helper

    def stream_messages(self, protocol: str, session_hash: str) -> None:
        """Read the event stream where the job is polled; the SDK's own prints tracebacks."""
        del protocol, session_hash
        mailboxes: Any = self.pending_messages_per_event
        for message in self._messages():
            with self.pending_lock:
                mailboxes.setdefault(message["event_id"], deque()).append(message)

    def _for_the_sdk(self) -> Generator[dict[str, Any], None, None]:
        """Yield the messages of the stream, without those that only make the answer longer."""
        growth = OutputDiffs(self._mailbox, self._helper.prediction_processor)
        for message in self._messages():
            try:
                # Since sse_v2 (Gradio 4.8) an output after the first is a diff.
                taken = self.protocol != "sse_v1" and growth.takes(message)
            except _MALFORMED as error:
                failure = UnexpectedOutputError(
                    f"The Space sent a change that fits no output: {error!r:.300}"
                )
                failure.__cause__ = error
                self._mailbox.fail(failure)
                return
            if not taken:
                yield message

    def _messages(self) -> Iterator[dict[str, Any]]:
        """Read the event stream, as far as it is about a job; the SDK's own fails on comments and on CRLF."""
        kwargs = {**self.httpx_kwargs, "auth": self._stream}
        try:
            with (
                httpx.Client(verify=self.ssl_verify, **kwargs) as client,
                client.stream(
                    "GET",
                    self.sse_url,
                    params={"session_hash": self.session_hash},
                    headers=self.headers,
                    cookies=self.cookies,
                ) as response,
            ):
                yield from messages(response.iter_bytes())
        except QwenSpacesError as error:
            self._mailbox.fail(error)
        except Exception as error:
            self.lost = error.with_traceback(None)  # whose frames hold this session
            logger.debug("The event stream of %s broke: %r", self.src, error)


def _nothing() -> None:
    pass


def _poll(job: Any, mailbox: Mailbox) -> None:
    """Feed a job that cannot push, until it is over or its reader has left."""
    seen, over = 0, False
    while not over:
        # Before the look and not after it, so that nothing is missed of a job that ends meanwhile.
        over = job.done() or bool(mailbox.ended and job.communicator.event_id)
        tell(job.status(), mailbox)
        outputs = job.outputs()
        if len(outputs) > seen:
            if mailbox.started is None:
                mailbox.set_status(Status("running"))
            for output in outputs[seen:]:  # not the last alone, which may say nothing
                mailbox.set_snapshot(output)
            seen = len(outputs)
        if not over:
            time.sleep(POLL)
