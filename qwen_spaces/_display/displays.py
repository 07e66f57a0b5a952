"""Displays of a growing answer: in the outputs of a notebook cell, or on plain output."""

from __future__ import annotations

import itertools
import sys
import time
import uuid
from typing import TYPE_CHECKING, Any, TypeAlias

from .._markup import markdown as markup
from ..errors import QwenSpacesError, StreamCancelledError
from .plain import PlainDisplay, waiting
from .tracebacks import shorten_traceback

if TYPE_CHECKING:
    from .._stream.text_stream import TextStream

Bundle: TypeAlias = dict[str, str]  # MIME type -> content

NO_MATH = 'class="mathjax_ignore"'  # MathJax looks for formulas in all other HTML


class CellDisplay:
    """An answer in the outputs of a notebook cell: its reasoning, its text, and its error."""

    def __init__(self, shell: Any) -> None:
        self._publish = shell.display_pub.publish
        self._began = time.monotonic()
        self._name = uuid.uuid4().hex
        self._shown: list[Bundle] = []  # one for each output

    def draw(self, stream: TextStream, *ending: Bundle) -> None:
        """Show all text so far, with the ending below it."""
        bundles = []
        if stream.reasoning:
            bundles.append(_folded(stream.reasoning, unfolded=not stream.text))
        if stream.text:
            bundles.append({"text/markdown": markup.markdown(stream.text), "text/plain": stream.text})
        bundles.extend(ending)
        if not bundles:
            bundles.append(_dim(waiting(stream.status, time.monotonic() - self._began)))
        bundles += [_dim("")] * (len(self._shown) - len(bundles))  # clear the outputs of removed text
        for place, (bundle, shown) in enumerate(itertools.zip_longest(bundles, self._shown)):
            if bundle != shown:
                name = f"{self._name}-{place}"
                self._publish(bundle, transient={"display_id": name}, update=shown is not None)
        self._shown = bundles

    def end(self, stream: TextStream, error: BaseException | None = None) -> None:
        """Show the rest of the answer, and its error."""
        endings = [_dim("Interrupted.")] if error else []
        if isinstance(error, QwenSpacesError) and not isinstance(error, StreamCancelledError):
            endings = [_box(error)]
            shorten_traceback(error, "No answer: the reason is above.")
        self.draw(stream, *endings)


def current_display() -> CellDisplay | PlainDisplay:
    """Return a new display for the running program, a notebook or another."""
    running = shell()
    names = [kind.__name__ for kind in type(running).__mro__]
    if running is None or "TerminalInteractiveShell" in names:  # which cannot redraw its output
        return PlainDisplay()
    return CellDisplay(running)


def shell() -> Any:
    """Return the IPython shell that runs this program, ``None`` if there is none."""
    ipython = sys.modules.get("IPython")  # a shell has imported it
    return ipython.get_ipython() if ipython else None


def _folded(reasoning: str, *, unfolded: bool) -> Bundle:
    # On one line: a blank line would end the HTML, and the rest would be Markdown.
    start = f"<details{' open' if unfolded else ''}><summary>Reasoning</summary><blockquote {NO_MATH}>"
    return {
        "text/markdown": f"{start}{markup.line(reasoning)}</blockquote></details>",
        "text/plain": reasoning,
    }


def _dim(text: str) -> Bundle:
    shown = f'<div {NO_MATH} style="opacity: 0.6">{markup.line(text)}</div>'
    return {"text/html": shown, "text/plain": text}


def _box(error: QwenSpacesError) -> Bundle:
    kind, text = type(error).__name__, str(error)
    style = "border-left: 4px solid #d32f2f; padding: 0.2em 0.8em"
    return {
        "text/html": f'<div {NO_MATH} style="{style}"><b>{kind}</b><br>{markup.line(text)}</div>',
        "text/plain": f"{kind}: {text}",
    }
