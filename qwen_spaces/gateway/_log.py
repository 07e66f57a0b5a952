"""The gateway's log: a request is a line of JSON, or on a terminal one for people."""

from __future__ import annotations

import contextlib
import json
import logging
import re
import time
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from anyio.abc import TaskGroup
from starlette.datastructures import Headers

from .._stream.text_stream import TextStream, space_of

logger: logging.Logger = logging.getLogger("qwen_spaces.gateway")

REQUEST_ID = "x-request-id"
_VALID_ID = re.compile("[A-Za-z0-9._-]{1,64}")


@dataclass
class RequestContext:
    """The state of one request, and its line in the log."""

    method: str
    path: str
    id: str = field(default_factory=lambda: f"req_{uuid.uuid4().hex}")
    token: str | None = field(default=None, repr=False)  # for Hugging Face
    model: str | None = None
    stream: TextStream | None = field(default=None, repr=False)
    status: int | None = None
    first: float | None = None  # seconds until the first text or reasoning
    deltas: int = 0
    characters: int = 0
    error: str | None = None  # its kind
    disconnected: bool = False  # by the client, before the end
    exit_stack: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack, repr=False)
    tasks: TaskGroup = field(init=False, repr=False)  # of the response
    started: float = field(default_factory=time.monotonic, repr=False)

    def take_id(self, headers: Headers) -> None:
        """Use the id that a proxy or the client gave the request, if it is fit for a log."""
        if _VALID_ID.fullmatch(given := headers.get(REQUEST_ID, "")):
            self.id = given

    def count(self, text: str) -> None:
        if self.first is None:
            self.first = time.monotonic() - self.started
        self.deltas += 1
        self.characters += len(text)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    def log(self) -> None:
        """Log the request as a line of JSON, without contents and tokens."""
        line = {
            "time": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
            "id": self.id,
            "method": self.method,
            "path": self.path[:200],
            "status": self.status,
            "model": self.model,
            "space": space_of(self.stream) if self.stream else None,
            "seconds": round(self.seconds, 3),
            "first": None if self.first is None else round(self.first, 3),
            "deltas": self.deltas,
            "characters": self.characters,
            "left": self.disconnected,
            "error": self.error,
        }
        logger.info(json.dumps(line), extra={"request": line})


class TerminalFormatter(logging.Formatter):
    """Formats a request for people, in printable ASCII: a path may be anything."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the time, the request, its status, and what became of it."""
        line: dict[str, Any] | None = getattr(record, "request", None)
        if line is None:
            return super().format(record)
        time = datetime.fromtimestamp(record.created).strftime("%H:%M:%S")
        notes = [f"{line['seconds']:.1f} s"]
        space = line["space"] if line["space"] != line["model"] else None
        if line["first"] is not None:
            notes.append(f"first text after {line['first']:.1f} s")
            notes.append(f"{line['characters']} characters")
        notes += [f"from {space}"] if space else []
        notes += ["client left"] if line["left"] else []
        notes += [line["error"]] if line["error"] else []
        words = (time, line["status"] or "---", line["method"], line["path"], line["model"] or "")
        text = " ".join(str(word) for word in words if word)
        return ascii(f"{text}: {', '.join(notes)} [{line['id']}]")[1:-1]
