"""The options that commands share, and the Space that they describe."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from .._space import QwenSpace, SpaceOrRouter, Spec, available_spaces, open_spec, parse_spec
from .._types.timeouts import Timeouts
from ..errors import QwenSpacesError
from ._errors import REMOTE, keep_secret
from ._output import Output, PlainOutput
from ._replicas import Replicas
from ._terminal import is_terminal

Function: TypeAlias = Callable[..., Any]
Decorator: TypeAlias = Callable[[Function], Function]
MAX_CONNECT = 30.0  # seconds, for any --timeout


@dataclass(frozen=True)
class Setup:
    """The shared options: which Space to use, and how to show its answers."""

    model: str = "qwen-2.5"
    system: str | None = None
    images: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    src: str | None = None
    endpoint: str | None = None
    token: str | None = field(default=None, repr=False)
    local: bool = False
    timeout: float | None = None
    plain: bool = False
    hide_reasoning: bool = False
    _replicas: list[Replicas] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        if self.local and self.src:
            raise click.UsageError("--local and --src exclude each other.")
        if context := click.get_current_context(silent=True):
            context.meta[REMOTE] = not (self.local or self.src)

    @contextlib.contextmanager
    def space(self, *, wait: bool = True) -> Iterator[SpaceOrRouter]:
        """Open the Space, or with --local its replica; a router where there are several.

        Without `wait`, call the method `wait` before the first request.
        """
        settings: dict[str, Any] = {"token": self.token, "timeouts": _timeouts(self.timeout)}
        spec = parse_spec(self.model)
        if len(spec.places) > 1 and (self.src or self.endpoint):
            raise click.UsageError("--src and --endpoint are for one Space; give addresses with -m A,B.")
        with contextlib.ExitStack() as stack:
            if self.local:
                replicas = stack.enter_context(Replicas(replicas_of(spec)))
                self._replicas.append(replicas)
                spec = at_replicas(spec, replicas)
            if wait:
                self.wait()
            space = open_spec(spec, src=self.src, endpoint=self.endpoint, **settings)
            stack.enter_context(space)
            yield space

    def wait(self) -> None:
        """Wait until the replica runs, with --local."""
        for replicas in self._replicas:
            replicas.wait()

    def output(self, *, stream: bool = True) -> Output:
        """Return a Markdown output on a terminal if `rich` is installed, else a plain one."""
        reasoning = not self.hide_reasoning
        if not self.plain and is_terminal(sys.stdout):
            with contextlib.suppress(ImportError):
                from ._markdown import MarkdownOutput

                return MarkdownOutput(reasoning=reasoning, stream=stream)
        return PlainOutput(reasoning=reasoning, stream=stream)


def alias_of(name: str) -> str:
    """Return the alias of a Space, or its name if it has none."""
    space = QwenSpace(name)
    return space.aliases[0] if space.aliases else space.name


def replicas_of(spec: Spec) -> list[str]:
    """Return the aliases of the Spaces, in whose place there will be replicas."""
    if any(place.src for place in spec.places):
        raise click.UsageError(f"--local and the addresses of {spec.name} exclude each other.")
    return list(dict.fromkeys(alias_of(place.name) for place in spec.places))


def at_replicas(spec: Spec, replicas: Replicas) -> Spec:
    """Return the spec with the replicas in the place of the Spaces."""
    return spec.moved({place.name: replicas.urls[alias_of(place.name)] for place in spec.places})


class Command(click.Command):
    """Takes ``-o NAME VALUE`` as well as ``-o NAME=VALUE``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        rest, parsed = list(args), list[str]()
        while rest and rest[0] != "--":
            parsed.append(rest.pop(0))
            if parsed[-1] in ("-o", "--option") and len(rest) > 1 and "=" not in rest[0]:
                parsed.append(f"{rest.pop(0)}={rest.pop(0)}")
        return super().parse_args(ctx, parsed + rest)


