"""A Python with each Gradio: this one, one that is given, or one that is made once and kept.

``python -m tests.chat_matrix.environments 4`` prints the path of one with Gradio 4.44.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

# Gradio 4.44 was written for the libraries of its time.
PINS: Mapping[int, tuple[str, ...]] = {
    4: ("gradio==4.44.1", "pydantic<2.11", "huggingface_hub<1", "starlette<1", "fastapi<0.116"),
    5: ("gradio==5.49.1",),
    6: ("gradio>=6,<7",),
}
ALWAYS = ('audioop-lts; python_version >= "3.13"',)  # a module that Python had, and Gradio 4 and 5 need


def installed() -> int:
    """Return the major version of the Gradio that is installed here."""
    return int(version("gradio").partition(".")[0])


def python_for(gradio: int, given: Mapping[int, str]) -> str:
    """Return the path of a Python with that major version of Gradio."""
    if gradio in given:
        return given[gradio]
    if gradio == installed():
        return sys.executable
    return str(made(f"gradio{gradio}", (*PINS[gradio], *ALWAYS)))


def made(name: str, packages: Sequence[str]) -> Path:
    """Return the Python of an environment below the folder for temporary files, which is made if need be."""
    key = hashlib.sha256(repr((packages, sys.version_info[:2])).encode()).hexdigest()[:12]
    folder = Path(tempfile.gettempdir(), "qwen_spaces_environments", f"{name}-{key}")
    python, ready = folder / "bin" / "python", folder / "ready"
    if not ready.exists():
        print(f"Installing {name} into {folder}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *packages], check=True, stdout=sys.stderr)
        ready.touch()
    return python


if __name__ == "__main__":
    print(python_for(int(sys.argv[1]), {}))
