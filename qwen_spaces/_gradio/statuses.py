"""The statuses that the messages of one job report. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .._types.events import Status
from .event_stream import status_of
from .zero_gpu import without_html

MAX_REASON = 500  # characters of a Space's message
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f]+")
_LEVELS = ("info", "success", "warning", "error")
_USUAL_TITLES = {"", "none", *_LEVELS}


class Statuses:
    """Turns the messages of a job into statuses, each only where it is news."""

    def __init__(self) -> None:
        self._last: Status | None = None  # of the queue

    def read(self, message: Mapping[str, Any], *, answering: bool = False) -> Status | None:
        """Return the status that a message reports, ``None`` if it reports none that matters.

        While the Space is `answering`, only its own messages matter.
        """
        if message["msg"] == "log":
            return logged(message)
        if answering:
            return None
        found = status_of(
            message["msg"], message.get("rank"), message.get("queue_size"), message.get("rank_eta")
        )
        if found is None or found == self._last:  # which would only take the place of the Space's message
            return None
        self._last = found
        return found


def logged(message: Mapping[str, Any]) -> Status | None:
    """Return the status for a message of the Space's own, ``None`` if it shows no text.

    Such are those of `gr.Info` and `gr.Warning`, and of ZeroGPU: ``{"msg": "log", "log": text, "level":
    "info", "title": ..., "visible": ...}`` (Gradio 4.44 to 6.31). The text may be HTML, and comes from an app
    that works on the request already.

    Example:
        >>> str(logged({"log": "Waiting for a <b>GPU</b>", "level": "info", "title": "ZeroGPU queue"}))
        'The Space says: ZeroGPU queue: Waiting for a GPU'
    """
    text, title = _line(message.get("log")), _line(message.get("title"))
    if not text or message.get("visible") is False:
        return None
    if title.lower() not in _USUAL_TITLES and title != text:
        text = f"{title}: {text}"
    level = str(message.get("level"))
    return Status("running", reason=_shortened(text), level=level if level in _LEVELS else "info")


def _line(text: object) -> str:
    """Return a server's text as one line, without HTML, control characters and lone surrogates."""
    plain = without_html(text[: 4 * MAX_REASON]) if isinstance(text, str) else ""
    return " ".join(_CONTROLS.sub(" ", plain).encode(errors="replace").decode().split())


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_REASON else f"{text[:MAX_REASON].rstrip()}..."
