"""Gradio, imported where an app is built: whoever only reads what is expected does not wait for it."""

from __future__ import annotations

import importlib
import tempfile
from typing import Any


class _Gradio:
    """The module `gradio`, from the first use of one of its names."""

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module("gradio"), name)


gr: Any = _Gradio()


def major() -> int:
    """Return the major version of the Gradio that builds the apps: 4, 5 or 6."""
    return int(gr.__version__.partition(".")[0])


def undocumented() -> dict[str, Any]:
    """Return the argument of an event that hides its endpoint from the API info."""
    return {"api_visibility": "undocumented"} if major() >= 6 else {"show_api": False}


def private() -> dict[str, Any]:
    """Return the argument of an event that keeps its endpoint from all clients."""
    return {"api_visibility": "private"} if major() >= 6 else {"api_name": False}


def role_messages() -> dict[str, Any]:
    """Return the argument with which a Chatbot or a ChatInterface takes messages with roles."""
    return {} if major() >= 6 else {"type": "messages"}


def interface(*args: Any, **settings: Any) -> Any:
    """Return a gr.Interface that makes no folder where it is started, as Gradio 4.44 does by default."""
    return gr.Interface(*args, flagging_dir=tempfile.gettempdir(), **settings)
