"""The traceback of an error that its reader has seen: one line, in IPython."""

from __future__ import annotations

import functools

from ..errors import QwenSpacesError

_HOOK = "_render_traceback_"  # IPython prints what it returns instead of the traceback


def shorten_traceback(error: QwenSpacesError, line: str) -> None:
    """Have IPython print `line` for an error that was shown; other programs print its traceback."""
    vars(error)[_HOOK] = functools.partial(list, (line,))


def short_traceback(error: QwenSpacesError) -> str:
    """Return the line that IPython prints for an error that was shown."""
    lines = vars(error).get(_HOOK, list)()
    return "\n".join(lines) or str(error)
