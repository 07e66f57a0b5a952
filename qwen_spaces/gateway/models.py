"""The models of the gateway: which there are, and the Space behind each."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any, NamedTuple

from openai.types import Model

from .._gradio.connection import is_hugging_face
from .._registry import FACADES
from ..errors import UnknownSpaceError
from ..space import QwenSpace, available_spaces
from ..timeouts import Timeouts

LONGEST = 100  # characters of a name that are worth repeating


class Choice(NamedTuple):
    """What a client chooses by the name of a model."""

    name: str
    space: QwenSpace
    options: Mapping[str, object] = {}

    @property
    def model(self) -> Model:
        """In OpenAI's form. A Space tells no date, so `created` is 0."""
        owner, _, rest = (self.space.space_id or self.space.src).partition("/")
        return Model(id=self.name, created=0, object="model", owned_by=owner if rest[:1] != "/" else "gradio")


class Models:
    """The Spaces by their names; each is reached once and then shared by all requests.

    A Space with an option `model` is there under the values of that, too: a client has no other way to
    choose one.

    Args:
        places: model -> where it is, a URL or ``owner/name``; ``None`` is its usual place. A name that is
            no alias stands for whatever Gradio chat is there. Nothing at all means every known Space.
        timeouts: for every request.
        max_chars: for every answer.

    Raises:
        UnknownSpaceError: a name is no alias, and there is no place for it.
    """

    def __init__(self, places: Mapping[str, str | None] | None, timeouts: Timeouts, max_chars: int) -> None:
        self._how: dict[str, Any] = {"timeouts": timeouts, "max_chars": max_chars}
        self._choices: dict[str, Choice] = {}  # whatever a model may be called, in lower case
        for given, src in (dict.fromkeys(known_models()) if places is None else places).items():
            facade = FACADES.get(given.strip().lower())
            names = facade.aliases if facade else (given,)
            space = QwenSpace(given if facade or not src else src, src=src, **self._how)
            choice = Choice(names[0], space)
            self._choices.update({name.lower(): choice for name in names})
        for choice in self.listed():
            for value in map(str, choice.space.options.get("model", ())):
                self._choices.setdefault(value.lower(), Choice(value, choice.space, {"model": value}))

    def listed(self) -> list[Choice]:
        """All of them, each once."""
        return list({choice.name: choice for choice in self._choices.values()}.values())

    def find(self, given: str) -> Choice:
        """Return the model that is meant.

        Raises:
            UnknownSpaceError: no model here has that name.
        """
        if choice := self._choices.get(given.strip().lower()):
            return choice
        there_are = ", ".join(choice.name for choice in self.listed())
        raise UnknownSpaceError(f"There is no model {given[:LONGEST]!r} here. There are: {there_are}.")

    @contextlib.asynccontextmanager
    async def space(self, choice: Choice, token: str | None) -> AsyncIterator[QwenSpace]:
        """Give the Space behind a model; one of its own for a request with a Hugging Face token.

        That token goes to Hugging Face only: a model from elsewhere is asked without it.
        """
        shared = choice.space
        if token is None or not is_hugging_face(shared.src):
            yield shared
            return
        async with QwenSpace(shared.name, src=shared.src, token=token, **self._how) as own:
            yield own

    async def aclose(self) -> None:
        """End what runs in any of them."""
        for choice in self.listed():
            await choice.space.aclose()


def known_models() -> list[str]:
    """Return the short names of all Spaces there are."""
    return [facade.aliases[0] for facade in available_spaces()]
