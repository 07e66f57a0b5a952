"""Find what a page does when the user sends: an event, and those that follow it, up to the answer.

A page runs the event that a component triggers, such as a text box's ``submit``, then each event that
follows it (``trigger_after`` in the config, Gradio 4.44 to 6.31). The components keep their values meanwhile.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from .api import ApiEndpoint, Parameter

_SHOWS_TEXT = frozenset(["json", "api", "markdown", "html", "textbox", "code", "text"])
_SENDS = frozenset({"submit", "click", "send"})  # the events by which a user sends
_SETS = frozenset({"change", "input", "select", "release", "blur", "upload", "submit", "click"})
_ANSWER = re.compile(r"answer|response|reply|output|result|generated|回答|回复|输出", re.I)  # in labels
_NO_ANSWER = re.compile(r"status|log|progress|time|debug|info|token|error|state|状态", re.I)
_MAX_STEPS = 20
_MAX_PATHS = 200  # from one event; the config is a stranger's


@dataclass(frozen=True)
class Chain:
    """Events that follow one another; the last one answers."""

    steps: tuple[ApiEndpoint, ...]
    tail: tuple[ApiEndpoint, ...] = ()  # those that follow the answer

    @property
    def last(self) -> ApiEndpoint:
        """The event that answers."""
        return self.steps[-1]

    @cached_property
    def inputs(self) -> tuple[Parameter, ...]:
        """The inputs of all steps, each component once."""
        return tuple({each.id: each for step in reversed(self.steps) for each in step.inputs}.values())

    @cached_property
    def fresh(self) -> frozenset[int]:
        """The ids of the inputs that no earlier step writes."""
        fresh: set[int] = set()
        written: set[int] = set()
        for step in self.steps:
            fresh |= step.reads - written
            written |= step.writes
        return frozenset(fresh)

    @cached_property
    def states(self) -> frozenset[int]:
        """The ids of the states that it reads."""
        return frozenset(each.id for each in self.inputs if each.is_state)

    @cached_property
    def kept_states(self) -> frozenset[int]:
        """The ids of the states that it reads and writes, such as a history that the server keeps."""
        written = frozenset[int]().union(*(step.writes for step in (*self.steps, *self.tail)))
        return self.states & self.fresh & written  # what an earlier step writes first is only handed on

    @property
    def is_sent(self) -> bool:
        """Whether a user starts it by sending, or it is for API clients only."""
        targets = self.steps[0].targets
        return not targets or any(event in _SENDS for _, event in targets)

    @property
    def is_public(self) -> bool:
        """Whether the app documents each step for API clients."""
        return all(step.is_public for step in self.steps)


def find_chains(endpoints: Sequence[ApiEndpoint]) -> list[Chain]:
    """Return a chain for each event that another one does not start, if it puts out something to read."""
    followers: dict[int | None, list[ApiEndpoint]] = {}
    for endpoint in endpoints:
        followers.setdefault(endpoint.after, []).append(endpoint)
    known = {endpoint.index for endpoint in endpoints}
    roots = (each for each in endpoints if each.after is None or each.after not in known)
    return [chain for root in roots if (chain := _best_chain(root, followers))]


def find_setters(
    endpoints: Sequence[ApiEndpoint], component: int, wanted: frozenset[int], chain: Chain
) -> list[ApiEndpoint]:
    """Return the events by which the page takes over a value that the user sets, such as ``upload``.

    They read the component, and write one of the `wanted` ids. What starts them happens to the component
    itself, or is a click that takes over nothing else; any other click, such as "Regenerate", does more.
    """
    by_index = {each.index: each for each in endpoints if each.index is not None}

    def is_set(endpoint: ApiEndpoint) -> bool:
        own = {each.id for each in endpoint.inputs if not each.is_state and not each.is_chatbot}
        if own == {component} and any(event == "click" for _, event in endpoint.targets):
            return True
        for _ in range(_MAX_STEPS):
            before = None if endpoint.after is None else by_index.get(endpoint.after)
            if before is None:
                break
            endpoint = before
        return any(target == component and event in _SETS for target, event in endpoint.targets)

    return [
        each
        for each in endpoints
        if each not in chain.steps and component in each.reads and each.writes & wanted and is_set(each)
    ]


def find_loaders(endpoints: Sequence[ApiEndpoint], wanted: frozenset[int]) -> list[ApiEndpoint]:
    """Return the events that write one of the `wanted` ids when the page opens."""
    loads = [each for each in endpoints if any(event == "load" for _, event in each.targets)]
    indexes = {each.index for each in loads}
    loads += [each for each in endpoints if each.after is not None and each.after in indexes]
    return [each for each in loads if each.writes & wanted]


def answer_outputs(step: ApiEndpoint) -> list[Parameter]:
    """Return the outputs that could hold an answer, the best first."""
    found = [output for output in step.outputs if output.is_chatbot or _shows_text(output)]
    # What it also reads is rather a setting, or the box that it clears.
    return sorted(
        found,
        key=lambda output: (
            not output.is_chatbot,
            output.id in step.reads,
            bool(_NO_ANSWER.search(output.label)),
            not _ANSWER.search(output.label),
        ),
    )


def _shows_text(output: Parameter) -> bool:
    if output.kind in _SHOWS_TEXT:
        return True
    return output.is_typed and output.kind != "state"


def _best_chain(root: ApiEndpoint, followers: dict[int | None, list[ApiEndpoint]]) -> Chain | None:
    best: tuple[tuple[bool, bool, int], Chain] | None = None
    for path in itertools.islice(_paths(root, followers), _MAX_PATHS):
        for place, step in enumerate(path):
            if outputs := answer_outputs(step):
                # A placeholder that an early step writes is outdone by the step that streams, or by the last.
                rank = (outputs[0].is_chatbot, step.streams, place)
                if best is None or rank > best[0]:
                    best = rank, Chain(path[: place + 1], path[place + 1 :])
    return best and best[1]


def _paths(
    root: ApiEndpoint, followers: dict[int | None, list[ApiEndpoint]], depth: int = 0
) -> Iterator[tuple[ApiEndpoint, ...]]:
    """Yield each way from an event to one that none follows."""
    after = followers.get(root.index, []) if root.index is not None and depth < _MAX_STEPS else []
    if not after:
        yield (root,)
    for each in after:
        for path in _paths(each, followers, depth + 1):
            yield (root, *path)
