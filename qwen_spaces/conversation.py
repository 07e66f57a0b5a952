"""Many turns with one Space: a history that keeps only completed answers."""

from __future__ import annotations

import contextlib
import json
import os
import reprlib
import tempfile
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ._markup import markdown
from .errors import InvalidMessagesError
from .events import Reply
from .images import Images, as_images
from .messages import Message, Messages, as_messages, checked
from .stream import OnReply, TextStream

if TYPE_CHECKING:
    from ._display.live_reply import LiveReply

FORMAT = 1  # of the files that `save` writes
MAX_FILE_CHARS = 256 * 2**20  # of a saved conversation, images included


class OpenStream(Protocol):
    """Opens a stream for messages; `on_reply` gets the complete answer."""

    def __call__(self, messages: Messages, *, on_reply: OnReply) -> TextStream: ...  # noqa: D102


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

    def __init__(self, open_stream: OpenStream, *, system: str | None = None) -> None:
        self._open_stream = open_stream
        self._lock = threading.Lock()
        self._messages: tuple[Message, ...] = ()
        self.system = system

    def __repr__(self) -> str:
        return f"<Conversation of {len(self._messages)} messages>"

    def _repr_markdown_(self) -> str:
        shown = (f"**{message.role}**\n\n{markdown(message.content)}" for message in self._messages)
        return "\n\n".join(shown)

    @property
    def messages(self) -> tuple[Message, ...]:
        """The system prompt if there is one, and all completed turns; may be set, to go on elsewhere."""
        return self._messages

    @messages.setter
    def messages(self, messages: Iterable[Message | Mapping[str, Any]]) -> None:
        turns = checked(messages)
        with self._lock:
            self._messages = turns

    @property
    def system(self) -> str | None:
        """The system prompt, ``None`` if there is none; what is set holds from the next turn on."""
        return next((message.content for message in self._messages if message.role == "system"), None)

    @system.setter
    def system(self, system: str | None) -> None:
        prompt = () if system is None else checked([Message("system", system)])
        with self._lock:
            turns = tuple(message for message in self._messages if message.role != "system")
            self._messages = (*prompt, *turns)

    def stream(self, prompt: str, *, images: Images = ()) -> TextStream:
        """Ask the next thing; the answer as it arrives.

        Args:
            prompt: what the user says.
            images: as for `QwenSpace.stream`. They stay in the history, a file as its bytes.

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
        """Ask the next thing and wait for the whole answer; blocks. See `stream`."""
        with self.stream(prompt, images=images) as stream:
            return stream.result()

    def show(self, prompt: str, *, images: Images = ()) -> LiveReply:
        """Ask the next thing and show the answer in a notebook as it arrives. See `QwenSpace.show`."""
        from ._display.live_reply import LiveReply

        return LiveReply(self.stream(prompt, images=images))

    def undo(self) -> Message | None:
        """Forget the last turn.

        Returns:
            What the user said in it, to ask it again perhaps; ``None`` if there was no turn.

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
        """Write the messages, in the OpenAI form, to a JSON file, which is replaced as a whole or not at all.

        Raises:
            OSError: it cannot be written.
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
        """Go on with the messages that `save` wrote; they take the place of those that are here.

        Raises:
            OSError: the file cannot be read.
            InvalidMessagesError: `save` did not write it, or a newer version did.
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
            raise InvalidMessagesError(f"{path} holds no conversation that was saved here.") from error
        if version != FORMAT:
            raise InvalidMessagesError(
                f"{path} has format {reprlib.repr(version)}, of a newer qwen_spaces. Update yours to read it."
            )
        self.messages = messages


def _plain(message: Message) -> dict[str, object]:
    """Return a message in the OpenAI form, in which an image is an address."""
    if not message.images:
        return {"role": message.role, "content": message.content}
    images = [{"type": "image_url", "image_url": {"url": url}} for url in message.image_urls]
    return {"role": message.role, "content": [{"type": "text", "text": message.content}, *images]}


def _read(path: str | os.PathLike[str]) -> str:
    try:
        with Path(path).open(encoding="utf-8") as file:
            text = file.read(MAX_FILE_CHARS + 1)
    except (ValueError, TypeError) as error:  # binary, or no path
        raise InvalidMessagesError(f"{path!r} holds no conversation that was saved here.") from error
    if len(text) > MAX_FILE_CHARS:
        raise InvalidMessagesError(f"{path} is too large for a conversation that was saved here.")
    return text
