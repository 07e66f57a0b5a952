"""A row of the table: all checks of one app on one Gradio."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from qwen_spaces import QwenSpace

from ..chats import KINDS, ChatApp
from ..support.servers import Servers
from .checks import CHECKS, NOTHING, Chat, checks_of

WIDTHS = {"chain": 30, "ask": 4, "stream": 8, "second turn": 11, "history": 8, "system": 8, "images": 6}
WIDTHS |= {"option": 16, "refusal": 20}


@dataclass
class Row:
    """What was found at one app."""

    app: str
    kind: str
    gradio: str
    cells: dict[str, str] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    @property
    def fails(self) -> bool:
        return bool(self.failures)

    def line(self) -> str:
        """Return the row as a line of text, with a line for each failure below it."""
        cells = [f"{self.app:<28}", f"{self.kind:<13}", f"{self.gradio:<7}"]
        cells += [f"{self.cells.get(name, NOTHING):<{width}}" for name, width in WIDTHS.items()]
        reasons: dict[str, list[str]] = {}
        for name, reason in self.failures.items():
            reasons.setdefault(reason, []).append(name)
        explained = (f"    {', '.join(names)}: {reason}" for reason, names in reasons.items())
        return "\n".join([" ".join(cells).rstrip(), *explained])

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def heading() -> str:
    """Return the names of the columns."""
    names = [f"{'app':<28}", f"{'kind':<13}", f"{'Gradio':<7}"]
    return " ".join([*names, *(f"{name:<{width}}" for name, width in WIDTHS.items())]).rstrip()


def find_row(app: ChatApp, servers: Servers) -> Row:
    """Serve an app, and make all checks at it."""
    row, name = Row(app.name, KINDS[app.kind], servers.gradio), f"chats/{app.name}"
    try:
        url = servers[name]
        try:
            with open_space(app, url) as space:
                fill(row, Chat(app, url, int(row.gradio.partition(".")[0]), space))
        finally:
            servers.drop(name)
    except Exception as error:  # before the first check, which none of them lets out
        row.cells = dict.fromkeys(checks_of(app.expected), "FAIL")
        row.failures["all"] = f"{type(error).__name__}: {error}"
    return row


def fill(row: Row, chat: Chat) -> None:
    """Make the checks, and keep what each shows, or why it fails."""
    for name in checks_of(chat.expected):
        try:
            row.cells[name] = CHECKS[name](chat)
        except Exception as error:
            row.cells[name] = "FAIL"
            row.failures[name] = f"{type(error).__name__}: {error}"


def open_space(app: ChatApp, url: str) -> QwenSpace:
    """Return the Space, with the endpoint that has to be chosen where several fit."""
    if not app.expected.endpoint:
        return QwenSpace(url)
    chosen: dict[str, Any] = {"endpoint": app.expected.endpoint}
    return QwenSpace(url, **chosen)
