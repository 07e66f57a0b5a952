"""Markdown in a terminal, by `rich`, so imported only when needed: where blocks begin, and their lines."""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Iterator, Sequence
from typing import ClassVar

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.markdown import CodeBlock, Heading, Markdown, MarkdownElement
from rich.syntax import Syntax
from rich.text import Text
from rich.theme import Theme

from .terminal import widest

THEME = Theme(
    {
        "markdown.h1": "bold underline",
        "markdown.h2": "bold",
        "markdown.h3": "bold",
        "markdown.code": "cyan",
        "markdown.item.bullet": "bold",
        "markdown.item.number": "bold",
        "markdown.block_quote": "italic",
        "markdown.hr": "dim",
    }
)
COLOURS = "ansi_dark"  # the terminal's own sixteen, so that they suit its background
NARROWEST = 20  # columns
_MATH = re.compile(r"\\\(.+?\\\)|\\\[.+?\\\]|\$\$.+?\$\$", re.DOTALL)
_ENDING = re.compile(r"(?:\x1b\[[0-9;]*m| )+$")
_STYLES = re.compile(r"\x1b\[[0-9;]*m")


def _math(state: StateInline, silent: bool) -> bool:
    """A rule that leaves LaTeX as it is, where Markdown would take its backslashes away."""
    found = _MATH.match(state.src, state.pos)
    if not found:
        return False
    if not silent:
        state.push("text", "", 0).content = found[0]
    state.pos = found.end()
    return True


def _parser() -> MarkdownIt:
    # Without HTML and references, which would be read and not shown.
    parser = MarkdownIt("commonmark", {"html": False}).enable(["strikethrough", "table"]).disable("reference")
    parser.inline.ruler.before("escape", "math", _math)
    return parser


PARSER = _parser()


def begins(text: str) -> list[int]:
    r"""The lines at which the blocks of `text` begin; all but the last are complete, if all its lines are.

    >>> begins("# One\n\ntwo\nand three\n- four\n\n- five\n")
    [0, 2, 4]
    """
    tokens: list[Token] = []
    PARSER.block.parse(text, PARSER, {}, tokens)
    return [token.map[0] for token in tokens if token.level == 0 and token.nesting >= 0 and token.map]


class Title(Heading):
    """A heading at the left, as all other text."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Its text."""
        yield self.text


class Code(CodeBlock):
    """Code within another block."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Its text, coloured."""
        yield _syntax(self.lexer_name, str(self.text).rstrip())


class Block(Markdown):
    """One block at the top, but code."""

    elements: ClassVar[dict[str, type[MarkdownElement]]] = {
        **Markdown.elements,
        "heading_open": Title,
        "fence": Code,
        "code_block": Code,
    }

    def __init__(self, tokens: Sequence[Token]) -> None:
        super().__init__("", justify="default", hyperlinks=True)
        for token in tokens:
            token.children = token.children and [*_spoken(token.children)]
        self.parsed = list(tokens)


class Renderer:
    """Turns Markdown into lines with styles, for the terminal that stdout is."""

    def __init__(self) -> None:
        self._console = Console(file=sys.stdout, theme=THEME, highlight=False)

    def lines(self, text: str, columns: int, last: int | None = None) -> list[str]:
        """The lines of some whole blocks, an empty one between two.

        Args:
            text: Markdown.
            columns: no line but one of code is wider.
            last: how many lines at the end are enough; of code that saves time.
        """
        tokens = PARSER.parse(text)
        starts = [place for place, token in enumerate(tokens) if token.level == 0 and token.nesting >= 0]
        lines: list[str] = []
        for start, end in itertools.pairwise([*starts, len(tokens)]):
            block = tokens[start:end]
            try:
                is_code = block[0].type in ("fence", "code_block")
                shown = self._code(block[0], columns, last) if is_code else self._block(block, columns)
            except Exception:  # better plain than lost
                first, behind = block[0].map or (0, None)
                shown = text.split("\n")[first:behind]
            lines += [*([""] if lines and shown else []), *shown]
        return lines

    def _block(self, tokens: Sequence[Token], columns: int) -> list[str]:
        """The lines of a block; narrower ones where a terminal might need more columns than `rich` thinks."""
        block, width = Block(tokens), columns
        while True:
            lines = self._rendered(block, width)
            excess = max(map(widest, lines), default=0) - columns
            if excess <= 0 or width <= NARROWEST:
                return lines
            width = max(NARROWEST, width - excess)

    def _code(self, token: Token, columns: int, last: int | None) -> list[str]:
        """Code between two rules, its lines as long as they are, so that they can be copied."""
        title = token.info.strip()
        code = token.content.rstrip("\n").expandtabs(4).split("\n")
        text = _syntax(title.partition(" ")[0]).highlight("\n".join(code[-last:] if last else code))
        head = f"── {title} " if title else ""
        above, below = Text(head.ljust(columns, "─"), "dim"), Text("─" * columns, "dim")
        inside = self._rendered(text, columns, soft_wrap=True)
        return [*self._rendered(above, columns), *inside, *self._rendered(below, columns)]

    def _rendered(self, renderable: RenderableType, width: int, *, soft_wrap: bool = False) -> list[str]:
        self._console.width = width
        with self._console.capture() as captured:
            self._console.print(renderable, soft_wrap=soft_wrap)
        lines = [_trimmed(line) for line in captured.get().split("\n")]
        full = [number for number, line in enumerate(lines) if _STYLES.sub("", line)]
        return lines[full[0] : full[-1] + 1] if full else []


def _syntax(language: str, code: str = "") -> Syntax:
    return Syntax(code, language or "text", theme=COLOURS, background_color="default", word_wrap=True)


def _trimmed(line: str) -> str:
    """The line without spaces at its end."""
    found = _ENDING.search(line)
    return line[: found.start()] + "".join(_STYLES.findall(found[0])) if found else line


def _spoken(tokens: Sequence[Token]) -> Iterator[Token]:
    """Inline tokens with what `rich` does not show, or a terminal cannot: addresses, images, line breaks."""
    address, inside = "", ""
    for token in tokens:
        if token.type == "softbreak":
            yield Token("hardbreak", "br", 0)  # as Gradio's chat shows it
        elif token.type == "image":
            yield _text(f"{token.content} ({token.attrs.get('src')})".strip())
        elif token.type == "link_open":
            address, inside = str(token.attrs.get("href")), ""
        elif token.type == "link_close":
            if inside not in (address, address.removeprefix("mailto:")):
                yield _text(f" ({address})")
        else:
            inside += token.content
            yield token


def _text(content: str) -> Token:
    return Token("text", "", 0, content=content)
