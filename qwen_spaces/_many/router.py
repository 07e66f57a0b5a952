"""`Router`, several Spaces that answer as one."""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import anyio

from .._conversation import Conversation
from .._facade.registry import Facade, find
from .._stream.text_stream import TextStream
from .._tools import find_plan, find_reader
from .._types.events import Reply
from .._types.images import Images, as_images
from .._types.messages import Messages, as_messages
from .._types.timeouts import Timeouts, is_seconds
from .._types.tools import ResponseFormat, ToolChoice, Tools
from ..errors import InvalidImageError, QwenSpacesError, UnsupportedOptionError
from .answers import CLOSE_TIMEOUT
from .asking import Asking
from .dispatch import Dispatcher, Option, Route
from .member import Member, Place, Space

if TYPE_CHECKING:
    from .._tools.plan import Plan


class Router(Asking):
    """Several Spaces that answer as one: a request goes where the queue is shortest, and on if it fails.

    Another Space is asked only before the first text. A Space that failed rests for a while. A conversation
    stays with the Space that answered, and moves with its whole history. Threads, tasks and event loops may
    share one object. Each Space sees the prompts that it gets. A pickle contains the arguments, as that of a
    `QwenSpace` does; what is known of queues and failures stays in this process.

    Args:
        spaces: names, addresses or `QwenSpace` objects, the first ones first; those in a list of their own
            are equals, among which the load is shared.
        name: what it is called.
        patience: seconds to the first text after which another Space is asked; ``None`` waits on.
        timeouts: as for `QwenSpace`, for each attempt.
        retries: how often all of them are tried again.
        settings: the other arguments of `QwenSpace`, for those that are named here.

    Raises:
        UnknownSpaceError: no Space has that name.
        UnsupportedOptionError: there is no Space, or another argument is invalid.

    Example:
        router = Router([["qwen-2.5", "me/my-duplicate"], "qwen-3"])
        reply = router.ask("Why is the sky blue?")
        print(reply.space, reply.text)
    """

    name: str
    timeouts: Timeouts

    def __init__(
        self,
        spaces: Iterable[Any],
        *,
        name: str = "router",
        patience: float | None = 30.0,
        timeouts: Timeouts | float | None = None,
        retries: int = 2,
        **settings: Any,
    ) -> None:
        if patience is not None and not is_seconds(patience):
            raise UnsupportedOptionError(f"patience={patience!r} is not a number of seconds.")
        if not isinstance(retries, int) or isinstance(retries, bool) or retries < 0:
            raise UnsupportedOptionError(f"retries={retries!r} is not a number of retries: pass 0, 1, 2 ...")
        self.name = name
        tiers = spaces if isinstance(spaces, str) else tuple(spaces)
        settings["timeouts"] = timeouts
        self._recipe = functools.partial(
            type(self), tiers, name=name, patience=patience, retries=retries, **settings
        )
        self._members = _members(tiers, settings)
        self.timeouts = timeouts if isinstance(timeouts, Timeouts) else Timeouts(total=timeouts)
        self._retries, self._queues = retries, len(self._members)
        self._dispatcher = Dispatcher(self._members, name=name, patience=patience)
        self._owned = [member.space for member in self._members if member.owned]  # which `close` closes
        self._guests: Mapping[Member, Space] = {}  # in the place of a member's own Space, with another token

    def __repr__(self) -> str:
        return f"Router({[member.name for member in self._members]}, name={self.name!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        for member in self._members:
            member.space.__reduce__()  # which says why it cannot be pickled
        return self._recipe, ()

    @property
    def max_images(self) -> int | None:
        """The most images in a request that any of the Spaces takes; ``None`` for any number."""
        limits = [member.space.max_images for member in self._members]
        return None if None in limits else max(filter(None, limits), default=0)

    def stream(
        self,
        messages: Messages,
        *,
        system: str | None = None,
        images: Images = (),
        tools: Tools = None,
        tool_choice: ToolChoice = None,
        response_format: ResponseFormat = None,
        **options: Any,
    ) -> TextStream:
        """Stream the answer of one of the Spaces; see `QwenSpace.stream`.

        Spaces that lack an option or take no image are passed over.

        Raises:
            QwenSpacesError: no Space can take the request; the error of the first one.
        """
        plan = find_plan(tools, tool_choice, response_format)
        return self._open(messages, system=system, images=images, plan=plan, options=options)

    def conversation(
        self,
        system: str | None = None,
        *,
        tools: Tools = None,
        tool_choice: ToolChoice = None,
        response_format: ResponseFormat = None,
        **options: Any,
    ) -> Conversation:
        """Start a chat that keeps its history, and its Space while that answers."""
        plan = find_plan(tools, tool_choice, response_format)
        self._check_options(options)
        memories = {member: member.space._memory() for member in self._members}
        opening = functools.partial(self._open, plan=plan, options=options, memories=memories, sticky=[])
        return Conversation(opening, system=system)

    def status(self) -> dict[str, Any]:
        """Return the state of each Space by name, or the error with which it cannot be reached; blocks."""
        probes = {member.name: member.space._probe() for member in self._members}
        states: dict[str, Any] = {}
        try:
            for name, (probe, status) in probes.items():
                try:
                    probe.wait()
                    states[name] = status.result()
                except QwenSpacesError as error:
                    states[name] = error
        finally:
            for probe, _ in probes.values():
                probe.cancel()
        return states

    async def astatus(self) -> dict[str, Any]:
        """Like `status`, without blocking the event loop."""
        states: dict[str, Any] = {member.name: None for member in self._members}

        async def look(member: Member) -> None:
            try:
                states[member.name] = await member.space.astatus()
            except QwenSpacesError as error:
                states[member.name] = error

        async with anyio.create_task_group() as tasks:
            for member in self._members:
                tasks.start_soon(look, member)
        return states

    def close(self) -> None:
        """Cancel all running streams, and close the Spaces that were named, not those given as objects."""
        until = time.monotonic() + CLOSE_TIMEOUT
        for mailbox in self._dispatcher.cancel():
            mailbox.finished.wait(max(0.0, until - time.monotonic()))
        for space in self._owned:
            space.close()

    def _with_token(self, token: str) -> Router | None:
        """Return a router with this token for the Spaces on Hugging Face, ``None`` if there is none.

        It shares what is known of the Spaces.
        """
        guests = {member: space for member in self._members if (space := member.space._with_token(token))}
        if not guests:
            return None
        router = object.__new__(type(self))  # `copy` would make one from the recipe
        vars(router).update(vars(self))
        router._guests, router._owned = guests, list(guests.values())
        router._dispatcher = self._dispatcher.sibling()
        return router

    def _check_options(self, options: Mapping[str, object]) -> dict[str, object]:
        """Return the options; raise the first Space's error if none takes them."""
        errors = []
        for member in self._members:
            try:
                member.space._check_options(options)
            except UnsupportedOptionError as error:
                errors.append(error)
        if len(errors) == len(self._members):
            raise errors[0]
        return dict(options)

    def _open(
        self,
        messages: Messages,
        *,
        options: Mapping[str, object],
        plan: Plan | None = None,
        system: str | None = None,
        images: Images = (),
        on_reply: Callable[[Reply], None] | None = None,
        memories: Mapping[Member, Any] | None = None,
        sticky: list[Member] | None = None,
        timeouts: Timeouts | None = None,
        retries: int | None = None,
    ) -> TextStream:
        turns, uploads = as_messages(messages, system), as_images(images)
        given: dict[str, Any] = {"images": uploads, "plan": plan, "options": options, "on_reply": on_reply}
        fitting: list[Option] = []
        refusals: list[QwenSpacesError] = []
        for member in self._members:
            memory = memories and memories[member]
            try:
                space = self._guests.get(member, member.space)
                stream = space._open(turns, **given, memory=memory, retries=0)
                fitting.append(Option(member, stream._reader._request, space._client))
            except (UnsupportedOptionError, InvalidImageError) as error:
                refusals.append(error)
        if not fitting:
            raise refusals[0]
        timeouts = timeouts or self.timeouts
        rounds = self._retries if retries is None else retries
        route = Route(fitting, timeouts, [] if sticky is None else sticky, rounds)
        whole = dataclasses.replace(timeouts, connect=None, wake=None, first=None)  # these are each attempt's
        reader = find_reader(plan, retry=bool(self._retries))
        return TextStream(self._dispatcher, route, timeouts=whole, space=self.name, reader=reader)


