"""One session: a `gradio_client.Client` for one job, which pushes what the job hears.

Private names of the SDK that are used here were read in gradio_client 2.7.2; `HOOKS` lists them, and
where one is missing a request goes the plain way, by polling the job.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import functools
import json
import logging
import queue
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any

import httpx
from gradio_client import Client, utils

from ..feed import Feed, Stage, Status
from .faults import check_config
from .hub import no_telemetry

logger = logging.getLogger("qwen_spaces")

POLL = 0.02  # seconds between two looks at a job that cannot push
HOOKS: Mapping[Any, tuple[str, ...]] = {
    Client: ("new_helper", "stream_messages", "_get_config", "_get_api_info"),
    utils: ("check_for_cancel", "Communicator", "JobStatus", "ServerMessage", "StatusUpdate"),
}
_STAGES: Mapping[str, Stage] = {
    "JOINING_QUEUE": "queued",
    "IN_QUEUE": "queued",
    "SENDING_DATA": "queued",
    "PROCESSING": "running",
    "PROGRESS": "running",
    "ITERATING": "running",
}


def missing_hooks() -> list[str]:
    """The private names of the SDK that this room leans on and the installed version lacks."""
    return [name for place, names in HOOKS.items() for name in names if not hasattr(place, name)]


class Session(Client):  # type: ignore[misc]
    """A `Client` for one job, made without network from what another has fetched.

    The job runs in the thread that calls `answer`; one more thread reads the event stream.
    """

    def __init__(
        self, src: str, *, shared: Session | None = None, feed: Feed | None = None, **settings: Any
    ) -> None:
        self._shared, self._feed = shared, feed
        self._helper: Any = None
        self._socket: socket.socket | None = None
        self._tasks: list[Callable[[], None]] = []
        self.lost: Exception | None = None  # what broke the event stream
        self.cookies: dict[str, str] = {}
        with contextlib.ExitStack() as self._making_headers:
            self._making_headers.enter_context(no_telemetry())
            super().__init__(src, verbose=False, download_files=False, analytics_enabled=False, **settings)
        self._pushes = feed is not None and not missing_hooks()
        if self._pushes:
            self.executor, self.helper_executor = _Pool(self._tasks.append), _Pool(_help)
            self.pending_messages_per_event = self._mailboxes = _Mailboxes()
        self.stream_executor = _Pool(_in_thread)

    def answer(
        self, api_name: str, args: tuple[object, ...], kwargs: Mapping[str, object], feed: Feed
    ) -> Any:
        """Submit the job, feed what it puts out, and give its result; blocks until it is over."""
        job = self.submit(*args, api_name=api_name, **kwargs)
        if self._pushes:
            feed.attach(self._mailboxes.leave)
            for task in self._tasks:
                task()
            self._tasks.clear()  # they hold this session, which must not live in a cycle
        else:
            _poll(job, feed)
        if feed.ended and self._helper.event_id:  # its reader has left
            self._cancel(job)
        return job.result()

    def _cancel(self, job: Any) -> None:
        """End the job on the server, whose event id is known here; blocks."""
        try:
            job.cancel()
        except Exception as error:
            logger.debug("The cancel did not reach %s: %r", self.src, error)
        if self._socket is not None:
            with contextlib.suppress(OSError):  # closed already
                self._socket.shutdown(socket.SHUT_RDWR)

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
            self._helper.job.outputs = _Outputs(self._feed)
            self._helper.updates = _Updates(self._feed)
        return self._helper

    def add_zero_gpu_headers(self, headers: dict[str, str]) -> dict[str, str]:
        """Leave the headers; the SDK's own imports Gradio, for apps that call apps."""
        return headers

    def stream_messages(self, protocol: str, session_hash: str) -> None:
        """Read the event stream; the SDK's own prints tracebacks and fails on comments and on CRLF."""
        del protocol
        try:
            with (
                httpx.Client(verify=self.ssl_verify, **self.httpx_kwargs) as client,
                client.stream(
                    "GET",
                    self.sse_url,
                    params={"session_hash": session_hash},
                    headers=self.headers,
                    cookies=self.cookies,
                ) as response,
            ):
                response.raise_for_status()
                self._socket = response.extensions["network_stream"].get_extra_info("socket")
                for line in _lines(response):
                    if line.startswith(b"data:") and not self._deliver(json.loads(line[5:])):
                        return
        except Exception as error:
            self.lost = error
            logger.debug("The event stream of %s broke: %r", self.src, error)

    def _deliver(self, message: dict[str, Any]) -> bool:
        """Hand one message to its job; false if it is the stream's last."""
        kind, event_id = message["msg"], message.get("event_id")
        if kind in (utils.ServerMessage.unexpected_error, utils.ServerMessage.server_stopped):
            self.lost = ConnectionError(message.get("message") or kind)
            return False
        if event_id:
            with self.pending_lock:
                self.pending_messages_per_event.setdefault(event_id, deque()).append(message)
        return bool(kind != utils.ServerMessage.close_stream)


