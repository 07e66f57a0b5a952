"""Texts cut into steps: words, code points, uneven chunks; and a long one in many scripts."""

# ruff: noqa: RUF001  (look-alikes are wanted here)
from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import cycle

PASSAGES = (
    "The quick brown fox. ",
    "天空为什么是蓝色的？",
    "👩‍👩‍👧‍👦👍🏽🏳️‍🌈 ",  # joined by ZWJ, with a skin tone and a variation selector
    "e\u0301te\u0301 a\u030a\u0323 ",  # combining marks, two on one letter
    "لماذا السماء زرقاء؟ ",
    "שמיים כחולים. ",
    "नमस्ते दुनिया। ",
    "日本語とカタカナ。",
    "하늘은 파랗다. ",
    "🇫🇷🇯🇵 1️⃣ ",  # pairs of regional indicators, a keycap
    "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𠮷 ",  # beyond the first plane
    "Ünïcödé ẞ\u00a0— ",
    "สวัสดีชาวโลก ",
    "**bold** `code` <b>&amp;</b>\n",
)
SIZES = (1, 7, 2, 40, 3, 160, 1, 13, 500, 5)  # characters a chunk, in turn


def long_text(length: int) -> str:
    """Exactly `length` characters, the same each time; no two numbered passages are alike.

    >>> len(long_text(20_000))
    20000
    """
    parts: list[str] = []
    have = 0
    for number, passage in enumerate(cycle(PASSAGES)):
        if have >= length:
            break
        parts.append(f"{number}:{passage}")
        have += len(parts[-1])
    return "".join(parts)[:length]


def words(text: str) -> Iterator[str]:
    """Yield the text so far, one word longer each time."""
    for match in re.finditer(r"\s*\S+(?:\s+$)?", text):
        yield text[: match.end()]


def chunks(text: str) -> Iterator[str]:
    """Yield the text so far, longer by uneven sizes; chunks cut through clusters of code points."""
    end = 0
    for size in cycle(SIZES):
        if end >= len(text):
            return
        end += size
        yield text[:end]


def code_points() -> Iterator[str]:
    """Yield the passages, one code point longer each time."""
    text = "".join(PASSAGES)
    for end in range(1, len(text) + 1):
        yield text[:end]