def complete_model(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete an alias, for the Tab key."""
    return [
        CompletionItem(facade.aliases[0], help=facade.space_id)
        for facade in available_spaces()
        if facade.aliases[0].startswith(incomplete)
    ]


def complete_option(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete NAME=VALUE of an option of the Space, for the Tab key."""
    try:
        options = QwenSpace(ctx.params.get("model") or Setup.model).options
    except QwenSpacesError:
        return []
    pairs = []
    for name, values in options.items():
        pairs += [f"{name}="] if isinstance(values, Mapping) else [f"{name}={value}" for value in values]
    return [CompletionItem(pair) for pair in pairs if pair.startswith(incomplete)]


def parse_pairs(_ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """Return the NAME=VALUE pairs of a repeated option."""
    pairs = {}
    for pair in values:
        name, equals, value = pair.partition("=")
        if not (name and equals):
            raise click.BadParameter(f"{name!r} lacks a value: write {param.metavar}.")
        pairs[name] = value
    return pairs


def _forget_source(ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    """Ignore a source in the environment, which belongs to the model there, beside -m or --local."""
    explicit = any(
        ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE for name in ("model", "local")
    )
    from_environment = ctx.get_parameter_source("src") is ParameterSource.ENVIRONMENT
    return None if from_environment and explicit else value


model_option: Decorator = click.option(
    "-m",
    "--model",
    default=Setup.model,
    show_default=True,
    envvar="QWEN_SPACES_MODEL",
    show_envvar=True,
    shell_complete=complete_model,
    help="Alias, Space id owner/name, or URL; `qwen-spaces spaces` lists the aliases. Of several, as in "
    "A,B,URL, the first that answers is used; qwen-2.5=URL1,URL2 are equals.",
)
system_option: Decorator = click.option(
    "-s", "--system", metavar="TEXT", help="System prompt. Default: the Space's own."
)
local_option: Decorator = click.option(
    "--local", is_flag=True, help="Answer from a replica; nothing leaves this machine."
)


def make_timeout_option(first: str) -> Decorator:
    """Return ``--timeout``, whose help says how long the first text may take by default."""
    return click.option(
        "--timeout",
        type=click.FloatRange(min=0, min_open=True),
        metavar="SECONDS",
        help="Time limit for an answer, the queue included. "
        f"Default: {first} until the first text, then 60 between texts.",
    )


timeout_option: Decorator = make_timeout_option("120")
SRC_HELP = "URL or owner/name of the Space, if not the usual one."
src_option: Decorator = click.option("--src", metavar="URL", help=SRC_HELP)
endpoint_option: Decorator = click.option(
    "--endpoint", metavar="NAME", help="The api name of the chat, such as /chat, where a Space has several."
)
token_option: Decorator = click.option(
    "--token",
    callback=keep_secret,
    help="Hugging Face token. It is visible in the process list; `hf auth login` saves one instead.",
)
_SHARED_OPTIONS: tuple[Decorator, ...] = (
    model_option,
    system_option,
    click.option(
        "-i",
        "--image",
        "images",
        multiple=True,
        type=click.Path(),  # for the Tab key
        metavar="PATH",
        help="Path or URL of an image, for a Space that takes images. May be repeated.",
    ),
    click.option(
        "-o",
        "--option",
        "options",
        multiple=True,
        metavar="NAME VALUE",
        callback=parse_pairs,
        shell_complete=complete_option,
        help="An option of the Space, as in -o size 7B or -o size=7B. May be repeated.",
    ),
    click.option(
        "--src",
        metavar="URL",
        envvar="QWEN_SPACES_SRC",
        show_envvar=True,
        callback=_forget_source,
        help=SRC_HELP,
    ),
    endpoint_option,
    token_option,
    local_option,
    timeout_option,
    click.option("--plain", is_flag=True, help="Show the text as it arrives, not as rendered Markdown."),
    click.option("--hide-reasoning", is_flag=True, help="Hide the reasoning before the answer."),
)


def shared_options(function: Function) -> Function:
    """Add the options of a `Setup` to a command."""
    for option in reversed(_SHARED_OPTIONS):
        function = option(function)
    return function


def _timeouts(seconds: float | None) -> Timeouts:
    if seconds is None:
        return Timeouts()
    connect = min(MAX_CONNECT, seconds)
    return Timeouts(connect=connect, wake=seconds, first=seconds, gap=seconds, total=seconds)
