"""An image in words: its format, size and main colour."""

from __future__ import annotations

import math
from typing import Any

from PIL import Image, ImageColor, UnidentifiedImageError

NAMES = ("black", "white", "grey", "red", "green", "lime", "blue", "yellow", "cyan", "magenta", "orange")
COLOURS: dict[str, tuple[int, ...]] = {name: ImageColor.getrgb(name) for name in NAMES}
COLOURS["brown"] = (139, 69, 19)  # "saddlebrown" in CSS


def describe(path: str) -> str:
    """Return a text such as ``a PNG image of 64x48 pixels, mostly red (#ff0000)``."""
    try:
        with Image.open(path) as image:
            kind, (width, height) = image.format, image.size
            small = image.convert("RGB").resize((64, 64), Image.Resampling.NEAREST)
    except (UnidentifiedImageError, OSError):
        return "a file that is not a picture"
    main: Any = max(small.getcolors(64 * 64) or [])[1]
    name = min(COLOURS, key=lambda known: math.dist(COLOURS[known], main))
    return f"a {kind} image of {width}x{height} pixels, mostly {name} (#{bytes(main).hex()})"