def _members(spaces: Iterable[Any], settings: Mapping[str, Any]) -> Sequence[Member]:
    """Return the Spaces with their tiers; a name that several have gives way to their addresses."""
    if isinstance(spaces, str):
        raise UnsupportedOptionError(f"A Router takes a list of Spaces: Router([{spaces!r}, ...]).")
    found: list[tuple[Space, int, bool]] = []
    for tier, equals in enumerate(spaces):
        for given in equals if isinstance(equals, (list, tuple)) else [equals]:
            owned = isinstance(given, (str, Place))
            made = _open_space(given, settings) if owned else given
            if not hasattr(made, "_client"):
                raise UnsupportedOptionError(f"A Router takes names and QwenSpaces, not {made!r:.100}.")
            found.append((made, tier, owned))
    if not found:
        raise UnsupportedOptionError("A Router needs at least one Space.")
    names = [space.name for space, _, _ in found]
    return [
        Member(space, space.name if names.count(space.name) == 1 else space.src, tier, owned=owned)
        for space, tier, owned in found
    ]


def _open_space(given: str | Place, settings: Mapping[str, Any]) -> Space:
    place = Place(given) if isinstance(given, str) else given
    space: Any = find(Facade, place.name)[0]
    made: Space = space(place.name, src=place.src, **settings)
    return made
