"""Make a Space's text safe to publish as Markdown or HTML in a notebook. Pure.

A notebook does not sanitise the outputs of a cell that just ran, so raw HTML in an answer would run there.
The published text means the same to every Markdown parser: each special character is an entity, except in
the structure that `markdown-it` found, code blocks on the top level, formulas on one line, and links to
``http``, ``https`` and ``mailto``. It contains no raw HTML that could break out, wherever another parser
begins or ends a block or a span.
"""

from __future__ import annotations

import functools
import os
import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from . import mathematics

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.tree import SyntaxTreeNode

REMOTE_IMAGES = "QWEN_SPACES_REMOTE_IMAGES"  # environment variable; "1" shows images, not links to them
# A text beyond these limits is shown preformatted: parsing would take seconds or drop its inner levels.
MAX_CHARS = 100_000  # characters
MAX_BRACKETS = 3000
MAX_DEPTH = 40  # levels of lists and quotes; a list counts twice

# Named if possible, because `marked` splits a numeric entity at the end of a bare address.
_ENTITIES = str.maketrans(
    {"<": "&lt;", ">": "&gt;", "&": "&amp;", '"': "&quot;", "'": "&#39;", "[": "&lsqb;", "]": "&rsqb;"}
    | {"`": "&grave;", "~": "&#126;", "$": "&dollar;", "\\": "&bsol;", "|": "&verbar;", "*": "&ast;"}
    | {"_": "&lowbar;", "@": "&commat;", ":": "&colon;", "\n": "&NewLine;", "\t": "&Tab;"}
)
_IN_TEXT = {code: entity for code, entity in _ENTITIES.items() if chr(code) not in "':_@\t"}
_IN_LINE = {**_ENTITIES, ord("\n"): "<br>"}
del _IN_LINE[ord(":")]
_AT_START = {"#": "&num;", "+": "&plus;", "=": "&equals;", ":": "&colon;", "-": "&#45;", "~": "&#126;"}

_SUSPECT = re.compile(r"[<&\[\]]|@@|\\@|ftp:|mermaid", re.IGNORECASE)
_BREAKS = re.compile("\r\n?|[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")  # some parsers end a line at one of these
_UNPRINTABLE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff\uffff\U000f0000-\U000fffff]")
_ANY_FENCE = re.compile("`{3}|~{3}")
_PLAIN_FENCE = re.compile(r"^```([\w+#.-]{0,40})$", re.MULTILINE | re.ASCII)
_PLAIN_CODE = re.compile(r"[\w.,:;/+#=(){}?!'*%^-][\w .,:;/+#=(){}?!'*%^-]*(?<! )", re.ASCII)
_LANGUAGE = re.compile(r"[\w+#.-]{1,40}", re.ASCII)
_ALLOWED = re.compile(r"(?:https?://|mailto:)[^\s/\\]", re.IGNORECASE)
_IN_ADDRESS = re.compile(r"[^\w.~:/?#!&+,;=%@-]|@(?=@)|(?<=@)@", re.ASCII)
_OUTER_UNDERLINES = re.compile(r"(?<![A-Za-z0-9_])_+|_+(?![A-Za-z0-9_])")
_LINE_START = re.compile(r"^[ \t]*(?:([#+=:-]|~{3,})|(\d{1,9})([.)])(?=\s|$))?", re.MULTILINE)
_TASK = re.compile(r"\A&lsqb;([ xX])&rsqb; ")


def markdown(text: str) -> str:
    """Return Markdown that shows `text` and runs nothing in it; harmless text is unchanged.

    Example:
        >>> markdown("**Look:** <img src=x onerror=alert(1)> and [this](javascript:alert(1))")
        '**Look:** &lt;img src=x onerror=alert(1)&gt; and &lsqb;this&rsqb;(javascript:alert(1))'
        >>> markdown("Use `vector<int>`.")
        'Use <code>vector&lt;int&gt;</code>.'
    """
    if _is_harmless(text):
        return text
    text = _printable(text)
    if len(text) > MAX_CHARS or text.count("[") > MAX_BRACKETS:
        return _preformatted(text)
    from markdown_it.tree import SyntaxTreeNode

    tokens = _parser().parse(mathematics.hide(text))
    if any(token.level >= MAX_DEPTH - 1 for token in tokens):
        return _preformatted(text)
    return _blocks(SyntaxTreeNode(tokens), "\n\n")


def line(text: str) -> str:
    """Return HTML on one line that shows `text`, and that Markdown and MathJax do not change.

    Example:
        >>> line("<i>Full</i>, $1")
        '&lt;i&gt;Full&lt;/i&gt;, &dollar;1'
    """
    return mathematics.disarm(_printable(text)).translate(_IN_LINE)


def code(text: str) -> str:
    """Return Markdown that shows `text` literally, as inline code."""
    if _PLAIN_CODE.fullmatch(text):
        return f"`{text}`"
    return f"<code>{_entities(_printable(text))}</code>"


def _printable(text: str) -> str:
    """Return the text without control characters, with line breaks on which all parsers agree."""
    return _UNPRINTABLE.sub("\ufffd", _BREAKS.sub("\n", text))


def _entities(text: str) -> str:
    return text.translate(_ENTITIES).replace("www.", "www&period;")


def _is_harmless(text: str) -> bool:
    if any(pattern.search(text) for pattern in (_SUSPECT, _BREAKS, _UNPRINTABLE)):
        return False
    if mathematics.reaches_out(text) or ('"' in text and ("$" in text or "\\" in text)):
        return False  # a quote in a formula ends an attribute in JupyterLab
    if ("\\(" in text or "\\[" in text) and mathematics.has_single(text):
        return False
    marks = _ANY_FENCE.findall(text)
    fences = _PLAIN_FENCE.findall(text)
    return len(fences) == len(marks) and len(fences) % 2 == 0 and not any(fences[1::2])


