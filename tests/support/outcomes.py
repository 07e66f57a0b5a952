"""What any bytes of a server may lead to: a reply, a status, or one typed error."""

from __future__ import annotations

import faulthandler
import re
import tempfile
import threading
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from qwen_spaces import ConnectError, QwenSpacesError, Reply, SpaceTimeoutError, StreamError

from . import oddities
from .modes import FACTOR
from .raw_server import Raw
from .scripted_gradio import CONFIG, EVENT_ID, INFO, succeeds

HANG = 20.0 * FACTOR  # seconds after which it hangs
PYTHON = re.compile(r"(Type|Key|Attribute|Value|Index|Recursion|Lookup|Unicode\w+)Error|StopIteration")
LONGEST = 5_000  # characters of an error's text
ELSEWHERE: list[Any] = []  # other hosts that were looked up
JOINED = {"event_id": EVENT_ID}
VALID = {
    "/config": Raw(oddities.as_json(CONFIG)),
    "/info": Raw(oddities.as_json(INFO)),
    "/queue/join": Raw(oddities.as_json(JOINED)),
    "/queue/data": Raw(succeeds("Hello", "Hello world.")),
}


def outcome(call: Callable[[], Any], seconds: float = HANG) -> Any:
    """What a call gives or raises, from a thread of its own; fails if it hangs."""
    ends: list[Any] = []

    def run() -> None:
        try:
            ends.append(call())
        except BaseException as error:
            ends.append(error)

    thread = threading.Thread(target=run, name="fuzz", daemon=True)
    thread.start()
    thread.join(seconds)
    if not ends:
        with tempfile.TemporaryFile("w+") as file:
            faulthandler.dump_traceback(file)
            file.seek(0)
            pytest.fail(f"it hangs:\n{file.read()}")
    return ends[0]


def is_unforeseen(error: QwenSpacesError) -> bool:
    """Whether it is only of the kind that nobody thought of."""
    kind = type(error)
    return kind in (QwenSpacesError, StreamError) or (
        kind is ConnectError and bool(PYTHON.search(str(error)))
    )


def check(end: Any) -> None:
    """A reply, a status or one typed error, whose every text is Unicode; and no request went elsewhere."""
    elsewhere, ELSEWHERE[:] = list(ELSEWHERE), []
    assert not elsewhere, f"it looked up {elsewhere}"
    if isinstance(end, BaseException):
        shown = "".join(traceback.format_exception(end))
        assert isinstance(end, QwenSpacesError), f"untyped:\n{shown}"
        assert not isinstance(end, SpaceTimeoutError), f"nothing was to be waited for:\n{shown}"
        assert not is_unforeseen(end), f"of no kind:\n{shown}"
        for text in (str(end), getattr(end, "partial_text", ""), str(getattr(end, "message", ""))):
            text.encode()
        assert len(str(end)) < LONGEST, f"{len(str(end))} characters of {type(end).__name__}"
    elif isinstance(end, Reply):
        f"{end.text}{end.reasoning}".encode()
        assert end.text or end.reasoning
    else:
        repr(end).encode()
        end._repr_markdown_().encode()
