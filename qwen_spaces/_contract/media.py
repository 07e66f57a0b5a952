"""Tell files and components in a chat from text. Pure."""

from __future__ import annotations

from collections.abc import Mapping

_TEXTS = ("text", "content")  # the keys of a part with text
_MEDIA = ("file", "component", "path", "url")  # those of a part without


def is_media(content: object) -> bool:
    """Return whether the content of a message, or a part of it, is a file or a component without any text.

    Gradio 5 puts an audio answer in a message of its own, as ``{"component": "audio", "value": {...}}`` or
    ``{"file": {"path": ...}}``; Gradio 6 makes a list of it (measured 2026-11, 5.49 and 6.31).

    Example:
        >>> is_media({"file": {"path": "/tmp/a.wav"}}), is_media([{"type": "text", "text": "Hi"}])
        (True, False)
    """
    if isinstance(content, (list, tuple)):
        return bool(content) and all(map(is_media, content))
    if not isinstance(content, Mapping):
        return False
    return not any(key in content for key in _TEXTS) and any(key in content for key in _MEDIA)
