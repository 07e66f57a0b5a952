"""Components that newer versions of Gradio lack, or that have changed since the Spaces were written.

A component's name in ``/info`` is its class name, capitalized.
"""

from __future__ import annotations

from abc import ABCMeta
from typing import Any

import gradio as gr
from gradio.components.base import Component
from gradio.data_classes import GradioRootModel
from pydantic import StrictStr

Cell = StrictStr | dict[str, Any] | list[dict[str, Any] | None] | None
Pair = tuple[Cell, Cell]


class Pairs(GradioRootModel):
    root: list[Pair]  # [[user, assistant], ...]


class WithoutStub(type(Component)):  # type: ignore[misc]
    """Gradio's metaclass writes a ``.pyi`` beside every component's source; this one leaves no files."""

    def __new__(cls, name: str, bases: tuple[type, ...], attrs: dict[str, Any]) -> Any:
        return ABCMeta.__new__(cls, name, bases, attrs)


class TreeComponent(Component, metaclass=WithoutStub):
    """A component that the page draws as a tree: newer chatbots' frontends fail on older values."""

    EVENTS: list[Any] = []  # noqa: RUF012  (as in the base class)

    def get_block_name(self) -> str:
        return "json"

    def preprocess(self, payload: Any) -> Any:
        return payload.root if payload else None


class Chatbot(TreeComponent):  # type: ignore[metaclass]
    """The chatbot with pair histories, which Gradio 6 dropped and Gradio 5 deprecates."""

    data_model: type[GradioRootModel] = Pairs

    def preprocess(self, payload: Pairs | None) -> list[list[Any]]:
        return [list(pair) for pair in payload.root] if payload else []

    def postprocess(self, value: list[list[Any]] | None) -> Pairs:
        return Pairs(root=[tuple(map(self.to_cell, pair)) for pair in value or []])

    def example_payload(self) -> list[list[str | None]]:
        return [["Hello!", None]]

    @staticmethod
    def to_cell(value: Any) -> Any:
        """Return a cell in its serialized form."""
        return value


class Modelscopechatbot(Chatbot):
    """The chatbot of ``modelscope_studio`` 0.x: each cell is a dict, and a string becomes one."""

    @staticmethod
    def to_cell(value: Any) -> Any:
        """Return a cell in its serialized form, with the fields and order of ``modelscope_studio`` 0.x."""
        if value is None:
            return None
        if isinstance(value, list):  # a cell per agent
            return list(map(Modelscopechatbot.to_cell, value))
        cell: dict[str, Any] = dict.fromkeys(("id", "elem_id", "elem_classes", "name", "text", "flushing"))
        cell.update(avatar="", files=None)
        cell.update(value if isinstance(value, dict) else {"text": value})
        return cell


class Markdown(gr.Markdown, metaclass=WithoutStub):
    """The Markdown of an answer, which the page shows elsewhere: Gradio's own would let HTML through."""

    def get_block_name(self) -> str:
        return "json"


class Radio(gr.Radio, metaclass=WithoutStub):
    """A radio that takes any value, as in Gradio 4; newer versions refuse one that is not in ``choices``."""

    def preprocess(self, payload: Any) -> Any:
        """Return the value unchanged; refuse a dict, which could change the component on its way back."""
        if isinstance(payload, dict):
            raise gr.Error("The value of a radio is text.", print_exception=False)
        return payload


class Image(gr.Image, metaclass=WithoutStub):
    """An image passed on as the path of the upload: Gradio's own opens, converts and does not close it."""

    def preprocess(self, payload: Any) -> Any:
        return payload.path if payload else None
