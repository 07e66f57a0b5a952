"""One session: a `gradio_client.Client` for one job, which pushes what the job hears.

Private names of the SDK that are used here were read in gradio_client 2.7.2; `HOOKS` lists them, and
where one is missing a request goes the plain way, by polling the job.
"""

from __future__ import annotations

import contextlib
import json
import logging
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any

import httpx
from gradio_client import Client, utils

from ..feed import Feed, Status
from .faults import check_config
from .growth import Growth
from .hub import no_telemetry
from .stand_ins import Mailboxes, Outputs, Pool, Updates, ignored, in_thread, inline, tell
from .wire import Wire

logger = logging.getLogger("qwen_spaces")

POLL = 0.02  # seconds between two looks at a job that cannot push
HOOKS: Mapping[Any, tuple[str, ...]] = {
    Client: ("new_helper", "stream_messages", "_get_config", "_get_api_info"),
    utils: ("check_for_cancel", "Communicator", "JobStatus", "ServerMessage", "StatusUpdate"),
}
# The messages that `Status.msg_to_status` knows.
_KINDS = ("estimation", "process_starts", "process_generating", "process_completed", "progress", "log")


def missing_hooks() -> list[str]:
    """The private names of the SDK that this room leans on and the installed version lacks."""
    return [name for place, names in HOOKS.items() for name in names if not hasattr(place, name)]


class Session(Client):  # type: ignore[misc]
    """A `Client` for one job, made without network from what another has fetched.

    The job runs in the thread that calls `answer`, and reads its event stream itself.
    """

    def __init__(
        self,
        src: str,
        *,
        shared: Session | None = None,
        feed: Feed | None = None,
        session_hash: str | None = None,
        opened_for: Feed | None = None,
        httpx_kwargs: Mapping[str, Any],
        **settings: Any,
    ) -> None:
        self._shared, self._feed = shared, feed
        self._helper: Any = None
        self.wire, self._stream = Wire(), Wire()
        if opened_for:
            opened_for.attach(self.wire.hang_up)
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
                httpx_kwargs={**httpx_kwargs, "auth": self.wire},
                **settings,
            )
        if session_hash:
            self.session_hash = session_hash
        self._pushes = feed is not None and not missing_hooks()
        if self._pushes:
            self.executor, self.helper_executor = Pool(self._tasks.append), Pool(inline)
        # The SDK's task of reading the stream is not run: the job's mailbox reads it.
        self.stream_executor = Pool(ignored if self._pushes else in_thread)

    def answer(
        self, api_name: str, args: tuple[object, ...], kwargs: Mapping[str, object], feed: Feed
    ) -> Any:
        """Submit the job, feed what it puts out, and give its result; blocks until it is over."""
        job = self.submit(*args, api_name=api_name, **kwargs)
        if self._pushes:
            feed.attach(self._stream.hang_up)
            with contextlib.closing(self._for_the_sdk(feed)) as messages:
                self.pending_messages_per_event = mailboxes = Mailboxes(messages)
                for task in self._tasks:
                    task()
            # They hold this session, which must not live in a cycle.
            self._tasks.clear()
            mailboxes.clear()
        else:
            try:
                _poll(job, feed)
            finally:  # its threads would stay until a garbage collection
                for pool in (self.executor, self.helper_executor):
                    pool.shutdown(wait=False)
        if feed.ended and self._helper.event_id:  # its reader has left
            self._cancel(job)
        return job.result()

    def _cancel(self, job: Any) -> None:
        """End the job on the server, whose event id is known here; blocks."""
        try:
            # Not `job.cancel()`, which may also POST to /reset, past the proxy.
            job.cancel_fn()
        except Exception as error:
            logger.debug("The cancel did not reach %s: %r", self.src, error)
        for wire in (self.wire, self._stream):
            wire.hang_up()

    # What follows takes the place of the SDK's own.

    def _get_space_state(self) -> None:
        # The SDK's would ask the Hub. It comes right after the headers, and before any request.
        self._making_headers.close()

    def _telemetry_thread(self) -> None:
        pass

    def _get_config(self) -> Any:
        if self._shared is None:
            config = super()._get_config()
            check_config(config, self.src)
            # A heartbeat keeps a session's state alive between jobs; a session of ours has one job.
            return {**config, "connect_heartbeat": False}
        self.cookies = dict(self._shared.cookies)
        return self._shared.config

    def _get_api_info(self) -> Any:
        return self._shared._info if self._shared else super()._get_api_info()

    def new_helper(self, fn_index: int, headers: dict[str, str] | None = None) -> Any:
        """Make the SDK's go-between of job and reader, one that pushes."""
        self._helper = super().new_helper(fn_index, headers=headers)
        if self._feed and self._pushes:
            self._helper.job.outputs = Outputs(self._feed)
            self._helper.updates = Updates(self._feed)
        return self._helper

    def stream_messages(self, protocol: str, session_hash: str) -> None:
        """Read the event stream where the job is polled; the SDK's own prints tracebacks."""
        del protocol, session_hash
        mailboxes: Any = self.pending_messages_per_event
        for message in self._messages():
            with self.pending_lock:
                mailboxes.setdefault(message["event_id"], deque()).append(message)

    def _for_the_sdk(self, feed: Feed) -> Generator[dict[str, Any], None, None]:
        """The messages of the stream, without those that only make the answer longer."""
        growth = Growth(feed, self._helper.prediction_processor)
        for message in self._messages():
            # Since sse_v2 (Gradio 4.8) an output after the first is a diff.
            if self.protocol == "sse_v1" or not growth.takes(message):
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
                for line in _lines(response):
                    if not line.startswith(b"data:"):
                        continue
                    message = json.loads(line[5:])
                    kind = message["msg"]
                    if kind in (utils.ServerMessage.unexpected_error, utils.ServerMessage.server_stopped):
                        raise ConnectionError(message.get("message") or kind)
                    if kind == utils.ServerMessage.close_stream:
                        return
                    if kind not in _KINDS:  # the SDK would give up the job
                        logger.debug("A message of a new kind was passed over: %s", kind)
                    elif message.get("event_id"):
                        yield message
        except Exception as error:
            self.lost = error
            logger.debug("The event stream of %s broke: %r", self.src, error)


def _lines(response: httpx.Response) -> Iterator[bytes]:
    # Not `iter_lines`, which breaks lines at U+2028 and the like, in the midst of a text.
    rest = b""
    for chunk in response.iter_bytes():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line.rstrip(b"\r")


def _poll(job: Any, feed: Feed) -> None:
    """Feed a job that cannot push, until it is over or its reader has left."""
    seen, over = 0, False
    while not over:
        # Before the look and not after it, so that nothing is missed of a job that ends meanwhile.
        over = job.done() or bool(feed.ended and job.communicator.event_id)
        tell(job.status(), feed)
        outputs = job.outputs()
        if len(outputs) > seen:
            if feed.started is None:
                feed.say(Status("running"))
            for output in outputs[seen:]:  # not the last alone, which may say nothing
                feed.put(output)
            seen = len(outputs)
        if not over:
            time.sleep(POLL)