@functools.cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt
    from markdown_it.common.normalize_url import normalizeLink

    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": MAX_DEPTH})
    parser.enable(["strikethrough", "table"])
    parser.normalizeLink = lambda url: normalizeLink(mathematics.reveal(url))  # type: ignore[method-assign]
    parser.validateLink = lambda url: bool(_ALLOWED.match(url))  # type: ignore[method-assign]
    return parser


def _blocks(parent: SyntaxTreeNode, gap: str) -> str:
    return gap.join(filter(None, map(_block, parent.children)))


def _block(node: SyntaxTreeNode) -> str:
    match node.type:
        case "paragraph":
            return _inline(node)
        case "heading":
            return f"{'#' * int(node.tag[1:])} {_one_line(node)}"
        case "hr":
            return "___"
        case "fence" | "code_block":
            return _code_block(node)
        case "blockquote":
            return _indented(_blocks(node, "\n\n"), "> ", "> ").replace("> \n", ">\n")
        case "bullet_list" | "ordered_list":
            return _list(node)
        case "table":
            return _table(node)
    raise AssertionError(node.type)


def _inline(node: SyntaxTreeNode) -> str:
    shown = "".join(map(_span, node.children[0].children)).strip(" ")
    return _LINE_START.sub(_harmless_start, shown)


def _one_line(node: SyntaxTreeNode) -> str:
    return re.sub(r"\\?\n", " ", _inline(node))


def _harmless_start(match: re.Match[str]) -> str:
    mark, number, point = match.groups()
    if mark:
        return _AT_START[mark[0]] * len(mark)
    return f"{number}{'&period;' if point == '.' else '&rpar;'}" if number else ""


def _span(node: SyntaxTreeNode) -> str:
    match node.type:
        case "text":
            return mathematics.split(node.content, _text)
        case "code_inline":
            return code(mathematics.reveal(node.content))
        case "softbreak":
            return "\n"
        case "hardbreak":
            return "\\\n"
        case "em" | "strong" | "s":
            return f"{node.markup}{''.join(map(_span, node.children))}{node.markup}"
        case "link":
            return _link(node, "".join(map(_span, node.children)))
        case "image":
            return _image(node)
    raise AssertionError(node.type)


def _text(text: str) -> str:
    text = mathematics.disarm(text).translate(_IN_TEXT)
    text = _OUTER_UNDERLINES.sub(lambda match: match[0].replace("_", "&lowbar;"), text)
    text = re.sub("@(?=@)|(?<=@)@", "&commat;", text)
    text = re.sub(r"!\Z", "&excl;", text)  # before a link, it would make an image
    return re.sub("(?<=ftp):", "&colon;", text, flags=re.IGNORECASE)  # `marked` makes links of it


def _link(node: SyntaxTreeNode, label: str) -> str:
    address = str(node.attrs.get("href", ""))
    if not _ALLOWED.match(address):
        return label
    return f"[{label.replace(chr(10), ' ')}]({_address(address)})"


def _image(node: SyntaxTreeNode) -> str:
    """Return a link to the image, because loading it would reveal the reader to its server."""
    source = str(node.attrs.get("src", ""))
    label = mathematics.reveal(node.content).replace("\n", " ").translate(_ENTITIES)
    if not source.lower().startswith("http"):
        return label
    if os.environ.get(REMOTE_IMAGES) == "1":
        return f"![{label}]({_address(source)})"
    within = node.parent
    while within is not None and within.type != "link":
        within = within.parent
    return label if within else f"[{label or 'image'}]({_address(source)})"


def _address(address: str) -> str:
    return _IN_ADDRESS.sub(lambda match: quote(match[0], safe=""), address).replace("&", "&amp;")


def _code_block(node: SyntaxTreeNode) -> str:
    """Return a fence on the top level, where the notebook highlights the code, else HTML if need be."""
    content = mathematics.reveal(node.content).removesuffix("\n")
    named = _LANGUAGE.match(mathematics.reveal(node.info).strip())
    language = named[0] if named and named[0].lower() != "mermaid" else ""  # a page draws mermaid
    if node.level and re.search(r"[<$\\@`~]", content):
        return _preformatted(content, language)
    longest = max(map(len, re.findall("`+", content)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{content}\n{fence}"


def _preformatted(text: str, language: str = "") -> str:
    kind = f' class="language-{language}"' if language else ""
    return f"<pre><code{kind}>{_entities(text)}</code></pre>"


def _list(node: SyntaxTreeNode) -> str:
    is_tight = all(
        block.hidden for item in node.children for block in item.children if block.type == "paragraph"
    )
    gap = "\n" if is_tight else "\n\n"
    items = []
    for item in node.children:
        marker = f"{item.info}{item.markup} "
        content = _TASK.sub(r"[\1] ", _blocks(item, gap))
        items.append(_indented(content, marker, " " * len(marker)))
    return gap.join(items)


def _indented(text: str, first: str, rest: str) -> str:
    lines = text.split("\n")
    return "\n".join([f"{first}{lines[0]}".rstrip(), *(f"{rest}{each}".rstrip(" ") for each in lines[1:])])


def _table(node: SyntaxTreeNode) -> str:
    rows = [row for part in node.children for row in part.children]
    sides = [str(cell.attrs.get("style", "")).removeprefix("text-align:") for cell in rows[0].children]
    rule = [{"left": ":---", "right": "---:", "center": ":---:"}.get(side, "---") for side in sides]
    cells = [[_one_line(cell) for cell in row.children] for row in rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in [cells[0], rule, *cells[1:]])
