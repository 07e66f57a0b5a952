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

from ..events import Done
from ..images import as_images
from ..space import available_spaces
from .errors import report
from .options import Command, Setup, shared_options
from .terminal import echo, is_terminal

HELP = {
    "/system": ("[TEXT]", 'show the system prompt, or set it; "" takes it away'),
    "/image": ("PATH", "send an image with the next message; may be repeated"),
    "/retry": ("", "ask the last thing again"),
    "/undo": ("", "forget the last turn"),
    "/save": ("FILE", "write the conversation to a file"),
    "/load": ("FILE", "go on with one that was saved"),
    "/model": ("[NAME]", "show the Space, or go on with the same messages at another"),
    "/help": ("", "show this"),
    "/bye": ("", "leave, as do /quit and Ctrl-D"),
}
SAME = {"/quit": "/bye", "/exit": "/bye", "/?": "/help"}
KEYS = """\
A line that ends in \\ goes on in the next, as does text between two \"\"\".
Alt-Enter begins a new line. Ctrl-C ends an answer, or clears the line."""


@click.command(cls=Command)
@shared_options
def chat(**given: Any) -> None:
    """Talk with a Space, turn after turn; /help lists the commands.

    Without a terminal the lines of stdin are asked, one after another, and the exit
    code is that of the last error.

    \b
    Examples:
      qwen-spaces chat
      qwen-spaces chat -m qwen-2-72b -s "Be brief."
      printf 'My name is Ada.\\nWhat is my name?\\n' | qwen-spaces chat
    """  # noqa: D301  (click reads the \b)
    typed, lines = is_terminal(sys.stdin), piped()
    if typed:
        from .keyboard import PromptReader

        lines = PromptReader(list(HELP))
    with contextlib.ExitStack() as stack:
        talk = ChatSession(Setup(**given), stack, typed=typed)
        talk.run(lines)
    sys.exit(0 if typed else talk.code)


class ChatSession:
    """A conversation and its commands.

    Args:
        setup: what the command line says.
        stack: closes, at the end, what is opened here.
        typed: whether somebody sits there, who may go on after a Ctrl-C.
    """

    def __init__(self, setup: Setup, stack: contextlib.ExitStack, *, typed: bool) -> None:
        self._setup, self._stack, self._typed = setup, stack, typed
        self._space = stack.enter_context(setup.space())
        options: Any = setup.options
        self._conversation = self._space.conversation(setup.system, **options)
        self._images: list[str] = [*setup.images]  # for the next message
        self._again: tuple[str, tuple[str, ...]] | None = None  # what was asked and not answered
        self.code = 0  # the exit code of the last error
        self.note(f"{self._space.name}. /help lists the commands, Ctrl-D leaves.")

    def note(self, text: str) -> None:
        """Tell the one who sits there."""
        if self._typed:
            echo(text, dim=True, err=True)

    def run(self, lines: Iterator[str]) -> None:
        """Do what they say until they end."""
        while True:
            try:
                self.do(next(lines))
            except StopIteration:
                return
            except KeyboardInterrupt:
                if not self._typed:
                    raise
                self.note("Stopped." if self._again is None else "Stopped. /retry asks it again.")
            except BrokenPipeError:
                raise
            except Exception as error:
                self.code = report(error)
            if self._typed:
                echo(err=True)

    def do(self, line: str) -> None:
        """Ask, or do what a command says; ``StopIteration`` if that is to leave."""
        word, _, rest = line.strip().partition(" ")
        if not re.fullmatch(r"/[a-z?]+", word):
            if word:
                images, self._images = tuple(self._images), []
                self._ask(line, images)
            return
        word = SAME.get(word, word)
        if word not in HELP:
            near = get_close_matches(word, HELP, n=1)
            hint = f"Did you mean {near[0]}?" if near else "/help lists what there is."
            raise click.UsageError(f"There is no {word}. {hint}")
        getattr(self, f"_{word[1:]}")(rest.strip())

    def _ask(self, prompt: str, images: tuple[str, ...]) -> None:
        self._again = (prompt, images)
        stream = self._conversation.stream(prompt, images=images)
        with self._setup.output() as output, stream:
            for event in stream.events():
                if isinstance(event, Done):
                    self._again = None
                output.show(event)

    def _system(self, text: str) -> None:
        if text:
            self._conversation.system = None if text in ('""', "''") else text
        self.note(f"System prompt: {self._conversation.system or 'none; the Space uses its own'}")

    def _image(self, paths: str) -> None:
        given = shlex.split(paths)
        if not given:
            raise click.UsageError("/image needs a path or a URL.")
        as_images(given)  # tells at once what is no image
        self._images += given
        many = "1 image goes" if len(self._images) == 1 else f"{len(self._images)} images go"
        self.note(f"{many} with the next message.")

    def _retry(self, _: str) -> None:
        if self._again is None:
            asked = self._conversation.undo()
            if asked is None:
                raise click.UsageError("There is nothing to ask again.")
            self._again = asked.content, asked.image_urls
        self._ask(*self._again)

    def _undo(self, _: str) -> None:
        if self._again is not None:
            self._again = None
            self.note("The turn that got no answer is forgotten.")
            return
        asked = self._conversation.undo()
        if asked is None:
            raise click.UsageError("There is nothing to forget.")
        self.note(f"Forgotten: {' '.join(asked.content.split())[:60]}")

    def _save(self, file: str) -> None:
        self._conversation.save(_path(file))
        self.note(f"Saved {len(self._conversation.messages)} messages.")

    def _load(self, file: str) -> None:
        self._conversation.load(_path(file))
        self._again = None
        self.note(f"Loaded {len(self._conversation.messages)} messages.")

    def _model(self, name: str) -> None:
        if not name:
            names = ", ".join(facade.aliases[0] for facade in available_spaces())
            self.note(f"{self._space.name}, of {names}")
            return
        # Without options and addresses, which were for the old one.
        setup = dataclasses.replace(self._setup, model=name, options={}, src=None)
        space = self._stack.enter_context(setup.space())
        conversation = space.conversation()
        conversation.messages = self._conversation.messages
        self._setup, self._space, self._conversation = setup, space, conversation
        self.note(f"Now at {space.name}.")

    def _help(self, _: str) -> None:
        for word, (argument, text) in HELP.items():
            echo(f"{f'{word} {argument}':15} {text}", err=True)
        echo(KEYS, err=True)

    def _bye(self, _: str) -> None:
        raise StopIteration


def is_complete(text: str) -> bool:
    r'''Whether what was typed is a whole message.

    >>> [is_complete(text) for text in ("one", "one\\", '"""one', '"""one"""')]
    [True, False, False, True]
    '''
    text = text.strip()
    if text.startswith('"""'):
        return len(text) > 5 and text.endswith('"""')
    return not text.endswith("\\")


def message(text: str) -> str:
    r'''Return what was typed, without the marks of its lines.

    >>> message("one\\\ntwo"), message('"""\none\ntwo\n"""')
    ('one\ntwo', 'one\ntwo')
    '''
    quoted = text.strip()
    if quoted.startswith('"""') and is_complete(quoted):
        return quoted[3:-3].strip("\n")
    return text.replace("\\\n", "\n").rstrip("\\\n")


def piped() -> Iterator[str]:
    """Yield the messages on stdin."""
    text = ""
    for line in sys.stdin or ():
        text += line
        if is_complete(text):
            yield message(text)
            text = ""
    if text:
        yield message(text)


def _path(file: str) -> Path:
    if not file:
        raise click.UsageError("Name the file.")
    return Path(file).expanduser()
