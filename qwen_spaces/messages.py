"""What users pass as messages, made into one checked form, and that form into what Spaces take."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast, get_args

from .errors import InvalidMessagesError

Role = Literal["system", "user", "assistant"]
ROLES: tuple[Role, ...] = get_args(Role)


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation.

    Attributes:
        role: ``"system"``, ``"user"`` or ``"assistant"``.
        content: the text.
        image_urls: addresses (``https:``, ``http:``) or ``data:`` URIs of the images that go with it.

    Example:
        >>> Message("user", "Why is the sky blue?").content
        'Why is the sky blue?'
    """

    role: Role
    content: str
    image_urls: tuple[str, ...] = ()


Messages: TypeAlias = str | Message | Iterable[Message | Mapping[str, Any]]


def as_messages(given: Messages, system: str | None = None) -> tuple[Message, ...]:
    r"""Check what the user passed and give it one form.

    Args:
        given: a string (one user message), a `Message`, or an iterable of `Message` and
            ``{"role", "content"}`` mappings in the OpenAI form.
        system: a system prompt to put before them.

    Raises:
        InvalidMessagesError: nothing to send, an unknown role, content of another shape, an image
            where none can be, or a last message that is not the user's. It names the message by index.

    Example:
        >>> as_messages([{"role": "user", "content": [{"type": "text", "text": "Hi"}]}])
        (Message(role='user', content='Hi', image_urls=()),)
    """
    if isinstance(given, str):
        given = (Message("user", given),)
    elif isinstance(given, (Message, Mapping)):
        given = (cast("Message | Mapping[str, Any]", given),)
    if not isinstance(given, Iterable):
        raise InvalidMessagesError(
            f"Messages are a string or a list of messages, not {type(given).__name__}."
        )
    messages = checked(given)
    if not messages:
        raise InvalidMessagesError("There are no messages to send.")
    last = messages[-1]
    if last.role != "user":
        raise InvalidMessagesError(
            f"Message {len(messages) - 1} is the last one and must be the user's, not {last.role!r}."
        )
    if not (last.content.strip() or last.image_urls):
        raise InvalidMessagesError(f"Message {len(messages) - 1}, the one to answer, is empty.")
    if system is not None:
        messages = (Message("system", _text(system, "The system prompt")), *messages)
    return messages


def checked(given: Iterable[object]) -> tuple[Message, ...]:
    """Return the messages in one form, whoever's the last one is; see `as_messages`."""
    if not isinstance(given, Iterable):
        raise InvalidMessagesError(f"Messages are a list of messages, not {type(given).__name__}.")
    return tuple(_message(index, item) for index, item in enumerate(given))


def system_prompt(messages: Iterable[Message]) -> str | None:
    """All system messages, joined with a newline; ``None`` if there is none."""
    texts = [message.content for message in messages if message.role == "system"]
    return "\n".join(texts) if texts else None


def split(messages: Iterable[Message]) -> tuple[tuple[Message, ...], str]:
    r"""Return the earlier turns and the prompt, without the system messages.

    The prompt is all that the user said since the last answer.

    Example:
        >>> split((Message("user", "Hi"), Message("assistant", "Hello."), Message("user", "And now?")))[1]
        'And now?'
    """
    turns = [message for message in messages if message.role != "system"]
    asked = len(turns)
    while asked and turns[asked - 1].role == "user":
        asked -= 1
    return tuple(turns[:asked]), "\n".join(message.content for message in turns[asked:])


def pairs(messages: Iterable[Message]) -> list[list[str]]:
    """Return the turns as ``[user, assistant]`` pairs, the oldest form of a Gradio chat history.

    Messages of one role in a row are joined with a newline, and a missing half is ``""``
    (the real Spaces pass each half on to the model and fail on ``None``).
    """
    turns: list[list[list[str]]] = []
    for message in messages:
        if (message.role == "user" and (not turns or turns[-1][1])) or (
            message.role == "assistant" and not turns
        ):
            turns.append([[], []])
        if message.role != "system":
            turns[-1][message.role == "assistant"].append(message.content)
    return [["\n".join(user), "\n".join(assistant)] for user, assistant in turns]


def folded(messages: Iterable[Message]) -> str:
    r"""All messages as one prompt, for a Space that takes a prompt only.

    Example:
        >>> folded(as_messages("Hi"))
        'Hi'
        >>> folded(as_messages("Hi", system="Be brief."))
        'System: Be brief.\nUser: Hi\nAssistant:'
    """
    spoken = [message for message in messages if message.content.strip()]
    if all(message.role == "user" for message in spoken) and len(spoken) < 2:
        return spoken[0].content if spoken else ""
    lines = [f"{message.role.capitalize()}: {message.content}" for message in spoken]
    return "\n".join([*lines, "Assistant:"])


def _message(index: int, given: object) -> Message:
    """One checked message; `index` is where it stands, for the error."""
    where = f"Message {index}"
    role: object
    content: object
    image_urls: tuple[str, ...] = ()
    if isinstance(given, Message):
        role, content, image_urls = given.role, given.content, given.image_urls
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
        content, image_urls = _parts(content, where)
    if image_urls and role != "user":
        raise InvalidMessagesError(f"{where} is the {role}'s and has an image; only the user's may.")
    for url in image_urls:
        _check_image_url(url, where)
    return Message(cast("Role", role), _text(content, where), tuple(image_urls))


def _parts(content: Iterable[object], where: str) -> tuple[str, tuple[str, ...]]:
    """Return the text and the image addresses of a content that is a list of OpenAI parts."""
    texts, urls = [], []
    for part in content:
        kind = part.get("type") if isinstance(part, Mapping) else None
        if isinstance(part, Mapping) and kind == "text":
            texts.append(_text(part.get("text"), f"{where}, a text part"))
        elif isinstance(part, Mapping) and kind == "image_url":
            url = part.get("image_url")
            urls.append(url.get("url") if isinstance(url, Mapping) else url)
        else:
            raise InvalidMessagesError(
                f"{where} has a part of type {reprlib.repr(kind)}; a part is of type 'text' or 'image_url'."
            )
    return "\n".join(texts), cast("tuple[str, ...]", tuple(urls))


def _check_image_url(url: object, where: str) -> None:
    # A path is never taken from a message: its text may come from somebody else's network.
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
