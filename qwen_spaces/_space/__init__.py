"""`QwenSpace`, and what gives one."""

from .space import QwenSpace, available_spaces

__all__ = ["QwenSpace", "available_spaces"]
