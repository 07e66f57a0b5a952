"""Render an answer as Markdown on a terminal, by `rich`. Imported when used."""

from __future__ import annotations

import itertools
import re
import sys
import time

import click
from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from rich.console import Console, Group, RenderableType
from rich.markdown import Markdown
from rich.rule import Rule
from rich.syntax import Syntax
from rich.text import Text as StyledText

from .._markup.terminal import strip_controls
from .._types.events import Reply, Text
from ._output import Output
from ._terminal import max_width, size, styles, without_echo, write

FRAME_INTERVAL = 1 / 30  # seconds
CODE_THEME = "ansi_dark"  # the terminal's own sixteen colours, which suit its background
MIN_COLUMNS = 20
_STYLES = re.compile(r"(\x1b\[[0-9;]*m)")
_MATH = re.compile(r"\\\(.+?\\\)|\\\[.+?\\\]|\$\$.+?\$\$", re.DOTALL)


def _parse_math(state: StateInline, silent: bool) -> bool:
    """Keep LaTeX as it is. `markdown_it` applies this rule before the one that drops backslashes."""
    match = _MATH.match(state.src, state.pos)
    if not match:
        return False
    if not silent:
        state.push("text", "", 0).content = match[0]
    state.pos = match.end()
    return True


# HTML, references, images and autolinks would hide their source.
PARSER: MarkdownIt = MarkdownIt("commonmark", {"html": False}).enable(["strikethrough", "table"])
PARSER.disable(["reference", "image", "autolink"])
PARSER.inline.ruler.before("escape", "math", _parse_math)


