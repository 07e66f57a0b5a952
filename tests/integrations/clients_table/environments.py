"""An environment for each set of packages, made once and kept."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from .clients import Client

LIMIT = 1800  # seconds, to install the packages of one client


def run(*command: str | Path, cwd: Path | None = None) -> None:
    """Run a command; what it prints goes to stderr, for the table is on stdout."""
    settings = {**os.environ, "PYTHONPATH": ""}
    subprocess.run(command, check=True, stdout=sys.stderr, cwd=cwd, timeout=LIMIT, env=settings)


def command_of(client: Client, folder: Path) -> list[str]:
    """Return the command that runs the driver of a client, in its environment below `folder`."""
    place = made(client, folder)
    if client.from_npm:  # Node looks for packages beside the script, not in the current folder
        (script := place / client.driver).write_bytes(client.script.read_bytes())
        shutil.copy(client.script.with_name("cells.mjs"), place)
        return ["node", str(script)]
    return [str(place / "bin" / "python"), str(client.script)]


def made(client: Client, folder: Path) -> Path:
    """Return the folder of a client's environment, which is made if need be."""
    key = hashlib.sha256(repr((client.packages, sys.version_info[:2])).encode()).hexdigest()[:8]
    place = folder.resolve() / f"{Path(client.driver).stem}-{key}"
    if not (ready := place / "ready").exists():
        print(f"Installing {' '.join(client.packages)}", file=sys.stderr)
        install = npm_install if client.from_npm else pip_install
        install(place, client.packages)
        ready.touch()
    return place


def npm_install(place: Path, packages: Sequence[str]) -> None:
    place.mkdir(parents=True, exist_ok=True)
    (place / "package.json").write_text(json.dumps({"private": True, "type": "module"}))
    run("npm", "install", "--silent", "--no-audit", "--no-fund", *packages, cwd=place)


def pip_install(place: Path, packages: Sequence[str]) -> None:
    python = place / "bin" / "python"
    if uv := shutil.which("uv"):  # ten times as fast
        run(uv, "venv", "--quiet", "--clear", "--python", sys.executable, place)
        run(uv, "pip", "install", "--quiet", "--python", python, *packages)
    else:
        run(sys.executable, "-m", "venv", "--clear", place)
        run(python, "-m", "pip", "install", "--quiet", *packages)


def version_of(client: Client, folder: Path) -> str:
    """Return the installed version of a client's first package."""
    place = made(client, folder)
    if client.from_npm:
        manifest = place / "node_modules" / client.packages[0] / "package.json"
        return str(json.loads(manifest.read_text())["version"])
    name = client.packages[0].partition("[")[0].partition("<")[0].partition(">")[0]
    code = f"import importlib.metadata as m; print(m.version({name!r}))"
    python = str(place / "bin" / "python")
    return subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.strip()
