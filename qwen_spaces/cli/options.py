"""The options that `ask` and `chat` share, and the Space that they describe."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from ..errors import MissingExtraError
from ..space import QwenSpace, available_spaces
from ..timeouts import Timeouts
from .errors import TOKEN
from .output import Output, output_for
from .terminal import StatusLine

F = TypeVar("F", bound=Callable[..., Any])
CONNECT = 30.0  # seconds to reach a Space, however long its answer may take


@dataclass(frozen=True)
class Setup:
    """What the command line says of the Space and of how to show its answers."""

    model: str
    system: str | None
    images: tuple[str, ...]
    options: dict[str, str]
    src: str | None
    token: str | None = field(repr=False)
    local: bool
    timeout: float | None
    plain: bool
    hide_reasoning: bool

    def __post_init__(self) -> None:
        if self.local and self.src:
            raise click.UsageError("--local and --src exclude each other.")

    @contextlib.contextmanager
    def space(self) -> Iterator[QwenSpace]:
        """Give the Space, with a replica of it running meanwhile if that is wanted."""
        where: contextlib.AbstractContextManager[str | None] = contextlib.nullcontext(self.src)
        if self.local:
            where = replica_of(alias_of(self.model))
        bounds = _bounds(self.timeout)
        with where as src, QwenSpace(self.model, src=src, token=self.token, timeouts=bounds) as space:
            yield space

    def output(self, *, stream: bool = True) -> Output:
        """Where an answer goes."""
        return output_for(plain=self.plain, reasoning=not self.hide_reasoning, stream=stream)


class Command(click.Command):
    """A command whose ``-o`` takes ``NAME VALUE`` as well as ``NAME=VALUE``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse them, every ``-o NAME VALUE`` as ``-o NAME=VALUE``."""
        left, done = list(args), list[str]()
        while left and left[0] != "--":
            done.append(left.pop(0))
            if done[-1] in ("-o", "--option") and len(left) > 1 and "=" not in left[0]:
                done.append(f"{left.pop(0)}={left.pop(0)}")
        return super().parse_args(ctx, done + left)


def complete_model(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the names of the Spaces there are, for the Tab key."""
    return [
        CompletionItem(facade.aliases[0], help=facade.space_id)
        for facade in available_spaces()
        if facade.aliases[0].startswith(incomplete)
    ]


def _options(_ctx: click.Context, _param: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in given]
    for name, equals, _ in pairs:
        if not (name and equals):
            raise click.BadParameter(f"{name!r} lacks a value: NAME VALUE or NAME=VALUE, as in size=7B.")
    return {name: value for name, _, value in pairs}


def _remember(ctx: click.Context, _param: click.Parameter, token: str | None) -> str | None:
    ctx.meta[TOKEN] = token  # so that no error tells it
    return token


src_option = click.option("--src", metavar="URL", help="Where the Space really is: a URL or owner/name.")
token_option = click.option(
    "--token",
    callback=_remember,
    help="Hugging Face token, seen by all in the list of processes: `hf auth login` saves one for good.",
)
_SHARED = (
    click.option(
        "-m",
        "--model",
        default="qwen-2.5",
        show_default=True,
        shell_complete=complete_model,
        help="Alias, Space id owner/name, or URL; `qwen-spaces spaces` lists the aliases.",
    ),
    click.option("-s", "--system", metavar="TEXT", help="System prompt; without one the Space uses its own."),
    click.option(
        "-i",
        "--image",
        "images",
        multiple=True,
        metavar="PATH",
        help="Path or URL of an image, for a Space that takes them. May be repeated.",
    ),
    click.option(
        "-o",
        "--option",
        "options",
        multiple=True,
        metavar="NAME VALUE",
        callback=_options,
        help="An option of the Space, as in -o size 7B or -o size=7B. May be repeated.",
    ),
    src_option,
    token_option,
    click.option("--local", is_flag=True, help="Answer from a replica on this machine; nothing leaves it."),
    click.option(
        "--timeout",
        type=click.FloatRange(min=0, min_open=True),
        metavar="SECONDS",
        help="What an answer may take, with its wait in the queue; "
        "without it 120 until the first text, then 60 from text to text.",
    ),
    click.option("--plain", is_flag=True, help="Show the text as it comes, not as rendered Markdown."),
    click.option("--hide-reasoning", is_flag=True, help="Do not show the thinking before the answer."),
)


def shared_options(function: F) -> F:
    """Give a command the options that make a `Setup`."""
    for option in reversed(_SHARED):
        function = option(function)
    return function


def alias_of(name: str) -> str:
    """Return the alias of a Space that is known by this name or address, else the name that it goes by."""
    space = QwenSpace(name)
    return space.aliases[0] if space.aliases else space.name


@contextlib.contextmanager
def replica_of(name: str) -> Iterator[str]:
    """Serve a replica on this machine; gives its address."""
    status = StatusLine()
    status.show("Starting a replica on this machine")
    with contextlib.ExitStack() as stack:
        stack.callback(status.clear)
        try:
            from ..replicas import NAMES, serve
        except ImportError as error:
            raise MissingExtraError(str(error)) from error
        if name not in NAMES:
            raise click.UsageError(f"There is no replica of {name}. There are: {', '.join(NAMES)}.")
        url = stack.enter_context(serve(name))
        status.clear()
        yield url


def _bounds(seconds: float | None) -> Timeouts:
    if seconds is None:
        return Timeouts()
    return Timeouts(connect=min(CONNECT, seconds), wake=seconds, first=seconds, gap=seconds, total=seconds)
