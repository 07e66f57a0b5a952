"""The gateway's models, and the Space behind each."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any, NamedTuple

from openai.types import Model

from .._facade.registry import FACADES
from .._gradio.connection import is_hugging_face
from .._space import QwenSpace, available_spaces
from .._types.timeouts import Timeouts
from ..errors import UnknownSpaceError

MAX_QUOTED = 100  # characters of a name that an error repeats


class ModelEntry(NamedTuple):
    """A Space, and the options that go with one name of a model."""

    name: str
    space: QwenSpace
    options: Mapping[str, object] = {}

    def to_openai(self) -> Model:
        """Return it in OpenAI's form. A Space has no date, so `created` is 0."""
        owner, _, rest = (self.space.space_id or self.space.src).partition("/")
        return Model(id=self.name, created=0, object="model", owned_by=owner if rest[:1] != "/" else "gradio")


class Models:
    """The Spaces by the names of their models; all requests share one `QwenSpace` each.

    A Space with an option `model` is also listed under each value of it: a client has no other way to
    choose one.

    Args:
        places: model -> where it is, a URL or ``owner/name``; ``None`` is its usual place. A name that is
            no alias stands for whatever Gradio chat is there. ``None`` for all means every known Space.
        timeouts: for every request.
        max_chars: for every answer.

    Raises:
        UnknownSpaceError: a name is no alias, and has no place.
    """

    def __init__(self, places: Mapping[str, str | None] | None, timeouts: Timeouts, max_chars: int) -> None:
        self._settings: dict[str, Any] = {"timeouts": timeouts, "max_chars": max_chars}
        self._entries: dict[str, ModelEntry] = {}  # by each of its names, in lower case
        if places is None:
            places = {facade.aliases[0]: None for facade in available_spaces()}
        for name, src in places.items():
            facade = FACADES.get(name.strip().lower())
            names = facade.aliases if facade else (name,)
            space = QwenSpace(name if facade or not src else src, src=src, **self._settings)
            entry = ModelEntry(names[0], space)
            self._entries.update({alias.lower(): entry for alias in names})
        for entry in self.entries():
            for value in map(str, entry.space.options.get("model", ())):
                self._entries.setdefault(value.lower(), ModelEntry(value, entry.space, {"model": value}))

    def entries(self) -> list[ModelEntry]:
        """Return every model once."""
        return list({entry.name: entry for entry in self._entries.values()}.values())

    def find(self, name: str) -> ModelEntry:
        """Return the model of that name.

        Raises:
            UnknownSpaceError: there is none.
        """
        if entry := self._entries.get(name.strip().lower()):
            return entry
        known = ", ".join(entry.name for entry in self.entries())
        raise UnknownSpaceError(f"There is no model {name[:MAX_QUOTED]!r} here. There are: {known}.")

    @contextlib.asynccontextmanager
    async def space(self, entry: ModelEntry, token: str | None) -> AsyncIterator[QwenSpace]:
        """Yield the Space behind a model; one of its own for a request with a Hugging Face token.

        That token goes to Hugging Face only: a model elsewhere never gets it.
        """
        shared = entry.space
        if token is None or not is_hugging_face(shared.src):
            yield shared
            return
        async with QwenSpace(shared.name, src=shared.src, token=token, **self._settings) as own:
            yield own

    async def aclose(self) -> None:
        """Close all Spaces, and cancel what runs on them."""
        for entry in self.entries():
            await entry.space.aclose()
