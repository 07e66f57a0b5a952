"""The gateway behind a proxy that gives up after a silence; `tests.tools.behind_nginx` has the figures."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest

from qwen_spaces import QwenSpace
from qwen_spaces.gateway import _answers as answers
from qwen_spaces.gateway import create_app

from ..support.gateway import chat, serve_gateway
from ..support.modes import FACTOR, PATIENCE
from ..support.proxy import recording
from ..support.servers import Servers

SILENCE = 6.0 * FACTOR  # seconds, after which the proxy gives up: a tenth of nginx's
QUEUE = 1.5 * SILENCE  # seconds


@pytest.mark.slow
def test_a_stream_waits_in_a_queue_for_longer_than_a_proxy_does(
    prompt: str, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "EARLY", 0.2)
    monkeypatch.setattr(answers, "PING", 0.2)
    first, second = f"{prompt} first [[forever]] [[pace=0.05]]", f"{prompt} second [[pace=0]]"
    with (
        recording(servers["one-slot"]) as space,
        serve_gateway(create_app({"qwen-2.5": space.url})) as gateway,
        recording(gateway, read_timeout=SILENCE) as proxy,
        openai.OpenAI(base_url=f"{proxy.url}/v1", api_key="any") as client,  # which tries again, twice
        ThreadPoolExecutor(1) as pool,
        QwenSpace("qwen-2.5", src=servers["one-slot"]).stream(first) as holder,
    ):
        deltas = iter(holder)
        next(deltas)
        answer = pool.submit(lambda: text_of(client.chat.completions.create(**chat(second), stream=True)))
        time.sleep(QUEUE)
        assert not answer.done()
        holder.cancel()
        assert second.partition(" [[")[0] in answer.result(PATIENCE)
    assert [request.kind for request in proxy.seen] == ["completions"]
    assert [request.kind for request in space.seen].count("join") == 1
    servers.wait_for("end", second)  # whose report may come later than the answer
    assert servers.count("begin", second) == 1


def text_of(chunks: Any) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
