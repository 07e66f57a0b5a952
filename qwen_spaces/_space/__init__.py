"""`QwenSpace`, and what gives one."""

from .space import QwenSpace, available_spaces
from .spec import SpaceOrRouter, Spec, open_spec, parse_spec

__all__ = ["QwenSpace", "SpaceOrRouter", "Spec", "available_spaces", "open_spec", "parse_spec"]