class MarkdownOutput(Output):
    """Draws each complete block once, and each line of code, and redraws the rest of the last block."""

    def __init__(self, *, reasoning: bool = True, stream: bool = True) -> None:
        super().__init__(reasoning=reasoning, stream=stream)
        self._answer = ""
        self._blocks = [0]  # first lines of the blocks; all blocks but the last are final on the screen
        self._code_lines = 0  # of the last block, with the line above the code, that are final, too
        self._tail = [""]  # lines that may be redrawn; the cursor is at the end of the last
        self._next_frame = 0.0  # `time.monotonic()`
        self._without_echo = without_echo()  # typed keys would garble the redrawn lines

    def __enter__(self) -> Output:
        self._without_echo.__enter__()
        return self

    def text(self, text: Text) -> None:
        self._answer = self._answer[: text.start] + text.text
        first_changed = self._answer.count("\n", 0, text.start)  # line
        if first_changed < self._blocks[-1] + self._code_lines:
            self._restart_at(first_changed)
        # The stream merges the deltas that arrive during the sleep into one.
        time.sleep(max(0.0, self._next_frame - time.monotonic()))
        start = time.monotonic()
        self._draw()
        end = time.monotonic()
        self._next_frame = end + max(FRAME_INTERVAL, end - start)

    def end(self, reply: Reply | None) -> None:
        try:
            self._answer = reply.text if reply else self._answer
            self._draw(complete=True)
        finally:
            self._without_echo.__exit__(None, None, None)

    def _restart_at(self, line: int) -> None:
        """Draw again from the block with that line, below the old drawing, which may have scrolled away."""
        while self._blocks[-1] > line:
            self._blocks.pop()
        self._code_lines = 0
        note = click.style("The Space revised its answer from here on:", dim=styles())
        self._replace_tail(["", note] + [""] * (self._blocks == [0]), [])

    def _draw(self, *, complete: bool = False) -> None:
        columns, _ = size()
        lines = strip_controls(self._answer).split("\n")
        first = self._blocks[-1]
        # The last line may become another block while it grows.
        starts = block_starts("\n".join([*lines[first:-1], lines[-1] if complete else ""]))
        self._blocks += [first + line for line in starts[1:]] + [len(lines)] * complete
        last = self._blocks[-1]
        final = _separate(render("\n".join(lines[first:last]), columns), self._code_lines, first=not first)
        if last > first:
            self._code_lines = 0
        code = render_code("\n".join(lines[last:-1]), columns)
        final += _separate(code, self._code_lines, first=not last)
        self._code_lines = max(self._code_lines, len(code))
        tail = render("\n".join(lines[last:]), columns, crop=True)
        self._replace_tail(final, _separate(tail, self._code_lines, first=not last))

    def _replace_tail(self, final: list[str], tail: list[str]) -> None:
        """Replace the tail on the screen by `final` lines and the last rows of the new tail."""
        columns, rows = size()
        # The old tail takes more rows if the terminal has become narrower.
        up = sum(max(1, -(-max_width(line) // columns)) for line in self._tail) - 1
        self._tail = tail[-(rows - 1) :] or [""]
        # Erase from the second line on: tmux keeps text that is erased from the top row in its history.
        erase = f"\x1b[{up}A\r\x1b[K\n\x1b[J\x1b[A" if up else "\r\x1b[K"
        write(erase + "\n".join([*final, *self._tail]))


def _separate(block: list[str], drawn: int, *, first: bool) -> list[str]:
    """Return the lines of a block that are not drawn yet, below an empty line unless it is the first one."""
    return [""] * (bool(block) and not drawn and not first) + block[drawn:]


def block_starts(text: str) -> list[int]:
    r"""Return the first line of each block. If the lines are complete, so are all blocks but the last.

    >>> block_starts("# One\n\ntwo\nand three\n- four\n\n- five\n")
    [0, 2, 4]
    """
    tokens: list[Token] = []
    PARSER.block.parse(text, PARSER, {}, tokens)
    return [token.map[0] for token in tokens if token.level == 0 and token.nesting >= 0 and token.map]


def render(text: str, columns: int, *, crop: bool = False) -> list[str]:
    """Render Markdown as styled lines; unless `crop`, lines of code may exceed `columns`, for copying."""
    source, lines = text.split("\n"), list[str]()
    for start, end in itertools.pairwise([*block_starts(text), len(source)]):
        block = _render_block("\n".join(source[start:end]), columns, crop)
        lines += ["", *block] if lines and block else block
    return lines


def render_code(text: str, columns: int) -> list[str]:
    """Return the complete lines of a block of code that may go on, nothing for another block."""
    block = _parse_block(text, crop=False) if text.lstrip(" ")[:3] in ("```", "~~~") else None
    # Without code there would be an empty line.
    lines = _render_lines(block, columns)[:-1] if isinstance(block, Group) else []
    return lines[: text.count("\n") + 1]


def _render_block(text: str, columns: int, crop: bool) -> list[str]:
    block, width = _parse_block(text, crop), columns
    may_exceed = isinstance(block, Group) and not crop
    while True:
        lines = _render_lines(block, width)
        # Some terminals draw wider than `rich` counts.
        excess = max(map(max_width, lines), default=0) - columns
        if excess <= 0 or width <= MIN_COLUMNS or may_exceed:
            return lines
        width = max(MIN_COLUMNS, width - excess)


def _render_lines(block: RenderableType, width: int) -> list[str]:
    """Render a block without blank lines at its ends."""
    console = Console(file=sys.stdout, highlight=False, width=width)
    with console.capture() as capture:
        console.print(block, crop=False)
    parts = _STYLES.split(capture.get())
    parts[::2] = map(strip_controls, parts[::2])  # Markdown's entities can spell control characters
    lines = [line.rstrip() for line in "".join(parts).split("\n")]
    filled = [number for number, line in enumerate(lines) if click.unstyle(line).strip()]
    return lines[filled[0] : filled[-1] + 1] if filled else []


def _parse_block(text: str, crop: bool) -> RenderableType:
    tokens = PARSER.parse(text)
    if tokens and tokens[0].type in ("fence", "code_block"):
        return _code(tokens[0], crop)
    for token in tokens:
        for child in token.children or ():
            child.type = child.type.replace("softbreak", "hardbreak")  # as Gradio's chat shows it
    block = Markdown("", code_theme=CODE_THEME, hyperlinks=False)
    block.parsed = tokens
    return block


def _code(token: Token, crop: bool) -> Group:
    title = token.info.strip()
    syntax = Syntax("", title.partition(" ")[0] or "text", theme=CODE_THEME, background_color="default")
    code = syntax.highlight(token.content.expandtabs(4))
    code.rstrip()
    code.overflow = "crop" if crop else "ignore"
    return Group(Rule(StyledText(title, "dim"), align="left", style="dim"), code, Rule(style="dim"))
