"""The description of a Space that was reached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from .._markup import markdown as markup

HistoryForm = Literal["pairs", "messages", "parts"]


@dataclass(frozen=True, slots=True)
class StepStatus:
    """One of the calls that a request makes.

    Attributes:
        endpoint: its api name.
        inputs: the app's name of each input -> what it gets: an argument of ours such as ``"prompt"``, ``"the
            option temperature"``, ``"as on the page"``, ``"in its session"``, or the call it is carried from.
    """

    endpoint: str
    inputs: Mapping[str, str]

    def __str__(self) -> str:
        """Return the call in a line.

        >>> str(StepStatus("/bot", {"history": "from /user"}))
        '/bot(history: from /user)'
        """
        return f"{self.endpoint}({', '.join(f'{name}: {given}' for name, given in self.inputs.items())})"


@dataclass(frozen=True, slots=True)
class SpaceStatus:
    """The description of a Space that was reached.

    Attributes:
        url: its address.
        gradio: the version of its Gradio server.
        endpoint: the api name of the chat endpoint.
        parameters: our argument -> the endpoint's name for it.
        options: the discovered options of a Space without a facade, as name -> kind.
        history: how earlier turns are sent: ``"pairs"``, ``"messages"``, ``"parts"``, or ``None`` if
            they are folded into the prompt.
        stage: the Hub's, such as ``"RUNNING"``, when it was reached; ``None`` for an address.
        hardware: the Hub's, such as ``"a10g-small"``, if the Hub knows it.
        queue_size: requests that wait there, if the server reports it.
        steps: the calls of a request in their order; the last one answers.
        tools: how tools are offered: ``"trained"``, in the format that the model was trained on, or
            ``"instructed"``, with an explanation; then rely less on its calls.
    """

    url: str
    gradio: str
    endpoint: str
    parameters: Mapping[str, str]
    history: HistoryForm | None
    options: Mapping[str, str] = field(default_factory=dict)
    stage: str | None = None
    hardware: str | None = None
    queue_size: int | None = None
    steps: tuple[StepStatus, ...] = ()
    tools: Literal["trained", "instructed"] = "instructed"

    def _repr_markdown_(self) -> str:
        line, code = markup.line, markup.code
        facts = {
            "url": line(self.url),
            "stage": self.stage and line(self.stage),
            "hardware": self.hardware and line(self.hardware),
            "queue": self.queue_size,
            "Gradio": line(self.gradio),
            "endpoint": code(self.endpoint),
            "parameters": ", ".join(f"{line(ours)}: {code(name)}" for ours, name in self.parameters.items()),
            "options": ", ".join(f"{code(name)}: {line(kind)}" for name, kind in self.options.items())
            or None,
            "steps": "; ".join(code(str(step)) for step in self.steps) if len(self.steps) > 1 else None,
            "history": self.history or "folded into the prompt",
            "tools": self.tools,
        }
        rows = [f"| {name} | {value} |" for name, value in facts.items() if value is not None]
        return "\n".join(["| | |", "| --- | --- |", *rows])


def describe(name: str, label: str, src: str, *, images: bool) -> str:
    """Return a line about a Space that was not reached, as Markdown to publish."""
    name, label, src = map(markup.line, (name, label, src))
    return f"**{name}**: {label}, {src}, takes text{' and images' if images else ''}"
