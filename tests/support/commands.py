"""The command line, in this process and as a program."""

from __future__ import annotations

import sys

from click.testing import CliRunner

from qwen_spaces.cli import main

COMMAND = [sys.executable, "-m", "qwen_spaces"]


def invoke(*arguments: str, stdin: str | bytes = "") -> tuple[int, str, str]:
    result = CliRunner().invoke(main, arguments, input=stdin)
    return result.exit_code, result.stdout, result.stderr
