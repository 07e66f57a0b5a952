"""The event stream of a Gradio session: bytes -> messages -> statuses, within bounds. Pure."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .._types.events import Status
from .._types.timeouts import Stage
from ..errors import UnexpectedOutputError

logger = logging.getLogger("qwen_spaces")

MAX_EVENT = 32 * 2**20  # bytes of one event
MAX_IDLE = 1000  # messages a second that bring no output
# The messages that the SDK's `Status.msg_to_status` knows (gradio_client 2.7.2).
_KINDS = ("estimation", "process_starts", "process_generating", "process_completed", "progress", "log")
_OUTPUTS = ("process_generating", "process_completed")
_FAILURES = ("unexpected_error", "Server stopped unexpectedly.")
_END = "close_stream"
# Messages of the wire, and below them the codes of the SDK's `StatusUpdate`.
_STAGES: Mapping[str, Stage] = {
    "estimation": "queued",
    "process_starts": "running",
    "process_generating": "running",
    "progress": "running",
    "JOINING_QUEUE": "queued",
    "IN_QUEUE": "queued",
    "SENDING_DATA": "queued",
    "PROCESSING": "running",
    "PROGRESS": "running",
    "ITERATING": "running",
}
_MAX_NUMBER = 1e9  # of seconds, or of requests in a queue


def messages(chunks: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    r"""Yield the messages about a job until the stream ends.

    Raises:
        ConnectionError: the server reports that it stops.
        UnexpectedOutputError: an event is no message of Gradio's, or too large, or there are too many.

    Example:
        >>> list(messages([b'data: {"msg": "estimation", "event_id": "1"}\n\n']))
        [{'msg': 'estimation', 'event_id': '1'}]
    """
    idle, since = 0, time.monotonic()
    for line in _lines(chunks):
        message = _parse(line)
        kind = message["msg"]
        if kind in _OUTPUTS:
            idle, since = 0, time.monotonic()
        else:
            idle += 1
            if idle > MAX_IDLE * max(1.0, time.monotonic() - since):
                raise UnexpectedOutputError(
                    f"The Space floods its event stream: more than {MAX_IDLE} messages a second, and none of "
                    "them is part of an answer."
                )
        if kind in _FAILURES:
            raise ConnectionError(str(message.get("message") or kind)[:1000])
        if kind == _END:
            return
        if kind not in _KINDS:  # the SDK would drop the job
            logger.debug("Ignored a message of an unknown kind: %.100r", kind)
        elif message.get("event_id"):
            yield message


def status_of(kind: str, rank: object, queue_size: object, eta: object) -> Status | None:
    """Return the status that a message reports, ``None`` if it reports none.

    Example:
        >>> status_of("estimation", 0, 1, 2.5)
        Status(stage='queued', position=0, queue_size=1, eta=2.5, reason='', upload=None, level='', space='')
    """
    stage = _STAGES.get(kind)
    return stage and Status(stage, _count(rank), _count(queue_size), _number(eta))


def _number(value: object) -> float | None:
    # A server may send anything.
    usable = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < _MAX_NUMBER
    return float(value) if usable else None  # type: ignore[arg-type]


def _count(value: object) -> int | None:
    number = _number(value)
    return None if number is None else int(number)


def _parse(line: bytes) -> dict[str, Any]:
    try:
        message = json.loads(line)
        if isinstance(message["msg"], str):
            return dict(message)
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    shown = line[:80].decode(errors="replace")
    raise UnexpectedOutputError(f"The Space's event stream holds {shown!r}, which is no message of Gradio's.")


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield what follows each ``data:``."""
    # Not httpx's `iter_lines`, which breaks lines at U+2028 and the like, in the middle of a text.
    line: list[bytes] = []  # its parts so far
    size = 0
    for chunk in chunks:
        for number, part in enumerate(chunk.split(b"\n")):
            if number:  # there was a line feed before it
                complete = b"".join(line)
                if complete.startswith(b"data:"):
                    yield complete[5:].rstrip(b"\r")
                line.clear()
                size = 0
            line.append(part)
            size += len(part)
            if size > MAX_EVENT:
                raise UnexpectedOutputError(f"The Space sent an event of more than {MAX_EVENT // 2**20} MB.")
