"""Streams whose request is a function of the test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from qwen_spaces import Reply, TextStream, Timeouts
from qwen_spaces._stream.mailbox import Mailbox


@dataclass
class ScriptedClient:
    """The client and the request of a stream; `work` puts into the mailbox what comes."""

    work: Callable[[Mailbox], object]
    replies: list[Reply] = field(default_factory=list)

    def run(self, request: object, mailbox: Mailbox) -> None:
        assert request is self
        self.work(mailbox)

    def complete(self, reply: Reply) -> None:
        self.replies.append(reply)


def scripted_stream(
    work: Callable[[Mailbox], object],
    *,
    timeouts: Timeouts | None = None,
    space: str = "a Space",
    replies: list[Reply] | None = None,
) -> TextStream:
    """A stream of what `work` puts into its mailbox; `replies` gets its reply."""
    client = ScriptedClient(work, [] if replies is None else replies)
    return TextStream(client, client, timeouts=timeouts or Timeouts(), space=space)
