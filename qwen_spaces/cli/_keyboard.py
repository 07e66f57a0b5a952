"""The prompt of `qwen-spaces chat`: history and completion by `prompt_toolkit`. Imported when used."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence

from .._space import available_spaces
from ..errors import MissingExtraError
from ._history import history_file
from ._lines import EXIT_HINT, PATH_COMMANDS
from ._safety import unfiltered

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
except ImportError as _error:
    raise MissingExtraError("pip install 'qwen-spaces[cli]'") from _error

INPUT_HINT = "Type a message, or /help"


class CommandCompleter(Completer):
    """Completes commands, aliases after /model, and paths after commands that take one."""

    def __init__(self, commands: Sequence[str]) -> None:
        models = [f"/model {facade.aliases[0]}" for facade in available_spaces()]
        self._words = WordCompleter([*commands, *models], sentence=True)
        self._paths = PathCompleter(expanduser=True)

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        command, space, argument = document.text_before_cursor.partition(" ")
        if space and command in PATH_COMMANDS:
            return self._paths.get_completions(Document(argument), complete_event)
        return self._words.get_completions(document, complete_event) if command else ()


class PromptReader(Iterator[str]):
    """Reads messages from the keyboard until Ctrl-D. Enter submits only a complete text."""

    def __init__(self, commands: Sequence[str], is_complete: Callable[[str], bool]) -> None:
        self._is_complete = is_complete
        self._hint = INPUT_HINT  # shown on the empty line
        terminal = sys.stderr if sys.stderr.isatty() and not sys.stdout.isatty() else sys.stdout
        self._session: PromptSession[str] = PromptSession(
            [("bold", ">>> ")],
            multiline=True,
            prompt_continuation="... ",
            key_bindings=self._key_bindings(),
            completer=CommandCompleter(commands),
            complete_style=CompleteStyle.READLINE_LIKE,
            complete_while_typing=False,
            placeholder=lambda: [("ansibrightblack", "" if get_app().is_done else self._hint)],
            history=_history(),
            enable_open_in_editor=True,
            tempfile_suffix=".md",
            output=create_output(unfiltered(terminal)),
        )

    def __next__(self) -> str:
        self._hint = INPUT_HINT
        try:
            return self._session.prompt()
        except EOFError:
            raise StopIteration from None

    def _key_bindings(self) -> KeyBindings:
        keys = KeyBindings()
        in_prompt = has_focus(DEFAULT_BUFFER)

        @keys.add("enter", filter=in_prompt)
        def submit(event: KeyPressEvent) -> None:
            buffer = event.current_buffer
            if self._is_complete(buffer.text):
                buffer.validate_and_handle()
            else:
                buffer.insert_text("\n")

        @keys.add("escape", "enter", filter=in_prompt)
        def break_line(event: KeyPressEvent) -> None:
            event.current_buffer.insert_text("\n")

        @keys.add("c-c", filter=in_prompt)
        def clear_or_exit(event: KeyPressEvent) -> None:
            if self._hint == EXIT_HINT and not event.current_buffer.text:
                event.app.exit(exception=EOFError())
            else:
                event.current_buffer.reset()
                self._hint = EXIT_HINT

        return keys


def _history() -> History:
    file = history_file()
    return FileHistory(file) if file else InMemoryHistory()
