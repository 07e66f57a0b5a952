"""`qwen-spaces chat`: a conversation, typed or piped in."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import shlex
import sys
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click

from .._space import available_spaces
from .._types.events import Done
from .._types.images import as_images
from ._errors import report
from ._options import Command, Setup, shared_options
from ._terminal import echo, is_terminal

COMMANDS = {
    "/system": ("[TEXT]", 'show the system prompt, or set it; "" removes it'),
    "/image": ("PATH", "send an image with the next message; may be repeated"),
    "/retry": ("", "send the last message again"),
    "/undo": ("", "forget the last turn"),
    "/save": ("FILE", "write the conversation to a file"),
    "/load": ("FILE", "continue a saved conversation"),
    "/model": ("[NAME]", "show the Space, or continue with another"),
    "/help": ("", "show this"),
    "/bye": ("", "exit, as do /quit and Ctrl-D"),
}
SYNONYMS = {"/quit": "/bye", "/exit": "/bye", "/?": "/help"}
KEYS = """\
A line that ends in \\ continues on the next, as does text between two \"\"\".
Alt-Enter starts a new line. Ctrl-C stops an answer, or clears the line."""


@click.command(cls=Command)
@shared_options
def chat(**shared: Any) -> None:
    """Chat with a Space; /help lists the commands.

    If stdin is not a terminal, each line is a message, and the last error sets the exit code.

    \b
    Examples:
      qwen-spaces chat
      qwen-spaces chat -m qwen-2-72b -s "Be brief."
      printf 'My name is Ada.\\nWhat is my name?\\n' | qwen-spaces chat
    """  # noqa: D301  (click reads the \b)
    interactive, inputs = is_terminal(sys.stdin), read_stdin()
    if interactive:
        from ._keyboard import PromptReader

        inputs = PromptReader(list(COMMANDS), is_complete)
    with contextlib.ExitStack() as stack:
        session = ChatSession(Setup(**shared), stack, interactive=interactive)
        session.run(inputs)
    sys.exit(0 if interactive else session.exit_code)


class ChatSession:
    """A conversation and its commands; `stack` closes the Spaces that it opens."""

    def __init__(self, setup: Setup, stack: contextlib.ExitStack, *, interactive: bool) -> None:
        self.exit_code = 0  # of the last error
        self._setup, self._stack, self._interactive = setup, stack, interactive
        self._space = stack.enter_context(setup.space())
        self._conversation = self._space.conversation(setup.system, **setup.options)
        self._images: list[str] = [*setup.images]  # for the next message
        self._unanswered: tuple[str, tuple[str, ...]] | None = None  # the last message and its images
        self._note(f"{self._space.name}. /help lists the commands, Ctrl-D exits.")

    def run(self, inputs: Iterator[str]) -> None:
        """Handle messages and commands until the input ends."""
        while True:
            try:
                self._handle(unquote(next(inputs)))
            except StopIteration:
                return
            except KeyboardInterrupt:
                if not self._interactive:
                    raise
                self._note("Stopped. /retry sends it again." if self._unanswered else "Stopped.")
            except BrokenPipeError:
                raise
            except Exception as error:
                self.exit_code = report(error)
            if self._interactive:
                echo(err=True)

    def _note(self, text: str) -> None:
        if self._interactive:
            echo(text, dim=True, err=True)

    def _handle(self, text: str) -> None:
        """Run a command or send a message; raise ``StopIteration`` to exit."""
        word, _, argument = text.strip().partition(" ")
        if not re.fullmatch(r"/[a-z?]+", word):
            if word:
                images, self._images = tuple(self._images), []
                self._send(text, images)
            return
        command = SYNONYMS.get(word, word)
        if command not in COMMANDS:
            near = get_close_matches(command, COMMANDS, n=1)
            hint = f"Did you mean {near[0]}?" if near else "/help lists the commands."
            raise click.UsageError(f"There is no {command}. {hint}")
        getattr(self, f"_{command[1:]}")(argument.strip())

    def _send(self, prompt: str, images: tuple[str, ...]) -> None:
        self._unanswered = (prompt, images)
        stream = self._conversation.stream(prompt, images=images)
        with self._setup.output() as output, stream:
            for event in stream.events():
                if isinstance(event, Done):
                    self._unanswered = None
                output.show(event)

    def _pop_turn(self) -> tuple[str, tuple[str, ...]]:
        """Forget the last turn; return its prompt and images."""
        message = self._conversation.undo()
        if message is None:
            raise click.UsageError("The conversation has no turns.")
        return message.content, message.image_urls

    def _system(self, text: str) -> None:
        if text:
            self._conversation.system = None if text in ('""', "''") else text
        self._note(f"System prompt: {self._conversation.system or 'none; the Space uses its own'}")

    def _image(self, paths: str) -> None:
        images = shlex.split(paths)
        if not images:
            raise click.UsageError("/image needs a path or a URL.")
        as_images(images)  # raises if one is not an image
        self._images += images
        self._note(f"The next message has {len(self._images)} image{'s' * (len(self._images) > 1)}.")

    def _retry(self, _: str) -> None:
        if self._unanswered is None:
            self._unanswered = self._pop_turn()
        self._send(*self._unanswered)

    def _undo(self, _: str) -> None:
        if self._unanswered is not None:
            self._unanswered = None
            self._note("Forgot the unanswered message.")
        else:
            prompt, _images = self._pop_turn()
            self._note(f"Forgot: {' '.join(prompt.split())[:60]}")

    def _save(self, file: str) -> None:
        self._conversation.save(_path(file))
        self._note(f"Saved {len(self._conversation.messages)} messages.")

    def _load(self, file: str) -> None:
        self._conversation.load(_path(file))
        self._unanswered = None
        self._note(f"Loaded {len(self._conversation.messages)} messages.")

    def _model(self, name: str) -> None:
        if not name:
            names = ", ".join(facade.aliases[0] for facade in available_spaces())
            self._note(f"{self._space.name}. Known: {names}.")
            return
        # The options and the URL belong to the old Space.
        setup = dataclasses.replace(self._setup, model=name, options={}, src=None)
        space = self._stack.enter_context(setup.space())
        conversation = space.conversation()
        conversation.messages = self._conversation.messages
        self._setup, self._space, self._conversation = setup, space, conversation
        self._note(f"Now using {space.name}.")

    def _help(self, _: str) -> None:
        for command, (argument, text) in COMMANDS.items():
            echo(f"{f'{command} {argument}':15} {text}", err=True)
        echo(KEYS, err=True)

    def _bye(self, _: str) -> None:
        raise StopIteration


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


def read_stdin() -> Iterator[str]:
    """Yield the messages and commands on stdin."""
    text = ""
    for line in sys.stdin or ():
        text += line
        if is_complete(text):
            yield text
            text = ""
    if text:
        yield text


def _path(file: str) -> Path:
    if not file:
        raise click.UsageError("A file name is missing.")
    return Path(file).expanduser()
