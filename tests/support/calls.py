"""A replica whose answers do not depend on the prompt."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

CALL = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n</tool_call>'


@contextlib.contextmanager
def serve_text(*pieces: str) -> Iterator[str]:
    """A replica of `qwen-2.5` that always answers with these pieces; yields its address."""
    from qwen_spaces.replicas import serve

    def brain(system: str, history: Any, prompt: str, image: str | None) -> Iterator[str]:
        text = ""
        for piece in pieces:
            text += piece
            yield text

    with serve("qwen-2.5", brain=brain) as url:
        yield url
