"""Nothing of a Space's text is live where it is published, and what is harmless looks as it should.

What publishes it: the value of a cell (`Reply`, `Conversation`, `SpaceStatus`, `QwenSpace`, an error), `show`
and ``%%qwen`` (answer, reasoning, status, the box of an error), and the gateway, which has no page. `PLACES`
are all that need no server; `tests/tools/browser.py` looks at them in a real JupyterLab.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import qwen_spaces
from qwen_spaces._display.displays import NO_MATH
from qwen_spaces._markup.markdown import MAX_BRACKETS, MAX_CHARS, REMOTE_IMAGES, markdown

from ..support.harmless import faults, faults_of, renderings
from ..support.payloads import PAYLOADS, armed
from ..support.published import PLACES, shown

ARMED = {name: armed(text) for name, text in PAYLOADS.items()}


# Where it is published --------------------------------------------------------------------------------------


# In one test for each place: thousands of tests that take a millisecond each are slow to collect.
@pytest.mark.parametrize("place", PLACES)
def test_nothing_is_live(place: str) -> None:
    live = {
        name: found
        for name, payload in ARMED.items()
        for bundle in PLACES[place](payload)
        if (found := faults_of(bundle))
    }
    assert live == {}


def test_nothing_is_live_while_an_answer_grows() -> None:
    live = {
        name: found
        for name, payload in ARMED.items()
        for bundle in shown(payload, growing=True)
        if (found := faults_of(bundle))
    }
    assert live == {}


def test_nothing_but_images_is_live_where_images_are_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(REMOTE_IMAGES, "1")
    bundles = {name: {"text/markdown": markdown(payload)} for name, payload in ARMED.items()}
    live = {name: found for name, bundle in bundles.items() if (found := faults_of(bundle, images=True))}
    assert live == {}


def test_the_checker_sees_what_is_live() -> None:
    seen = {name for name, text in PAYLOADS.items() if faults_of({"text/markdown": armed(text)})}
    assert len(seen) > 150
    assert faults("<p onclick=x>") == ["<p onclick='x'>"]
    assert faults('<a href="javascript:x">') == ["<a href='javascript:x'>"]
    assert faults("<img src=http://a.example>") == ["<img>"]
    assert faults("<!-- x --><?x><!x>") != []
    assert faults("a < b") != []
    assert faults_of({"application/javascript": "x"}) == ["type application/javascript"]


DISPLAYS = {"HTML", "HTMLResponse", "display", "publish_display_data"}


def test_all_that_publishes_is_known() -> None:
    """A new place where something is published must be added to `PLACES`."""
    publishers = set()
    for path in Path(qwen_spaces.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and re.fullmatch(r"_repr_\w+_|_ipython_display_", node.name):
                publishers.add(f"{path.stem}.{node.name}")
            elif isinstance(node, ast.Constant) and node.value in {"text/html", "text/markdown"}:
                publishers.add(f"{path.stem}: {node.value}")
            elif isinstance(node, ast.alias) and node.name in DISPLAYS:
                publishers.add(f"{path.stem}: {node.name}")
    assert publishers == {
        "events._repr_markdown_",
        "_conversation._repr_markdown_",
        "status._repr_markdown_",
        "space._repr_markdown_",
        "displays: text/html",
        "displays: text/markdown",
        "live_reply._ipython_display_",
        "_guard: text/html",  # which is looked for, on a replica's own pages
    }


# By itself ------------------------------------------------------------------------------------------------


def test_reasoning_is_a_fold_of_ours() -> None:
    bundles = shown("a **b** <i>\n\nc")
    fold = next(each["text/markdown"] for each in bundles if "<details>" in each.get("text/markdown", ""))
    assert next(renderings(fold)).strip() == (
        f"<details><summary>Reasoning</summary><blockquote {NO_MATH}>"
        "a &ast;&ast;b&ast;&ast; &lt;i&gt;<br><br>c</blockquote></details>"
    )


def test_a_text_too_long_or_too_deep_is_shown_as_it_is_written() -> None:
    for text in ("<" * MAX_CHARS + "x", "[" * (MAX_BRACKETS + 1), "> " * 50 + "<i>"):
        published = markdown(text)
        assert published.startswith("<pre><code>")
        assert faults_of({"text/markdown": published}) == []
