"""The lines of a journal. Pure, but for images that are files."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from .._types.events import Metrics, Reply
from .._types.images import Image
from ..errors import InvalidImageError
from .row import Prompt, Row

BEGINNING = b'{"key": "'  # of each line
_KEY = re.compile(r"[0-9a-f]{64}:\d+")


def digest(identity: object, prompt: Prompt) -> str:
    """Return what is the same for equal prompts to the same Space with the same options."""
    messages: object = [
        [message.role, message.content, *map(_image, message.images)] for message in prompt.messages
    ]
    if not prompt.messages:  # they are invalid
        messages = repr(prompt.given)
    text = json.dumps([identity, messages], ensure_ascii=True, sort_keys=True, default=repr)
    return hashlib.sha256(text.encode()).hexdigest()


def format_line(prompt: Prompt, row: Row) -> bytes:
    """Return the line of a finished row, with its line feed."""
    reply, error = row.reply, row.error
    fields = {
        "key": prompt.key,
        "index": row.index,
        "id": prompt.id,
        "prompt": _plain(prompt),
        "text": reply.text if reply else getattr(error, "partial_text", ""),
        "reasoning": reply.reasoning if reply else "",
        "space": reply.space if reply else "",
        "metrics": dataclasses.asdict(reply.metrics) if reply else None,
        "error": error and {"type": type(error).__name__, "message": str(error)},
    }
    return json.dumps(fields, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def parse_line(line: bytes) -> dict[str, Any] | None:
    """Return the fields of a line, ``None`` if it is none of a journal."""
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):  # also if it is not UTF-8
        return None
    if not isinstance(fields, dict) or not _KEY.fullmatch(str(fields.get("key"))):
        return None
    if not isinstance(fields.get("metrics", 0), (dict, type(None))):
        return None
    texts = all(isinstance(fields.get(name), str) for name in ("text", "reasoning", "space"))
    is_failure = isinstance(fields.get("error", 0), dict)
    return fields if texts and (is_failure or fields.get("error", 0) is None) else None


def is_torn(tail: bytes) -> bool:
    """Return whether bytes at the end of a file may be the beginning of a line that was not finished.

    Example:
        >>> is_torn(b'{"key": "0f'), is_torn(b'{"ke'), is_torn(b"Dear diary")
        (True, True, False)
    """
    return tail.startswith(BEGINNING) or BEGINNING.startswith(tail)


def to_reply(fields: Mapping[str, Any]) -> Reply:
    """Return the reply in a line."""
    known, given = Metrics.__slots__, fields.get("metrics") or {}
    metrics = Metrics(**{name: given[name] for name in known if name in given})
    return Reply(fields["text"], fields["reasoning"], metrics=metrics, space=fields["space"])


def _image(image: Image) -> str:
    if image.url:
        return image.url
    try:
        return hashlib.sha256(image.in_memory().data or b"").hexdigest()
    except InvalidImageError:  # the file is gone, as its row will say
        return str(image.path)


def _plain(prompt: Prompt) -> object:
    if isinstance(prompt.given, str) or not prompt.messages:
        return str(prompt.given)
    return [{"role": message.role, "content": message.content} for message in prompt.messages]
