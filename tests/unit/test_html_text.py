"""HTML that apps make of a model's text, turned back into text."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from qwen_spaces._contract.html_text import markdown_of, page_text
from qwen_spaces._contract.output import diff

ESCAPES = {
    "`": "\\`",
    "<": "&lt;",
    ">": "&gt;",
    " ": "&nbsp;",
    "*": "&ast;",
    "_": "&lowbar;",
    "-": "&#45;",
    ".": "&#46;",
    "!": "&#33;",
    "(": "&#40;",
    ")": "&#41;",
    "$": "&#36;",
}
NAMES = st.text("abc+# 1", max_size=6)
PROSE = st.text("ab `*<>&.#|é漢🙂\t", min_size=1, max_size=12).filter(lambda line: "``" not in line)
# No two backticks in a row, which a third would turn into a fence; no entities of the model's own.
CODE = st.text(["a", "\n", "é", "🙂", "&", "'", '"', *ESCAPES], max_size=20).filter(
    lambda code: "``" not in code
)


def demo(text: str) -> str:
    """The HTML that the demos make of a text."""

    def lines() -> Iterator[str]:
        in_code = False
        for number, line in enumerate(line for line in text.split("\n") if line):
            if "```" in line:
                in_code = not in_code
                language = line.rpartition("`")[2]
                yield f'<pre><code class="language-{language}">' if in_code else "<br></code></pre>"
            elif number:
                yield "<br>" + ("".join(ESCAPES.get(each, each) for each in line) if in_code else line)
            else:
                yield line

    return "".join(lines())


@st.composite
def answers(draw: st.DrawFn) -> str:
    """A Markdown text of prose and blocks of code, the last of which may be open."""
    lines: list[str] = []
    for _ in range(draw(st.integers(0, 4))):
        if draw(st.booleans()):
            indent = draw(st.sampled_from(["", "   "]))
            lines += [f"{indent}```{draw(NAMES)}", *draw(CODE).split("\n"), f"{indent}```"]
        else:
            lines += [draw(PROSE), *draw(st.sampled_from([[], [""], [" "]]))]
    text = "\n".join(lines)
    return text[: draw(st.integers(0, len(text)))] if draw(st.booleans()) else text


def as_demos_keep_it(text: str) -> str:
    """The text without what the demos lose: empty lines, and what stands before a fence."""
    kept = ["```" + line.rpartition("`")[2] if "```" in line else line for line in text.split("\n") if line]
    text = "\n".join(kept).rstrip()
    last = text.rpartition("\n")[2]
    return text.removesuffix(last).rstrip() if last.strip() in ("`", "``") else text


@given(answers())
@example("`\n``")
@example("First.\n\n1. Look:\n   ```py\n   x = {`a_b`: f(*c) - 1.5}\n\n   # <br> & $HOME!\n   ```\nLast")
def test_the_demos_html_becomes_their_markdown(text: str) -> None:
    assert markdown_of(demo(text)) == as_demos_keep_it(text)


@given(answers())
@example("Look:\n   ```python\n    ``x`` \n   ```\n`Last`")
def test_more_of_the_html_only_adds_to_the_markdown(text: str) -> None:
    shown = ""
    for end in range(len(text) + 1):
        delta = diff(shown, markdown_of(demo(text[:end])))
        if delta:
            assert delta.start == len(shown)
            shown += delta.text
    assert shown == markdown_of(demo(text))


@given(st.text())
def test_any_text_is_converted(text: str) -> None:
    markdown_of(text)
    page_text(text)


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("1 < 2 & &amp; **so** <b>x</b>", "1 < 2 & &amp; **so** <b>x</b>"),
        ("one<br/>two<br />three", "one\ntwo\nthree"),
        ('<pre><code class="py" style="color: #fff">a</code></pre>', "```pya\n```"),
        ('<pre><code class="language-py t="x""><br>a<br></code></pre>', '```py t="x"\na\n```'),
        ('a<pre><code class="language-">', "a\n```"),
        ('<pre><code class="language-x"><br>&amp;&#35;<br></code></pre>b', "```x\n&amp;&#35;\n```b"),
    ],
    ids=["plain", "breaks", "relatives", "quotes", "begun", "own entities"],
)
def test_other_html(html: str, text: str) -> None:
    assert markdown_of(html) == text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("plain", "plain"),
        ("1 &lt; 2 &amp;&nbsp;3 &#x1f642;", "1 < 2 &\xa03 🙂"),
        ("<div>a</div><div>b <i>c</i>\n d</div>", "a\nb c d"),
        ("<p>a</p>\n<p>b</p>", "a\n\nb"),
        ("a<br><br>b<BR/>c", "a\n\nb\nc"),
        ("<pre>x\n  y</pre>z", "x\n  y\n\nz"),
        ("<table><tr><td>1</td><td>2</td></tr><tr><td>3</td></tr></table>", "1\t2\n3"),
        ("<style>p {}</style>a<script>if (1 < 2) x()</script>b<!-- c -->", "ab"),
        ("a <b onclick='x", "a"),
        ("a &am", "a &am"),
        ("</div></p>a</pre> b", "a\n\nb"),
    ],
)
def test_a_page_becomes_its_text(html: str, text: str) -> None:
    assert page_text(html) == text


@given(st.lists(st.sampled_from(["<p>", "</p>", "<b>", "<br>", "a", " ", "&lt;", "<li>", "<div>"])))
def test_no_tag_is_left_in_the_text_of_a_page(parts: list[str]) -> None:
    text = page_text("".join(parts))
    assert text.count("<") == parts.count("&lt;")
    assert text.count("a") == parts.count("a")
    assert text == text.strip()
