"""Hypothesis strategies of messages."""

from __future__ import annotations

from hypothesis import strategies as st

from qwen_spaces import Message
from qwen_spaces._types.messages import ROLES

words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)
SENT = [role for role in ROLES if role != "tool"]  # a tool's result is sent as the user's
turns = st.lists(st.builds(Message, st.sampled_from(SENT), words), max_size=8)
requests = st.builds(lambda before, last: (*before, Message("user", last)), turns, words)
