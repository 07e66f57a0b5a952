"""`QwenSpace`, and what gives one."""

from .find import available_spaces, find_spaces
from .space import QwenSpace
from .spec import ALL, SpaceOrRouter, Spec, open_spec, parse_spec

__all__ = [
    "ALL",
    "QwenSpace",
    "SpaceOrRouter",
    "Spec",
    "available_spaces",
    "find_spaces",
    "open_spec",
    "parse_spec",
]
