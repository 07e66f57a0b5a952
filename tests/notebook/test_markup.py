"""Nothing of a Space's text is live in a notebook: what the magic and `show` publish in a real shell."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_mock import MockerFixture

import qwen_spaces
from qwen_spaces import (
    SpaceError,
    Status,
)

from ..support.harmless import faults_of
from ..support.page import Page, new_page, stream_of, thinking
from ..support.payloads import PAYLOADS, armed
from ..support.published import value, whole
from ..support.scripted_gradio import Script, ScriptedServer, serve_script, succeeds
from ..support.streams import scripted_stream


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    with serve_script() as server:
        yield server


@pytest.fixture
def page(tmp_path: Path, mocker: MockerFixture) -> Iterator[Page]:
    mocker.patch("qwen_spaces._display.live_reply.REFRESH_INTERVAL", 0.005)
    with new_page(tmp_path) as page:
        page.run("%load_ext qwen_spaces.notebook")
        yield page


def test_nothing_is_live_of_what_the_magic_shows(page: Page, server: ScriptedServer) -> None:
    for name, text in list(PAYLOADS.items())[::4]:
        payload = armed(text)
        server.script = Script(events=succeeds(whole(payload)))
        ended = page.run("%%qwen -m qwen-2-72b --src $url -o reply\nGo.", url=server.url)
        assert ended.text == "", name
        assert [fault for bundle in page.seen for fault in faults_of(bundle)] == [], name
        assert page.names["reply"].text
        page.seen.clear()


def test_nothing_is_live_of_what_show_shows(page: Page) -> None:
    for name, text in list(PAYLOADS.items())[::10]:
        payload = armed(text)
        stream = stream_of(
            Status("queued", reason=payload), thinking(payload, payload), error=SpaceError(payload)
        )
        page.run("shown", shown=qwen_spaces._display.live_reply.LiveReply(stream))
        assert {kind for bundle in page.seen for kind in bundle} == {
            "text/html",
            "text/markdown",
            "text/plain",
        }
        assert [fault for bundle in page.seen for fault in faults_of(bundle)] == [], name
        page.seen.clear()


def test_a_stream_and_its_repr_are_plain(page: Page) -> None:
    stream = scripted_stream(lambda _mailbox: None, space="<i>")
    assert list(value(stream)[0]) == ["text/plain"]
