"""What is typed at the prompt of `qwen-spaces chat`: lines with a history and completion."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

import click

from ..errors import MissingExtraError
from ..space import available_spaces
from .chat import is_complete, message
from .safety import unfiltered

try:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.application import get_app
    from prompt_toolkit.completion import CompleteEvent, Completer, Completion, PathCompleter, WordCompleter
    from prompt_toolkit.document import Document
    from prompt_toolkit.enums import DEFAULT_BUFFER
    from prompt_toolkit.filters import has_focus
    from prompt_toolkit.history import FileHistory, History, InMemoryHistory
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
    from prompt_toolkit.output import create_output
    from prompt_toolkit.shortcuts import CompleteStyle
except ImportError as error:
    raise MissingExtraError("A chat in a terminal needs: pip install 'qwen-spaces[cli]'") from error

HINT, LEAVE = "Say something, or /help", "Ctrl-C again leaves, as does Ctrl-D"


class Commands(Completer):
    """Completes the commands, the files behind some, and the Spaces."""

    def __init__(self, words: Sequence[str]) -> None:
        models = [f"/model {facade.aliases[0]}" for facade in available_spaces()]
        self._words = WordCompleter([*words, *models], sentence=True)
        self._paths = PathCompleter(expanduser=True)

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """Return what may stand at the cursor."""
        word, space, rest = document.text_before_cursor.partition(" ")
        if space and word in ("/image", "/save", "/load"):
            return self._paths.get_completions(Document(rest), complete_event)
        return self._words.get_completions(document, complete_event) if word else ()


class PromptReader(Iterator[str]):
    """The messages that are typed, until Ctrl-D.

    Args:
        words: the commands, for the Tab key.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self._hint = HINT  # what the empty line says
        self._session: PromptSession[str] = PromptSession(
            [("bold", ">>> ")],
            multiline=True,
            prompt_continuation="... ",
            key_bindings=self._keys(),
            completer=Commands(words),
            complete_style=CompleteStyle.READLINE_LIKE,
            complete_while_typing=False,
            placeholder=lambda: [("ansibrightblack", "" if get_app().is_done else self._hint)],
            history=_history(),
            output=create_output(_terminal()),
        )

    def __next__(self) -> str:
        self._hint = HINT
        try:
            return message(self._session.prompt())
        except EOFError:
            raise StopIteration from None

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()
        here = has_focus(DEFAULT_BUFFER)

        @keys.add("enter", filter=here)
        def enter(event: KeyPressEvent) -> None:
            buffer = event.current_buffer
            if is_complete(buffer.text):
                buffer.validate_and_handle()
            else:
                buffer.insert_text("\n")

        @keys.add("escape", "enter", filter=here)
        def new_line(event: KeyPressEvent) -> None:
            event.current_buffer.insert_text("\n")

        @keys.add("c-c", filter=here)
        def clear(event: KeyPressEvent) -> None:
            if self._hint == LEAVE and not event.current_buffer.text:
                event.app.exit(exception=EOFError())
            else:
                event.current_buffer.reset()
                self._hint = LEAVE

        return keys


def _terminal() -> TextIO:
    """Return the stream to draw the prompt on, which takes sequences: stderr where stdout is none."""
    streams = [unfiltered(stream) for stream in (sys.stdout, sys.stderr)]
    return next((stream for stream in streams if stream.isatty()), streams[0])


def _history() -> History:
    file = Path(click.get_app_dir("qwen-spaces")) / "history"
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.touch(mode=0o600)
    except OSError:
        return InMemoryHistory()
    return FileHistory(file)