class RefusalsRaised(httpx.Auth):
    """Raises each refusal as what it is, with its headers and its body; the SDK words away most of them."""

    # The only hook into requests that the SDK makes with `httpx.get` and `httpx.post`.

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Send the request as it is, and look at the answer."""
        response = yield request
        if response.is_error:
            response.read()
            response.raise_for_status()


class _Pool:
    """Stands in for an executor of the SDK; `start` is given each task and decides where it runs."""

    def __init__(self, start: Callable[[functools.partial[None]], object]) -> None:
        self._start = start

    def submit(self, function: Any, *args: Any) -> concurrent.futures.Future[Any]:
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        self._start(functools.partial(_complete, future, function, args))
        return future

    def shutdown(self, wait: bool = True) -> None:
        del wait


class _Mailbox:
    """Stands in for a deque whose length the SDK looks at every 50 ms: its length waits for a message.

    ``None`` tells the SDK's job that no more will come.
    """

    def __init__(self) -> None:
        self._coming: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._here: list[Any] = []

    def append(self, message: Any) -> None:
        self._coming.put(message)

    def __len__(self) -> int:
        if not self._here:
            self._here.append(self._coming.get())
        return 1

    def popleft(self) -> Any:
        return self._here.pop()


class _Mailboxes(dict[str, _Mailbox]):
    """Event id -> mailbox."""

    left = False

    def setdefault(self, event_id: str, default: object = None) -> _Mailbox:
        del default
        if event_id not in self:
            self[event_id] = _Mailbox()
            if self.left:
                self[event_id].append(None)
        return self[event_id]

    def leave(self) -> None:
        """Wake the job, now or when it gets its mailbox; neither blocks nor starts a thread."""
        self.left = True
        for mailbox in list(self.values()):
            mailbox.append(None)


class _Outputs:
    """Stands in for the SDK's list of outputs, which would keep every snapshot: pushes each."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._some = False

    def append(self, output: object) -> None:
        self._some = True
        self._feed.put(output)

    def __bool__(self) -> bool:
        return self._some


class _Updates:
    """Stands in for the SDK's queue of updates; the outputs among them go through `_Outputs`."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    def put_nowait(self, update: Any) -> None:
        if isinstance(update, utils.StatusUpdate):
            _say(update, self._feed)


def _say(update: Any, feed: Feed) -> None:
    if stage := _STAGES.get(update.code.name):
        feed.say(Status(stage, update.rank, update.queue_size, update.eta))


def _help(task: functools.partial[None]) -> None:
    # The poller that looks for a cancel at 20 Hz is never started: `_hang_up` does its work.
    if task.args[1] is not utils.check_for_cancel:
        task()


def _lines(response: httpx.Response) -> Iterator[bytes]:
    # Not `iter_lines`, which breaks lines at U+2028 and the like, in the midst of a text.
    rest = b""
    for chunk in response.iter_bytes():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line.rstrip(b"\r")


def _poll(job: Any, feed: Feed) -> None:
    """Feed a job that cannot push, until it is over or its reader has left."""
    seen = 0
    while not job.done() and not (feed.ended and job.communicator.event_id):
        _say(job.status(), feed)
        outputs = job.outputs()
        if len(outputs) > seen:
            seen = len(outputs)
            feed.put(outputs[-1])
        time.sleep(POLL)


def _in_thread(task: Callable[[], None]) -> None:
    # A daemon: a pool's threads would hold up the end of the interpreter.
    threading.Thread(target=task, name="qwen_spaces", daemon=True).start()


def _complete(future: concurrent.futures.Future[Any], function: Any, args: tuple[Any, ...]) -> None:
    future.set_running_or_notify_cancel()
    try:
        future.set_result(function(*args))
    except BaseException as error:
        future.set_exception(error)
