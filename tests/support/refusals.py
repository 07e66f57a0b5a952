"""Answers of what stands between a user and a Space, and the errors that come of them."""

from __future__ import annotations

from typing import Any

import pytest

from qwen_spaces import QwenSpace, QwenSpacesError

from .images import PNG
from .proxy import Answer, Recorder

SECRET = "s3cret-and-more"
HTML = {"Content-Type": "text/html; charset=UTF-8"}
FIREWALL = Answer(
    403,
    HTML,
    b"<!DOCTYPE html><html><head><title>Attention Required! | Cloud&amp;Wall</title></head>"
    b"<body><h1>Sorry, you have been blocked</h1><script>alert(1)</script></body></html>",
)
PROXY_LOGIN = Answer(407, {"Proxy-Authenticate": 'Basic realm="office"', **HTML}, b"<html>who?</html>")
KINDS = ["config", "info", "upload", "join", "data"]


def answering(kind: str, answer: Answer) -> Any:
    return lambda request: answer if request.kind == kind else None


def failure(space: QwenSpace, **more: Any) -> QwenSpacesError:
    with pytest.raises(QwenSpacesError) as caught:
        space.ask("Hi [[pace=0]]", **more)
    text = str(caught.value)
    assert "developer.mozilla.org" not in text
    assert "\n" not in text
    assert "<" not in text
    assert SECRET not in text
    return caught.value


def failure_at(front: Recorder, kind: str, answer: Answer, **settings: Any) -> QwenSpacesError:
    front.interfere = answering(kind, answer)
    error = failure(QwenSpace("qvq-72b", src=front.url, retries=0, **settings), images=PNG)
    assert kind in front.kinds
    return error
