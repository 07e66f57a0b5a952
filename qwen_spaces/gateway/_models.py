"""The gateway's models, and the Space behind each."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from difflib import get_close_matches
from typing import Any, NamedTuple

from openai.types import Model

from .._gradio.connection import is_hugging_face
from .._space import QwenSpace, available_spaces
from .._types.timeouts import Timeouts
from ..errors import UnknownSpaceError

MAX_QUOTED = 100  # characters of an unknown name in an error
PREFIX = "openai/"  # which some clients put before the name of a model


class ModelEntry(NamedTuple):
    """A model: a Space, and the options that select the model there."""

    name: str
    space: QwenSpace
    options: Mapping[str, object] = {}
    endpoint: str | None = None

    def to_openai(self) -> Model:
        """Return the entry in OpenAI's form; `created` is 0, since a Space has no date."""
        owner, _, rest = (self.space.space_id or self.space.src).partition("/")
        return Model(id=self.name, created=0, object="model", owned_by=owner if rest[:1] != "/" else "gradio")


class Models:
    """The models by name; all requests to a Space share one `QwenSpace`. For the arguments see `create_app`.

    Each value of a Space's option `model` is a name, too: a client has no other way to select it.
    """

    def __init__(
        self,
        sources: Mapping[str, str | None] | None,
        timeouts: Timeouts,
        max_chars: int,
        endpoints: Mapping[str, str] | None = None,
    ) -> None:
        chosen = {name.strip().lower(): endpoint for name, endpoint in (endpoints or {}).items()}
        self._settings: dict[str, Any] = {"timeouts": timeouts, "max_chars": max_chars}
        self._entries: dict[str, ModelEntry] = {}  # by each of its names, in lower case
        if sources is None:
            sources = {facade.aliases[0]: None for facade in available_spaces()}
        for name, src in sources.items():
            self._add(name, src, chosen)
        spaces = self.entries()
        for entry in spaces:
            for value in map(str, entry.space.options.get("model", ())):
                self._entries.setdefault(value.lower(), entry._replace(name=value, options={"model": value}))
        for entry in spaces:  # by their places, as in `QwenSpace`; a URL is not for clients
            for place in (entry.space.space_id, entry.space.src):
                if place and "://" not in place:
                    self._entries.setdefault(place.lower(), entry)

    def _add(self, name: str, src: str | None, endpoints: Mapping[str, str]) -> None:
        key = name.strip().lower()
        facade = next((facade for facade in available_spaces() if key in facade.aliases), None)
        names = facade.aliases if facade else (name,)
        endpoint = next(filter(None, map(endpoints.get, map(str.lower, names))), None)
        own = name if facade or not src else src
        space = QwenSpace(own, src=src, endpoint=endpoint, **self._settings)
        entry = ModelEntry(names[0], space, endpoint=endpoint)
        self._entries.update({alias.lower(): entry for alias in names})

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
    async def space(self, entry: ModelEntry, token: str | None) -> AsyncIterator[QwenSpace]:
        """Yield the Space of a model: with a token a new one, if it is on Hugging Face."""
        shared = entry.space
        if token is None or not is_hugging_face(shared.src):
            yield shared
            return
        settings = {**self._settings, "endpoint": entry.endpoint}
        async with QwenSpace(shared.name, src=shared.src, token=token, **settings) as own:
            yield own

    async def aclose(self) -> None:
        """Close all Spaces, and cancel their jobs."""
        for entry in self.entries():
            await entry.space.aclose()
