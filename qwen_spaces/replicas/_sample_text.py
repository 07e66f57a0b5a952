"""Texts that grow by words, code points or uneven chunks; a long one, and one that is worth reading."""

# ruff: noqa: RUF001  (look-alikes are intended)
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
THOUGHT = "The sky is lit by scattered light, so I compare how strongly air scatters red and blue."
ANSWER = r"""Air scatters **short waves** more than *long* ones; of the wavelength \(\lambda\), it scatters

\[ I \propto \frac{1}{\lambda^4} \]

| Light | Wavelength | Scattered, compared with red |
| --- | ---: | ---: |
| red | 700 nm | 1.0 |
| green | 530 nm | 3.0 |
| blue | 450 nm | 5.9 |

You can check that with a few lines of Python:

```python
for colour, wavelength in {"red": 700, "green": 530, "blue": 450}.items():
    print(colour, round((700 / wavelength) ** 4, 1))
```

Violet is scattered even more, but the sun sends less of it, and our eyes are less sensitive to it.
"""
CHUNK_SIZES = (1, 7, 2, 40, 3, 160, 1, 13, 500, 5)  # characters, in turn


def long_text(length: int) -> str:
    """Return exactly `length` characters, always the same; no two numbered passages are alike.

    >>> len(long_text(20_000))
    20000
    """
    text = ""
    for number, passage in enumerate(cycle(PASSAGES)):
        if len(text) >= length:
            break
        text += f"{number}:{passage}"
    return text[:length]


def words(text: str) -> Iterator[str]:
    """Yield the text so far, one word longer each time."""
    for match in re.finditer(r"\s*\S+(?:\s+$)?", text):
        yield text[: match.end()]


def chunks(text: str) -> Iterator[str]:
    """Yield the text so far, growing by uneven chunks, which cut through clusters of code points."""
    end = 0
    for size in cycle(CHUNK_SIZES):
        if end >= len(text):
            return
        end += size
        yield text[:end]


def code_points() -> Iterator[str]:
    """Yield the passages, one code point longer each time."""
    text = "".join(PASSAGES)
    for end in range(1, len(text) + 1):
        yield text[:end]
