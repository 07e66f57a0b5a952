"""The gateway's models, and the Space behind each."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple

from openai.types import Model

from .._space import ALL, QwenSpace, SpaceOrRouter, Spec, available_spaces, open_spec, parse_spec
from .._types.timeouts import Timeouts
from ..errors import UnknownSpaceError

MAX_QUOTED = 100  # characters of an unknown name in an error
PREFIX = "openai/"  # which some clients put before the name of a model


class ModelEntry(NamedTuple):
    """A model: a Space or a router of several, and the options that select the model there."""

    name: str
    space: SpaceOrRouter
    options: Mapping[str, object] = {}

    @property
    def spaces(self) -> Sequence[QwenSpace]:
        """The Spaces of which one answers."""
        if isinstance(self.space, QwenSpace):
            return [self.space]
        return [member.space for member in self.space._members if isinstance(member.space, QwenSpace)]

    def to_openai(self) -> Model:
        """Return the entry in OpenAI's form; `created` is 0, since a Space has no date."""
        return Model(id=self.name, created=0, object="model", owned_by=self._owner())

    def _owner(self) -> str:
        if not isinstance(self.space, QwenSpace):
            return "qwen-spaces"
        owner, _, rest = (self.space.space_id or self.space.src).partition("/")
        return owner if rest[:1] != "/" else "gradio"


class Models:
    """The models by name; all requests to a Space share one `QwenSpace`. For the arguments see `create_app`.

    Each value of a Space's option `model` is a name, too: a client has no other way to select it.
    """

    def __init__(
        self,
        sources: Mapping[str, str | Spec | None] | None,
        timeouts: Timeouts,
        max_chars: int,
        endpoints: Mapping[str, str] | None = None,
    ) -> None:
        chosen = {name.strip().lower(): endpoint for name, endpoint in (endpoints or {}).items()}
        self._settings: dict[str, Any] = {"timeouts": timeouts, "max_chars": max_chars}
        self._entries: dict[str, ModelEntry] = {}  # by each of its names, in lower case
        if sources is None:
            sources = {**{facade.aliases[0]: None for facade in available_spaces()}, "qwen": ALL}
        specs = {
            name: source if isinstance(source, Spec) else parse_spec(source or name, name)
            for name, source in sources.items()
        }
        for name, spec in specs.items():
            if len(spec.places) == 1:
                endpoint = next(filter(None, map(chosen.get, map(str.lower, _names(name)))), None)
                self._add(name, open_spec(spec, endpoint=endpoint, **self._settings))
        spaces = self.entries()
        for name, spec in specs.items():
            if len(spec.places) != 1:
                self._add(name, open_spec(self._with_models(spec), **self._settings))
        self._add_more_names(spaces)

    def _add_more_names(self, spaces: Sequence[ModelEntry]) -> None:
        for entry in spaces:
            for value in map(str, entry.spaces[0].options.get("model", ())):
                self._entries.setdefault(value.lower(), entry._replace(name=value, options={"model": value}))
        for entry in spaces:  # by their places, as in `QwenSpace`; a URL is not for clients
            for place in (entry.spaces[0].space_id, entry.spaces[0].src):
                if place and "://" not in place:
                    self._entries.setdefault(place.lower(), entry)

    def _add(self, name: str, space: SpaceOrRouter) -> None:
        names = _names(name)
        self._entries.update({alias.lower(): ModelEntry(names[0], space) for alias in names})

    def _with_models(self, spec: Spec) -> Spec:
        """Return a spec with the `QwenSpace` of each model that is here, too."""
        return spec._replace(tiers=[[self._known(place) for place in tier] for tier in spec.tiers])

    def _known(self, place: Any) -> Any:
        entry = self._entries.get(place.name.lower())
        return entry.space if entry and place.src is None and isinstance(entry.space, QwenSpace) else place

    def entries(self) -> list[ModelEntry]:
        """Return every model once."""
        return list({entry.name: entry for entry in self._entries.values()}.values())

    def find(self, name: str) -> ModelEntry:
        """Return the model of that name; raise ``UnknownSpaceError`` if there is none."""
        key = name.strip().lower()
        for known in (key, key.removeprefix(PREFIX)):
            if entry := self._entries.get(known):
                return entry
        quoted, short = repr(name[:MAX_QUOTED]), key[:MAX_QUOTED].rpartition("/")[2]
        names = [entry.name for entry in self.entries()]
        near = get_close_matches(short, names, n=1)
        hint = f"Did you mean {near[0]!r}? " if near else ""
        raise UnknownSpaceError(f"There is no model {quoted} here. {hint}There are: {', '.join(names)}.")

    @contextlib.asynccontextmanager
    async def space(self, entry: ModelEntry, token: str | None) -> AsyncIterator[SpaceOrRouter]:
        """Yield the Space of a model: with a token a new one, if it is on Hugging Face."""
        own = None if token is None else entry.space._with_token(token)
        if own is None:
            yield entry.space
            return
        async with own:
            yield own

    async def aclose(self) -> None:
        """Close all Spaces, and cancel their jobs."""
        for entry in self.entries():
            await entry.space.aclose()


def _names(name: str) -> tuple[str, ...]:
    """Return all names of a model, its own first."""
    key = name.strip().lower()
    facade = next((facade for facade in available_spaces() if key in facade.aliases), None)
    return facade.aliases if facade else (name,)
