"""What an app is: a function that builds it, and what is expected of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

# How the model gets earlier turns or a system prompt: where the app has a place for them, or in the prompt.
Place = Literal["native", "folded"]
Chain = tuple[str, ...]

KINDS = {
    1: "several steps",
    2: "answers",
    3: "names",
    4: "extra inputs",
    5: "a tie",
    6: "state",
    7: "images",
    8: "login",
    9: "others",
}


@dataclass(frozen=True)
class Refusal:
    """An error that a user can act on.

    Attributes:
        error: the name of its class.
        text: a regular expression for its text.
    """

    error: str
    text: str


@dataclass(frozen=True)
class Expected:
    """What holds at an app, on every Gradio that it runs on.

    Attributes:
        chain: the endpoints of a message in their order, the one that answers last; where Gradio names them
            in different ways, the lowest major version -> the chain from there on. Empty where there is none.
        or_chain: another chain that does as well, such as one with a step that changes only the page.
        refusal: the error of a request; with `endpoint`, of one without it.
        endpoint: the endpoint to choose, where several fit.
        text: the reply's text, with the model's for ``{answer}``.
        exact: whether nothing else may be in the text.
        reasoning: the reply's reasoning.
        files: the number of the reply's files.
        streams: whether the app streams.
        history: how the model gets earlier turns that were given by hand.
        conversation: how it gets those of a conversation; ``None`` where all users share one.
        system: how it gets the system prompt.
        images: the most images of a request; 2 for any number.
        defaults: the options that the model gets without asking, in text.
        option: the name of an option, and a value other than its default.
    """

    chain: Chain | Mapping[int, Chain] = ()
    or_chain: Chain = ()
    refusal: Refusal | None = None
    endpoint: str = ""
    text: str = "{answer}"
    exact: bool = True
    reasoning: str = ""
    files: int = 0
    streams: bool = True
    history: Place = "folded"
    conversation: Place | None = "folded"
    system: Place = "folded"
    images: int = 0
    defaults: Mapping[str, str] = field(default_factory=dict)
    option: tuple[str, object] | None = None

    def chain_on(self, gradio: int) -> Chain:
        """Return the chain on that major version of Gradio."""
        if isinstance(self.chain, tuple):
            return self.chain
        return self.chain[max(version for version in self.chain if version <= gradio)]


@dataclass(frozen=True)
class ChatApp:
    """A chat app, the kind of issue 12 that it stands for, and the Gradio versions that it runs on."""

    name: str
    kind: int
    build: Callable[[], Any]
    expected: Expected
    versions: tuple[int, ...]

    @property
    def shape(self) -> str:
        """The app in one line, for the table."""
        return (self.build.__doc__ or "").strip().partition("\n")[0]


APPS: dict[str, ChatApp] = {}


def chat(
    kind: int, expected: Expected, *, versions: tuple[int, ...] = (4, 5, 6)
) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    """Register the function that it decorates, which returns a `gr.Blocks`, as an app."""

    def register(build: Callable[[], Any]) -> Callable[[], Any]:
        name = build.__name__
        assert name not in APPS, f"two apps are called {name}"
        APPS[name] = ChatApp(name, kind, build, expected, versions)
        return build

    return register
