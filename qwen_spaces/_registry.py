"""The facades there are, and which of them a name means."""

from __future__ import annotations

import reprlib
from typing import TYPE_CHECKING

from ._addresses import Address, did_you_mean, parse_address, redact
from .errors import UnknownSpaceError

if TYPE_CHECKING:
    from .space import QwenSpace

FACADES: dict[str, type[QwenSpace]] = {}  # alias -> facade; they register themselves
OTHERS: list[type[QwenSpace]] = []  # the facade for any other address, which registers itself, too


def find(cls: type[QwenSpace], name: str) -> tuple[type[QwenSpace], Address | None]:
    """Return the facade for a name, and the address that the name is, ``None`` if it is an alias.

    Raises:
        UnknownSpaceError: it is neither; offers a near match.
    """
    key = _text(name, "A Space goes by a name").lower()
    if cls.aliases or cls in OTHERS:  # a facade was called by its class
        return cls, None if key in (*cls.aliases, "qwen-2.5") else _address(name)
    if key in FACADES:
        return FACADES[key], None
    address = _address(name)
    place = address.place.lower().replace("http://", "https://", 1)
    known = (facade for facade in FACADES.values() if place in (facade.space_id.lower(), facade.url))
    return next(known, OTHERS[-1]), address


def find_source(src: str | None) -> Address | None:
    """Return where a Space really is; ``None`` or blank text means its usual place.

    Raises:
        UnknownSpaceError: it is no address.
    """
    if src is None or not _text(src, "src goes by an address"):
        return None
    return _address(src)


def _text(given: object, what: str) -> str:
    if not isinstance(given, str):
        raise UnknownSpaceError(f"{what}, not by a {type(given).__name__}.")
    return given.strip()


def _address(text: str) -> Address:
    if address := parse_address(text):
        return address
    from difflib import get_close_matches  # here and not above, for it takes time to import

    near = did_you_mean(text) or next(iter(get_close_matches(text.strip().lower(), FACADES, n=1)), None)
    hint = f"Did you mean {near!r}?" if near else f"Known: {', '.join(FACADES)}."
    raise UnknownSpaceError(
        f"No Space is called {reprlib.repr(redact(text))}. {hint} Any other Gradio chat goes by 'owner/name' "
        "or its URL."
    )


def available_spaces() -> list[type[QwenSpace]]:
    """Return the facades there are, with their facts.

    Example:
        >>> [facade.aliases[0] for facade in available_spaces()][:3]
        ['qvq-72b', 'qwen-2-72b', 'qwen-2.5']
    """
    return sorted(set(FACADES.values()), key=lambda facade: facade.aliases[0])
