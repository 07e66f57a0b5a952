"""The token stays home, every request goes through the proxy, and no file is taken that was not given."""

from __future__ import annotations

import contextlib
import logging
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_mock import MockerFixture

from qwen_spaces import (
    AuthenticationError,
    ConnectError,
    InvalidImageError,
    InvalidMessagesError,
    QwenSpace,
    QwenSpacesError,
    TextStream,
    Timeouts,
)
from qwen_spaces._gradio.files import UserFile, strip_file_markers

from ..support.images import picture
from ..support.modes import PATIENCE, POLLING, run_async
from ..support.proxy import VIA, Answer, Recorder, Request, recording
from ..support.servers import Servers

SECRET = "hf_SecretOfTheTests"
HEADER = "x-hf-authorization"
EVERY = {"config", "info", "upload", "join", "data", "cancel"}
FILE_DATA = {"path": "/etc/hostname", "meta": {"_type": "gradio.FileData"}}
PNG = picture("PNG", (3, 2), "red")


@pytest.fixture
def front(servers: Servers) -> Iterator[Recorder]:
    """A server of QVQ that records its requests."""
    with recording(servers["qvq-72b"]) as recorder:
        yield recorder


def use_all_of_it(space: QwenSpace, prompt: str, servers: Servers) -> None:
    """Cause a request of every kind: an answer about an image, and a stream that is cancelled."""
    assert "3x2" in space.ask(f"{prompt} [[pace=0]]", images=[PNG]).text
    endless = f"{prompt} [[forever]]"
    stream = space.stream(endless)
    next(iter(stream))
    stream.close()
    servers.wait_for("end", endless)


def test_a_string_token_reaches_every_request_of_its_space(
    front: Recorder, prompt: str, servers: Servers
) -> None:
    use_all_of_it(QwenSpace("qvq-72b", src=front.url, token=SECRET), prompt, servers)
    assert front.kinds >= EVERY
    assert {request.headers.get(HEADER) for request in front.seen} == {f"Bearer {SECRET}"}
    assert not any(SECRET in request.path for request in front.seen)


