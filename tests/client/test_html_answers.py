"""Answers of which a Space makes HTML are Markdown again, also while they stream."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from qwen_spaces import Qwen2_5_VL_72B, QwenSpace

from ..support.modes import POLLING, deltas_through

ANSWER = """Here it is: 1 < 2 & `x`.

1. Run this:
   ```python
   if a_b < 2 and (c > 1):
       print(f"$1.50 - `{a * 2}`!")  # <br>

   ```
2. Then **this**:

```
&copy; is a sign
```
Done."""
MARKDOWN = """Here it is: 1 < 2 & `x`.
1. Run this:
```python
   if a_b < 2 and (c > 1):
       print(f"$1.50 - `{a * 2}`!")  # <br>
```
2. Then **this**:
```
&copy; is a sign
```
Done."""  # without what the demo loses: empty lines, and the indentation of fences


def by_pieces(*_: Any) -> Iterator[str]:
    for end in (*range(0, len(ANSWER), 3), len(ANSWER)):
        time.sleep(0.005)
        yield ANSWER[:end]


@pytest.fixture(scope="module")
def space() -> Iterator[QwenSpace]:
    from qwen_spaces.replicas import serve

    with serve("qwen-2.5-vl-72b", brain=by_pieces) as url, Qwen2_5_VL_72B(src=url) as made:
        yield made


def test_a_demos_html_streams_as_markdown(mode: str, space: QwenSpace) -> None:
    stream = space.stream("Show me\n\n```\nsome code\n```")
    deltas = deltas_through(mode, stream)
    reply = stream.result()
    assert "".join(deltas) == reply.text == MARKDOWN
    assert not reply.rewritten
    assert POLLING or len(deltas) > 5
    assert '<pre><code class="language-python"><br>' in str(reply.raw)
    assert '<pre><code class="language-"><br>some&nbsp;code<br></code></pre>' in str(reply.raw)
