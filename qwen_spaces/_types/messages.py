"""Messages: check what users pass, and convert it to the forms that Spaces take."""

from __future__ import annotations

import itertools
import reprlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias, cast, get_args

from .._markup.markdown import markdown
from ..errors import InvalidMessagesError
from .images import Image, as_images

Role = Literal["system", "user", "assistant"]
ROLES: tuple[Role, ...] = get_args(Role)


@dataclass(frozen=True, slots=True, init=False)
class Message:
    """One turn of a conversation.

    Attributes:
        role: ``"system"``, ``"user"`` or ``"assistant"``.
        content: the text.
        images: the user's images; a string is a URL (``https:``, ``http:``) or a ``data:`` URI.

    Example:
        >>> Message("user", "Why is the sky blue?").content
        'Why is the sky blue?'
        >>> Message("user", "What is this?", ["https://example.org/cat.png"]).image_urls
        ('https://example.org/cat.png',)
    """

    role: Role
    content: str
    images: tuple[Image, ...] = ()

    def __init__(
        self,
        role: Role,
        content: str,
        images: Iterable[Image | str] = (),
        *,
        image_urls: Iterable[str] = (),
    ) -> None:
        given = (*images, *image_urls)
        made = tuple(each if isinstance(each, Image) else Image(url=each) for each in given)
        for name, value in (("role", role), ("content", content), ("images", made)):
            object.__setattr__(self, name, value)

    @property
    def image_urls(self) -> tuple[str, ...]:
        """The URLs of the images; a file or bytes become a ``data:`` URI."""
        return tuple(image.as_url() for image in self.images)


Messages: TypeAlias = str | Message | Iterable[Message | Mapping[str, Any]]


def as_messages(given: Messages, system: str | None = None) -> tuple[Message, ...]:
    """Return what the user passed as `Message` objects, with a `system` prompt before them.

    `given` is a string (one user message), a `Message`, or an iterable of `Message` and ``{"role",
    "content"}`` mappings in the OpenAI form.

    Raises:
        InvalidMessagesError: a message has an invalid role, content or image; or the last one is missing,
            empty or not the user's. It names the message by index.
        InvalidImageError: an image of a message cannot be sent.

    Example:
        >>> as_messages([{"role": "user", "content": [{"type": "text", "text": "Hi"}]}])
        (Message(role='user', content='Hi', images=()),)
    """
    if isinstance(given, str):
        given = (Message("user", given),)
    elif isinstance(given, (Message, Mapping)):
        given = (cast("Message | Mapping[str, Any]", given),)
    messages = check_messages(given, "a string or a list of messages")
    if not messages:
        raise InvalidMessagesError("There are no messages to send.")
    last, where = messages[-1], f"Message {len(messages) - 1}"
    if last.role != "user":
        raise InvalidMessagesError(f"{where} is the last one and must be the user's, not {last.role!r}.")
    if not (last.content.strip() or last.images):
        raise InvalidMessagesError(f"{where}, the one to answer, is empty.")
    if system is not None:
        messages = (Message("system", _text(system, "The system prompt")), *messages)
    return messages


def check_messages(given: Iterable[object], form: str = "a list of messages") -> tuple[Message, ...]:
    """Return an iterable as `Message` objects, of which the last one may have any role; see `as_messages`."""
    if not isinstance(given, Iterable):
        raise InvalidMessagesError(f"Messages are {form}, not {type(given).__name__}.")
    messages = [_message(index, item) for index, item in enumerate(given)]
    images = iter(as_images([image for message in messages for image in message.images]))
    return tuple(replace(each, images=tuple(itertools.islice(images, len(each.images)))) for each in messages)


def system_prompt(messages: Iterable[Message]) -> str | None:
    """Return all system messages, joined with a newline; ``None`` if there are none."""
    texts = [message.content for message in messages if message.role == "system"]
    return "\n".join(texts) if texts else None


def split(messages: Iterable[Message]) -> tuple[tuple[Message, ...], str]:
    """Return the earlier turns and the prompt, without the system messages.

    The prompt consists of all user messages since the last answer.

    Example:
        >>> split((Message("user", "Hi"), Message("assistant", "Hello."), Message("user", "And now?")))[1]
        'And now?'
    """
    turns = [message for message in messages if message.role != "system"]
    answered = len(turns)
    while answered and turns[answered - 1].role == "user":
        answered -= 1
    return tuple(turns[:answered]), "\n".join(message.content for message in turns[answered:])