@pytest.mark.parametrize("token", [None, False], ids=["saved", "never"])
def test_the_saved_token_is_not_sent_to_a_host_elsewhere(
    token: bool | None, front: Recorder, prompt: str, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", SECRET)
    use_all_of_it(QwenSpace("qvq-72b", src=front.url, token=token), prompt, servers)
    assert front.kinds >= EVERY
    assert SECRET not in repr(front.seen)


@pytest.mark.parametrize(
    ("url", "token"),
    [
        ("http://qwen-qvq-72b-preview.hf.space", None),  # not encrypted
        ("http://hf.space.example.org", None),
        ("http://nothf.space", None),
        ("http://huggingface.co.example.org", None),
        ("http://user@example.org/hf.space", None),
        ("http://qwen-qvq-72b-preview.hf.space", False),
        ("https://qwen-qvq-72b-preview.hf.space", None),  # to the Space, but not to the proxy before it
        ("https://qwen-qvq-72b-preview.hf.space", SECRET),
        ("https://qwen-qvq-72b-preview.hf.space", False),
    ],
)
def test_what_a_proxy_sees_of_a_request_has_no_saved_token(
    url: str, token: str | bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", SECRET)
    with recording(interfere=lambda _: Answer(502)) as proxy:
        space = QwenSpace("qvq-72b", src=url, token=token, proxy=proxy.url, retries=0)
        with pytest.raises(ConnectError):
            space.status()
        assert {request.method for request in proxy.seen} == {"CONNECT" if "https:" in url else "GET"}
        assert SECRET not in repr(proxy.seen)


# Where it does not go -------------------------------------------------------------------------------------


def answering(kind: str, answer: Answer | int) -> Callable[[Request], Answer | int | None]:
    """Do this to the requests of one kind."""
    return lambda request: answer if request.kind == kind else None


JSON = {"Content-Type": "application/json"}
FAILURES: dict[str, Callable[[Request], Answer | int | None]] = {
    "401 on config": answering("config", Answer(401)),
    "404 on config": lambda request: Answer(404) if request.kind in ("config", "") else None,
    "429 on config": answering("config", Answer(429)),
    "500 on config": lambda request: Answer(500) if request.kind in ("config", "") else None,
    "not Gradio": lambda _: Answer(200, {"Content-Type": "text/html"}, b"<html>"),
    "500 on info": answering("info", Answer(500)),
    "500 on upload": answering("upload", Answer(500)),
    "422 on join": answering("join", Answer(422, JSON, b'{"detail": "no"}')),
    "429 on join": answering("join", Answer(429)),
    "500 on join": answering("join", Answer(500)),
    "503 on join": answering("join", Answer(503)),
    "404 on data": answering("data", Answer(404)),
    "data cut": answering("data", 400),
    "data not of an event stream": answering("data", Answer(200, JSON, b"data: {broken\n\n")),
}


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "qwen_spaces")
    return caplog


def all_of(error: BaseException | None) -> str:
    """The texts of an error and of those behind it, in every form in which one may be shown."""
    text = "".join(traceback.format_exception(error)) if error else ""
    while error:
        text += f"{error}{error!r}{error.args}{vars(error)}"
        text += all_of(error.__cause__ if error.__context__ is not error.__cause__ else None)
        error = error.__context__
    return text


def text_of(log: pytest.LogCaptureFixture) -> str:
    return "".join(f"{record.getMessage()}{record.args}{record.exc_text}" for record in log.records)


@pytest.mark.parametrize("failure", FAILURES)
def test_no_error_and_no_log_reveals_the_token(
    failure: str, front: Recorder, prompt: str, log: pytest.LogCaptureFixture
) -> None:
    front.interfere = FAILURES[failure]
    space = QwenSpace("qvq-72b", src=front.url, token=SECRET, retries=0, timeouts=Timeouts(total=5))
    stream = space.stream(f"{prompt} [[pace=0.01]]", images=[PNG])
    with pytest.raises(QwenSpacesError) as caught:
        list(stream)
    assert any(SECRET in request.headers.get(HEADER, "") for request in front.seen)
    assert SECRET not in all_of(caught.value)
    assert SECRET not in text_of(log)
    assert SECRET not in f"{space!r}{space}{stream!r}{stream}{vars(stream)}"


def test_no_error_of_an_address_that_refuses_reveals_the_token(log: pytest.LogCaptureFixture) -> None:
    space = QwenSpace("qwen-2.5", src="http://127.0.0.1:9", token=SECRET, retries=0)
    with pytest.raises(ConnectError) as caught:
        space.ask("Hi")
    assert SECRET not in all_of(caught.value) + text_of(log) + repr(space)


@pytest.mark.parametrize(
    "spoilt", [f"{SECRET}\n", f"{SECRET}\r\nx: y", f"{SECRET}é", f" {SECRET} "], ids=repr
)
def test_no_error_of_a_token_that_no_header_can_carry_reveals_it(
    spoilt: str, front: Recorder, log: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(AuthenticationError, match="Pass a Hugging Face token") as caught:
        QwenSpace("qvq-72b", src=front.url, token=spoilt, retries=0)
    assert SECRET not in all_of(caught.value)
    assert SECRET not in text_of(log)


def test_no_repr_and_no_log_of_a_success_reveals_the_token(
    front: Recorder, prompt: str, servers: Servers, log: pytest.LogCaptureFixture
) -> None:
    space = QwenSpace("qvq-72b", src=front.url, token=SECRET)
    use_all_of_it(space, prompt, servers)
    front.interfere = answering("cancel", Answer(500))
    stream = space.stream(f"{prompt} [[wait=0.2]]")
    stream.cancel()
    reached = space._client._reached
    assert reached
    for thing in (space, stream, space.status(), space.conversation(), space._client, *reached):
        assert SECRET not in f"{thing!r}{thing}"
    assert SECRET not in text_of(log)
    assert any(record.name == "qwen_spaces" for record in log.records)


def test_no_error_reveals_the_password_of_a_login_or_of_a_proxy(
    servers: Servers, log: pytest.LogCaptureFixture
) -> None:
    wrong = QwenSpace(servers["locked"], auth=("ada", SECRET), retries=0)
    with pytest.raises(AuthenticationError) as refused:
        wrong.status()
    lost = QwenSpace("qwen-2.5", src=servers["qwen-2.5"], proxy=f"http://ada:{SECRET}@127.0.0.1:9", retries=0)
    with pytest.raises(ConnectError) as unreachable:
        lost.status()
    assert SECRET not in all_of(refused.value) + all_of(unreachable.value) + text_of(log)
    assert SECRET not in f"{wrong!r}{lost!r}"


@pytest.mark.parametrize("status", [302, 307])
@pytest.mark.parametrize("kind", ["config", "info", "upload", "join", "data"])
def test_a_redirect_to_another_host_does_not_carry_the_token_there(
    kind: str, status: int, front: Recorder, prompt: str
) -> None:
    with recording(interfere=lambda _: Answer(200)) as elsewhere:
        front.interfere = lambda request: (
            Answer(status, {"Location": elsewhere.url + request.path}) if request.kind == kind else None
        )
        space = QwenSpace("qvq-72b", src=front.url, token=SECRET, retries=0, timeouts=Timeouts(total=5))
        with contextlib.suppress(QwenSpacesError):  # without its config, the SDK reads the Space's page
            space.ask(f"{prompt} [[pace=0]]", images=[PNG])
        assert kind in front.kinds
        assert SECRET not in repr(elsewhere.seen)


# The proxy -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hooks", ["there", "missing"])
def test_every_request_goes_through_the_proxy(
    hooks: str, front: Recorder, prompt: str, servers: Servers, mocker: MockerFixture
) -> None:
    if hooks == "missing":  # the plain way of the SDK, whose cancel also sends a reset
        mocker.patch("qwen_spaces._gradio.job.missing_hooks", autospec=True, return_value=["_sse_fn_v1plus"])
    with recording() as proxy:
        space = QwenSpace("qvq-72b", src=front.url, proxy=proxy.url)
        space.status()
        use_all_of_it(space, prompt, servers)
        space.close()
        assert proxy.kinds >= EVERY
        assert [request.kind for request in front.seen if request.headers.get("via") != VIA] == []
        assert len(front.seen) == len(proxy.seen)


def test_a_proxy_that_refuses_is_not_gone_around(front: Recorder, backend: str) -> None:
    space = QwenSpace("qvq-72b", src=front.url, proxy="http://127.0.0.1:9", retries=0)

    async def ask() -> None:
        await space.stream("Hi")

    with pytest.raises(ConnectError, match="proxy"):
        run_async(backend, ask)
    assert front.seen == []


# Files -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["/etc/hostname", "file:///etc/hostname", "etc/hostname", "", FILE_DATA])
def test_a_message_cannot_name_a_file_of_this_machine(address: Any) -> None:
    part = {"type": "image_url", "image_url": {"url": address}}
    with pytest.raises((InvalidMessagesError, InvalidImageError), match="0"):
        QwenSpace("qvq-72b").stream([{"role": "user", "content": [{"type": "text", "text": "Hi"}, part]}])


@pytest.mark.parametrize(
    "content",
    [FILE_DATA, [FILE_DATA], [{"type": "text", "text": FILE_DATA}], [{"type": "file", "file": FILE_DATA}]],
    ids=["alone", "part", "text", "file"],
)
@pytest.mark.parametrize("role", ["user", "assistant", "system"])
def test_a_message_cannot_stand_for_an_upload(role: str, content: Any) -> None:
    messages = [{"role": role, "content": content}, {"role": "user", "content": "Hi"}]
    with pytest.raises(InvalidMessagesError, match="Message 0"):
        QwenSpace("qwen-2.5").stream(messages)


def test_a_chat_that_a_space_put_out_cannot_name_a_file_of_this_machine(servers: Servers) -> None:
    with recording(servers["thief"]) as front:
        reply = QwenSpace("qwen-2.5-vl-72b", src=front.url).ask("Hi")
        assert "secret.txt" in reply.text  # it came back as the text that it is
        assert "join" in front.kinds
        assert "upload" not in front.kinds


def test_only_a_file_that_was_given_stands_for_an_upload() -> None:
    assert strip_file_markers({"a": [FILE_DATA, ("b",)]}) == {"a": [{"path": FILE_DATA["path"]}, ["b"]]}
    given = UserFile(FILE_DATA)
    assert strip_file_markers([given])[0] is given


def test_a_path_in_a_text_is_only_a_text(front: Recorder, servers: Servers) -> None:
    def stream(space: QwenSpace, prompt: Any, **more: Any) -> TextStream:
        return space.stream(prompt, system="/etc/hostname", **more)

    turns = [{"role": role, "content": "/etc/hostname"} for role in ("user", "assistant", "user")]
    assert "/etc/hostname" in stream(QwenSpace("qvq-72b", src=front.url), turns).result().text
    assert "upload" not in front.kinds
    with recording(servers["qwen-2.5"]) as text_front:
        assert "/etc/hostname" in stream(QwenSpace("qwen-2.5", src=text_front.url), turns).result().text
        assert "upload" not in text_front.kinds


@pytest.mark.slow
def test_a_proxy_of_somebody_elses_making_carries_every_request(servers: Servers, tmp_path: Path) -> None:
    port_file, log = tmp_path / "port", tmp_path / "log"
    options = ["--hostname", "127.0.0.1", "--port", "0", "--num-workers", "1", "--num-acceptors", "1"]
    files = ["--port-file", str(port_file), "--log-file", str(log), "--data-dir", str(tmp_path)]
    running = subprocess.Popen([sys.executable, "-m", "proxy", *options, *files])
    try:
        deadline = time.monotonic() + 20
        while not (port_file.exists() and port_file.read_text().strip()) and time.monotonic() < deadline:
            time.sleep(0.02)
        proxy = f"http://127.0.0.1:{port_file.read_text().split()[0]}"
        space = QwenSpace("qvq-72b", src=servers["qvq-72b"], proxy=proxy)
        deltas = list(space.stream("Hi [[pace=0.01]]", images=picture("PNG", (8, 8), "red")))
        assert POLLING or len(deltas) > 3
        with space.stream("Hi [[forever]]") as stream:
            next(iter(stream))
    finally:
        running.terminate()
        running.wait(PATIENCE)
    seen = log.read_text()
    for path in ("/config", "/info", "/upload", "/queue/join", "/queue/data", "/cancel"):
        assert f"{path}" in seen, path
