"""What was found at a Space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .._contract.api import HistoryForm
from .._markup import markdown as markup


@dataclass(frozen=True, slots=True)
class SpaceStatus:
    """What was found at a Space.

    Attributes:
        url: where it is.
        gradio: the version of its Gradio server.
        endpoint: the api name of the chat endpoint.
        parameters: our argument -> the Space's own name for it, what the endpoint takes.
        options: what an address that is no facade's was found to take beyond that, as name -> its kind.
        history: how earlier turns are sent: ``"pairs"``, ``"messages"``, ``"parts"``, or ``None`` where
            they are folded into the prompt.
        stage: of a Space on the Hub, such as ``"RUNNING"``, when it was reached; ``None`` for an address.
        hardware: of a Space on the Hub, such as ``"a10g-small"``, where the Hub tells.
        queue_size: requests that wait there, where the server tells.
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
            "history": self.history or "folded into the prompt",
        }
        rows = [f"| {name} | {value} |" for name, value in facts.items() if value is not None]
        return "\n".join(["| | |", "| --- | --- |", *rows])
