"""A Space in a list of the Hub."""

from __future__ import annotations

from typing import NamedTuple


class Listed(NamedTuple):
    """A Space in a list of the Hub, which runs there.

    Attributes:
        space_id: ``owner/name``.
        likes: how many there are.
        hardware: such as ``"cpu-basic"``, if the Hub knows it.
        is_own: whether its owner is the account of the token.
    """

    space_id: str
    likes: int = 0
    hardware: str | None = None
    is_own: bool = False
