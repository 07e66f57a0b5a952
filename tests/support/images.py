"""Pictures made for the tests."""

from __future__ import annotations

import io

import PIL.Image


def picture(kind: str, size: tuple[int, int], colour: str) -> bytes:
    buffer = io.BytesIO()
    PIL.Image.new("RGB", size, colour).save(buffer, kind)
    return buffer.getvalue()


PNG = picture("PNG", (31, 17), "red")
