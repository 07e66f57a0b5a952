"""Components that newer Gradio no longer has, or whose rules have changed since the Spaces were written.

A class's name, in lower case but for its first letter, is the component's name in ``/info``.
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


class Pairs(GradioRootModel):  # noqa: D101  (Gradio would put a docstring in /info)
    root: list[Pair]  # [[user, assistant], ...]


class WithoutStub(type(Component)):  # type: ignore[misc]
    """Gradio's metaclass writes a ``.pyi`` beside every component's source; this one leaves no files."""

    def __new__(cls, name: str, bases: tuple[type, ...], attrs: dict[str, Any]) -> Any:
        """Make the class, and nothing else."""
        return ABCMeta.__new__(cls, name, bases, attrs)


class Chatbot(Component, metaclass=WithoutStub):
    """The chatbot with pair histories, which Gradio 6 dropped and Gradio 5 deprecates."""

    EVENTS: list[Any] = []
    data_model = Pairs

    def get_block_name(self) -> str:
        """Return what the page draws: a tree, as the newer chatbot's frontend fails on pairs."""
        return "json"

    def preprocess(self, payload: Pairs | None) -> list[list[Any]]:
        """Return the history as the Spaces' own code reads it."""
        return [list(pair) for pair in payload.root] if payload else []

    def postprocess(self, value: list[list[Any]] | None) -> Pairs:
        """Return the history as it travels."""
        return Pairs(root=[tuple(pair) for pair in value or []])

    def example_payload(self) -> list[list[str | None]]:
        """For the API's documentation."""
        return [["Hello!", None]]

    def example_value(self) -> list[list[str | None]]:
        """For the API's documentation."""
        return [["Hello!", None]]


class Modelscopechatbot(Chatbot):  # type: ignore[metaclass]
    """The chatbot of ``modelscope_studio`` 0.x: each cell is a dict, and a string becomes one."""

    def postprocess(self, value: list[list[Any]] | None) -> Pairs:
        """Return the history as it travels."""
        return Pairs(root=[(as_cell(user), as_cell(bot)) for user, bot in value or []])


class Radio(gr.Radio, metaclass=WithoutStub):
    """A radio that takes any value, as Gradio 4 did; newer ones refuse what is not in ``choices``."""

    def preprocess(self, payload: Any) -> Any:
        """Return the value as it came, but for a dict, which could change the component on its way back."""
        if isinstance(payload, dict):
            raise gr.Error("The value of a radio is a text.", print_exception=False)
        return payload


class Image(gr.Image, metaclass=WithoutStub):
    """An image handed on as the file that was sent: Gradio's own opens it, converts it and leaves it open."""

    def preprocess(self, payload: Any) -> str | None:
        """Return the path on the server."""
        path: str | None = payload.path if payload else None
        return path


def as_cell(value: Any) -> Any:
    """Return the cell on the wire, in the fields and order of ``modelscope_studio`` 0.x."""
    if value is None:
        return None
    if isinstance(value, list):  # a place per agent
        return [as_cell(place) for place in value]
    cell: dict[str, Any] = dict.fromkeys(("id", "elem_id", "elem_classes", "name", "text", "flushing"))
    cell.update(avatar="", files=None)
    cell.update(value if isinstance(value, dict) else {"text": value})
    return cell