def as_markdown(message: Message) -> str:
    """Return the message below its role, as Markdown to publish."""
    return f"**{message.role}**\n\n{markdown(message.content)}"


def pairs(messages: Iterable[Message]) -> list[list[str]]:
    """Return the turns as ``[user, assistant]`` pairs, the oldest form of a Gradio chat history.

    Consecutive messages of one role are joined with a newline. A missing half is ``""``, for the real Spaces
    pass each half on to the model and fail on ``None``.
    """
    turns: list[list[list[str]]] = []
    for message in messages:
        is_answer = message.role == "assistant"
        if message.role != "system":
            if not turns or (turns[-1][1] and not is_answer):
                turns.append([[], []])
            turns[-1][is_answer].append(message.content)
    return [["\n".join(user), "\n".join(assistant)] for user, assistant in turns]


def folded(messages: Iterable[Message]) -> str:
    r"""Return all messages as one prompt, for a Space that takes only a prompt.

    Example:
        >>> folded(as_messages("Hi"))
        'Hi'
        >>> folded(as_messages("Hi", system="Be brief."))
        'System: Be brief.\nUser: Hi\nAssistant:'
    """
    written = [message for message in messages if message.content.strip()]
    if all(message.role == "user" for message in written) and len(written) < 2:
        return written[0].content if written else ""
    lines = [f"{message.role.capitalize()}: {message.content}" for message in written]
    return "\n".join([*lines, "Assistant:"])


def _message(index: int, given: object) -> Message:
    """Return a `Message`; the contents of its images are checked later."""
    where = f"Message {index}"
    role: object
    content: object
    images: tuple[Image, ...] = ()
    if isinstance(given, Message):
        role, content, images = given.role, given.content, given.images
    elif isinstance(given, Mapping):
        role, content = given.get("role"), given.get("content")
    else:
        raise InvalidMessagesError(
            f"{where} is a {type(given).__name__}; it must be a Message or a dict with 'role' and 'content'."
        )
    if role not in ROLES:
        raise InvalidMessagesError(
            f"{where} has the role {reprlib.repr(role)}; a role is one of {', '.join(ROLES)}."
        )
    if isinstance(content, (list, tuple)):
        content, images = _parts(content, where)
    if images and role != "user":
        raise InvalidMessagesError(f"{where} is the {role}'s and has an image; only the user's may.")
    for image in images:
        if image.path is None and image.data is None:
            _check_url(image.url, where)
    return Message(cast("Role", role), _text(content, where), images)


def _parts(content: Iterable[object], where: str) -> tuple[str, tuple[Image, ...]]:
    """Return the text and the images of a list of OpenAI parts."""
    texts, images = [], []
    for part in content:
        kind = part.get("type") if isinstance(part, Mapping) else None
        if isinstance(part, Mapping) and kind == "text":
            texts.append(_text(part.get("text"), f"{where}, a text part"))
        elif isinstance(part, Mapping) and kind == "image_url":
            url = part.get("image_url")
            images.append(Image(url=cast("str", url.get("url") if isinstance(url, Mapping) else url)))
        else:
            raise InvalidMessagesError(
                f"{where} has a part of type {reprlib.repr(kind)}; a part is of type 'text' or 'image_url'."
            )
    return "\n".join(texts), tuple(images)


def _check_url(url: object, where: str) -> None:
    # A message may come from the network, so its URL must not name a file of this machine.
    if not isinstance(url, str) or not url.lower().startswith(("https://", "http://", "data:")):
        raise InvalidMessagesError(
            f"{where} has an image_url that is not an https:, http: or data: address. "
            "Pass a local file as images=[path]."
        )


def _text(given: object, where: str) -> str:
    if not isinstance(given, str):
        raise InvalidMessagesError(f"{where} has content of type {type(given).__name__}; it must be text.")
    try:
        given.encode()
    except UnicodeEncodeError as error:
        raise InvalidMessagesError(
            f"{where} has half a surrogate pair at character {error.start}, which no text encoding can carry."
        ) from None
    return given
