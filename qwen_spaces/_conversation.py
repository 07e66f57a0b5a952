"""A chat with one Space, and its history of completed turns."""

from __future__ import annotations

import contextlib
import json
import os
import reprlib
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._stream.text_stream import TextStream
from ._types.events import Reply
from ._types.images import Images, as_images
from ._types.messages import Message, as_markdown, as_messages, check_messages
from .errors import InvalidMessagesError

if TYPE_CHECKING:
    from ._display.live_reply import LiveReply

FORMAT = 1  # of the files that `save` writes
MAX_FILE_CHARS = 256 * 2**20  # of a saved conversation, images included


class Conversation:
    """A chat that keeps its history; `QwenSpace.conversation` returns one.

    A turn enters the history when its answer is complete, so a failed or cancelled one can be repeated. Take
    one turn at a time: a turn sends the history as it is at its start.

    Example:
        chat = QwenSpace("qwen-2.5").conversation(system="Be brief.")
        chat.ask("My name is Ada.")
        print(chat.ask("What is my name?"))
    """

    def __init__(self, open_stream: Callable[..., TextStream], *, system: str | None = None) -> None:
        self._open_stream = open_stream
        self._lock = threading.Lock()
        self._messages: tuple[Message, ...] = ()
        self.system = system

    def __repr__(self) -> str:
        return f"<Conversation of {len(self._messages)} messages>"

    def _repr_markdown_(self) -> str:
        return "\n\n".join(map(as_markdown, self._messages))

    @property
    def messages(self) -> tuple[Message, ...]:
        """The system prompt, if any, and all completed turns. Set it to continue another conversation."""
        return self._messages

    @messages.setter
    def messages(self, messages: Iterable[Message | Mapping[str, Any]]) -> None:
        turns = check_messages(messages)
        with self._lock:
            self._messages = turns

    @property
    def system(self) -> str | None:
        """The system prompt, or ``None``. A new one takes effect with the next turn."""
        return next((message.content for message in self._messages if message.role == "system"), None)

    @system.setter
    def system(self, system: str | None) -> None:
        prompt = () if system is None else check_messages([Message("system", system)])
        with self._lock:
            turns = tuple(message for message in self._messages if message.role != "system")
            self._messages = (*prompt, *turns)

    def stream(self, prompt: str, *, images: Images = ()) -> TextStream:
        """Stream the answer to the next message.

        Args:
            prompt: the user's message.
            images: as for `QwenSpace.stream`. The history keeps them, a file as its bytes.

        Raises:
            InvalidMessagesError: the prompt is empty.
            InvalidImageError: an image cannot be sent.
        """
        given = tuple(image.in_memory() for image in as_images(images))
        (message,) = as_messages(Message("user", prompt, given))

        def keep(reply: Reply) -> None:
            with self._lock:
                self._messages = (*self._messages, message, reply.message)

        return self._open_stream((*self._messages, message), on_reply=keep)

    def ask(self, prompt: str, *, images: Images = ()) -> Reply:
        """Wait for the whole answer to the next message and return it; blocks. See `stream`."""
        with self.stream(prompt, images=images) as stream:
            return stream.result()

    def show(self, prompt: str, *, images: Images = ()) -> LiveReply:
        """Show the answer to the next message in a notebook as it arrives. See `QwenSpace.show`."""
        from ._display.live_reply import LiveReply

        return LiveReply(self.stream(prompt, images=images))

    def undo(self) -> Message | None:
        """Remove the last turn, and return its user message, ``None`` if there was no turn.

        Example:
            if message := chat.undo():
                chat.ask(message.content, images=message.images)
        """
        with self._lock:
            places = [place for place, message in enumerate(self._messages) if message.role == "user"]
            if not places:
                return None
            message = self._messages[places[-1]]
            self._messages = self._messages[: places[-1]]
            return message

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the messages, in the OpenAI form, to a JSON file, which is replaced atomically.

        Raises:
            OSError: the file cannot be written.
        """
        path = Path(path)
        saved = {"qwen_spaces": FORMAT, "messages": [_plain(message) for message in self._messages]}
        text = json.dumps(saved, ensure_ascii=False, indent=1) + "\n"
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", errors="replace", dir=path.parent, delete=False
        ) as file:
            try:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
                os.replace(file.name, path)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(file.name)
                raise

    def load(self, path: str | os.PathLike[str]) -> None:
        """Replace the messages with those of a file from `save`.

        Raises:
            OSError: the file cannot be read.
            InvalidMessagesError: the file is not from `save`, or from that of a newer version.
            InvalidImageError: an image in it cannot be read.

        Example:
            chat = QwenSpace("qwen-2.5").conversation()
            chat.load("talk.json")
        """
        text = _read(path)
        try:
            saved = json.loads(text)
            version, messages = saved["qwen_spaces"], list(saved["messages"])
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise InvalidMessagesError(f"{path} holds no conversation from save().") from error
        if version != FORMAT:
            raise InvalidMessagesError(
                f"{path} has format {reprlib.repr(version)}, of a newer qwen_spaces. Update yours to read it."
            )
        self.messages = messages


def _plain(message: Message) -> dict[str, object]:
    """Return a message in the OpenAI form, with URLs for the images."""
    if not message.images:
        return {"role": message.role, "content": message.content}
    images = [{"type": "image_url", "image_url": {"url": url}} for url in message.image_urls]
    return {"role": message.role, "content": [{"type": "text", "text": message.content}, *images]}


def _read(path: str | os.PathLike[str]) -> str:
    try:
        with Path(path).open(encoding="utf-8") as file:
            text = file.read(MAX_FILE_CHARS + 1)
    except (ValueError, TypeError) as error:  # a binary file, or no path
        raise InvalidMessagesError(f"{path!r} holds no conversation from save().") from error
    if len(text) > MAX_FILE_CHARS:
        raise InvalidMessagesError(f"{path} is too large for a conversation from save().")
    return text
