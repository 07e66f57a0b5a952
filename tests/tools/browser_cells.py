"""What the notebook of `browser.py` runs in its kernel: every payload in each place, and a sample."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from IPython.display import display

from qwen_spaces import Conversation, Message, QwenSpace, Reply, SpaceError, SpaceStatus, Status
from qwen_spaces._display import live_reply
from qwen_spaces._display.live_reply import LiveReply

from ..support.page import stream_of, thinking
from ..support.payloads import PAYLOADS, armed
from ..support.scripted_gradio import Script, serve_script, succeeds

THOUGHT = "They want *all* of it: <b>tags</b>, $x$,\n\n- lists\n- and `code`."
BREAKING = ("<base", "<meta", "<form", "<body")
SAMPLE = """## Heading with a `<tag>`

A paragraph with **bold**, *italics*, ~~struck~~, a <b>tag</b>, `vector<int>` and
a [link](https://a.example/?a=1&b=2).

1. first
2. second
   - nested, $a < b$

> A quote.

| kind | code | formula |
| :--- | :--: | ---: |
| `a\\|b` | `List<T>` | $\\frac{1}{2}$ |
| <i>x</i> | `&amp;` | \\\\(x^2\\\\) |

```python
def find(items: list[int]) -> str:
    return "<b>" + str(items[0] & 1) + "</b>"  # $no$ formula
```

Inline $e^{i\\pi} + 1 = 0$, and displayed:

$$
\\int_0^1 x^2\\,dx = \\frac{1}{3} < 1
$$

\\begin{align}
a &= b \\\\
c &= d
\\end{align}
"""


def live(texts: list[str]) -> None:
    """Let a real server send each, in two pieces, and `show` it as it arrives."""
    with serve_script() as server:
        space = QwenSpace("qwen-2-72b", src=server.url)
        for text in texts:
            server.script = Script(events=succeeds(text[: len(text) // 2], text))
            space.show("Go.").result()


def reasoning_and_error(texts: list[str]) -> None:
    """Show each as the status, the reasoning, the answer and the error of one request."""
    live_reply.REFRESH_INTERVAL = 0.01
    for text in texts:
        updates = Status("queued", reason=text), thinking(text), thinking(text, text)
        display(LiveReply(stream_of(*updates, pace=0.03, error=SpaceError(text))))


def reply(texts: list[str]) -> None:
    """Show each as the value of a cell."""
    for text in texts:
        display(Reply(text))


def conversation(texts: list[str]) -> None:
    """Show each as the text of both sides of a chat."""
    for text in texts:
        chat = Conversation(lambda *_args, **_how: None)  # type: ignore[arg-type]
        chat.messages = tuple(Message(role, text) for role in ("system", "user", "assistant"))
        display(chat)


def status(texts: list[str]) -> None:
    """Show each as all that a Space reports of itself."""
    for text in texts:
        facts = dict.fromkeys(("url", "gradio", "endpoint", "stage", "hardware"), text)
        display(SpaceStatus(**facts, parameters={text: text}, options={text: text}, history=None))  # type: ignore[arg-type]


def control(texts: list[str]) -> None:
    """Show each as it is, which nothing must do; at the end those that break the page for all others."""
    for text in sorted(texts, key=lambda text: any(tag in text for tag in BREAKING)):
        for kind in ("text/markdown", "text/html"):
            display({kind: text}, raw=True)


def traceback(texts: list[str]) -> None:
    """Fail, with all of them in the error that nobody catches."""
    raise SpaceError("\n".join(texts), title=texts[0])


PLACES: dict[str, Callable[[list[str]], None]] = {
    "show()": live,
    "a Reply": reply,
    "a Conversation": conversation,
    "SpaceStatus": status,
    "reasoning, status and error box": reasoning_and_error,
    "traceback": traceback,  # the last one: no cell runs after it
}
CONTROL = {"control": control}


def run(place: str, canary: str) -> None:
    """Show every payload there. The number that it calls home with is 1000 times its place, and its own."""
    number = [*PLACES, *CONTROL].index(place)
    texts = [
        armed(text, f"x7({number * 1000 + index})", f"{canary}/got/{number * 1000 + index}")
        for index, text in enumerate(PAYLOADS.values())
    ]
    whole = [text.encode("utf-8", "replace").decode() for text in texts]
    {**PLACES, **CONTROL}[place](whole)


def name_of(number: int) -> str:
    """The place and the name of a payload that called home."""
    place, index = divmod(number, 1000)
    return f"{[*PLACES, *CONTROL][place]}: {list(PAYLOADS)[index]}"


def sample() -> Any:
    """An answer with all that Markdown has, and harmless tags."""
    return LiveReply(stream_of(thinking(THOUGHT, SAMPLE)))


def cells(canary: str) -> Iterator[str]:
    """The code of the notebook, a cell each."""
    yield "from tests import browser_cells as it"
    yield "it.sample()"
    for place in PLACES:
        yield f"it.run({place!r}, {canary!r})"
