"""Make the table: ``python -m tests.integrations.clients_table --only smolagents --keep /tmp/clients``.

The first run installs some 20 environments, which takes minutes; `--keep` lets the next run use them again.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .clients import CLIENTS, Client
from .environments import command_of, version_of
from .serving import served

CELLS = ("plain", "streaming", "tools", "structured")
LIMIT = 300  # seconds for all cells of a client
NONE = "-"  # what a client does not have
# No client may report to its makers, or fetch lists of prices and models.
SETTINGS = {
    "ANONYMIZED_TELEMETRY": "False",
    "CREWAI_DISABLE_TELEMETRY": "true",
    "CREWAI_TRACING_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HAYSTACK_TELEMETRY_ENABLED": "False",
    "HF_HUB_OFFLINE": "1",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "OPENAI_AGENTS_DISABLE_TRACING": "1",
    "OPENAI_API_KEY": "any",
    "OTEL_SDK_DISABLED": "true",
    "PYTHONPATH": "",  # a client sees what is in its environment alone
    "PYTHONWARNINGS": "ignore",
}


def cells_of(client: Client, folder: Path, given: dict[str, str]) -> dict[str, str]:
    """Return what a client's driver found: "" for each cell that is right, else the problem."""
    command = [*command_of(client, folder), given["OPENAI_BASE_URL"], client.variant]
    settings = {**os.environ, **SETTINGS, **given}
    with tempfile.TemporaryDirectory() as place:
        settings["HOME"] = place  # no settings of whoever runs this
        try:
            done = subprocess.run(
                command, env=settings, cwd=place, capture_output=True, text=True, timeout=LIMIT
            )
        except subprocess.TimeoutExpired as error:
            return {**read(error.stdout or b""), "rest": f"no end within {LIMIT} s"}
    found = read(done.stdout)
    if done.returncode or any(found.values()):
        sys.stderr.write(done.stderr)
    if done.returncode:
        found["rest"] = (done.stderr.strip() or "no output").splitlines()[-1]
    return found


def read(output: str | bytes) -> dict[str, str]:
    """Return the cells in a driver's output, among what else its client prints."""
    text = output if isinstance(output, str) else output.decode(errors="replace")
    found = {}
    for line in text.splitlines():
        with contextlib.suppress(ValueError, TypeError, KeyError):
            cell = json.loads(line)
            found[cell["cell"]] = cell["problem"]
    return found


def rows(clients: list[Client], folder: Path, model: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the row of each client, and what it found."""
    with served(model) as (replica, gateway):
        addresses = {"REPLICA": replica, "OPENAI_BASE_URL": gateway, "QWEN_MODEL": model}
        for client in clients:
            try:
                version = version_of(client, folder)
            except (subprocess.SubprocessError, OSError) as error:
                yield f"| {client.name} | ? | not installed: {error} | | | |", {"install": "failed"}
                continue
            found = cells_of(client, folder, addresses)
            shown = (cell_text(found, cell) for cell in CELLS)
            yield f"| {client.name} | {version} | {' | '.join(shown)} |", found


def cell_text(found: dict[str, str], cell: str) -> str:
    problem = found.get(cell, found.get("rest"))
    if problem is None:
        return NONE
    return problem.strip().splitlines()[0][:100].replace("|", "/") if problem else "ok"


def main() -> None:
    """Print the table; exit with 1 if a cell is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.integrations.clients_table")
    parser.add_argument("--only", action="append", metavar="NAME", help="a part of a row's name; repeatable")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the environments there")
    parser.add_argument("--model", default="qwen-2.5", help="the Space, such as qwen-3, which reasons")
    given = parser.parse_args()
    wanted = [name.lower() for name in given.only or [""]]
    clients = [client for client in CLIENTS if any(name in client.name.lower() for name in wanted)]
    good = total = 0
    with contextlib.ExitStack() as stack:
        folder = given.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        print("| client | version | plain | streaming | tools | structured output |")
        print("| --- | --- | --- | --- | --- | --- |")
        for row, found in rows(clients, folder, given.model):
            print(row, flush=True)
            good += list(found.values()).count("")
            total += len(found)
    print(f"\n{good} of {total} cells are right.")
    sys.exit(good != total)


if __name__ == "__main__":
    main()
