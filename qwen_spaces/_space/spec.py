"""The text that names one Space, or several of which one answers: ``A,B,URL`` or ``NAME=A,B,URL``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from .._facade.registry import FACADES
from .._many.member import Place
from .._many.router import Router
from ..errors import UnsupportedOptionError
from .find import available_spaces
from .space import QwenSpace

ALL = "*"  # the text for all Spaces that take text alone
SpaceOrRouter: TypeAlias = QwenSpace | Router


class Spec(NamedTuple):
    """What a text names: Spaces in tiers, those of the first tier first.

    Attributes:
        name: what they are called together, if anything.
        tiers: the Spaces, or where they are; those of a tier are equals.
    """

    name: str
    tiers: Sequence[Sequence[Any]]

    @property
    def places(self) -> Sequence[Any]:
        """All of the Spaces."""
        return [place for tier in self.tiers for place in tier]

    def moved(self, sources: Mapping[str, str]) -> Spec:
        """Return the same Spaces, those that `sources` has by name at the addresses there."""
        tiers = self.tiers
        return self._replace(
            tiers=[
                [Place(place.name, sources.get(place.name, place.src)) for place in tier] for tier in tiers
            ]
        )


def parse_spec(text: str, name: str = "") -> Spec:
    """Return what a text names; `name` is for one without a name of its own.

    Several Spaces are tried in their order. After the name of a Space, what is listed are addresses of its
    duplicates, which are equals. ``"*"`` is all that take text alone, first those whose models know tools.

    Raises:
        UnsupportedOptionError: it names nothing.

    Example:
        >>> parse_spec("qwen-2.5,me/my-duplicate").places
        [Place(name='qwen-2.5', src=None), Place(name='me/my-duplicate', src=None)]
        >>> parse_spec("qwen-2.5=me/one,me/two").tiers
        [[Place(name='qwen-2.5', src='me/one'), Place(name='qwen-2.5', src='me/two')]]
    """
    label, listed = _label(text, name)
    places = [place.strip() for place in listed.split(",") if place.strip()]
    if not places and set("=,") & set(text):
        raise UnsupportedOptionError("A Space is missing: write A,B,URL or NAME=A,B,URL.")
    if facade := FACADES.get(label.lower()):
        aliases = facade.aliases
        return Spec(label, [[Place(label, None if at.lower() in aliases else at) for at in places]])
    if places == [ALL]:
        return Spec(label, _for_text())
    return Spec(label, [[Place(place)] for place in places or [text]])


def _label(text: str, name: str) -> tuple[str, str]:
    """Return the name in ``NAME=A,B,URL``, or the one that is given, and what is listed."""
    label, equals, listed = text.partition("=")
    if name or not equals or "://" in label or "," in label:  # the sign is part of an address
        label, listed = name, text
    return label.strip(), listed


def open_spec(spec: str | Spec, *, src: str | None = None, **settings: Any) -> QwenSpace | Router:
    """Return the Space that a spec names, or a router of several.

    Args:
        spec: see `parse_spec`.
        src: the address of the Space, if it is one; several, as in ``"URL1,URL2"``, are its duplicates.
        settings: the other arguments of `QwenSpace`.

    Raises:
        UnknownSpaceError: there is no such Space.
        UnsupportedOptionError: a Space is missing, or another argument is invalid.
    """
    spec = parse_spec(spec) if isinstance(spec, str) else spec
    if src:
        spec = _at(spec, src)
    if len(spec.places) == 1:
        (place,) = spec.places
        space: QwenSpace = QwenSpace(place.name, src=place.src, **settings)
        return space
    names = dict.fromkeys(QwenSpace(place.name).name for place in spec.places)  # without passwords
    return Router(spec.tiers, name=spec.name or ",".join(names), **settings)


def _at(spec: Spec, src: str) -> Spec:
    if len(spec.places) > 1:
        raise UnsupportedOptionError("src is for one Space: several have their addresses in A,B,URL.")
    addresses = [address.strip() for address in src.split(",") if address.strip()]
    return Spec(spec.name, [[Place(spec.places[0].name, address) for address in addresses or [src]]])


def _for_text() -> Sequence[Sequence[Place]]:
    facades = [facade for facade in available_spaces() if facade.max_images == 0]
    return [
        [Place(facade.alias) for facade in facades if facade.contract.trained is trained]
        for trained in (True, False)
    ]
