"""One request to a Space, and the session in which a Space that is stateful keeps a conversation."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from .._types.events import Reply
from .._types.images import Image
from .._types.messages import Message


class Session(NamedTuple):
    """A session of a Space, the messages that it has, and how many turns brought them."""

    session_hash: str
    messages: tuple[Message, ...] = ()
    turns: int = 0


class SessionStore:
    """The session in which a Space keeps one conversation; a turn that fails gives it up."""

    def __init__(self) -> None:
        self._session: list[Session] = []  # one at most, which is taken and put back

    def resume(self, messages: Sequence[Message]) -> Session:
        """Return the session that has all of these messages but the last; a new one if there is none."""
        known = self._session.pop() if self._session else None
        if known and known.messages == tuple(messages[:-1]):
            return known
        return Session(uuid.uuid4().hex)

    def keep(self, known: Session) -> None:
        """Keep the session, which the next turn may resume."""
        self._session[:] = [known]


@dataclass
class Request:
    """What is sent, checked. `session_hash` is set once it is sent, if the Space is stateful."""

    messages: Sequence[Message]
    options: Mapping[str, object]
    images: Sequence[Image]
    sessions: SessionStore | None = None
    on_reply: Callable[[Reply], None] | None = None
    session_hash: str | None = None
    turns: int = 0  # that session's, this one included

    def unsent(self) -> tuple[Sequence[Message], Sequence[Image], int]:
        """Return the messages and images that the Space does not have yet, and the number of user turns then.

        That number is 0 if the Space need not remember any.
        """
        if self.sessions is None:
            return self.messages, self.images, 0
        self.session_hash, known, before = self.sessions.resume(self.messages)
        self.turns = before + 1
        if not known:
            return self.messages, self.images, 0
        *earlier, last = self.messages
        system = [message for message in earlier if message.role == "system"]
        new = self.images[len(self.images) - len(last.images) :]
        return [*system, last], new, self.turns

    def complete(self, reply: Reply) -> None:
        """Keep the session of a stateful Space, and pass on the reply."""
        if self.sessions and self.session_hash:
            self.sessions.keep(Session(self.session_hash, (*self.messages, reply.message), self.turns))
        if self.on_reply:
            self.on_reply(reply)
