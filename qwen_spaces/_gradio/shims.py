"""What stands in for parts of a `gradio_client.Client`: its pools, its lists, its queues.

Each has just what the SDK calls (gradio_client 2.7.2, client.py and utils.py).
"""

from __future__ import annotations

import concurrent.futures
import functools
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gradio_client import utils

from .._stream.mailbox import Mailbox
from ..events import Stage, Status

_STAGES: Mapping[str, Stage] = {
    "JOINING_QUEUE": "queued",
    "IN_QUEUE": "queued",
    "SENDING_DATA": "queued",
    "PROCESSING": "running",
    "PROGRESS": "running",
    "ITERATING": "running",
}


_FOREVER = 1e9  # seconds, or requests in a queue


class Pool:
    """Stands in for an executor of the SDK; `start` is given each task and decides where it runs."""

    def __init__(self, start: Callable[[functools.partial[None]], object]) -> None:
        self._start = start

    def submit(self, function: Any, *args: Any) -> concurrent.futures.Future[Any]:
        """Hand the call to `start`."""
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        self._start(functools.partial(_complete, future, function, args))
        return future

    def shutdown(self, wait: bool = True) -> None:
        """Nothing is held."""
        del wait


class JobMessages:
    """Stands in for the deque of a job's messages, at whose length the SDK looks every 50 ms.

    Its length waits for the next message; ``None`` tells the SDK's job that no more will come.
    """

    def __init__(self, messages: Iterator[Any]) -> None:
        self._messages = messages
        self._here: list[Any] = []

    def __len__(self) -> int:
        if not self._here:
            self._here.append(next(self._messages, None))
        return 1

    def popleft(self) -> Any:
        """Return the message that was waited for."""
        return self._here.pop()


class MessagesByEvent(dict[str, JobMessages]):
    """Event id -> mailbox, of a session that has one job."""

    def __init__(self, messages: Iterator[Any]) -> None:
        super().__init__()
        self._messages = messages

    def setdefault(self, event_id: str, default: object = None) -> JobMessages:
        """Return the mailbox of the job; never the `default`, which would be a deque."""
        del default
        self[event_id] = JobMessages(self._messages)
        return self[event_id]


class Outputs:
    """Stands in for the SDK's list of outputs, which would keep every snapshot: pushes each."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self._some = False

    def append(self, output: object) -> None:
        """Push an output."""
        self._some = True
        self._mailbox.set_snapshot(output)

    def __bool__(self) -> bool:
        return self._some


class Updates:
    """Stands in for the SDK's queue of updates; the outputs among them go through `Outputs`."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    def put_nowait(self, update: Any) -> None:
        """Push a status."""
        if isinstance(update, utils.StatusUpdate):
            tell(update, self._mailbox)


def tell(update: Any, mailbox: Mailbox) -> None:
    """Push where a job stands, in our words."""
    if stage := _STAGES.get(update.code.name):
        eta = _number(update.eta)
        mailbox.set_status(Status(stage, _count(update.rank), _count(update.queue_size), eta))


def _number(value: object) -> float | None:
    """Return the value where it is a number of seconds; a server may send anything."""
    usable = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < _FOREVER
    return float(value) if usable else None  # type: ignore[arg-type]


def _count(value: object) -> int | None:
    number = _number(value)
    return None if number is None else int(number)


def inline(task: functools.partial[None]) -> None:
    """Run a helper of a job where the job runs."""
    # The poller that looks for a cancel at 20 Hz is never started: cutting the event stream does its work.
    if task.args[1] is not utils.check_for_cancel:
        task()


def ignored(task: object) -> None:
    """Never run a task."""
    del task


def in_thread(task: Callable[[], None]) -> None:
    """Run a task beside everything."""
    # A daemon: a pool's threads would hold up the end of the interpreter.
    threading.Thread(target=task, name="qwen_spaces", daemon=True).start()


def _complete(future: concurrent.futures.Future[Any], function: Any, args: tuple[Any, ...]) -> None:
    future.set_running_or_notify_cancel()
    try:
        future.set_result(function(*args))
    except BaseException as error:
        future.set_exception(error)
