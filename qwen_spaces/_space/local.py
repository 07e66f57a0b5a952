"""The replica of a Space, for `QwenSpace.local`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..errors import UnknownSpaceError, UnsupportedOptionError
from ..replicas import NAMES
from ..replicas._owned import OwnedReplica

if TYPE_CHECKING:
    from ..replicas import Brain
    from .space import QwenSpace


def start_replica(space: QwenSpace, settings: Mapping[str, object], brain: Brain | None) -> OwnedReplica:
    """Start the replica of a Space; for what is raised see `QwenSpace.local`."""
    if settings.get("src") is not None:
        raise UnsupportedOptionError("src is not for QwenSpace.local, whose replica has its own address.")
    if space.alias not in NAMES:
        raise UnknownSpaceError(f"There is no replica of {space.name!r}. Known: {', '.join(sorted(NAMES))}.")
    return OwnedReplica(space.alias, brain)
