"""Where a growing answer is shown: the outputs of a notebook cell, or the lines of a terminal."""

from __future__ import annotations

import itertools
import sys
import time
import uuid
from typing import Any, TypeAlias

import click

from .. import _markup as markup
from ..errors import QwenSpacesError, StreamCancelledError
from ..events import Status
from ..stream import TextStream

Bundle: TypeAlias = dict[str, str]  # MIME type -> what is shown of that type

NO_MATH = 'class="mathjax_ignore"'  # MathJax looks for formulas in all HTML but this


class Cell:
    """The outputs of one answer in a notebook cell: its reasoning, its text, and how it ended."""

    def __init__(self, shell: Any) -> None:
        self._publish = shell.display_pub.publish
        self._began = time.monotonic()
        self._name = uuid.uuid4().hex
        self._shown: list[Bundle] = []  # by each output

    def draw(self, stream: TextStream, *ending: Bundle) -> None:
        """Show what there is now, and below it how it ended."""
        bundles = []
        if stream.reasoning:
            bundles.append(_folded(stream.reasoning, unfolded=not stream.text))
        if stream.text:
            bundles.append({"text/markdown": markup.markdown(stream.text), "text/plain": stream.text})
        bundles.extend(ending)
        if not bundles:
            bundles.append(_dim(waiting(stream.status, time.monotonic() - self._began)))
        bundles += [_dim("")] * (len(self._shown) - len(bundles))  # for text that the Space took back
        for place, (bundle, shown) in enumerate(itertools.zip_longest(bundles, self._shown)):
            if bundle != shown:
                name = f"{self._name}-{place}"
                self._publish(bundle, transient={"display_id": name}, update=shown is not None)
        self._shown = bundles

    def end(self, stream: TextStream, error: BaseException | None = None) -> None:
        """Show the last of it."""
        endings = [_dim("Interrupted.")] if error else []
        if isinstance(error, QwenSpacesError) and not isinstance(error, StreamCancelledError):
            endings = [_box(error)]
        self.draw(stream, *endings)


class Paper:
    """Where nothing can be drawn again, as in a terminal: the text is printed as it comes."""

    def __init__(self) -> None:
        self._printed = 0  # characters
        self._over = False

    def draw(self, stream: TextStream) -> None:
        """Print what is new."""
        more = stream.text[self._printed :]
        self._printed += len(more)
        click.echo(more, nl=False)

    def end(self, stream: TextStream, error: BaseException | None = None) -> None:  # noqa: ARG002
        """Print the last of it; the error is for whoever catches it."""
        self.draw(stream)
        if self._printed and not self._over:
            click.echo()
        self._over = True


def screen() -> Cell | Paper:
    """Return what can show an answer here."""
    running = shell()
    names = [kind.__name__ for kind in type(running).__mro__]
    if running is None or "TerminalInteractiveShell" in names:  # which cannot draw again what it has shown
        return Paper()
    return Cell(running)


def shell() -> Any:
    """Return the IPython we run in, or ``None``; where it is not imported, we do not."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython else None


def waiting(status: Status | None, seconds: float) -> str:
    """Where a request stands, in words, `seconds` after its start.

    Example:
        >>> waiting(Status("queued", position=3, queue_size=8, eta=20.4), 5.2)
        'Waiting in the queue, at place 4 of 8, about 20 s to go, 5 s so far ...'
    """
    status = status or Status("connecting")
    to_go = f", about {status.eta:.0f} s to go" if status.eta else ""
    so_far = f", {seconds:.0f} s so far" if seconds >= 1 else ""
    return f"{status}{to_go}{so_far} ..."


def _folded(reasoning: str, *, unfolded: bool) -> Bundle:
    """Return the thinking, unfolded while there is nothing else."""
    # In one line, for a blank one would end the HTML and let Markdown read on.
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
