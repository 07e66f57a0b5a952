"""Turn HTML that apps make of a model's text back into text. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from html.parser import HTMLParser

_BREAK = re.compile(r"<br ?/?>")
_CURSORS = ("▌", "▋", "█")
_BREAK_BEFORE_BLOCK = re.compile(r"<br ?/?><pre>")
_RENDERED = re.compile(r"\s*<(p|h[1-6]|ul|ol|blockquote|table)>")
_BLOCK = re.compile(
    r'<pre><code class="(?:language-)?(?P<language>[^<>]{0,100}?)"(?: style="[^"<>]*")?>'
    r"(?P<code>.*?)(?P<end>(?:<br ?/?>)?</code></pre>|\Z)",
    re.DOTALL,
)
# What the demos write in code, and nothing else: `&amp;` in a page that the model writes is the model's own.
_ESCAPES = {
    r"\`": "`",
    "&lt;": "<",
    "&gt;": ">",
    "&nbsp;": " ",
    "&ast;": "*",
    "&lowbar;": "_",
    "&#45;": "-",
    "&#46;": ".",
    "&#33;": "!",
    "&#40;": "(",
    "&#41;": ")",
    "&#36;": "$",
}
_ESCAPE = re.compile("|".join(map(re.escape, _ESCAPES)))


def markdown_of(html: str) -> str:
    r"""Return the Markdown of which a demo has made this HTML.

    Qwen-VL's demos, like ChatGLM's before them, drop empty lines, put ``<br>`` before each line but the
    first, make ``<pre><code class="language-x">`` of a fence, and escape what is in the code
    (`web_demo_mm.py` and its relatives, read 2026-11). Text without such HTML is returned as it is, but for
    whitespace at its end.

    The HTML of a longer beginning of a text gives a longer beginning of its Markdown. So the end is withheld
    where it may still become a fence, whose line the demos replace: whitespace, and the first two backticks.

    Example:
        >>> markdown_of('So:<pre><code class="language-py"><br>f&#40;x&#41;<br></code></pre><br>Done.')
        'So:\n```py\nf(x)\n```\nDone.'
    """
    text = "".join(_pieces(html)).rstrip()
    line = text.rpartition("\n")[2]
    return text[: -len(line)].rstrip() if line.strip() in ("`", "``") else text


def text_of(answer: str) -> str:
    """Return the text of an answer of which an unknown app may have made HTML; any other as it is.

    It is such HTML if line breaks are ``<br>`` and never newlines, or if all of it is in the elements that a
    Markdown renderer makes (`mdtex2html` in the demos of ChatGLM, Qwen 1 and their relatives).

    A block at the end is the cursor that FastChat, LLaVA and others show while they write.

    Example:
        >>> text_of("<p>1 &lt; 2</p>"), text_of("a < b▌")
        ('1 < 2', 'a < b')
    """
    answer = answer[:-1] if answer.endswith(_CURSORS) else answer
    if _BREAK.search(answer) and "\n" not in _BLOCK.sub("", answer).strip():
        return markdown_of(_BLOCK.sub(_as_demo, _BREAK_BEFORE_BLOCK.sub("<pre>", answer)))
    return page_text(answer) if _RENDERED.match(answer) and answer.rstrip().endswith(">") else answer


def _pieces(html: str) -> Iterator[str]:
    end = 0
    for block in _BLOCK.finditer(html):
        yield _BREAK.sub("\n", html[end : block.start()])
        yield "\n```" if block.start() else "```"
        yield block["language"]
        yield _ESCAPE.sub(lambda escape: _ESCAPES[escape[0]], _BREAK.sub("\n", block["code"]))
        yield "\n```" if block["end"] else ""
        end = block.end()
    yield _BREAK.sub("\n", html[end:])


def _as_demo(block: re.Match[str]) -> str:
    """Return the block of another app, whose lines are lines, in the form of Qwen-VL's demo."""
    code, begin = block["code"], block[0][: block.start("code") - block.start()]
    if not code or _BREAK.match(code) or not block["end"]:
        return block[0]
    lines = unescape(_BREAK.sub("\n", code)).replace("\xa0", " ").rstrip("\n").split("\n")
    return f"{begin}<br>{'<br>'.join(lines)}<br></code></pre><br>"


# Element -> the newlines around it, as in a browser's `innerText`.
_BLOCKS = {
    **dict.fromkeys(
        ("address", "article", "aside", "dd", "details", "div", "dl", "dt", "figure", "footer"), 1
    ),
    **dict.fromkeys(("form", "header", "hr", "li", "main", "nav", "section", "summary", "tr"), 1),
    **dict.fromkeys(("blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "ol", "p", "pre", "table", "ul"), 2),
}
_HIDDEN = ("head", "script", "style", "template")
_UNFINISHED = re.compile(r"<(?:[a-zA-Z/!][^<>]*)?\Z")
# The parser's time grows with the square of the number of those (Python 3.11).
_STRAY = re.compile(r"<(?![a-zA-Z/][^<>]*>)")


def page_text(html: str) -> str:
    r"""Return the text of a page: blocks and line breaks as newlines, tags dropped, entities unescaped.

    A tag that is not complete at the end is dropped, too: the rest of it may follow.

    Example:
        >>> page_text("<h1>Sums</h1><p>1 &lt; 2,<br>they <b>say</b></p><ul><li>one<li>two</ul>")
        'Sums\n\n1 < 2,\nthey say\n\none\ntwo'
    """
    parser = _PageText()
    parser.feed(_STRAY.sub("&lt;", _UNFINISHED.sub("", _without_comments(html))))
    parser.close()
    return "".join(parser.parts).strip()


def _without_comments(html: str) -> str:
    """Return the page without comments and other declarations, the last of which may be open."""
    parts, end = [], 0
    while (start := html.find("<!", end)) >= 0:
        parts.append(html[end:start])
        close = "-->" if html.startswith("<!--", start) else ">"
        place = html.find(close, start)
        if place < 0:
            return "".join(parts)
        end = place + len(close)
    return "".join([*parts, html[end:]])


class _PageText(HTMLParser):
    """A parser that collects the text of a page, its spaces as a browser shows them."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._newlines = 2  # at the end of the text so far
        self._hidden = self._preformatted = 0  # elements around the place that is read

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002  (as in the base class)
        self._hidden += tag in _HIDDEN
        self._preformatted += tag == "pre"
        if tag == "br":
            self._add("\n")
        elif tag in ("td", "th") and not self._newlines:
            self._add("\t")
        self._break(_BLOCKS.get(tag, 0))

    def handle_endtag(self, tag: str) -> None:
        self._hidden = max(0, self._hidden - (tag in _HIDDEN))
        self._preformatted = max(0, self._preformatted - (tag == "pre"))
        self._break(_BLOCKS.get(tag, 0))

    def handle_data(self, data: str) -> None:
        if not self._preformatted:
            data = re.sub(r"[ \t\r\n\f]+", " ", data)
            if self._newlines or (self.parts and self.parts[-1].endswith((" ", "\t"))):
                data = data.lstrip(" ")
        self._add(data)

    def _break(self, newlines: int) -> None:
        """Put this text and the next so many lines apart."""
        self._add("\n" * (newlines - self._newlines))

    def _add(self, text: str) -> None:
        if not text or self._hidden:
            return
        if text.startswith("\n") and self.parts and not self._preformatted:
            self.parts[-1] = self.parts[-1].rstrip(" ")
        self.parts.append(text)
        own = len(text) - len(text.rstrip("\n"))
        self._newlines = own + (self._newlines if own == len(text) else 0)
