"""A `gradio_client.Client` for one job, which puts the job's outputs into a mailbox.

It uses private names of the SDK, which `HOOKS` lists (gradio_client 2.7.2); where one is missing, it
polls the job.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import CancelledError, Executor
from typing import Any

import httpx
from gradio_client import Client, utils
from gradio_client.client import Endpoint

from .._stream.mailbox import Mailbox
from .._types.events import Status
from ..errors import QwenSpacesError, UnexpectedOutputError
from .config import fetch_config
from .diffs import OutputDiffs
from .event_stream import messages, status_of
from .executors import JobExecutor
from .files import strip_file_markers, upload_user_files
from .guard import RequestGuard, origin
from .hub import no_telemetry
from .statuses import Statuses, logged
from .waiting import WakePoll

logger = logging.getLogger("qwen_spaces")

POLL_INTERVAL = 0.02  # seconds between two polls of a job
JOIN_TIMEOUT = 1.0  # seconds for the server to send the event id of a job that is already cancelled here
CANCEL_TIMEOUT = 1.0  # seconds for the request that cancels it
HOOKS: Mapping[Any, tuple[str, ...]] = {
    Client: ("stream_messages", "_get_config", "_get_api_info"),
    Endpoint: ("_sse_fn_v1plus", "process_predictions", "process_input_files", "_upload_file"),
}
# Errors of code that reads a malformed message.
_MALFORMED = (TypeError, ValueError, LookupError, AttributeError, RecursionError)


def missing_hooks() -> list[str]:
    """Return the private names of the SDK that this package uses and the installed version lacks."""
    return [name for place, names in HOOKS.items() for name in names if not hasattr(place, name)]


class JobClient(Client):  # type: ignore[misc]
    """A `Client` for one job, made without network from a `shared` one, which fetched the config and the API.

    The job runs in the thread that calls `answer`, which reads the event stream, too.
    """

    def __init__(
        self,
        src: str,
        *,
        mailbox: Mailbox,
        poll: WakePoll | None = None,  # of the config, unless there is a shared one
        shared: JobClient | None = None,
        session_hash: str | None = None,
        httpx_kwargs: Mapping[str, Any],
        **settings: Any,
    ) -> None:
        self._shared, self._mailbox = shared, mailbox
        self._wake_poll: Any = poll
        self._fetched: Any = None  # the config
        self.guard, self._stream_guard = RequestGuard(src), RequestGuard(src, streams=True)
        self._event_id: str | None = None  # the server's id of the job
        self._join_timer: threading.Timer | None = None
        mailbox.on_cancel(self.guard.abort)
        self.stream_error: Exception | None = None  # the error of the event stream
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
        if shared is None:  # a connection outlives the request that opens it
            self._mailbox, self._wake_poll = Mailbox(), None
        self._polls = shared is None or bool(missing_hooks())
        self.stream_executor: Executor = JobExecutor(threads=self._polls)
        if not self._polls:
            self.executor = self.stream_executor

    def answer(self, name: str | int, args: tuple[object, ...], kwargs: Mapping[str, object]) -> Any:
        """Submit the job, put its outputs into the mailbox, and return its result; blocks.

        `name` is the endpoint's api name, or the number of its event, whose arguments are all in `args`.
        """
        endpoint = next(
            known for known in self.endpoints.values() if name in (known.api_name, known.fn_index)
        )
        if kwargs:  # by name, some would be taken for arguments of `submit` itself
            args = utils.construct_args(endpoint.parameters_info, args, dict(kwargs))
        elif isinstance(name, int):
            endpoint.parameters_info = None  # it lacks what an API client does not see, such as a button
        if self._polls:
            job = self.submit(*map(strip_file_markers, args), fn_index=endpoint.fn_index)
            self._poll(job)
        else:
            self._mailbox.on_cancel(self._give_up)
            endpoint._sse_fn_v1plus = functools.partial(self._read, endpoint)
            endpoint.process_input_files = functools.partial(upload_user_files, endpoint)
            job = self.submit(*args, fn_index=endpoint.fn_index)  # its executor runs it here and now
        self._mailbox.on_cancel(lambda: None)  # the former callback holds this session
        if self._mailbox.ended and job.communicator.event_id:
            self._cancel(job)
        return job.result()

    def _read(self, endpoint: Any, helper: object, event_id: str, protocol: str) -> Any:
        """Read the event stream, and return the job's outcome; in place of the SDK's `_sse_fn_v1plus`."""
        del helper
        self._event_id = event_id
        diffs = OutputDiffs(self._mailbox, endpoint.process_predictions, protocol)
        statuses, generating = Statuses(), False
        for message in self._messages():
            kind = message["msg"]
            # Not at each token: what follows the first one is no status.
            if not (generating and kind == "process_generating") and (
                status := statuses.read(message, answering=generating)
            ):
                self._mailbox.set_status(status)
            if kind == "process_completed":
                diffs.flush()
                return message.get("output")
            if kind == "process_generating" and message.get("success", True):
                generating = True
                try:
                    diffs.update(message["output"].get("data", []))
                except _MALFORMED as error:
                    failure = UnexpectedOutputError(
                        f"The Space sent a change that does not fit its output: {error!r:.300}"
                    )
                    failure.__cause__ = error
                    self._mailbox.fail(failure)
                    break
        raise CancelledError

    def _poll(self, job: Any) -> None:
        """Pass on the outputs of a job without any hook, until it is over or cancelled."""
        mailbox = self._mailbox
        mailbox.on_cancel(lambda: self._give_up(job))
        seen, over = 0, False
        try:
            while not over:
                # Before the outputs are read, so that none is missed of a job that ends meanwhile.
                over = job.done() or bool(mailbox.ended and job.communicator.event_id)
                update, outputs = job.status(), job.outputs()
                if status := status_of(update.code.name, update.rank, update.queue_size, update.eta):
                    mailbox.set_status(status)
                elif len(outputs) > seen and mailbox.timeline.started is None:
                    mailbox.set_status(Status("running"))
                for output in outputs[seen:]:  # not the last alone, which may hold no text
                    mailbox.set_snapshot(output)
                seen = len(outputs)
                if not over:
                    time.sleep(POLL_INTERVAL)
        finally:  # its threads would stay until a garbage collection
            for pool in (self.executor, self.helper_executor):
                pool.shutdown(wait=False)

    def _give_up(self, job: Any = None) -> None:
        """Stop waiting for the server; does not block."""
        self._stream_guard.abort()
        event_id = job.communicator.event_id if job else self._event_id
        if event_id is None:  # the job cannot be cancelled without it
            self._join_timer = threading.Timer(JOIN_TIMEOUT, self.guard.abort)
            self._join_timer.daemon = True
            self._join_timer.start()

    def _cancel(self, job: Any) -> None:
        """Cancel a job with a known event id on the server; blocks, `CANCEL_TIMEOUT` at most."""
        if self._join_timer:
            self._join_timer.cancel()
        try:
            with self.guard.within(CANCEL_TIMEOUT):
                # Not `job.cancel()`, which may also POST to /reset, past the proxy.
                job.cancel_fn()
        except Exception as error:
            logger.debug("The cancel did not reach %s: %r", self.src, error)
        for guard in (self.guard, self._stream_guard):
            guard.abort()

    # The following methods override the SDK's.

    def _get_space_state(self) -> None:
        # The SDK's would request the Hub. It is called right after the headers, and before any request.
        self._making_headers.close()
        if self._shared is None:
            try:
                self._fetch()
            except httpx.HTTPStatusError as error:
                if error.response.status_code != 401:  # `_get_config` fetches it again after a login
                    raise

    def _fetch(self) -> None:
        self._fetched = fetch_config(self.src, self._get, self._wake_poll)

    def _get(self, base: str) -> httpx.Response:
        # Another base comes from a redirect that has been checked.
        self.src, self.guard.origin, self._stream_guard.origin = base, origin(base), origin(base)
        url = f"{base}config"
        response = httpx.get(
            url, headers=self.headers, cookies=self.cookies, verify=self.ssl_verify, **self.httpx_kwargs
        )
        # A load balancer finds the right machine by them.
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

    def stream_messages(self, protocol: str, session_hash: str) -> None:
        """Read the event stream of a job that is polled; the SDK's own prints tracebacks."""
        del protocol, session_hash
        if not self._polls:  # `_read` does it
            return
        pending: Any = self.pending_messages_per_event
        for message in self._messages():
            if message["msg"] == "log" and (status := logged(message)):  # the SDK keeps the newest alone
                self._mailbox.set_status(status)
            with self.pending_lock:
                pending.setdefault(message["event_id"], deque()).append(message)

    def _messages(self) -> Iterator[dict[str, Any]]:
        """Yield the messages of the event stream; the SDK's own reader fails on comments and on CRLF."""
        kwargs = {**self.httpx_kwargs, "auth": self._stream_guard}
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
            self.stream_error = error.with_traceback(None)  # its frames hold this session
            logger.debug("The event stream of %s broke: %r", self.src, error)
