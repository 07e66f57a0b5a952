"""Stand-ins for the components of ``modelscope_studio`` that the Spaces of 2025 are made of.

They have its class names, which ``/info`` shows, and take and give what its own do (read in 1.4.2); what the
page draws is Gradio's.
"""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.components.base import Component
from gradio.data_classes import FileData, GradioRootModel

from .components import WithoutStub


class Settings(GradioRootModel):  # noqa: D101  (Gradio would put a docstring in /info)
    root: dict[str, Any]


class Messages(GradioRootModel):  # noqa: D101
    root: list[dict[str, Any]]  # {"role", "content", ...}


class AntdXSender(gr.Textbox, metaclass=WithoutStub):
    """The line to write in."""

    def get_block_name(self) -> str:
        """Return what the page draws."""
        return "textbox"


class ModelScopeMultimodalInput(gr.MultimodalTextbox, metaclass=WithoutStub):
    """The line to write in and to drop files on, of 0.x: ``{"text", "files": [path, ...]}``."""

    def get_block_name(self) -> str:
        """Return what the page draws."""
        return "multimodaltextbox"


class ModelScopeProMultimodalInput(ModelScopeMultimodalInput):  # type: ignore[metaclass]
    """The same, of 1.x."""


class _Drawn(Component, metaclass=WithoutStub):
    """What the page draws as a tree."""

    EVENTS: list[Any] = []

    def get_block_name(self) -> str:
        """Return what the page draws."""
        return "json"

    def preprocess(self, payload: Any) -> Any:
        """Return the value as the Spaces' own code reads it."""
        return payload.root if payload else None

    def example_value(self) -> Any:
        """For the API's documentation."""
        return self.example_payload()


class AntdForm(_Drawn):  # type: ignore[metaclass]
    """A form's values."""

    data_model = Settings

    def postprocess(self, value: dict[str, Any] | None) -> Settings | None:
        """Return the values as they travel."""
        return None if value is None else Settings(root=value)

    def example_payload(self) -> dict[str, Any]:
        """For the API's documentation."""
        return {}


class ModelScopeProChatbot(_Drawn):  # type: ignore[metaclass]
    """The chat: messages with roles, whose content is a string or a list of parts."""

    data_model = Messages

    def postprocess(self, value: list[dict[str, Any]] | None) -> Messages | None:
        """Return the messages as they travel, with files where there were paths."""
        return None if value is None else Messages(root=[_travelling(message) for message in value])

    def example_payload(self) -> list[dict[str, Any]]:
        """For the API's documentation."""
        return []


def _travelling(message: dict[str, Any]) -> dict[str, Any]:
    content = message["content"]
    if isinstance(content, list):
        content = [_with_files(part) if part["type"] == "file" else part for part in content]
    return {**message, "content": content}


def _with_files(part: dict[str, Any]) -> dict[str, Any]:
    return {**part, "content": [FileData(path=path).model_dump() for path in part["content"]]}
