"""The `qwen-spaces` command: answers on stdout, everything else on stderr."""

from __future__ import annotations

import shlex
import sys
from difflib import get_close_matches
from typing import Any

import click

from ._ask import ask
from ._batch import batch
from ._chat import chat
from ._errors import exit_on_error
from ._safety import safe_streams
from ._serve import serve
from ._spaces import replica, spaces, status
from ._terminal import echo


class _Group(click.Group):
    """Filters the output of its commands, and reports an error in one line."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        with safe_streams() as replaced:
            try:
                return super().main(*args, **kwargs)
            finally:
                _report_losses(replaced.count)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name in self.commands or name.startswith("-"):
            return super().resolve_command(ctx, args)
        near = get_close_matches(name, self.commands, n=1)
        command = shlex.join([near[0], *args[1:]] if near else ["ask", *args])
        raise click.UsageError(f"There is no command {name!r}. Did you mean: qwen-spaces {command}", ctx)

    def invoke(self, ctx: click.Context) -> Any:
        with exit_on_error():
            return super().invoke(ctx)


def _report_losses(count: int) -> None:
    if count:
        echo(
            f"The encoding of stdout, {sys.stdout.encoding}, lacks {count} character{'s' * (count > 1)} of "
            'the text, written as "?". PYTHONIOENCODING=utf-8 keeps them.',
            err=True,
        )


@click.group(
    cls=_Group,
    commands=[ask, chat, batch, spaces, status, replica, serve],
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option("--debug", is_flag=True, envvar="QWEN_SPACES_DEBUG", help="Show the traceback of an error.")
@click.version_option(package_name="qwen-spaces", prog_name="qwen-spaces")
def main(debug: bool) -> None:
    """Talk to Qwen models on Hugging Face Spaces.

    \b
    Examples:
      qwen-spaces ask "Why is the sky blue?"
      qwen-spaces chat -m qwen-2-72b
      qwen-spaces batch notes.txt -o answers.jsonl
      qwen-spaces spaces

    \b
    Tab completion for bash (or zsh_source, fish_source), in ~/.bashrc:
      eval "$(_QWEN_SPACES_COMPLETE=bash_source qwen-spaces)"

    \b
    Exit codes: 0 success, 1 unexpected error, 2 wrong usage or input, 3 the Space
    could not be opened, 4 the answer failed, 5 timeout, 130 Ctrl-C, 141 broken pipe.
    QWEN_SPACES_DEBUG=1 has the effect of --debug.
    """  # noqa: D301  (click reads the \b)
