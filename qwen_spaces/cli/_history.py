"""Private files for what was typed; QWEN_SPACES_HISTORY=0 keeps nothing."""

from __future__ import annotations

import os
from pathlib import Path

import click


def keeps_history() -> bool:
    """Return whether prompts and answers may be kept on this machine."""
    return os.environ.get("QWEN_SPACES_HISTORY", "").strip().lower() not in ("0", "no", "off", "false")


def history_file(name: str = "history") -> Path | None:
    """Return a private file for what was typed, ``None`` if there can be none."""
    file = Path(click.get_app_dir("qwen-spaces")) / name
    if not keeps_history():
        return None
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.touch(mode=0o600)
    except OSError:
        return None
    return file
