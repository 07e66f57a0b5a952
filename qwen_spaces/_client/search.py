"""Search the Hub for Spaces."""

from __future__ import annotations

from concurrent.futures import Future

from .._stream.task import Task
from .._types.listed import Listed
from .._types.timeouts import Timeouts


def search_hub(query: str, token: str | None) -> list[Listed]:
    """Return the Gradio Spaces that run and that the Hub finds; blocks.

    It works in a thread, which Ctrl-C ends. Each request has its own bound.
    """
    from .._gradio.search import search  # slow to import

    task, listed = Task(timeouts=Timeouts(connect=None), space="The Hub"), Future[list[Listed]]()
    task.start(lambda mailbox: listed.set_result(search(query, token, mailbox)))
    task.wait()
    return listed.result()
