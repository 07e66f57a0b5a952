"""What went wrong, as one line on stderr and an exit code."""

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
from .terminal import echo, is_terminal, size

# Exit codes by family.
EXITS = (
    (SpaceTimeoutError, 5),
    (StreamError, 4),
    (ConnectError, 3),
    (QwenSpacesError, 2),
    (click.ClickException, 2),
)
UNFORESEEN = 1
CTRL_C = 130
BROKEN_PIPE = 141  # what a shell tells of a program that SIGPIPE ended
TOKEN = "qwen_spaces.token"  # noqa: S105  (where the context keeps it)
WORDS = (  # what an error advises in Python -> how the command line says it
    (re.compile(r"timeouts=Timeouts\(\w+=\.\.\.\)"), "--timeout SECONDS"),
    (re.compile(r"\bsrc=\.\.\."), "--src"),
    (re.compile(r"\bimages=\[path\]"), "--image PATH"),
)


def report(error: Exception) -> int:
    """Say in one line on stderr what went wrong; gives the exit code."""
    context = click.get_current_context()
    token = context.meta.get(TOKEN)
    said = _said(error)
    if is_terminal(sys.stderr):
        said = textwrap.fill(said, size(sys.stderr)[0], break_long_words=False, break_on_hyphens=False)
    if context.find_root().params.get("debug"):
        said = "".join(traceback.format_exception(error)) + said
    echo(said.replace(token, "***") if token else said, err=True)
    return next((code for kind, code in EXITS if isinstance(error, kind)), UNFORESEEN)


def _said(error: Exception) -> str:
    if isinstance(error, click.ClickException):
        text = error.format_message()
    elif isinstance(error, QwenSpacesError):
        text = str(error)
        for python, words in WORDS:
            text = python.sub(words, text)
    elif isinstance(error, OSError) and error.strerror:
        text = f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    else:
        text = f"{type(error).__name__}: {error} (run with qwen-spaces --debug ... for the traceback)"
    return f"Error: {' '.join(text.split())}"


@contextlib.contextmanager
def exit_on_error() -> Iterator[None]:
    """End the program with one line and an exit code where something goes wrong."""
    try:
        yield
    except KeyboardInterrupt:
        echo("Cancelled.", err=True)
        sys.exit(CTRL_C)
    except BrokenPipeError:
        # Python flushes stdout at its end, and would complain.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(BROKEN_PIPE)
    except (click.ClickException, click.exceptions.Exit, click.Abort):
        raise
    except Exception as error:
        sys.exit(report(error))
