"""The last conversation of `ask`, in a private file, which `ask -c` continues."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from ._history import history_file, keeps_history
from ._options import Setup

MAX_BYTES = 16 * 2**20  # of the file, images included
FACTS = ("model", "src", "endpoint", "local", "options")  # of a `Setup`: which Space, and how
_USER = re.compile(r"(?<=//)[^/?#@\s]*@")


def keep(save: Callable[[Path], None], setup: Setup) -> None:
    """Keep a conversation, which `save` writes to a file, and its Space, but no secrets."""
    file = history_file("last.json")
    if file is None:
        return
    facts = {name: getattr(setup, name) for name in FACTS}
    facts |= {name: _USER.sub("", facts[name]) for name in ("model", "src") if facts[name]}
    with contextlib.suppress(OSError), tempfile.TemporaryDirectory(dir=file.parent, prefix="last") as folder:
        draft = Path(folder) / file.name
        save(draft)
        text = json.dumps({**json.loads(draft.read_bytes()), "setup": facts})
        draft.write_text(text if len(text) <= MAX_BYTES else "", encoding="utf-8")
        os.replace(draft, file)


def resume(setup: Setup) -> tuple[Setup, Path]:
    """Return the setup of the last conversation, with the options that were given now, and its file."""
    if not keeps_history():
        raise click.UsageError("There is no conversation to continue: QWEN_SPACES_HISTORY=0 keeps none.")
    file = history_file("last.json")
    try:
        facts = dict(json.loads(file.read_bytes())["setup"]) if file and file.stat().st_size else None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise click.UsageError(f"{file} holds no conversation. Ask without -c first.") from error
    if file is None or facts is None:
        raise click.UsageError(
            f"There is no conversation to continue: ask without -c first. (One of more than "
            f"{MAX_BYTES // 2**20} MB is not kept.)"
        )
    return _merge(facts, setup), file


def _merge(facts: dict[str, Any], setup: Setup) -> Setup:
    context = click.get_current_context()
    given = {name for name in FACTS if context.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    if "model" in given:  # the rest belongs to the Space before
        facts = {}
    elif given & {"src", "local"}:
        facts = {name: facts[name] for name in ("model", "options")}
    options = {**facts.pop("options", {}), **setup.options}
    facts = {name: value for name, value in facts.items() if name in FACTS and name not in given}
    return dataclasses.replace(setup, **facts, options=options)
