"""Make a Space's text safe to write to a terminal. Pure."""

from __future__ import annotations

import re

_FORBIDDEN = re.compile(
    # Tags can hide text. Only the flags of regions need them: letters and digits, then an end tag.
    "(\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f)"
    "|["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 and C1 controls except tab and newline
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidirectional controls
    "\u180e\u200b\u2060-\u2065\u206a-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"  # invisible characters
    "]"
)
_SEPARATORS = str.maketrans("\u2028\u2029", "  ")  # some terminals break the line here


def strip_controls(text: str) -> str:
    r"""Return `text` without characters that could control a terminal or deceive its reader.

    Keep tabs, newlines, right-to-left text, and the joiners of emoji and scripts.

    Example:
        >>> strip_controls("one\r\ntwo\x1b[31m"), strip_controls("\u202egnp.exe")
        ('one\ntwo[31m', 'gnp.exe')
    """
    return _FORBIDDEN.sub(lambda match: match[1] or "", text.translate(_SEPARATORS))
