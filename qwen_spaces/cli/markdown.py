"""Markdown in a terminal, by `rich`, so imported only when needed: where blocks begin, and their lines."""

from __future__ import annotations

import itertools
import re
import sys

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from rich.console import Console, Group, RenderableType
from rich.markdown import Markdown
from rich.rule import Rule
from rich.syntax import Syntax
from rich.text import Text

from .terminal import STYLES, max_width, sanitize_styled

COLOURS = "ansi_dark"  # the terminal's own sixteen, so that they suit its background
NARROWEST = 20  # columns
_MATH = re.compile(r"\\\(.+?\\\)|\\\[.+?\\\]|\$\$.+?\$\$", re.DOTALL)


def _math(state: StateInline, silent: bool) -> bool:
    """Return a rule that leaves LaTeX as it is, where Markdown would take its backslashes away."""
    found = _MATH.match(state.src, state.pos)
    if not found:
        return False
    if not silent:
        state.push("text", "", 0).content = found[0]
    state.pos = found.end()
    return True


# Without what would be read and not shown: HTML, references, where an image is; a bare address says itself.
PARSER = MarkdownIt("commonmark", {"html": False}).enable(["strikethrough", "table"])
PARSER.disable(["reference", "image", "autolink"])
PARSER.inline.ruler.before("escape", "math", _math)


def block_starts(text: str) -> list[int]:
    r"""Return the lines at which the blocks of `text` begin; all but the last are complete if its lines are.

    >>> block_starts("# One\n\ntwo\nand three\n- four\n\n- five\n")
    [0, 2, 4]
    """
    tokens: list[Token] = []
    PARSER.block.parse(text, PARSER, {}, tokens)
    return [token.map[0] for token in tokens if token.level == 0 and token.nesting >= 0 and token.map]


class Renderer:
    """Turns Markdown into lines with styles, for the terminal that stdout is."""

    def __init__(self) -> None:
        self._console = Console(file=sys.stdout, highlight=False)

    def lines(self, text: str, columns: int, *, crop: bool = False) -> list[str]:
        """Return the lines of the blocks, an empty one between two.

        Args:
            text: Markdown.
            columns: no line is wider; one of code is as long as it is, so that it can be copied.
            crop: whether code is cropped, too.
        """
        given, lines = text.split("\n"), list[str]()
        for start, end in itertools.pairwise([*block_starts(text), len(given)]):
            shown = self._block("\n".join(given[start:end]), columns, crop)
            lines += ["", *shown] if lines and shown else shown
        return lines

    def _block(self, text: str, columns: int, crop: bool) -> list[str]:
        block, width = _renderable(text, crop), columns
        while True:
            self._console.width = width
            with self._console.capture() as captured:
                self._console.print(block, crop=False)
            lines = [sanitize_styled(line).rstrip() for line in captured.get().split("\n")]
            excess = (
                max(map(max_width, lines)) - columns
            )  # a terminal may need more of them than `rich` thinks
            if excess <= 0 or width <= NARROWEST or (isinstance(block, Group) and not crop):
                full = [place for place, line in enumerate(lines) if STYLES.sub("", line).strip()]
                return lines[full[0] : full[-1] + 1] if full else []
            width = max(NARROWEST, width - excess)


def _renderable(text: str, crop: bool) -> RenderableType:
    tokens = PARSER.parse(text)
    if tokens and tokens[0].type in ("fence", "code_block"):
        return _code(tokens[0], crop)
    for token in tokens:
        for child in token.children or ():
            child.type = child.type.replace("softbreak", "hardbreak")  # as Gradio's chat shows it
    block = Markdown("", code_theme=COLOURS, hyperlinks=False)
    block.parsed = tokens
    return block


def _code(token: Token, crop: bool) -> Group:
    """Code between two rules."""
    title = token.info.strip()
    syntax = Syntax("", title.partition(" ")[0] or "text", theme=COLOURS, background_color="default")
    code = syntax.highlight(token.content.expandtabs(4))
    code.rstrip()
    code.overflow = "crop" if crop else "ignore"
    return Group(Rule(Text(title, "dim"), align="left", style="dim"), code, Rule(style="dim"))
