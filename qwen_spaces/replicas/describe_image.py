"""A picture in words: its format, size and main colour."""

from __future__ import annotations

from typing import Any

from PIL import Image, UnidentifiedImageError

COLOURS = {
    "black": (0, 0, 0),
    "white": (255, 255, 255),
    "grey": (128, 128, 128),
    "red": (255, 0, 0),
    "green": (0, 128, 0),
    "lime": (0, 255, 0),
    "blue": (0, 0, 255),
    "yellow": (255, 255, 0),
    "cyan": (0, 255, 255),
    "magenta": (255, 0, 255),
    "orange": (255, 165, 0),
    "brown": (139, 69, 19),
}


def describe(path: str) -> str:
    """Like ``a PNG image of 64x48 pixels, mostly red (#ff0000)``."""
    try:
        with Image.open(path) as image:
            kind, (width, height) = image.format, image.size
            small = image.convert("RGB").resize((64, 64), Image.Resampling.NEAREST)
    except (UnidentifiedImageError, OSError):
        return "a file that is not a picture"
    main: Any = max(small.getcolors(64 * 64) or [])[1]
    name = min(COLOURS, key=lambda known: _distance(COLOURS[known], main))
    return f"a {kind} image of {width}x{height} pixels, mostly {name} (#{bytes(main).hex()})"


def _distance(one: tuple[int, int, int], two: tuple[int, int, int]) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, two, strict=True))
