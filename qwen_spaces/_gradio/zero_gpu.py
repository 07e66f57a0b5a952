"""Read the errors of ZeroGPU's scheduler (its package `spaces`, 0.19 to 0.51.3, read 2026-11)."""

from __future__ import annotations

import html
import re
from typing import Literal

Kind = Literal["quota", "queue", "aborted"]

# Titles are checked first; the texts are older and vary.
_TITLES: dict[str, Kind] = {
    "zerogpu quota exceeded": "quota",
    "zerogpu pending credits exceeded": "quota",
    "zerogpu queue timeout": "queue",
    "zerogpu worker error": "aborted",
}
_TEXTS: dict[str, Kind] = {
    r"exceeded your .{0,40}(quota|runs limit)": "quota",
    r"reached its GPU limit": "quota",
    r"running out of daily ZeroGPU quotas": "quota",
    r"too many ZeroGPU credits allocated": "quota",
    r"No GPU was available after": "queue",
    r"GPU task aborted": "aborted",
}
_TIME = re.compile(r"(?:retry|try again) in (?:(\d+) days?, )?(\d+):(\d\d):(\d\d)", re.IGNORECASE)
_TAG = re.compile(r"<[a-zA-Z/!][^<>]*>")


def kind_of(title: str, message: str) -> Kind | None:
    """Return the kind of an error of ZeroGPU's scheduler, ``None`` for any other error.

    Example:
        >>> kind_of("Error", "You have exceeded your GPU quota (60s requested vs. 0s left).")
        'quota'
    """
    if kind := _TITLES.get(title.strip().lower()):
        return kind
    return next((kind for text, kind in _TEXTS.items() if re.search(text, message, re.IGNORECASE)), None)


def seconds_to_wait(message: str) -> float | None:
    """Return the seconds until the next try that a message names, ``None`` if it names none.

    Example:
        >>> seconds_to_wait("Try again in 1 day, 3:02:10")
        97330.0
    """
    if not (found := _TIME.search(message)):
        return None
    days, hours, minutes, seconds = (int(number or 0) for number in found.groups())
    return float(days * 86_400 + hours * 3600 + minutes * 60 + seconds)


def without_html(text: str) -> str:
    """Return the text of a message that may hold HTML.

    Example:
        >>> without_html('<a href="/pricing">Subscribe</a> &amp; go on')
        'Subscribe & go on'
    """
    return html.unescape(_TAG.sub("", text))
