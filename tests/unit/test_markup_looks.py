"""What is harmless in an answer looks as it should, whether it is published as it is or made anew."""

from __future__ import annotations

import pytest

from qwen_spaces._markup.markdown import REMOTE_IMAGES, markdown

from ..support.cases import case
from ..support.harmless import renderings

UNCHANGED = {
    "headings": "# One\n\n## Two\n\nText",
    "lists": "- a\n- b\n  - c\n\n1. d\n2. e",
    "table": "| a | b |\n| --- | ---: |\n| **1** | `2` |",
    "code": "Use `print(1)`.\n\n```python\nif a != b:\n    print(a)\n```",
    "inline mathematics": "It is $x^2 + \\alpha$.",
    "displayed mathematics": "So\n\n$$\n\\int_0^1 x\\,dx = \\frac{1}{2}\n$$",
    "parentheses": "It is \\\\(x^2\\\\).",
    "environment": "\\begin{align}x &= 1\\end{align}".replace("&", ""),
    "emphasis": "*a* **b** ~~c~~ 2 * 3",
    "money": "It costs $5 and $6.",
    "Chinese": "你好 **世界** 再见",
}


def test_what_is_harmless_is_published_as_it_is() -> None:
    for text in UNCHANGED.values():
        with case(text):
            assert markdown(text) == text


def test_latex_between_single_backslashes_is_published_between_dollars() -> None:
    """As Qwen writes it, and JupyterLab does not know it."""
    assert markdown("It is \\(x^2\\), \\[\ny\n\\]") == "It is $x^2$, $$y$$"
    assert markdown("$5 for \\(x\\), $6 for \\(y\\)") == "&dollar;5 for $x$, &dollar;6 for $y$"
    assert markdown("`\\(x\\)` and \\(y") == "`\\(x\\)` and \\(y"


# Published beside a tag, so that all of it is made anew: Markdown -> what its HTML has.
KEPT = {
    "heading": ("# A\n\n### B *c*\n\nD\n===", ["<h1>A</h1>", "<h3>B <em>c</em></h3>", "<h1>D</h1>"]),
    "list": ("- a\n- b\n  - c", ["<li>a</li>", "<li>b\n<ul>\n<li>c</li>"]),
    "numbered list": ("3. a\n4. b", ['<ol start="3">', "<li>a</li>", "<li>b</li>"]),
    "table": (
        "| a | b |\n| :-- | --: |\n| **1** | `x` |",
        ['<th style="text-align:left">a</th>', '<td style="text-align:right"><code>x</code></td>'],
    ),
    "cell with a pipe": ("| a |\n| - |\n| `x\\|y` |", ["<td><code>x|y</code></td>"]),
    "code": ("Use `vector<int>` or `a & b`.", ["<code>vector&lt;int&gt;</code>", "<code>a &amp; b</code>"]),
    "fence": (
        "```html\n<b>x</b> &lt; $y$ \\(z\\)\n```",
        ['<pre><code class="language-html">&lt;b&gt;x&lt;/b&gt; &amp;lt; $y$ \\(z\\)\n</code></pre>'],
    ),
    "fence in a list": (
        "- a\n\n  ```c\n  a<b>c\n  ```",
        ['<pre><code class="language-c">a&lt;b&gt;c</code></pre>'],
    ),
    "mathematics": ("It is $x < y$ and $$z > 1$$.", ["$x \\lt  y$", "$$z \\gt  1$$"]),
    "parentheses": ("It is \\\\(x^2\\\\), \\\\[y\\\\].", ["$x^2$", "$$y$$"]),
    "one backslash": (
        "It is \\( x_1 * x_2 \\) or \\[\n  y_1 * y_2\n\\].",
        ["$x_1 * x_2$", "$$y_1 * y_2$$"],
    ),
    "one backslash in code": ("`\\(x\\)`\n\n```\n\\[y\\]\n```", ["<code>\\(x\\)</code>", "\\[y\\]\n"]),
    "money beside it": ("$5 for \\(x\\), $6 for \\(y\\)", ["$5 for $x$, $6 for $y$"]),
    "emphasis": ("**a** *b* ~~c~~", ["<strong>a</strong>", "<em>b</em>", "<s>c</s>"]),
    "quote": ("> a\n> b", ["<blockquote>\n<p>a\nb</p>"]),
    "link": (
        "[a b](https://a.example/?q=1&r=(2)#x)",
        ['<a href="https://a.example/?q=1&amp;r=%282%29#x">a b</a>'],
    ),
    "mail": ("[a](mailto:a@a.example)", ['<a href="mailto:a@a.example">a</a>']),
    "image": ("![a](https://a.example/x.png)", ['<a href="https://a.example/x.png">a</a>']),
    "tag": ("<details><summary>a</summary>b</details>", ["&lt;details&gt;&lt;summary&gt;a&lt;/summary&gt;b"]),
    "entities": ("a &lt; b &amp; c", ["a &lt; b &amp; c"]),
    "rule": ("a\n\n---\n\nb", ["<hr />"]),
    "hard break": ("a  \nb", ["a<br />\nb"]),
}


def test_what_is_harmless_looks_as_it_should() -> None:
    for text, kept in KEPT.values():
        with case(text, kept):
            published = markdown(f"{text}\n\nEnd <i>")
            html = next(renderings(published))
            for part in kept:
                assert part in html
            assert html.endswith("<p>End &lt;i&gt;</p>\n")


def test_remote_images_are_shown_where_they_are_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "![a b](https://a.example/x.png) ![c](x.png)"
    assert (
        next(renderings(markdown(text))) == '<p><a href="https://a.example/x.png">a b</a> ![c](x.png)</p>\n'
    )
    monkeypatch.setenv(REMOTE_IMAGES, "1")
    assert (
        next(renderings(markdown(text)))
        == '<p><img src="https://a.example/x.png" alt="a b" /> ![c](x.png)</p>\n'
    )
