"""Which files are uploaded: those that the user passed, and no other."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from gradio_client import utils


class UserFile(dict[str, Any]):
    """A file that the user passed, for the SDK to upload."""


def upload_user_files(endpoint: Any, *args: object) -> tuple[object, ...]:
    """Return the arguments with the user's files uploaded; in place of the SDK's `process_input_files`.

    The SDK uploads any local file that a dict with a ``path`` and a ``meta`` names (gradio_client 2.7.2,
    `is_file_obj_with_meta`), and a chat or an option may have come from the network. Such a dict is the
    server's own file, and goes back as it came.
    """
    return tuple(
        utils.traverse(
            arg,
            functools.partial(endpoint._upload_file, data_index=place),
            lambda value: isinstance(value, UserFile),
        )
        for place, arg in enumerate(args)
    )


def strip_file_markers(value: Any) -> Any:
    """Return a copy in which only the user's own files look like files to the SDK."""
    if isinstance(value, UserFile):
        return value
    if isinstance(value, Mapping):
        return {
            key: strip_file_markers(each)
            for key, each in value.items()
            if key != "meta" or "path" not in value
        }
    if isinstance(value, (list, tuple)):
        return [strip_file_markers(each) for each in value]
    return value
