"""An executor that takes the place of the SDK's thread pools."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any


class JobExecutor(Executor):
    """Runs each task in the thread that submits it, or in a daemon thread of its own.

    The threads of a pool would delay the end of the interpreter.
    """

    def __init__(self, *, threads: bool) -> None:
        self._threads = threads

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run or start the task, and return its future."""
        future: Future[Any] = Future()

        def run() -> None:
            try:
                future.set_result(function(*args, **kwargs))
            except BaseException as error:
                future.set_exception(error)

        if self._threads:
            threading.Thread(target=run, name="qwen_spaces", daemon=True).start()
        else:
            run()
        return future
