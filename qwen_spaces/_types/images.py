"""Images: check what users pass, in any of the usual Python forms, and prepare it for upload."""

from __future__ import annotations

import base64
import ipaddress
import os
import re
import urllib.parse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol, TypeAlias

from ..errors import InvalidImageError
from .image_bytes import (
    HEADER,
    SUFFIXES,
    array_to_picture,
    from_base64,
    from_data_uri,
    picture_to_png,
    suffix_of,
)

if TYPE_CHECKING:
    import PIL.Image


class SupportsArray(Protocol):
    """A numpy array, or any object with its interface."""

    @property
    def __array_interface__(self) -> dict[str, Any]: ...


ImageLike: TypeAlias = (
    "str | os.PathLike[str] | bytes | bytearray | IO[bytes] | PIL.Image.Image | SupportsArray | Image"
)
Images: TypeAlias = "ImageLike | Sequence[ImageLike] | None"

# Messages of apps that cannot fetch an address (Gradio 4.44 to 6.31, safehttpx 0.1.7, httpx, Pillow).
_UNFETCHED = re.compile(
    r"failed validation|unable to resolve hostname|failed to download|could not (?:be )?(?:fetch|download)"
    r"|(?:client|server) error '\d{3}|all connection attempts failed|name or service not known"
    r"|cannot identify image file",
    re.IGNORECASE,
)
_SHOWN_CHARS = 200  # of a path or an address in a message
_LIMIT = re.compile(r"maximum (?:allowed )?(?:file )?size of (\d{1,15}) bytes", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Image:
    """An image to send: an address that the Space fetches, a local file, or bytes."""

    url: str | None = None
    path: Path | None = None
    data: bytes | None = field(default=None, repr=False)
    suffix: str = ""

    def in_memory(self) -> Image:
        """Return the image with the bytes of its file, so that it outlives the file."""
        if self.path is None:
            return self
        try:
            return Image(data=self.path.read_bytes(), suffix=self.suffix)
        except OSError as error:
            message = f"{str(self.path)!r} cannot be read any more: {error.strerror}."
            raise InvalidImageError(message) from error

    def as_url(self) -> str:
        """Return the address, or the bytes as a ``data:`` URI; see `in_memory`."""
        if self.url:
            return self.url
        data = self.in_memory().data or b""
        kind = {"jpg": "jpeg"}.get(self.suffix, self.suffix)
        return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"

    def named(self, place: int, count: int) -> str:
        """Return the name of the image in error messages: the one at index `place` of `count`."""
        where = named_image(place, count)
        return f"{where}, {_shown(self.path)}," if self.path else where

    def to_upload(self, folder: Path, name: str = "image") -> str | Path:
        """Return the address, the path, or the path of a new file called `name` in `folder`."""
        if self.data is None:
            return self.url or self.path or ""
        path = folder / f"{name}.{self.suffix}"
        path.write_bytes(self.data)
        return path


def as_images(given: Images) -> tuple[Image, ...]:
    """Return the images that the user passed: one, a list of several, or ``None``.

    Each is a path, an address (``https:``, ``http:``), a ``data:`` URI or its base64 alone, bytes, a binary
    file, a PIL image or a numpy array of shape (height, width), (height, width, 3) or (height, width, 4), of
    type ``uint8`` or of floats from 0 to 1. A PIL image is turned upright, as its EXIF data says.

    Raises:
        InvalidImageError: one cannot be read or is not an image; the error has its index.
        MissingExtraError: one is an array, and Pillow is not installed.

    Example:
        >>> as_images("https://example.org/cat.png")[0].url
        'https://example.org/cat.png'
    """
    if given is None:
        return ()
    alone = isinstance(given, (str, bytes, bytearray, os.PathLike)) or not isinstance(given, Iterable)
    if alone or hasattr(given, "read") or hasattr(given, "__array_interface__"):
        given = [given]  # type: ignore[list-item]
    images = list(given)  # type: ignore[arg-type]
    return tuple(_image(named_image(index, len(images)), item) for index, item in enumerate(images))


def named_image(place: int, count: int) -> str:
    """Return the name, in error messages, of the image at index `place` of `count`.

    Example:
        >>> named_image(0, 1), named_image(0, 2)
        ('The image', 'Image 0')
    """
    return "The image" if count == 1 else f"Image {place}"


def check_size(what: str, size: int, limit: object, space: str) -> None:
    """Raise `InvalidImageError` if a file has more bytes than the limit in a Space's config."""
    if isinstance(limit, (int, float)) and size > limit:
        sizes = f"it has {_bytes(size)}, and the limit is {_bytes(limit)}"
        raise InvalidImageError(f"{what} is too large for {space}: {sizes}. Make it smaller.")


def too_large(what: str, space: str, *, size: int | None, detail: str) -> InvalidImageError:
    """Return the error for a request of `size` bytes; `detail` is the server's message."""
    limit = _LIMIT.search(detail)
    ours = f": it has {_bytes(size)}" if size else ""
    most = f", and the limit is {_bytes(int(limit[1]))}" if limit else ""
    return InvalidImageError(f"{what} is too large for {space}{ours}{most} ({detail}). Make it smaller.")


def unfetched(addresses: Sequence[str], space: str, message: str) -> InvalidImageError | None:
    """Return the error if a Space's message says that it cannot fetch an image, else ``None``."""
    if not addresses or not _UNFETCHED.search(message):
        return None
    meant = [address for address in addresses if (urllib.parse.urlsplit(address).hostname or "") in message]
    named = ", ".join(map(shown_address, meant or addresses))
    return InvalidImageError(
        f"{space} cannot fetch the image at {named}: {message.rstrip('. ')}. Pass a public address, or the "
        "file itself."
    )


def shown_address(address: str) -> str:
    """Return an address for an error message, without user, password and query.

    Example:
        >>> shown_address("https://ada:secret@example.org/cat.png?signature=secret")
        "'https://example.org/cat.png'"
    """
    parts = urllib.parse.urlsplit(address)
    netloc = parts.netloc.rpartition("@")[2]
    return repr(urllib.parse.urlunsplit((parts.scheme, netloc, parts.path, "", ""))[:_SHOWN_CHARS])


def _bytes(size: float) -> str:
    """Return a size in words, exact below 10 MB, where rounding could hide an excess."""
    return f"{size / 1e6:,.1f} MB" if size >= 10e6 else f"{size:,.0f} bytes"


def _image(where: str, given: object) -> Image:
    if isinstance(given, Image):
        return given if given.url is None else _from_text(where, given.url)
    if isinstance(given, str):
        return _from_text(where, given)
    if isinstance(given, os.PathLike):
        return _from_path(where, Path(given))
    if isinstance(given, (bytes, bytearray)):
        return _from_bytes(where, bytes(given))
    if hasattr(given, "read"):
        return _from_bytes(where, _read(where, given))
    if hasattr(given, "__array_interface__") and not hasattr(given, "save"):
        given = array_to_picture(where, given)
    if hasattr(given, "save"):
        return Image(data=picture_to_png(where, given), suffix="png")
    raise InvalidImageError(
        f"{where} is a {type(given).__name__}; an image is a path, an address, bytes, a binary file, "
        "a data: URI, a PIL image or a numpy array."
    )


def _from_text(where: str, text: str) -> Image:
    if text.lower().startswith(("http://", "https://")):
        return Image(url=_checked_url(where, text))
    if text.lower().startswith("data:"):
        return _from_bytes(where, from_data_uri(where, text))
    if (data := from_base64(text)) is not None:
        return _from_bytes(where, data)
    return _from_path(where, Path(text))


def _checked_url(where: str, url: str) -> str:
    try:
        parts = urllib.parse.urlsplit(url)
        if not parts.hostname:
            raise ValueError("without a host")
        if "[" in parts.netloc:
            ipaddress.IPv6Address(parts.hostname)  # Python 3.10 does not check it
        url.encode()
    except ValueError as error:
        raise InvalidImageError(f"{where} is not the address of an image: {url!r} ({error}).") from None
    return url


def _from_path(where: str, path: Path) -> Image:
    try:
        path = path.expanduser()
        with path.open("rb") as file:
            header = file.read(HEADER)
    except (OSError, ValueError, RuntimeError) as error:  # `expanduser` knows no such user
        reason = getattr(error, "strerror", None) or error
        raise InvalidImageError(f"{where} cannot be read from {_shown(path)}: {reason}.") from error
    return Image(path=path.absolute(), suffix=_suffix(f"{where}, {_shown(path)},", header))


def _shown(path: Path) -> str:
    """Return a path for an error message; what is no path at all may be very long."""
    text = str(path)
    return repr(text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}...")


def _from_bytes(where: str, data: bytes) -> Image:
    return Image(data=data, suffix=_suffix(where, data[:HEADER]))


def _suffix(where: str, header: bytes) -> str:
    if suffix := suffix_of(header):
        return suffix
    problem = "is not an image" if header else "is empty"
    raise InvalidImageError(f"{where} {problem} (known formats: {', '.join(SUFFIXES).upper()}).")


def _read(where: str, file: Any) -> bytes:
    try:
        data = file.read()
    except (OSError, ValueError) as error:  # closed, or gone
        raise InvalidImageError(f"{where} is a file that cannot be read: {error}.") from error
    if not isinstance(data, bytes):
        raise InvalidImageError(f"{where} is a file opened as text; open it with mode 'rb'.")
    return data
