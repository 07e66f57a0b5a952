"""Replacements for the components of ``modelscope_studio`` in the Spaces of 2025.

They have its class names, which ``/info`` shows, and its values (read in 1.4.2); the page draws them with
Gradio's own components.
"""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.data_classes import FileData, GradioRootModel

from ._components import TreeComponent, WithoutStub


class Settings(GradioRootModel):
    root: dict[str, Any]


class Messages(GradioRootModel):
    root: list[dict[str, Any]]  # {"role", "content", ...}


class AntdXSender(gr.Textbox, metaclass=WithoutStub):
    """The text input."""

    is_template = True  # drawn as its base class


class ModelScopeMultimodalInput(gr.MultimodalTextbox, metaclass=WithoutStub):
    """The input for text and files, of 0.x: ``{"text", "files": [path, ...]}``."""

    is_template = True


class ModelScopeProMultimodalInput(gr.MultimodalTextbox, metaclass=WithoutStub):
    """The same, of 1.x."""

    is_template = True


class AntdForm(TreeComponent):  # type: ignore[metaclass]
    """The values of a form."""

    data_model: type[GradioRootModel] = Settings

    def postprocess(self, value: dict[str, Any] | None) -> Settings | None:
        return None if value is None else Settings(root=value)

    def example_payload(self) -> dict[str, Any]:
        return {}


class ModelScopeProChatbot(TreeComponent):  # type: ignore[metaclass]
    """The chat: messages with roles, whose content is a string or a list of parts."""

    data_model: type[GradioRootModel] = Messages

    def postprocess(self, value: list[dict[str, Any]] | None) -> Messages | None:
        return None if value is None else Messages(root=[_with_files(message) for message in value])

    def example_payload(self) -> list[dict[str, Any]]:
        return []


def _with_files(message: dict[str, Any]) -> dict[str, Any]:
    """Return the message with files in place of paths."""
    content = message["content"]
    if isinstance(content, list):
        content = [_with_file_data(part) if part["type"] == "file" else part for part in content]
    return {**message, "content": content}


def _with_file_data(part: dict[str, Any]) -> dict[str, Any]:
    return {**part, "content": [FileData(path=path).model_dump() for path in part["content"]]}
