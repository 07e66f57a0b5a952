"""The images of a chat's next message: named after /image, or dropped onto the terminal."""

from __future__ import annotations

import re
import shlex
import urllib.parse
from pathlib import Path

import click

from .._types.images import as_images
from ..errors import InvalidImageError

# A path as terminals write it where a file is dropped: quoted, with escaped blanks, or as an address.
_WORD = re.compile(r"""(?<!\S)(?:'([^'\n]+)'|"([^"\n]+)"|((?:\\.|[^\s\\])+))(?!\S)""")
_ABSOLUTE = re.compile(r"/|~/|file://|[A-Za-z]:[\\/]")


def paths_in(argument: str) -> list[str]:
    """Return the paths and addresses after /image; one path may have blanks.

    Example:
        >>> paths_in("a.png 'my cat.png'")
        ['a.png', 'my cat.png']
    """
    if _is_file(argument):
        return [argument]
    try:
        paths = shlex.split(argument)
    except ValueError as error:
        raise click.UsageError(f"/image {argument}: {error}.") from error
    if not paths:
        raise click.UsageError("/image needs a path or a URL.")
    return paths


def split_dropped(text: str) -> tuple[list[str], str]:
    """Return the files of images whose absolute paths are in `text`, and the rest of it."""
    paths: list[str] = []

    def take(match: re.Match[str]) -> str:
        path = match[1] or match[2] or re.sub(r"\\(.)", r"\1", match[3])
        if not _ABSOLUTE.match(path):
            return match[0]
        if path.startswith("file://"):
            path = urllib.parse.unquote(urllib.parse.urlsplit(path).path)
        if not _is_image(path):
            return match[0]
        paths.append(path)
        return ""

    rest = _WORD.sub(take, text)
    return paths, rest.strip() if paths else text


def _is_file(path: str) -> bool:
    try:
        return Path(path).expanduser().is_file()
    except (OSError, ValueError, RuntimeError):
        return False


def _is_image(path: str) -> bool:
    if not _is_file(path):
        return False
    try:
        return bool(as_images(Path(path)))
    except InvalidImageError:
        return False
