"""What of a published Markdown or HTML would be live in the most careless of renderers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

import mistune
from markdown_it import MarkdownIt

from qwen_spaces._display.displays import NO_MATH

ALLOWED = {
    **dict.fromkeys(("p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "li", "br", "hr"), ""),
    **dict.fromkeys(("em", "strong", "b", "s", "del", "pre", "table", "thead", "tbody", "tr"), ""),
    **dict.fromkeys(("th", "td"), "style"),
    "summary": "",
    "blockquote": "class",
    "details": "open",
    "div": "class style",
    "ol": "start",
    "code": "class",
    "a": "href",
}
VALUES = {
    "style": re.compile(
        r"text-align: ?(left|right|center)|opacity: 0\.6"
        r"|border-left: 4px solid #d32f2f; padding: 0\.2em 0\.8em"
    ),
    "class": re.compile(r"language-[\w+#.-]+|mathjax_ignore", re.ASCII),
    "href": re.compile("(https?://|mailto:).+", re.IGNORECASE | re.DOTALL),
    "start": re.compile(r"\d{1,9}"),
    "open": re.compile(""),
}
COMMANDS = re.compile(
    r"\\(href|url|style|class|cssId|data|html(?:Class|Id|Style|Data)|unicode|bbox|fcolorbox|mmlToken|includegraphics"
    r"|require|setOptions|csname)(?![A-Za-z])"
)
ALONE = {"br", "hr"}
IMAGES = {"src": re.compile("https?://.+"), "alt": re.compile(".*")}

# Both let all HTML and all addresses through.
_ours = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
_ours.validateLink = lambda url: True  # type: ignore[method-assign]
_theirs = mistune.create_markdown(
    plugins=["table", "strikethrough", "url"],
    renderer=mistune.HTMLRenderer(escape=False, allow_harmful_protocols=True),
)


def renderings(markdown: str) -> Iterator[str]:
    """The HTML that two unlike parsers make of it."""
    yield _ours.render(markdown)
    yield str(_theirs(markdown))


class Checker(HTMLParser):
    """Collects in `faults` what is not allowed."""

    def __init__(self, *, images: bool = False) -> None:
        super().__init__(convert_charrefs=False)
        self.faults: list[str] = []
        self._images = images
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ALONE and tag != "img":
            self._open.append(NO_MATH if ("class", "mathjax_ignore") in attrs else tag)
        if tag == "img" and self._images:
            allowed = IMAGES
        elif tag in ALLOWED:
            allowed = {name: VALUES[name] for name in ALLOWED[tag].split()}
        else:
            self.faults.append(f"<{tag}>")
            return
        for name, value in attrs:
            if name not in allowed or not allowed[name].fullmatch(value or ""):
                self.faults.append(f"<{tag} {name}={value!r}>")

    def handle_endtag(self, tag: str) -> None:
        if self._open:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        if "<" in data:
            self.faults.append(f"bare bracket: {data!r}")
        if COMMANDS.search(data) and not {"code", "pre", NO_MATH}.intersection(self._open):
            self.faults.append(f"command: {data!r}")

    def handle_comment(self, data: str) -> None:
        self.faults.append(f"<!--{data}-->")

    def handle_decl(self, decl: str) -> None:
        self.faults.append(f"<!{decl}>")

    def handle_pi(self, data: str) -> None:
        self.faults.append(f"<?{data}>")

    def unknown_decl(self, data: str) -> None:
        self.faults.append(f"<![{data}]>")


def faults(html: str, *, images: bool = False) -> list[str]:
    """What of this HTML is not allowed."""
    checker = Checker(images=images)
    checker.feed(html)
    checker.close()
    return checker.faults


def faults_of(bundle: dict[str, str], *, images: bool = False) -> list[str]:
    """What is not allowed of what one output publishes, however it is rendered."""
    unknown = [f"type {kind}" for kind in bundle if kind not in {"text/plain", "text/markdown", "text/html"}]
    pages = [bundle["text/html"]] if "text/html" in bundle else []
    pages += renderings(bundle.get("text/markdown", ""))
    return unknown + [fault for page in pages for fault in faults(page, images=images)]
