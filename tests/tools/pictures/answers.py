"""The Space in the pictures: a local Gradio chat that marks its reasoning and has one answer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import gradio as gr

from qwen_spaces import QwenSpace

THOUGHT = """They want the idea first, then code that is short and right.
The middle of low and high, rounded down: the loop must shrink even for two items."""
ANSWER = """Look at the **middle** of a sorted list. If the value there is too small, go on in the right half,
else in the left one:

```python
def find(items, wanted):
    low, high = 0, len(items)
    while low < high:
        middle = (low + high) // 2
        if items[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low
```

Each look halves what is left, so it takes about $\\log_2 n$ of them:

| items | looks |
| ---: | ---: |
| 1 000 | 10 |
| 1 000 000 | 20 |
"""
PACE = 0.01  # seconds a word


def respond(message: str, history: list[Any]) -> Iterator[list[Any]]:
    thought = {"role": "assistant", "content": "", "metadata": {"title": "Thinking"}}
    answer = {"role": "assistant", "content": ""}
    for part, text in ((thought, THOUGHT), (answer, ANSWER)):
        for word in text.split(" "):
            part["content"] = f"{part['content']} {word}".lstrip(" ")
            time.sleep(PACE)
            request = {"role": "user", "content": message}
            yield [*history, request, *(each for each in (thought, answer) if each["content"])]


def thinking_space() -> QwenSpace:
    """A Space of that kind, which runs as long as the program."""
    with gr.Blocks(analytics_enabled=False) as app:
        chat, box = gr.Chatbot(), gr.Textbox()
        box.submit(respond, [box, chat], [chat], api_name="chat")
    _, url, _ = app.launch(prevent_thread_lock=True, quiet=True, inline=False)
    return QwenSpace(url)
