"""Report an error as one line on stderr and an exit code."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import textwrap
import traceback
from collections.abc import Iterator

import click

from ..errors import ConnectError, QwenSpacesError, SpaceTimeoutError, StreamError
from ._terminal import echo, is_terminal, size

EXIT_CODES = (
    (SpaceTimeoutError, 5),
    (StreamError, 4),
    (ConnectError, 3),
    (QwenSpacesError, 2),
    (click.ClickException, 2),
    (Exception, 1),
)
UNREACHABLE = "the network and the proxy."  # the end of the error of a failed connection
CTRL_C = 130
BROKEN_PIPE = 141  # 128 + SIGPIPE, as shells report it
SECRET = "qwen_spaces.secret"  # noqa: S105  (a key of the context)
REMOTE = "qwen_spaces.remote"  # another: whether the Space could be replaced by its replica
CLI_TERMS = (  # Python terms in an error's advice -> command-line options
    (re.compile(r"timeouts=Timeouts\(\w+=\.\.\.\)"), "--timeout SECONDS"),
    (re.compile(r"\bsrc=\.\.\."), "--src"),
    (re.compile(r"^src(?= goes by)"), "--src"),
    (re.compile(r"\bendpoint=\.\.\."), "--endpoint"),
    (re.compile(r"\bimages=\[path\]"), "--image PATH"),
)


def keep_secret(ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    """Mask the option's value in every error message."""
    ctx.meta[SECRET] = value
    return value


def report(error: Exception) -> int:
    """Write the error to stderr as one line, and return its exit code."""
    context = click.get_current_context()
    text = f"Error: {' '.join(_describe(error).split())}"
    if isinstance(error, ConnectError) and text.endswith(UNREACHABLE) and context.meta.get(REMOTE):
        text += " --local answers offline, from a replica."
    if is_terminal(sys.stderr):
        text = textwrap.fill(text, size(sys.stderr)[0], break_long_words=False, break_on_hyphens=False)
    if context.find_root().params.get("debug"):
        text = "".join(traceback.format_exception(error)) + text
    secret = context.meta.get(SECRET)
    echo(text.replace(secret, "***") if secret else text, err=True)
    return next(code for kind, code in EXIT_CODES if isinstance(error, kind))


def _describe(error: Exception) -> str:
    if isinstance(error, click.ClickException):
        return error.format_message()
    if isinstance(error, QwenSpacesError):
        text = str(error)
        for pattern, option in CLI_TERMS:
            text = pattern.sub(option, text)
        return text
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return f"{type(error).__name__}: {error} (run with qwen-spaces --debug ... for the traceback)"


@contextlib.contextmanager
def exit_on_error() -> Iterator[None]:
    """Exit with one line and an exit code on an error, Ctrl-C or a broken pipe."""
    try:
        yield
    except KeyboardInterrupt:
        echo("Cancelled.", err=True)
        sys.exit(CTRL_C)
    except BrokenPipeError:
        # Python flushes stdout at exit, and would report the error again.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(BROKEN_PIPE)
    except (click.ClickException, click.exceptions.Exit, click.Abort):
        raise
    except Exception as error:
        sys.exit(report(error))
