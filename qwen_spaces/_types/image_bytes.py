"""The bytes of images: recognise their format, decode base64, and encode arrays and PIL images."""

from __future__ import annotations

import base64
import binascii
import io
import re
import urllib.parse
from typing import Any

from ..errors import InvalidImageError, MissingExtraError

# First bytes -> file suffix, from which Gradio takes the format of an upload.
_SIGNATURES = (
    (0, b"\x89PNG\r\n\x1a\n", "png"),
    (0, b"\xff\xd8\xff", "jpg"),
    (0, b"GIF8", "gif"),
    (8, b"WEBP", "webp"),
    (0, b"BM", "bmp"),
    (0, b"II*\x00", "tiff"),
    (0, b"MM\x00*", "tiff"),
)
# Brands of the ISO base media format -> file suffix (MIAF, ISO/IEC 23000-22). The major brand may be `mif1`
# in both, so the compatible ones decide, AVIF's first.
_BRANDS = (
    ("avif", frozenset({b"avif", b"avis"})),
    ("heic", frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})),
)
SUFFIXES = tuple(dict.fromkeys([suffix for *_, suffix in _SIGNATURES] + [suffix for suffix, _ in _BRANDS]))
HEADER = 128  # bytes, enough for every signature and list of brands
_BASE64 = re.compile(r"[A-Za-z0-9+/_\s-]{64,}={0,2}\s*")
_ROUNDING = 1e-3  # by which a float of an array may exceed 0 to 1
_PNG_MODES = ("1", "L", "LA", "I", "I;16", "P", "RGB", "RGBA")


def suffix_of(header: bytes) -> str:
    """Return the file suffix of an image that begins with `header`, ``""`` if it is no image."""
    for offset, signature, suffix in _SIGNATURES:
        if header[offset : offset + len(signature)] == signature:
            return suffix
    if header[4:8] != b"ftyp":
        return ""
    end = min(int.from_bytes(header[:4], "big"), len(header))
    brands = {header[8:12], *(header[place : place + 4] for place in range(16, end, 4))}
    return next((suffix for suffix, known in _BRANDS if brands & known), "")


def from_data_uri(where: str, uri: str) -> bytes:
    """Return the bytes of a ``data:`` URI, which may be wrapped into lines."""
    head, comma, payload = uri.partition(",")
    try:
        if not comma or not head.strip().lower().endswith(";base64"):
            raise ValueError("not of the form data:image/...;base64,...")
        return _decode(urllib.parse.unquote(payload))
    except (binascii.Error, ValueError) as error:
        raise InvalidImageError(f"{where} is a data: URI that cannot be read: {error}.") from None


def from_base64(text: str) -> bytes | None:
    """Return the image that `text` is as base64, ``None`` if it is none."""
    if not _BASE64.fullmatch(text):
        return None
    try:
        data = _decode(text)
    except binascii.Error:
        return None
    return data if suffix_of(data[:HEADER]) else None


def _decode(text: str) -> bytes:
    """Decode base64, also with line breaks, with the alphabet for URLs, and without its padding."""
    text = "".join(text.split()).rstrip("=")
    return base64.b64decode(text.translate({45: 43, 95: 47}) + "=" * (-len(text) % 4), validate=True)


def array_to_picture(where: str, array: Any) -> Any:
    """Return an array as a PIL image."""
    try:
        import PIL.Image
    except ModuleNotFoundError as error:
        message = "An image as an array needs Pillow: pip install 'qwen-spaces[images]'"
        raise MissingExtraError(message) from error
    try:
        if array.dtype.kind == "f":
            array = _floats_to_bytes(array)
        elif array.dtype not in ("bool", "uint8"):  # 16 and 32 bits would be almost black
            raise ValueError(f"the type is {array.dtype}")
        return PIL.Image.fromarray(array)
    except (AttributeError, TypeError, ValueError) as error:
        raise InvalidImageError(
            f"{where} is an array that is not an image ({error}); the shape is (height, width[, 3 or 4]), "
            "the type uint8, or float from 0 to 1."
        ) from error


def _floats_to_bytes(array: Any) -> Any:
    low, high = float(array.min()), float(array.max())
    if not (low >= -_ROUNDING and high <= 1 + _ROUNDING):  # NaN is neither
        hint = '; for 0 to 255, pass array.astype("uint8")' if low >= 0 and 1 < high <= 255 else ""
        raise ValueError(f"its floats go from {low:g} to {high:g}{hint}")
    return (array.clip(0, 1) * 255).round().astype("uint8")


def picture_to_png(where: str, picture: Any) -> bytes:
    """Return a PIL image as PNG, upright."""
    buffer = io.BytesIO()
    try:
        from PIL import ImageOps

        # PNG would lose the EXIF data that says how the camera was held.
        picture = ImageOps.exif_transpose(picture)
        if picture.mode not in _PNG_MODES:  # CMYK, YCbCr, F ...
            picture = picture.convert("RGB")
        picture.save(buffer, format="PNG")
    except Exception as error:
        raise InvalidImageError(f"{where} cannot be written as PNG: {error}.") from error
    return buffer.getvalue()
