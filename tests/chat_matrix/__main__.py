"""Print what holds at each app of `tests.chats`, a row for each Gradio that it runs on.

An expectation that does not hold is a FAIL, is explained below its row, and makes the exit code 1.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence

from ..chats import APPS, ChatApp
from ..support.servers import ServerProcess, Servers
from .environments import installed, python_for
from .rows import Row, find_row, heading


def main() -> None:
    """Run the apps that are asked for, and print the table."""
    arguments = parse()
    apps = sorted(APPS.values(), key=lambda app: app.kind)
    if arguments.only:
        apps = [app for app in apps if matches(app, arguments.only.split(","))]
    rows = []
    if not arguments.json:
        print(heading(), flush=True)
    for row in find_rows(apps, arguments.versions, dict(arguments.python)):
        rows.append(row)
        if not arguments.json:
            print(row.line(), flush=True)
    failed = sum(row.fails for row in rows)
    if arguments.json:
        print(json.dumps([row.as_dict() for row in rows], indent=1))
    else:
        print(summary(rows))
    sys.exit(1 if failed or not rows else 0)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chat_matrix", description=__doc__)
    parser.add_argument(
        "--only", default="", help="apps by name or kind, such as user_bot,3; a part of a name is enough"
    )
    parser.add_argument(
        "--versions",
        type=lambda text: [int(part) for part in text.split(",")],
        default=[installed()],
        help="major versions of Gradio, such as 4,5,6; by default the installed one",
    )
    parser.add_argument(
        "--python",
        type=pair,
        action="append",
        default=[],
        metavar="VERSION=PATH",
        help="a Python that has this Gradio; else an environment is made, and kept",
    )
    parser.add_argument("--json", action="store_true", help="print the rows as JSON, at the end")
    return parser.parse_args()


def pair(text: str) -> tuple[int, str]:
    gradio, _, path = text.partition("=")
    return int(gradio), path


def matches(app: ChatApp, wanted: Sequence[str]) -> bool:
    return any(part == str(app.kind) or (not part.isdigit() and part in app.name) for part in wanted)


def find_rows(apps: Sequence[ChatApp], versions: Sequence[int], pythons: Mapping[int, str]) -> Iterator[Row]:
    """Check the apps on each Gradio, in one process of servers for each."""
    for gradio in versions:
        process = ServerProcess(python_for(gradio, pythons))
        servers = Servers(process.port)
        try:
            for app in apps:
                if gradio in app.versions:
                    yield find_row(app, servers)
        finally:
            servers.stop()
            process.stop()


def summary(rows: Sequence[Row]) -> str:
    """Return the last line: how many rows there are, and in how many all holds."""
    apps = len({row.app for row in rows})
    held = sum(not row.fails for row in rows)
    cells = [cell for row in rows for cell in row.cells.values()]
    checks = f"{sum(cell != 'FAIL' for cell in cells)} of {len(cells)} checks"
    return f"{apps} apps, {len(rows)} rows: all holds in {held} rows, {checks}"


if __name__ == "__main__":
    main()
