"""The pages of the replicas in a real browser, as wide as a phone: two turns, and no text becomes HTML."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from ..support.browser import browser, page_of
from ..support.modes import PATIENCE
from ..support.payloads import IMG, PAYLOADS
from ..support.servers import MORE_SPACES, SPACES

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:'HTTP_422_UNPROCESSABLE_ENTITY' is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings(r"ignore:unclosed file.*answer\.wav:ResourceWarning"),  # Gradio's
]

VISION = {"qvq-72b", "qwen-3-omni", "qwen-3.5-omni", "qwen-2.5-1m"}  # and those called so
THINKING = {"qwen-3", "qwen-3-vl", "qwen-3-vl-30b"}
HOSTILE = "Is <script>alert(1)</script> or <img src=x onerror=alert(1)> **bold**?"
ANSWER = r"""Answer {}: neither <script>alert(1)</script> nor <img src=x onerror=alert(1)>, says ![a](https://a.example/a.png):

| a | b |
| - | - |
| 1 | **2** |

```html
<b>code</b>
```

So \(a < b\) and `<i>`. The end."""
LOOKS = {".katex": 1, "table": 1, "pre code": 1, "strong": 1, "img": 0, "script": 0}  # of an answer
DONE = ".chat-page [data-testid=status-tracker].hide"  # till then, the page sends nothing


class Brain:
    """Thinks, gives the half of its answer, and waits until it may go on."""

    def __init__(self) -> None:
        self.may_go_on = threading.Event()
        self.count = 0

    def __call__(self, *given: Any, thinking: int = 0) -> Iterator[Any]:
        from qwen_spaces.replicas._brain import Thought

        self.count += 1
        answer = ANSWER.format(self.count)
        if thinking:
            yield Thought("Let me see.")
        yield answer.partition("\n")[0]
        while not self.may_go_on.wait(0.02):
            yield None
        self.may_go_on.clear()
        yield answer


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as opened:
        yield opened


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    Image.new("RGB", (32, 20), "green").save(tmp_path / "green.png")
    return tmp_path / "green.png"


def send(page: Page, text: str) -> None:
    """Type a message where the page takes one, and send it as a person would."""
    inputs = [page.get_by_label(label, exact=True) for label in ("Input", "Question", "Describe the page")]
    named = inputs[0].or_(inputs[1]).or_(inputs[2])
    box = (named if named.count() else page.locator("textarea:visible")).first
    box.fill(text)
    button = page.get_by_role("button", name=re.compile(r"^(\S+ )?(Send|Submit)$")).filter(visible=True)
    if button.count():
        button.first.click()
    else:
        box.press("Enter")


def attach(page: Page, picture: Path) -> None:
    """Attach an image where the page takes one, and wait until it is there."""
    inputs = page.locator("input[type=file]")
    of_images = page.locator("input[type=file][accept*=image]")
    (of_images if of_images.count() else inputs).first.set_input_files(picture)
    page.locator("img[src*='green.png']").first.wait_for()


def takes_images(name: str) -> bool:
    return name in VISION or "-vl" in name


@pytest.mark.parametrize("name", [*SPACES, *MORE_SPACES])
def test_two_turns_are_bubbles_that_grow_and_fit_on_a_phone(
    chromium: Browser, picture: Path, name: str
) -> None:
    from playwright.sync_api import expect

    from qwen_spaces.replicas import serve

    expect.set_options(timeout=1000 * PATIENCE)
    brain = Brain()
    with serve(name, brain=brain) as url, page_of(chromium, url) as (page, faults):
        user, bot = page.get_by_test_id("user"), page.get_by_test_id("bot")
        if takes_images(name):
            attach(page, picture)
        for turn, prompt in enumerate((HOSTILE, "And then?"), 1):
            send(page, prompt)
            expect(bot.last).to_contain_text(
                f"Answer {turn}: neither <script>alert(1)</script> nor <img src=x"
            )
            expect(bot.filter(has_text="The end.")).to_have_count(turn - 1)
            brain.may_go_on.set()
            expect(bot.filter(has_text="The end.")).to_have_count(turn)
            expect(page.locator(DONE)).not_to_have_count(0)
            expect(user.filter(has_text=prompt.replace("**", ""))).to_have_count(1)
        for looks, count in LOOKS.items():
            expect(bot.filter(has_text="The end.").locator(looks)).to_have_count(2 * count)
        expect(bot.locator("pre code").first).to_contain_text("<b>code</b>")
        if takes_images(name):
            expect(page.locator(".chat-page img[src*='green.png']").first).to_be_visible()
        if name in THINKING:
            expect(page.get_by_text("Let me see.").filter(visible=True)).to_have_count(0)
            page.get_by_text("End of Thought").first.click()
            expect(page.get_by_text("Let me see.").filter(visible=True).first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert faults == []


# What a text of a bubble must not become. The buttons are Gradio's; formulas have drawings.
BECAME = """() => [...document.querySelectorAll("[data-testid=user] *, [data-testid=bot] *")]
    .filter(each => !each.closest(".katex, button"))
    .flatMap(each => [
        ...(each.matches(BAD) ? [each.outerHTML] : []),
        ...[...each.attributes]
            .filter(({name, value}) => /^on/.test(name) || /^\\s*(javascript|data|vbscript):/i.test(value))
            .map(({name, value}) => `${each.tagName} ${name}=${value}`),
    ])"""
BAD = (
    "img, script, iframe, object, embed, video, audio, form, style, link, meta, base, svg, details, textarea,"
    " marquee"
)
MORE = [
    f"| `a | {IMG} ` |\n| - | - |\n| `b | {IMG} ` |",
    f"| ` | `x` {IMG} ` |\n| - | - |\n| a | b |",
    f"$$`$$ {IMG} `",
    f"- ```\n{IMG}\n```",
    f"`a\n- {IMG}`",
    f"\\`{IMG}`",
    f"> ```\n{IMG}\n> ```",
    f"``` a`\n{IMG}\n```",
]


def test_no_known_payload_becomes_html(chromium: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    import gradio as gr
    from playwright.sync_api import expect

    from qwen_spaces.replicas import _server
    from qwen_spaces.replicas._blocks import Blocks
    from qwen_spaces.replicas._chat_page import show_chat
    from qwen_spaces.replicas._components import Chatbot

    replacements = {"RUN": "alert(1)", "QUOTED": "alert%281%29", "URL": "https://canary.example"}
    # No server can send a surrogate. The others are payloads against this page's own idea of code.
    texts = [text for text in PAYLOADS.values() if not re.search("[\ud800-\udfff]", text)] + MORE
    for name, value in replacements.items():
        texts = [text.replace(name, value) for text in texts]

    def build(*_: Any) -> Blocks:
        with Blocks("a/chat") as demo:
            chat = Chatbot(value=[])
            gr.Button("Show").click(lambda: [[text, text] for text in texts], None, chat)
            show_chat(chat)
        return demo

    monkeypatch.setitem(_server.REPLICAS, "payloads", build)
    with _server.serve("payloads") as url, page_of(chromium, url) as (page, faults):
        page.get_by_role("button", name="Show").click()
        expect(page.get_by_test_id("bot")).to_have_count(len(texts), timeout=1000 * PATIENCE)
        page.wait_for_timeout(500)  # an image would be loaded now
        found = page.evaluate(BECAME.replace("BAD", repr(BAD)))
    assert (faults, found) == ([], [])
