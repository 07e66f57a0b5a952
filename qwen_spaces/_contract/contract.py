"""The facts that a facade knows about its Space's API in advance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Step:
    """A call that comes before the one that answers, in the same session.

    Attributes:
        endpoint: its api name.
        names: ``"prompt"``, ``"images"``, ``"image"`` or ``"chat"`` -> its name there. A step that takes an
            ``"image"`` is called once for each.
        blanks: its parameters that are sent empty, where the Space has them.
    """

    endpoint: str
    names: Mapping[str, str]
    blanks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Contract:
    """The facts that a facade knows about its Space's API in advance.

    Attributes:
        space_id: ``owner/name`` on the Hub.
        endpoints: api names of the chat endpoint, best first.
        parameters: our argument -> the Space's name for it, unless that is one of `matching.PARAMETERS`. A
            name with a dot, such as ``"message.text"``, is a key of the dict that the parameter takes.
        options: our option -> the Space's names for it.
        positional: our arguments in the order of the endpoint's inputs, where their names are unknown.
        defaults: our argument -> its value, used only where the Space's API has no default of its own.
        steps: the calls that come before the one that answers.
        placeholder: the text of an answer that has not begun.
        html: whether the Space makes HTML of its answers, as `html_text.markdown_of` describes it.
        stateful: whether the Space keeps the earlier turns of a session.
        trained: whether the model was trained on Qwen's format of tool calls, and gets the turns as they are.
        discover: whether nothing is known about the Space, so that every other parameter is an option.
    """

    space_id: str
    endpoints: tuple[str, ...] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    positional: tuple[str, ...] = ()
    defaults: Mapping[str, object] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    placeholder: str = ""
    html: bool = False
    stateful: bool = False
    trained: bool = False
    discover: bool = False

    @property
    def known_endpoints(self) -> tuple[str, ...]:
        """The api names to look for, then their ``_1`` twins: Gradio numbers a name that is used twice."""
        return (*self.endpoints, *(f"{name}_1" for name in self.endpoints))
