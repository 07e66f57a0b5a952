"""What a Space and a Router have in common: all that follows from their `stream`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from .._facade.signatures import show_parameters
from .._stream.closeable import Closeable
from .._stream.text_stream import P, Streams, TextStream
from .._types.events import Reply
from .._types.timeouts import Timeouts
from .answers import Answers, start

if TYPE_CHECKING:
    from .._display.live_reply import LiveReply


class Asking(Closeable):
    """The base of `QwenSpace` and `Router`, which define `stream`."""

    name: str
    timeouts: Timeouts
    _open: Callable[..., TextStream]
    _queues = 1  # how many Spaces there are

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "stream" in vars(cls) and "ask" not in vars(cls):
            show_parameters(cls)

    def ask(self: Streams[P], *args: P.args, **kwargs: P.kwargs) -> Reply:
        """Wait for the whole answer and return it; blocks. The parameters are those of `stream`.

        Raises:
            QwenSpacesError: a subclass of it for each kind of failure.
            AllFailedError: several Spaces of a `Router` were tried; if it was one, its own error.

        Example:
            print(QwenSpace("qwen-2.5").ask("Why is the sky blue?").text)
        """
        with self.stream(*args, **kwargs) as stream:
            return stream.result()

    def show(self: Streams[P], *args: P.args, **kwargs: P.kwargs) -> LiveReply:
        """Show the answer in a notebook as it arrives. The parameters are those of `stream`.

        The request is sent by the last line of a cell, by ``await``, or by `LiveReply.result`. HTML in the
        answer is shown as text, and an image as a link. With ``QWEN_SPACES_REMOTE_IMAGES=1`` in the
        environment, the notebook loads images from any address in the answer.

        Example:
            reply = await QwenSpace("qwen-2.5").show("Why is the sky blue?")
        """
        from .._display.live_reply import LiveReply

        return LiveReply(self.stream(*args, **kwargs))

    def map(
        self,
        prompts: Iterable[Any],
        *,
        system: str | None = None,
        concurrency: int = 4,
        ordered: bool = True,
        save: str | os.PathLike[str] | None = None,
        progress: bool = False,
        **options: Any,
    ) -> Answers:
        """Answer many prompts, several at once. Nothing is sent before the first read.

        At most one request waits in a Space's queue, so that others have their turn. What fails for a
        while is asked again later, three times at most. If all Spaces of a `Router` rest, it waits.

        Args:
            prompts: an iterable of what `stream` takes as messages; a generator is read as needed.
            system: a system prompt for all of them.
            concurrency: the most requests at once.
            ordered: ``False`` gives each row as soon as it is complete.
            save: the path of a journal; the same call with it resumes, and asks only what it lacks.
            progress: whether to show a progress bar.
            options: as for `stream`, for all prompts.

        Raises:
            InvalidMessagesError: `prompts` is one prompt. (An invalid prompt is a row with its error.)
            UnsupportedOptionError: an option or argument cannot be used.

        Example:
            for row in QwenSpace("qwen-2.5").map(["Why is the sky blue?", "Why is grass green?"]):
                print(row.index, row.text)
        """
        return start(
            prompts,
            self._open,
            space=self.name,
            timeouts=self.timeouts,
            system=system,
            options=self._check_options(options),
            concurrency=concurrency,
            ordered=ordered,
            save=save,
            progress=progress,
            queues=self._queues,
        )

    def _check_options(self, options: Mapping[str, object]) -> dict[str, object]:
        """Return the options, checked; raise `UnsupportedOptionError` for what cannot be used."""
        raise NotImplementedError
