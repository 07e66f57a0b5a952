"""The lines of a chat: complete messages, piped in, or typed where `prompt_toolkit` is not installed."""

from __future__ import annotations

import contextlib
import glob
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType

from .._space import available_spaces
from ._history import history_file
from ._stdin import checked, stdin
from ._terminal import echo

PATH_COMMANDS = ("/image", "/save", "/load")  # their argument is a path
EXIT_HINT = "Press Ctrl-C again, or Ctrl-D, to exit"


def is_complete(text: str) -> bool:
    r'''Return whether the lines so far are a complete message.

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


class PipeReader(Iterator[str]):
    """Reads the messages and commands on stdin."""

    def __init__(self) -> None:
        self._lines = iter(stdin() or ())

    def __next__(self) -> str:
        text = next(self._lines)
        while not is_complete(text):
            line = next(self._lines, None)
            if line is None:
                break
            text += line
        return checked(text, "A line of stdin")


class LineReader(Iterator[str]):
    """Reads messages from the keyboard by `input`, with the history and the Tab key of `readline`."""

    def __init__(self, commands: Sequence[str]) -> None:
        self._commands = commands
        self._interrupts = 0  # in a row
        self._readline = _prepare_readline(self._complete)

    def __next__(self) -> str:
        while True:
            try:
                text = self._read(">>> ")
                while not is_complete(text):
                    text += f"\n{self._read('... ')}"
            except EOFError:
                echo(err=True)
                raise StopIteration from None
            except KeyboardInterrupt:
                self._interrupts += 1
                echo(err=True)
                if self._interrupts > 1:
                    raise StopIteration from None
                echo(EXIT_HINT, dim=True, err=True)
                continue
            self._interrupts = 0
            self._keep(text)
            return text

    def _read(self, prompt: str) -> str:
        if sys.stdout.isatty():
            return input(prompt)
        echo(prompt, nl=False, err=True)  # `input` would write the prompt into the pipe
        line = sys.stdin.readline()
        if not line:
            raise EOFError
        return line.removesuffix("\n")

    def _keep(self, text: str) -> None:
        if self._readline and text.strip() and (file := history_file("lines")):
            with contextlib.suppress(OSError):
                self._readline.write_history_file(file)

    def _complete(self, text: str, number: int) -> str | None:
        """Return the completion of a line with that number, as `readline` asks for them."""
        return dict(enumerate(completions(text, self._commands))).get(number)


def completions(line: str, commands: Sequence[str]) -> list[str]:
    """Return the lines that the Tab key can make of a line that begins with a command.

    Example:
        >>> completions("/sa", ["/save", "/load"]), completions("Hello", ["/save"])
        (['/save'], [])
    """
    command, space, argument = line.partition(" ")
    if space and command in PATH_COMMANDS:
        paths = sorted(glob.glob(glob.escape(os.path.expanduser(argument)) + "*"))
        return [f"{command} {path}{'/' * os.path.isdir(path)}" for path in paths]
    models = (f"/model {facade.aliases[0]}" for facade in available_spaces())
    return [known for known in (*commands, *models) if line and known.startswith(line)]


def _prepare_readline(complete: Callable[[str, int], str | None]) -> ModuleType | None:
    try:
        import readline
    except ImportError:  # Windows, whose console edits lines itself
        return None
    readline.set_completer_delims("")  # the whole line is completed
    readline.set_completer(complete)
    is_libedit = "libedit" in (readline.__doc__ or "")
    readline.parse_and_bind("bind ^I rl_complete" if is_libedit else "tab: complete")
    if file := history_file("lines"):
        with contextlib.suppress(OSError):
            readline.read_history_file(file)
    return readline
