"""The facades there are, and which of them a name means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from .errors import UnknownSpaceError, UnsupportedOptionError

if TYPE_CHECKING:
    from .space import QwenSpace

FACADES: dict[str, type[QwenSpace]] = {}  # alias -> facade; they register themselves
OTHERS: list[type[QwenSpace]] = []  # the facade for any other address, which registers itself, too


def find(cls: type[QwenSpace], name: str) -> tuple[type[QwenSpace], str]:
    """The facade for a name, and the place that the name says, ``""`` if it is an alias."""
    if not isinstance(name, str):
        raise UnknownSpaceError(f"A Space goes by a name, not by a {type(name).__name__}.")
    key = name.strip().lower()
    if cls.aliases or cls in OTHERS:  # a facade was called by its class
        return cls, "" if key in (*cls.aliases, "qwen-2.5") else name
    if key in FACADES:
        return FACADES[key], ""
    for facade in FACADES.values():
        if key.rstrip("/") in (facade.space_id.lower(), facade.url):
            return facade, name
    if "://" in name or name.count("/") == 1:
        return OTHERS[-1], name
    from difflib import get_close_matches  # here and not above, for it takes time to import

    near = get_close_matches(key, FACADES, n=1)
    hint = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(FACADES)}."
    raise UnknownSpaceError(
        f"No Space is called {name!r}. {hint} Any other Gradio chat goes by 'owner/name' or its URL."
    )


def in_words(values: Sequence[object]) -> str:
    """The values that an option takes.

    Example:
        >>> in_words(range(1, 39))
        '1 to 38'
    """
    if isinstance(values, range):
        return f"{values[0]} to {values[-1]}"
    return ", ".join(map(str, values))


def checked_options(facade: type[QwenSpace], options: Mapping[str, object]) -> dict[str, object]:
    """The options, each of which the facade has.

    Raises:
        UnsupportedOptionError: it has no such option, or not with that value.
    """
    if facade.contract.open:  # what it has is found when it is reached
        return dict(options)
    checked = {}
    for option, value in options.items():
        if option not in facade.options:
            has = ", ".join(facade.options) or "none"
            raise UnsupportedOptionError(f"{facade.aliases[0]} has no option {option!r}. It has: {has}.")
        # A number may come as text, from the command line.
        fits = [known for known in facade.options[option] if value in (known, str(known))]
        if not fits:
            takes = in_words(facade.options[option])
            raise UnsupportedOptionError(
                f"{facade.aliases[0]} does not take {option}={value!r}. It takes: {takes}."
            )
        checked[option] = fits[0]
    return checked


def available_spaces() -> list[type[QwenSpace]]:
    """The facades there are, with their facts.

    Example:
        >>> [facade.aliases[0] for facade in available_spaces()][:3]
        ['qvq-72b', 'qwen-2-72b', 'qwen-2.5']
    """
    return sorted(set(FACADES.values()), key=lambda facade: facade.aliases[0])
