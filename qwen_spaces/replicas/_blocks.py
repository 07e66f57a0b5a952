"""The Gradio app of a replica, which accepts uploaded files only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

UPLOAD_LIFETIME = 3600  # seconds; when the server stops, all uploads are deleted


class Blocks(gr.Blocks):
    """The app of a replica; `threads`: ``launch(max_threads=)`` of the Space's own app."""

    def __init__(self, space_id: str, threads: int = 40) -> None:
        delete_cache = (UPLOAD_LIFETIME, UPLOAD_LIFETIME)
        super().__init__(title=f"Replica of {space_id}", analytics_enabled=False, delete_cache=delete_cache)
        self.threads = threads
        # Without it, Gradio takes a mounted app for one under construction, and does not check paths.
        self.has_launched = True

    def __enter__(self) -> Blocks:
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    async def preprocess_data(self, block_fn: Any, inputs: list[Any], *args: Any, **kwargs: Any) -> Any:
        """Refuse files that were not uploaded, whichever component receives them."""
        check_files(inputs)
        return await super().preprocess_data(block_fn, inputs, *args, **kwargs)


def check_files(data: Any) -> None:
    """Raise gr.Error if a file in `data`, at any depth, was not uploaded.

    Gradio checks only dicts with its own mark; the Spaces' components take others as well.
    """
    pending = [data]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            if "path" in value and not (_is_remote(value) or _is_uploaded(value["path"])):
                raise gr.Error(
                    f"{str(value['path'])[:200]!r} is not an uploaded file: send the file to /upload first, "
                    "and then the path that this returns.",
                    print_exception=False,
                )
            pending += value.values()
        elif isinstance(value, list):
            pending += value


def _is_remote(file: dict[str, Any]) -> bool:
    """Return whether Gradio downloads the file, which it does from public addresses only."""
    path, meta = file["path"], file.get("meta")
    marked = isinstance(meta, dict) and meta.get("_type") == "gradio.FileData"
    return marked and str(path).startswith(("http://", "https://")) and not file.get("is_stream")


def _is_uploaded(path: Any) -> bool:
    try:
        file = Path(path).resolve()
        return file.is_file() and file.is_relative_to(Path(get_upload_folder()).resolve())
    except (OSError, RuntimeError, TypeError, ValueError):  # too long, a link loop, no text, a null byte
        return False
