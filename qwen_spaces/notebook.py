"""The cell magic ``%%qwen``. ``%load_ext qwen_spaces.notebook`` loads it, and ``%%qwen?`` explains it."""

from __future__ import annotations

import argparse
import functools
import shlex
from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, cell_magic, magics_class
from IPython.core.magic_arguments import argument, magic_arguments

from ._conversation import Conversation
from ._display.live_reply import InterruptedCell, LiveReply
from ._display.tracebacks import short_traceback
from ._space import QwenSpace
from ._types.events import Reply
from .errors import QwenSpacesError


class _NoAnswerError(QwenSpacesError):
    """The error of a cell that shows it already, so IPython prints one line and no traceback."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


@magics_class
class QwenMagics(Magics):
    """The magic and a cache of Spaces."""

    def __init__(self, shell: Any) -> None:
        super().__init__(shell)
        self._names: dict[str, Any] = shell.user_ns
        self._cached_space = functools.cache(QwenSpace)

    @magic_arguments()
    @argument(
        "-m",
        "--model",
        default="qwen-2.5",
        help="Alias, Space id owner/name, URL, or a variable that holds a QwenSpace; qwen-2.5 by default.",
    )
    @argument("-s", "--system", help="System prompt; without one the Space uses its own.")
    @argument("--src", help="Address of the Space if not the usual one; $url is that variable's value.")
    @argument(
        "-i",
        "--image",
        action="append",
        default=[],
        help="Path or URL of an image, or a variable that holds one; for a vision Space.",
    )
    @argument(
        "-c",
        "--conversation",
        metavar="NAME",
        help="Continue the conversation in this variable. If it is unset, start one with the model, the "
        "system prompt and the src of this cell, which later cells need not repeat.",
    )
    @argument("-o", "--output", metavar="NAME", help="Store the reply in this variable, as well as in _.")
    @cell_magic
    def qwen(self, line: str, cell: str) -> Reply:
        """Send the text of the cell, and show the answer as it arrives.

        Examples::

            %%qwen
            Why is the sky blue?

            %%qwen -c chat -s "Be brief."
            My name is Ada.

            %%qwen -m qvq-72b -i cat.png -o reply
            What is this?
        """
        given = self._parse(line)
        try:
            live = self._open(given, cell.strip())
        except QwenSpacesError as error:
            raise UsageError(str(error)) from error
        try:
            reply = live.result()
        except QwenSpacesError as error:
            raise _NoAnswerError(short_traceback(error)) from error
        except KeyboardInterrupt:
            raise InterruptedCell from None
        if given.output:
            self._names[given.output] = reply
        return reply

    def _parse(self, line: str) -> argparse.Namespace:
        try:
            words = shlex.split(line)  # IPython's splitter keeps the quotes
        except ValueError as error:
            raise UsageError(f"{error}: {line}") from error
        given: argparse.Namespace = self.qwen.parser.parse_args(words)
        for name in (given.conversation, given.output):
            if name is not None and not name.isidentifier():
                raise UsageError(f"{name!r} cannot be the name of a variable.")
        return given

    def _open(self, given: argparse.Namespace, prompt: str) -> LiveReply:
        images = [self._names.get(image, image) for image in given.image]
        if given.conversation:
            return self._conversation(given).show(prompt, images=images)
        return self._space(given).show(prompt, system=given.system, images=images)

    def _conversation(self, given: argparse.Namespace) -> Conversation:
        chat = self._names.get(given.conversation)
        if chat is None:
            chat = self._names[given.conversation] = self._space(given).conversation(system=given.system)
        if not isinstance(chat, Conversation):
            raise UsageError(f"{given.conversation} is a {type(chat).__name__}, not a conversation.")
        return chat

    def _space(self, given: argparse.Namespace) -> QwenSpace:
        if isinstance(named := self._names.get(given.model), QwenSpace):
            return named
        return self._cached_space(given.model, src=given.src)


def load_ipython_extension(shell: Any) -> None:
    """Register the magic, for ``%load_ext qwen_spaces.notebook``."""
    shell.register_magics(QwenMagics(shell))
