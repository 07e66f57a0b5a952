"""One request to a Space, and the session in which a Space that is stateful keeps a conversation."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from .._types.events import Reply
from .._types.images import Image
from .._types.messages import Message


class Session(NamedTuple):
    """A session of a Space, its messages, and the number of turns that made them."""

    session_hash: str
    messages: tuple[Message, ...] = ()
    turns: int = 0
    values: Mapping[int, object] = {}  # of the components of the Space's page


class SessionStore:
    """The session in which a Space keeps one conversation; it does not survive a failed turn."""

    def __init__(self) -> None:
        self._session: list[Session] = []  # at most one; a turn takes it and puts it back
        self.forgetful = False  # whether the Space turned out to keep nothing

    def resume(self, messages: Sequence[Message]) -> Session:
        """Return the session that has all of these messages but the last; a new one if there is none."""
        known = self._session.pop() if self._session else None
        if known and known.messages == tuple(messages[:-1]):
            return known
        return Session(uuid.uuid4().hex)

    def keep(self, known: Session) -> None:
        """Keep the session for the next turn."""
        self._session[:] = [known]


class Unsent(NamedTuple):
    """What a Space lacks of a request."""

    messages: Sequence[Message]
    images: Sequence[Image]
    turns: int = 0  # of the user, which the Space must know then; 0 if it need not know any
    resumed: Mapping[int, object] | None = None  # the values of its page, if a session goes on


@dataclass
class Request:
    """One request, with checked arguments."""

    messages: Sequence[Message]
    options: Mapping[str, object]
    images: Sequence[Image]
    sessions: SessionStore | None = None
    on_reply: Callable[[Reply], None] | None = None
    retries: int | None = None  # before its first text, if not those of the client
    session_hash: str | None = None  # of a stateful Space, set by `unsent`
    turns: int = 0  # of that session, this one included
    values: Mapping[int, object] = field(default_factory=dict)  # of the page's components, at the end
    answer: Message | None = None  # as the next request will send it, if not as in the reply

    def unsent(self, *, stateful: bool) -> Unsent:
        """Return what the Space lacks; all, unless it is stateful and has a session of this conversation."""
        if self.sessions is None or not stateful or self.sessions.forgetful:
            self.session_hash = None
            return Unsent(self.messages, self.images)
        self.session_hash, known, before, values = self.sessions.resume(self.messages)
        self.turns = before + 1
        if not known:
            return Unsent(self.messages, self.images)
        *earlier, last = self.messages
        system = [message for message in earlier if message.role == "system"]
        new = self.images[len(self.images) - len(last.images) :]
        return Unsent([*system, last], new, self.turns, values)

    def complete(self, reply: Reply) -> None:
        """Keep the session of a stateful Space, and pass on the reply."""
        if self.sessions and self.session_hash:
            messages = (*self.messages, self.answer or reply.message)
            self.sessions.keep(Session(self.session_hash, messages, self.turns, self.values))
        if self.on_reply:
            self.on_reply(reply)
