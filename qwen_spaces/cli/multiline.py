"""Messages of several lines, typed or piped in."""

from __future__ import annotations

import sys
from collections.abc import Iterator


def is_complete(text: str) -> bool:
    r'''Return whether the lines so far are a whole message.

    >>> [is_complete(text) for text in ("one", "one\\", '"""one', '"""one"""')]
    [True, False, False, True]
    '''
    text = text.strip()
    if text.startswith('"""'):
        return len(text) > 5 and text.endswith('"""')
    return not text.endswith("\\")


def unquote(text: str) -> str:
    r'''Return the message without its triple quotes and trailing backslashes.

    >>> unquote("one\\\ntwo"), unquote('"""\none\ntwo\n"""')
    ('one\ntwo', 'one\ntwo')
    '''
    quoted = text.strip()
    if quoted.startswith('"""') and is_complete(quoted):
        return quoted[3:-3].strip("\n")
    return text.replace("\\\n", "\n").rstrip("\\\n")


def read_messages() -> Iterator[str]:
    """Yield the messages on stdin."""
    text = ""
    for line in sys.stdin or ():
        text += line
        if is_complete(text):
            yield unquote(text)
            text = ""
    if text:
        yield unquote(text)
