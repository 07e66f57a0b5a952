"""What the errors of ZeroGPU's scheduler mean (its package `spaces`, 0.19 to 0.51.3, read 2026-11)."""

from __future__ import annotations

import html
import re
from typing import Literal

Kind = Literal["quota", "queue", "aborted"]

# The titles of today first, then the texts, which are older and have changed.
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
    """Return what an error of a Space means, ``None`` where it is not of ZeroGPU's scheduler.

    Example:
        >>> kind_of("Error", "You have exceeded your GPU quota (60s requested vs. 0s left).")
        'quota'
    """
    if kind := _TITLES.get(title.strip().lower()):
        return kind
    return next((kind for text, kind in _TEXTS.items() if re.search(text, message, re.IGNORECASE)), None)


def seconds_to_wait(message: str) -> float | None:
    """Return the seconds after which another try is worth it, where the text says.

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
