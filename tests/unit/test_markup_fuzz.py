"""Nothing of any text is live, whatever payloads it is made of."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from qwen_spaces._markup.markdown import markdown

from ..support.harmless import faults_of
from ..support.payloads import PAYLOADS, armed
from ..support.published import PLACES

FRAGMENTS = [
    *(armed(text) for text in PAYLOADS.values()),
    *(
        "`",
        "``",
        "```",
        "~~~",
        "$",
        "$$",
        "\\",
        "\\\\(",
        "\\\\)",
        "\\(",
        "\\)",
        "<",
        ">",
        "&",
        "&lt;",
        '"',
        "'",
    ),
    *(
        "\n",
        "\n\n",
        "\r",
        "\t",
        "    ",
        "\n> ",
        "\n- ",
        "\n1. ",
        "\n    ",
        "|",
        "\n| - | - |\n",
        "\n---\n",
        "#",
    ),
    *("[", "](", "](<", ")", "![", "[x]: ", "<!--", "-->", "]]>", "<a ", "=", "*", "_", "**", "~~", "@@0@@"),
    *(
        "\\begin{align}",
        "\\end{align}",
        "\\href",
        "{",
        "}",
        "javascript:",
        "https://a.example/",
        "\0",
        "\u2028",
    ),
    *("\U000fffff", "\U000f003c", "\ud800", "\ufeff", "\u202e", "mermaid", "```mermaid\n", "a", " "),
]
COMPOSED = st.lists(st.sampled_from(FRAGMENTS), max_size=12).map("".join)
TEXTS = COMPOSED | st.text() | st.text(st.sampled_from("<>&`~$\\[]()!'\"|*_-#:@\n\t ax1{}%"), max_size=60)


@settings(deadline=None, max_examples=50)
@given(TEXTS)
@example("`$`" * 3)
@example("\\hrefhttps://a.example/")
def test_nothing_of_any_text_is_live(text: str) -> None:
    for place in ("Reply", "SpaceStatus", "show"):
        for bundle in PLACES[place](text):
            assert faults_of(bundle) == []


@settings(deadline=None)
@given(TEXTS)
def test_what_is_safe_stays_as_it_is(text: str) -> None:
    once = markdown(text)
    assert faults_of({"text/markdown": markdown(once)}) == []
    assert markdown(text) == once
