"""Makes `terminal.png`: a shell session with the real command in a pseudo-terminal of 80 columns.

`python -m tests.tools.pictures.terminal` needs bash and chromium. Everybody gets the same answer.
"""

from __future__ import annotations

import html
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ...support.terminal import COLUMNS, Terminal

HERE = Path(__file__).parent
# The command itself, by the Python that runs this.
COMMAND = """#!{python}
import sys
from qwen_spaces.cli import main
sys.argv[0] = "qwen-spaces"
main()
"""
COLOURS = {
    "default": "#d8dee9",
    "black": "#2e3440",
    "red": "#e06c75",
    "green": "#8fc379",
    "brown": "#e5c07b",
    "blue": "#61afef",
    "magenta": "#c678dd",
    "cyan": "#56c2d0",
    "white": "#d8dee9",
    "brightblack": "#7f8896",
    "brightred": "#ff7b86",
    "brightgreen": "#a5e08c",
    "brightbrown": "#ffd68a",
    "brightblue": "#7cc0ff",
    "brightmagenta": "#de90f5",
    "brightcyan": "#74e0ee",
    "brightwhite": "#ffffff",
}
STYLE = """
body { margin: 0; background: #1d2129; }
pre { margin: 14px 18px; font: 15px/20px "DejaVu Sans Mono", monospace; color: #d8dee9; }
i.wide { display: inline-block; width: 18.06px; height: 20px; overflow: hidden; vertical-align: top;
         font-style: normal; font-family: "Noto Color Emoji", "Noto Sans Mono CJK SC", "WenQuanYi Zen Hei"; }
"""
LETTER, LINE, MARGIN = 9.03, 20, 14  # pixels


def cell(char: Any, width: int) -> str:
    """A character of the screen in HTML."""
    fg, bg = (char.bg, char.fg) if char.reverse else (char.fg, char.bg)
    style = f"color: {COLOURS.get(fg, f'#{fg}')};"
    if bg != "default":
        style += f"background: {COLOURS.get(bg, f'#{bg}')};"
    style += "font-weight: bold;" * char.bold + "font-style: italic;" * char.italics
    style += "text-decoration: underline;" * char.underscore
    text = html.escape(char.data)
    inside = f'<i class="wide">{text}</i>' if width == 2 else text
    return f'<span style="{style}">{inside}</span>'


def as_html(terminal: Terminal) -> Iterator[str]:
    screen = terminal.screen
    rows = [*screen.history.top, *(screen.buffer[row] for row in range(screen.used()))]
    for row in rows:
        line = ""
        for column in range(COLUMNS):
            wide = column + 1 < COLUMNS and row[column + 1].data == ""
            line += cell(row[column], 2 if wide else 1) if row[column].data else ""
        yield line


def photograph(terminal: Terminal, picture: Path) -> None:
    """What the terminal shows, and what has left its screen, as a PNG."""
    lines = list(as_html(terminal))
    size = f"{round(COLUMNS * LETTER) + 36},{len(lines) * LINE + 2 * MARGIN}"
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        body = "\n".join(lines)
        page.write_text(f"<meta charset=utf-8><style>{STYLE}</style><pre>{body}</pre>", encoding="utf-8")
        subprocess.run(
            [
                *("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
                *("--force-device-scale-factor=2", f"--user-data-dir={folder}/profile"),
                *(f"--screenshot={picture}", f"--window-size={size}", page.as_uri()),
            ],
            check=True,
            capture_output=True,
            timeout=120,
        )


def session(picture: Path, play: Callable[[Terminal], None]) -> None:
    """Play something in a shell, and photograph it."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "qwen-spaces"
        program.write_text(COMMAND.format(python=sys.executable))
        program.chmod(0o755)
        shell = [shutil.which("bash") or "bash", "--norc", "--noprofile"]
        path = f"{folder}:/usr/local/bin:/usr/bin:/bin"
        environment = {"PATH": path, "PS1": "$ ", "HOME": folder, "XDG_CONFIG_HOME": folder}
        with Terminal(shell, environment) as terminal:
            terminal.wait_for("$")
            play(terminal)
            photograph(terminal, picture)


def show(terminal: Terminal) -> None:
    """The session of the README."""
    terminal.type('qwen-spaces ask --local "Why is the sky blue? [[sample]]"\r')
    terminal.wait_for(lambda shown: shown.rstrip().endswith("\n$"), 60)


if __name__ == "__main__":
    session(HERE / "terminal.png", show)
