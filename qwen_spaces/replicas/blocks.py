"""What all replicas have in common: a page's settings, and that only uploaded files are files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

HOUR = 3600  # seconds that an upload is kept; when the server stops, all are deleted


class Blocks(gr.Blocks):
    """The app of a replica.

    Args:
        space_id: the Space that it is a replica of.
    """

    def __init__(self, space_id: str) -> None:
        super().__init__(title=f"Replica of {space_id}", analytics_enabled=False, delete_cache=(HOUR, HOUR))
        # Gradio checks no paths in an app that was mounted, which it takes for one that is still being built.
        self.has_launched = True

    async def preprocess_data(self, block_fn: Any, inputs: list[Any], *args: Any, **kwargs: Any) -> Any:
        """Refuse files that nobody uploaded, whatever component they were sent to."""
        check_files(inputs)
        return await super().preprocess_data(block_fn, inputs, *args, **kwargs)


def check_files(data: Any) -> None:
    """Raise gr.Error if anywhere in `data` is a file that was not uploaded.

    Gradio itself looks only at dicts with its mark, and the Spaces' components take others.
    """
    unchecked = [data]
    while unchecked:
        value = unchecked.pop()
        if isinstance(value, dict):
            if "path" in value and not (_is_remote(value) or _is_uploaded(value["path"])):
                raise gr.Error(
                    f"{str(value['path'])[:200]!r} is not an uploaded file: send the file to /upload first, "
                    "and then the path that this returns.",
                    print_exception=False,
                )
            unchecked += value.values()
        elif isinstance(value, list):
            unchecked += value


def _is_remote(file: dict[str, Any]) -> bool:
    """Whether Gradio fetches it, which it does from public addresses only."""
    path, meta = file["path"], file.get("meta")
    marked = isinstance(meta, dict) and meta.get("_type") == "gradio.FileData"
    return marked and str(path).startswith(("http://", "https://")) and not file.get("is_stream")


def _is_uploaded(path: Any) -> bool:
    try:
        file = Path(path).resolve()
        return file.is_file() and file.is_relative_to(Path(get_upload_folder()).resolve())
    except (OSError, RuntimeError, TypeError, ValueError):  # too long, a loop of links, no text, a null byte
        return False
