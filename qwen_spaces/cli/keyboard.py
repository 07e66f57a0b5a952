"""What is typed at the prompt of `qwen-spaces chat`: lines with a history and completion."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import click

from ..errors import MissingExtraError
from ..registry import available_spaces
from .chat import is_complete, message

try:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.application import get_app
    from prompt_toolkit.completion import CompleteEvent, Completer, Completion, PathCompleter
    from prompt_toolkit.document import Document
    from prompt_toolkit.enums import DEFAULT_BUFFER
    from prompt_toolkit.filters import has_focus
    from prompt_toolkit.formatted_text import FormattedText
    from prompt_toolkit.history import FileHistory, History, InMemoryHistory
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
    from prompt_toolkit.output import create_output
    from prompt_toolkit.shortcuts import CompleteStyle
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] != "prompt_toolkit":
        raise
    raise MissingExtraError("A chat in a terminal needs: pip install 'qwen-spaces[cli]'") from error

HINT, LEAVE = "Say something, or /help", "Ctrl-C again leaves, as does Ctrl-D"
HISTORY = "history"  # the file, in the folder that the system has for settings


class Commands(Completer):
    """Completes the commands, the files behind some, and the Spaces."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words
        self._paths = PathCompleter(expanduser=True)

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """What may stand at the cursor."""
        word, space, rest = document.text_before_cursor.partition(" ")
        if word in ("/image", "/save", "/load"):
            yield from self._paths.get_completions(Document(rest), complete_event)
            return
        models = [facade.aliases[0] for facade in available_spaces()]
        begun, words = (rest, models if word == "/model" else []) if space else (word, self._words)
        if begun or space:
            yield from (Completion(known, -len(begun)) for known in words if known.startswith(begun))


class Prompt:
    """The prompt, its keys and what its empty line says."""

    def __init__(self, words: Sequence[str]) -> None:
        self._leaving = False  # Ctrl-C was the last key
        self._session: PromptSession[str] = PromptSession(
            [("bold", ">>> ")],
            multiline=True,
            prompt_continuation="... ",
            key_bindings=self._keys(),
            completer=Commands(words),
            complete_style=CompleteStyle.READLINE_LIKE,
            complete_while_typing=False,
            placeholder=self._hint,
            history=_history(),
            output=create_output(always_prefer_tty=True),
        )
        self._session.default_buffer.on_text_changed += self._typed

    def read(self) -> str | None:
        """The next message; ``None`` if there is none any more."""
        self._leaving = False
        while True:
            try:
                return message(self._session.prompt())
            except EOFError:
                return None
            except KeyboardInterrupt:  # a signal from elsewhere; the key is bound
                continue

    def _hint(self) -> FormattedText:
        text = LEAVE if self._leaving else HINT
        return FormattedText([] if get_app().is_done else [("ansibrightblack", text)])

    def _typed(self, _: object) -> None:
        if self._session.default_buffer.text:
            self._leaving = False

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
            if self._leaving and not event.current_buffer.text:
                event.app.exit(exception=EOFError())
                return
            event.current_buffer.reset()
            self._leaving = True

        return keys


def typing(words: Sequence[str]) -> Iterator[str]:
    """The messages that are typed, until Ctrl-D.

    Args:
        words: the commands, for the Tab key.
    """
    prompt = Prompt(words)
    # No generator, which a Ctrl-C between two of them would end.
    return map(str, iter(prompt.read, None))


def _history() -> History:
    file = Path(click.get_app_dir("qwen-spaces")) / HISTORY
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError:
        return InMemoryHistory()
    return FileHistory(file)
