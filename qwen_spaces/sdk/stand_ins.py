"""What stands in for parts of a `gradio_client.Client`: its pools, its lists, its queues.

Each has just what the SDK calls (gradio_client 2.7.2, client.py and utils.py).
"""

from __future__ import annotations

import concurrent.futures
import functools
import queue
import threading
from collections.abc import Callable, Mapping
from typing import Any

from gradio_client import utils

from ..feed import Feed, Stage, Status

_STAGES: Mapping[str, Stage] = {
    "JOINING_QUEUE": "queued",
    "IN_QUEUE": "queued",
    "SENDING_DATA": "queued",
    "PROCESSING": "running",
    "PROGRESS": "running",
    "ITERATING": "running",
}


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


class Mailboxes(dict[str, _Mailbox]):
    """Event id -> mailbox."""

    left = False

    def setdefault(self, event_id: str, default: object = None) -> _Mailbox:
        """The mailbox of a job; never the `default`, which would be a deque."""
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


class Outputs:
    """Stands in for the SDK's list of outputs, which would keep every snapshot: pushes each."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._some = False

    def append(self, output: object) -> None:
        """Push an output."""
        self._some = True
        self._feed.put(output)

    def __bool__(self) -> bool:
        return self._some


class Updates:
    """Stands in for the SDK's queue of updates; the outputs among them go through `Outputs`."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    def put_nowait(self, update: Any) -> None:
        """Push a status."""
        if isinstance(update, utils.StatusUpdate):
            tell(update, self._feed)


def tell(update: Any, feed: Feed) -> None:
    """Push where a job stands, in our words."""
    if stage := _STAGES.get(update.code.name):
        feed.say(Status(stage, update.rank, update.queue_size, update.eta))


def inline(task: functools.partial[None]) -> None:
    """Run a helper of a job where the job runs."""
    # The poller that looks for a cancel at 20 Hz is never started: `Mailboxes.leave` does its work.
    if task.args[1] is not utils.check_for_cancel:
        task()


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
