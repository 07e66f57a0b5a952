"""Executors that take the place of the SDK's thread pools."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class InlineExecutor(Executor):
    """Runs each task at once, in the thread that submits it."""

    def submit(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run the task, and return its outcome."""
        future: Future[T] = Future()
        _complete(future, function, *args, **kwargs)
        return future


class DaemonExecutor(Executor):
    """Runs each task in a daemon thread; a pool's threads would hold up the end of the interpreter."""

    def submit(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Start the task."""
        future: Future[T] = Future()
        threading.Thread(
            target=lambda: _complete(future, function, *args, **kwargs), name="qwen_spaces", daemon=True
        ).start()
        return future


def _complete(future: Future[T], function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> None:
    try:
        future.set_result(function(*args, **kwargs))
    except BaseException as error:
        future.set_exception(error)
