"""By TLS, as every real Space is reached: it streams, it is left, and what is not trusted is refused."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import pytest

from qwen_spaces import ConnectError, QwenSpace

from .conftest import POLLING, Servers, deltas_through, run_async
from .tls import serve_tls


@pytest.fixture(scope="module")
def secure(servers: Servers) -> Iterator[tuple[str, ssl.SSLContext]]:
    with serve_tls(servers["qwen-2.5"]) as secure:
        yield secure


def test_an_answer_streams(secure: tuple[str, ssl.SSLContext], door: str, prompt: str) -> None:
    url, context = secure
    stream = QwenSpace("qwen-2.5", src=url, ssl_verify=context).stream(f"{prompt} [[pace=0.01]]")
    deltas = deltas_through(door, stream)
    assert POLLING or len(deltas) > 3
    assert "".join(deltas) == stream.result().text
    assert prompt in stream.text


def test_leaving_ends_the_job(
    secure: tuple[str, ssl.SSLContext], door: str, prompt: str, servers: Servers
) -> None:
    url, context = secure
    endless = f"{prompt} [[forever]]"
    stream = QwenSpace("qwen-2.5", src=url, ssl_verify=context).stream(endless)

    async def leave() -> None:
        async for _ in stream:
            break

    if door == "sync":
        for _ in stream:
            break
    else:
        run_async(door, leave)
    servers.wait_for("end", endless)
    assert stream._reader.feed.released.wait(1.0)


def test_a_server_that_is_not_trusted_is_refused_unless_that_is_wanted(
    secure: tuple[str, ssl.SSLContext], prompt: str
) -> None:
    with pytest.raises(ConnectError, match="certificate"):
        QwenSpace("qwen-2.5", src=secure[0], retries=0).ask(prompt)
    assert prompt in QwenSpace("qwen-2.5", src=secure[0], ssl_verify=False).ask(prompt).text
