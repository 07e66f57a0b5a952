"""Send a request to one of several Spaces, and to the next one if it fails before its first text."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .._stream.mailbox import Mailbox
from .._types.events import Reply, Status
from .._types.timeouts import Timeouts
from ..errors import (
    AllFailedError,
    AuthenticationError,
    EmptyReplyError,
    QuotaExceededError,
    QwenSpacesError,
    SpaceNotFoundError,
    SpaceTimeoutError,
    StreamCancelledError,
)
from .attempt import Attempt
from .member import Member
from .rests import is_ours

PROBE_TIMEOUT = 1.0  # seconds for all of them
LONGEST_PAUSE = 10.0  # seconds between two rounds
_OF_TOKEN = (AuthenticationError, QuotaExceededError, SpaceNotFoundError)


@dataclass(slots=True)
class Option:
    """A member that can take the request, the request in its form, and the client that sends it."""

    member: Member
    request: Any
    client: Any


@dataclass(slots=True)
class Route:
    """A request to one of several Spaces.

    Attributes:
        options: the members that can take it.
        sticky: the member that answered this conversation last, as the only entry.
        timeouts: of each attempt until its first text.
        retries: how many more rounds there are.
        answer: as the next request will send it, if not as in the reply.
        chosen: the one that has answered.
    """

    options: Sequence[Option]
    timeouts: Timeouts
    sticky: list[Member] = field(default_factory=list)
    retries: int = 0
    answer: Any = None
    chosen: Option | None = None

    @property
    def messages(self) -> Any:
        """The messages that were answered; others are for the same Space."""
        return self.chosen and self.chosen.request.messages

    @messages.setter
    def messages(self, messages: Any) -> None:
        if self.chosen:
            self.sticky[:] = [self.chosen.member]
            self.chosen.request.messages = messages

    def complete(self, reply: Reply) -> None:
        """Keep what the Space that answered knows now, and pass on the reply."""
        if self.chosen:
            self.sticky[:] = [self.chosen.member]
            self.chosen.request.answer = self.answer
            self.chosen.request.complete(reply)


class Dispatcher:
    """The client of a `Router`: it carries out requests in the threads of their streams."""

    def __init__(self, members: Sequence[Member], *, name: str, patience: float | None) -> None:
        self._members, self._name, self._patience = members, name, patience
        self._running: set[Mailbox] = set()
        self._choosing = threading.Lock()

    def run(self, route: Route, mailbox: Mailbox) -> None:
        """Carry out one request, and put the answer into `mailbox`; blocks until it is over."""
        self._running.add(mailbox)
        try:
            self._run(route, mailbox)
        finally:
            self._running.discard(mailbox)

    def sibling(self) -> Dispatcher:
        """Return a dispatcher to the same members, which runs no request yet."""
        return Dispatcher(self._members, name=self._name, patience=self._patience)

    def cancel(self) -> list[Mailbox]:
        """Cancel all requests, and return their mailboxes."""
        running = list(self._running)
        for mailbox in running:
            mailbox.cancel(f"The {self._name} was closed.")
        return running

    def _run(self, route: Route, mailbox: Mailbox) -> None:
        failed: dict[Member, QwenSpacesError] = {}  # with their latest errors
        for retry in range(route.retries + 1):
            errors = self._round(route, mailbox)
            if errors is None or mailbox.ended:
                return
            failed |= dict(errors)
            failure = self._failure(list(failed.items()), route)
            if retry == route.retries or not failure.transient:
                raise failure
            pause = random.uniform(0.5, 1.0) * 2.0**retry  # noqa: S311
            pause = min(max(pause, failure.retry_after or 0.0), LONGEST_PAUSE)
            mailbox.set_status(Status("queued", eta=pause, reason=str(failure)))
            mailbox.sleep(pause)

    def _round(self, route: Route, mailbox: Mailbox) -> list[tuple[Member, QwenSpacesError]] | None:
        """Try each Space that does not rest; return their errors, ``None`` if one has answered."""
        errors: list[tuple[Member, QwenSpacesError]] = []
        while not mailbox.ended:
            option = self._choose(route, [member for member, _ in errors])
            if option is None:
                return errors
            error = self._try(option, route, mailbox, [*(member for member, _ in errors), option.member])
            if error is None:
                return None
            errors.append((option.member, error))
        return errors

    def _try(
        self, option: Option, route: Route, mailbox: Mailbox, tried: Sequence[Member]
    ) -> QwenSpacesError | None:
        """Return the error of an attempt without text, ``None`` after an answer; raise any other error."""
        member, attempt = option.member, Attempt(mailbox, option.member.name)
        attempt.watch(route.timeouts, self._patience, lambda: bool(self._ready(route, tried)))
        error: BaseException | None = None
        try:
            option.client.run(option.request, attempt)
        except QwenSpacesError as failure:
            error = failure
        finally:
            attempt.end()
            member.end()
        error = attempt.error or error  # that of the mailbox came first
        if mailbox.ended:
            if isinstance(mailbox.error, SpaceTimeoutError) and mailbox.error.phase == "gap":
                self._record(option, mailbox.error)  # it fell silent in the midst of its answer
            return None
        if error is None and not attempt.has_answer:
            error = EmptyReplyError(f"{member.name} reports success and said nothing.")
        if error is None:
            member.succeed(attempt.first)
            route.chosen = option
            return None
        if not isinstance(error, QwenSpacesError):
            raise error
        self._record(option, error)
        if attempt.has_answer or is_ours(error):
            raise error
        return error

    def _record(self, option: Option, error: QwenSpacesError) -> None:
        failed = option.member
        if isinstance(error, _OF_TOKEN) and option.client is not failed.space._client:
            return  # which is not that of the others
        if len(self._members) > 1:
            failed.fail(error)
            for member in self._members:
                if member is not failed and failed.shares_quota(error) and member.shares_quota(error):
                    member.fail(error)

    def _ready(self, route: Route, tried: Sequence[Member]) -> list[Option]:
        now = time.monotonic()
        options = [option for option in route.options if option.member not in tried]
        return [option for option in options if option.member.is_ready(now)]

    def _choose(self, route: Route, tried: Sequence[Member]) -> Option | None:
        """Return the member to try next, which counts the request from now on."""
        equals = self._best(route, tried)
        if len(equals) > 1:
            _probe([option.member for option in equals])
        with self._choosing:  # so that two requests see each other
            option = self._pick(route, tried)
            if option:
                option.member.begin()
            return option

    def _best(self, route: Route, tried: Sequence[Member]) -> list[Option]:
        """Return the members of the best tier that do not rest."""
        ready = self._ready(route, tried)
        best = min((option.member.tier for option in ready), default=0)
        return [option for option in ready if option.member.tier == best]

    def _pick(self, route: Route, tried: Sequence[Member]) -> Option | None:
        """Return the member to try next; if all rest, the one whose rest ends first, once."""
        ready = self._ready(route, tried)
        if not ready:
            if tried:
                return None
            return min(route.options, key=lambda option: option.member.rests_until)
        for option in ready:
            if option.member in route.sticky:
                return option
        tier = self._best(route, tried) or ready
        known = all(option.member.queue_size is not None for option in tier)

        def rank(option: Option) -> tuple[float, int, float]:
            member = option.member
            wait = float(member.queue_size or 0) if known else member.slowness()
            return wait, member.in_flight, random.random()  # noqa: S311

        return min(tier, key=rank)

    def _failure(self, errors: Sequence[tuple[Member, QwenSpacesError]], route: Route) -> QwenSpacesError:
        if not errors:
            return StreamCancelledError("The stream was cancelled.")
        if len(errors) == 1:
            return errors[0][1]
        now = time.monotonic()
        rests = [option.member.rests_until - now for option in route.options]
        listed = "; ".join(f"{member.name}: {error}" for member, error in errors)
        failure = AllFailedError(
            f"No Space of {self._name} answered. {listed}",
            retry_after=max(0.0, min(rests)),
        )
        failure.errors = tuple((member.name, error) for member, error in errors)
        failure.transient = any(error.transient for _, error in errors)
        return failure


def _probe(members: Sequence[Member]) -> None:
    """Ask all for the sizes of their queues, at once; wait a second at most."""
    until = time.monotonic() + PROBE_TIMEOUT
    for probe in [member.probe() for member in members]:
        if probe:
            probe.wait(max(0.0, until - time.monotonic()))
