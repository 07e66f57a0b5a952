"""`qwen-spaces chat`: a conversation, typed or piped in."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import shlex
import sys
import textwrap
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click

from .._space import QwenSpace, available_spaces
from .._types.events import Done
from .._types.images import ImageLike, as_images
from .._types.messages import Message
from ..errors import MissingExtraError
from ._attachments import paths_in, split_dropped
from ._errors import report
from ._lines import LineReader, PipeReader, is_complete, unquote
from ._options import Command, Setup, shared_options
from ._terminal import echo, is_terminal, size

COMMANDS = {
    "/system": ("[TEXT]", 'show the system prompt, or set it; "" removes it'),
    "/image": ("PATH", "send an image with the next message; may be repeated"),
    "/retry": ("", "send the last message again"),
    "/new": ("", "start a new conversation"),
    "/undo": ("", "forget the last turn"),
    "/save": ("FILE", "write the conversation to a file"),
    "/load": ("FILE", "continue a saved conversation"),
    "/model": ("[NAME]", "show the Space, or continue with another, as with -m; takes --src URL"),
    "/help": ("", "show this"),
    "/bye": ("", "exit, as do /quit and Ctrl-D"),
}
SYNONYMS = {"/quit": "/bye", "/exit": "/bye", "/?": "/help"}
KEYS = """\
A line that ends in \\ continues on the next, as does text between two \"\"\".
Alt-Enter starts a new line, Ctrl-X Ctrl-E opens $EDITOR. Ctrl-C stops an answer, or clears the line.
The file of an image that you drop here goes with the message."""


@click.command(cls=Command)
@shared_options
def chat(**shared: Any) -> None:
    """Chat with a Space; /help lists the commands.

    If stdin is not a terminal, each line is a message, and the last error sets the exit code. Else what
    you type is kept for the arrow keys, in a file that only you can read, unless QWEN_SPACES_HISTORY=0.

    \b
    Examples:
      qwen-spaces chat
      qwen-spaces chat -m qwen-2-72b -s "Be brief."
      printf 'My name is Ada.\\nWhat is my name?\\n' | qwen-spaces chat
    """  # noqa: D301  (click reads the \b)
    interactive = is_terminal(sys.stdin)
    inputs = _keyboard() if interactive else PipeReader()
    with contextlib.ExitStack() as stack:
        session = ChatSession(Setup(**shared), stack, interactive=interactive)
        session.run(inputs)
    sys.exit(0 if interactive else session.exit_code)


def _keyboard() -> Iterator[str]:
    try:
        from ._keyboard import PromptReader
    except MissingExtraError as error:
        echo(f"{error} adds a line editor and Markdown.", dim=True, err=True)
        return LineReader(list(COMMANDS))
    return PromptReader(list(COMMANDS), is_complete)


class ChatSession:
    """A conversation and its commands; `stack` closes the Spaces that it opens."""

    def __init__(self, setup: Setup, stack: contextlib.ExitStack, *, interactive: bool) -> None:
        self.exit_code = 0  # of the last error
        self._setup, self._stack, self._interactive = setup, stack, interactive
        self._space = stack.enter_context(setup.space(wait=False))
        self._conversation = self._space.conversation(setup.system, **setup.options)
        self._images: list[str] = []  # for the next message
        self._unanswered: tuple[str, Sequence[ImageLike]] | None = None  # the last message and its images
        self._hint = ""  # what a failure leaves
        self._note(f"{self._space.name}. /help lists the commands, Ctrl-D exits.")
        if setup.images:
            self._attach(setup.images)

    def run(self, inputs: Iterator[str]) -> None:
        """Handle messages and commands until the input ends."""
        while True:
            self._hint = ""
            try:
                self._handle(unquote(next(inputs)))
            except StopIteration:
                return
            except KeyboardInterrupt:
                if not self._interactive:
                    raise
                self._note(f"Stopped. {self._hint}".strip())
            except BrokenPipeError:
                raise
            except Exception as error:
                self.exit_code = report(error)
                if self._hint:
                    self._note(self._hint)
            if self._interactive:
                echo(err=True)

    def _note(self, text: str) -> None:
        if self._interactive:
            self._warn(text)

    def _warn(self, text: str) -> None:
        if is_terminal(sys.stderr):
            text = textwrap.fill(text, size(sys.stderr)[0], break_long_words=False, break_on_hyphens=False)
        echo(text, dim=True, err=True)

    def _handle(self, text: str) -> None:
        """Run a command or send a message; raise ``StopIteration`` to exit."""
        word, _, argument = text.strip().partition(" ")
        if not re.fullmatch(r"/[a-z?]+", word):
            self._message(text)
            return
        command = SYNONYMS.get(word, word)
        if command not in COMMANDS:
            near = get_close_matches(command, COMMANDS, n=1)
            hint = f"Did you mean {near[0]}?" if near else "/help lists the commands."
            raise click.UsageError(f"There is no {command}. {hint}")
        getattr(self, f"_{command[1:]}")(argument.strip())

    def _message(self, text: str) -> None:
        if self._interactive and self._space.max_images != 0:
            dropped, text = split_dropped(text)
            if dropped:
                self._attach(dropped)
        if text.strip():
            images, self._images = self._images, []
            self._send(text, images)

    def _send(self, prompt: str, images: Sequence[ImageLike]) -> None:
        self._unanswered, self._hint = (prompt, images), "/retry sends it again."
        self._stream(prompt, images)

    def _stream(self, prompt: str, images: Sequence[ImageLike]) -> None:
        limit, earlier = self._space.max_images, _count_images(self._conversation.messages)
        if images and earlier and limit is not None and earlier + len(images) > limit:
            self._warn(f"{self._space.name} takes {_most(limit)}: the newest is sent. /new starts afresh.")
        self._setup.wait()
        stream = self._conversation.stream(prompt, images=images)
        with self._setup.output() as output, stream:
            for event in stream.events():
                if isinstance(event, Done):
                    self._unanswered, self._hint = None, ""
                output.show(event)

    def _system(self, text: str) -> None:
        if text:
            self._conversation.system = None if text in ('""', "''") else text
        self._note(f"System prompt: {self._conversation.system or 'none; the Space uses its own'}")

    def _image(self, argument: str) -> None:
        self._attach(paths_in(argument))

    def _attach(self, paths: Sequence[str]) -> None:
        """Send images with the next message, the newest if the Space takes fewer."""
        limit = self._space.max_images
        if limit == 0:
            others = ", ".join(facade.alias for facade in available_spaces() if facade.max_images != 0)
            raise click.UsageError(
                f"{self._space.name} takes no images. /model continues with a Space that does: {others}."
            )
        as_images(paths)  # raises if one is not an image
        given = [*self._images, *paths]
        self._images = given[-limit:] if limit else given
        if limit and len(given) > limit:
            self._warn(
                f"{self._space.name} takes {_most(limit)}: {self._images[-1]} is sent, not {given[0]}."
            )
        self._note(f"The next message has {_counted(len(self._images), 'image')}.")

    def _retry(self, _: str) -> None:
        if self._unanswered is not None:
            self._send(*self._unanswered)
            return
        # In another conversation: the old answer stays until the new one is complete.
        again = self._space.conversation(**self._setup.options)
        again.messages = self._conversation.messages
        message = again.undo()
        if message is None:
            raise click.UsageError("The conversation has no turns.")
        before, self._conversation = self._conversation, again
        self._hint = "The earlier answer stays. /retry tries again."
        try:
            self._stream(message.content, message.images)
        finally:
            if self._hint:
                self._conversation = before

    def _new(self, _: str) -> None:
        system = self._conversation.system
        self._conversation = self._space.conversation(system, **self._setup.options)
        self._images, self._unanswered = [], None
        self._note(f"A new conversation{', with the same system prompt' if system else ''}.")

    def _undo(self, _: str) -> None:
        if self._unanswered is not None:
            self._unanswered = None
            self._note("Forgot the unanswered message.")
            return
        message = self._conversation.undo()
        if message is None:
            raise click.UsageError("The conversation has no turns.")
        self._note(f"Forgot: {' '.join(message.content.split())[:60]}")

    def _save(self, file: str) -> None:
        self._conversation.save(_path(file))
        self._note(f"Saved {_counted(len(self._conversation.messages), 'message')} to {file}.")

    def _load(self, file: str) -> None:
        self._conversation.load(_path(file))
        self._unanswered = None
        self._note(f"Loaded {_counted(len(self._conversation.messages), 'message')}.")

    def _model(self, argument: str) -> None:
        if not argument:
            names = ", ".join(facade.aliases[0] for facade in available_spaces())
            self._note(f"{_named(self._space.name, self._setup.src)}. Known: {names}.")
            return
        name, src = _parse_model(argument)
        if self._setup.src and not src:
            _check_address(name, self._setup.src)
        # The options, the URL and the endpoint belong to the old Space.
        setup = dataclasses.replace(self._setup, model=name, options={}, src=src, endpoint=None)
        space = self._stack.enter_context(setup.space(wait=False))
        conversation = space.conversation()
        conversation.messages = self._conversation.messages
        dropped = [*self._setup.options]
        self._setup, self._space, self._conversation = setup, space, conversation
        self._note(f"Now using {_named(space.name, src)}.")
        if dropped:
            self._warn(f"The options of the Space before are gone: {', '.join(dropped)}.")
        if space.max_images == 0 and (self._images or _count_images(conversation.messages)):
            self._images = []
            self._warn(f"{space.name} takes no images, so those of this chat are not sent.")

    def _help(self, _: str) -> None:
        for command, (argument, text) in COMMANDS.items():
            echo(f"{f'{command} {argument}':15} {text}", err=True)
        echo(KEYS, err=True)

    def _bye(self, _: str) -> None:
        raise StopIteration


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"


def _most(limit: int) -> str:
    return "one image" if limit == 1 else f"{limit} images"


def _count_images(messages: Sequence[Message]) -> int:
    return sum(len(message.images) for message in messages)


def _named(name: str, src: str | None) -> str:
    return f"{name} at {src}" if src else name


def _parse_model(argument: str) -> tuple[str, str | None]:
    """Return the name and the address in ``NAME [--src URL]``."""
    match shlex.split(argument):
        case [name]:
            return name, None
        case [name, "--src", src] | ["--src", src, name]:
            return name, src
    raise click.UsageError(f"/model {argument}: write /model NAME or /model NAME --src URL.")


def _check_address(name: str, src: str) -> None:
    """Raise ``UsageError`` if `name` would take a chat at `src` to Hugging Face without a word."""
    space = QwenSpace(name)
    if space.name == space.alias:
        raise click.UsageError(
            f"This chat is at {src}, and {name} would be at Hugging Face. To stay, write /model {name} --src "
            f"{src}; to go there, /model {space.space_id}."
        )


def _path(file: str) -> Path:
    if not file:
        raise click.UsageError("A file name is missing.")
    return Path(file).expanduser()
