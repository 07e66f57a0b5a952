"""Many turns with one Space: a history that keeps only completed answers."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Protocol

from .answer import Reply
from .images import Images, as_images
from .messages import Message, Messages, as_messages
from .stream import OnReply, TextStream


class OpenStream(Protocol):
    """Opens a stream for messages; `on_reply` gets the complete answer."""

    def __call__(self, messages: Messages, on_reply: OnReply) -> TextStream: ...  # noqa: D102


class Conversation:
    """A chat with a memory. Made by `QwenSpace.conversation`.

    A turn enters the history when its answer is complete; one that failed or was cancelled leaves no
    trace and can be asked again. Ask one thing at a time: a turn knows the answers that were complete
    when it was asked.

    Example:
        chat = QwenSpace("qwen-2.5").conversation(system="Be brief.")
        chat.ask("My name is Ada.")
        print(chat.ask("What is my name?"))
    """

    def __init__(
        self, open_stream: OpenStream, *, system: str | None = None, messages: Iterable[Message] = ()
    ) -> None:
        self._open_stream = open_stream
        self._lock = threading.Lock()
        start = () if system is None else (Message("system", system),)
        self._messages: tuple[Message, ...] = (*start, *messages)

    def __repr__(self) -> str:
        return f"<Conversation of {len(self._messages)} messages>"

    @property
    def messages(self) -> tuple[Message, ...]:
        """The system prompt if there is one, and all completed turns."""
        return self._messages

    def stream(self, prompt: str, *, images: Images = ()) -> TextStream:
        """Ask the next thing; the answer as it arrives.

        Args:
            prompt: what the user says.
            images: as for `QwenSpace.stream`. They stay in the history, a file as its bytes.

        Raises:
            InvalidMessagesError: the prompt is empty.
            InvalidImageError: an image cannot be sent.
        """
        urls = tuple(image.as_url() for image in as_images(images))
        (asked,) = as_messages(Message("user", prompt, urls))

        def keep(reply: Reply) -> None:
            with self._lock:
                self._messages = (*self._messages, asked, reply.message)

        return self._open_stream((*self._messages, asked), keep)

    def ask(self, prompt: str, *, images: Images = ()) -> Reply:
        """Ask the next thing and wait for the whole answer; blocks. See `stream`."""
        with self.stream(prompt, images=images) as stream:
            return stream.result()
