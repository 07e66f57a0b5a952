"""ZeroGPU's refusals as it words them today, each through a scripted server."""

from __future__ import annotations

from typing import Any

import pytest

from qwen_spaces import QueueFullError, QuotaExceededError, QwenSpace, SpaceError, StreamError
from qwen_spaces._gradio.zero_gpu import kind_of, seconds_to_wait

from ..support.scripted_gradio import BEGIN, Script, fails, serve_script

QUOTA = "You have exceeded your free ZeroGPU quota (60s requested vs. 0s left). "
CASES: dict[str, tuple[str, str, type[StreamError], dict[str, Any]]] = {
    "quota, with a day": (
        "ZeroGPU quota exceeded",
        QUOTA + "Try again in 1 day, 3:02:10",
        QuotaExceededError,
        {"retry_after": 97330.0},
    ),
    "quota, by its text": (
        "Error",
        QUOTA + "Try again in 0:09:48",
        QuotaExceededError,
        {"retry_after": 588.0},
    ),
    "runs limit": ("Error", "You have exceeded your runs limit.", QuotaExceededError, {"retry_after": None}),
    "the Space's limit": (
        "Error",
        "Space app has reached its GPU limit. <a href='/x'>More</a>",
        QuotaExceededError,
        {"retry_after": None},
    ),
    "pending credits": (
        "ZeroGPU pending credits exceeded",
        "Wait.",
        QuotaExceededError,
        {"retry_after": None},
    ),
    "queue": (
        "ZeroGPU queue timeout",
        "No GPU was available after 60s",
        QueueFullError,
        {"retry_after": None},
    ),
    "worker": ("ZeroGPU worker error", "GPU task aborted", SpaceError, {"title": "ZeroGPU worker error"}),
    "client": ("ZeroGPU client error", "RuntimeError", SpaceError, {"message": "RuntimeError"}),
    "another app's": ("Error", "The weather exceeded your expectations", SpaceError, {}),
}


@pytest.mark.parametrize(("title", "message", "kind", "attributes"), CASES.values(), ids=CASES)
def test_a_refusal_is_the_error_that_it_means(
    title: str, message: str, kind: type[StreamError], attributes: dict[str, Any]
) -> None:
    script = Script(events=(*BEGIN, *fails(message, title)))
    with serve_script(script) as server, pytest.raises(StreamError) as caught:
        QwenSpace("qwen-2-72b", src=server.url, retries=0).ask("Hi")
    assert type(caught.value) is kind
    assert {name: getattr(caught.value, name) for name in attributes} == attributes
    text = str(caught.value)
    assert "<" not in text
    assert ".." not in text
    assert title == "Error" or title in text


@pytest.mark.parametrize(
    ("title", "message", "joins"),
    [
        ("ZeroGPU quota exceeded", QUOTA, 1),
        ("ZeroGPU worker error", "GPU task aborted", 2),
        ("ZeroGPU queue timeout", "No GPU was available after 60s", 3),
    ],
    ids=["quota", "worker", "queue"],
)
def test_it_is_tried_again_as_often_as_it_is_worth(title: str, message: str, joins: int) -> None:
    with serve_script(Script(events=(*BEGIN, *fails(message, title)))) as server:
        with pytest.raises(StreamError):
            QwenSpace("qwen-2-72b", src=server.url, retries=2).ask("Hi")
        assert server.count("/queue/join") == joins


def test_times_and_kinds_are_read() -> None:
    assert seconds_to_wait("retry in 0:00:01") == 1.0
    assert seconds_to_wait("Try again in 2 days, 0:00:01") == 172_801.0
    assert seconds_to_wait("later") is None
    assert kind_of("ZeroGPU QUOTA exceeded", "") == "quota"
    assert kind_of("Error", "no") is None
