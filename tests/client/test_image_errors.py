"""Images, files and jobs that are too large, and images that an app cannot fetch, are named."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from qwen_spaces import InvalidImageError, InvalidMessagesError, QwenSpace, SpaceError
from qwen_spaces._gradio.pages import describe
from qwen_spaces._types.images import check_size, unfetched

from ..support.cases import case
from ..support.images import PNG
from ..support.proxy import Answer, Recorder, recording
from ..support.refusals import HTML, SECRET, failure, failure_at
from ..support.scripted_gradio import Page, Script, serve_script
from ..support.servers import Servers

GRADIO = Answer(413, {"Content-Type": "text/plain"}, b"File size exceeded maximum allowed size of 40 bytes.")
NGINX = Answer(413, HTML, b"<html><head><title>413 Request Entity Too Large</title></head></html>")


def test_an_image_above_the_limit_of_an_app_is_named_before_it_is_sent(
    servers: Servers, tmp_path: Path
) -> None:
    large = tmp_path / "large.png"
    large.write_bytes(PNG + bytes(10_240))
    with recording(servers["candid"]) as front:
        space = QwenSpace(front.url, retries=0)
        error = failure(space, images=[PNG, large])
        assert type(error) is InvalidImageError
        assert str(error).startswith(f"Image 1, {str(large)!r}, is too large for {front.url}")
        assert f"it has {large.stat().st_size:,} bytes, and the limit is 10,240 bytes" in str(error)
        assert not front.kinds & {"upload", "join"}
        assert "with 1 files" in space.ask("Hi", images=PNG).text


def test_an_upload_that_is_refused_as_too_large_is_an_invalid_image(front: Recorder) -> None:
    error = failure_at(front, "upload", GRADIO)
    assert type(error) is InvalidImageError
    assert "the limit is 40 bytes" in str(error)
    assert f"it has {len(PNG)}" not in str(error)  # but the whole upload
    error = failure_at(front, "upload", NGINX)
    assert type(error) is InvalidImageError
    assert 'HTTP status 413 and a web page, "413 Request Entity Too Large"' in str(error)


def test_the_words_for_a_file_that_is_too_large_are_those_of_a_real_server(servers: Servers) -> None:
    files = {"files": ("a.png", PNG + bytes(10_240))}
    answer = httpx.post(f"{servers['candid']}/gradio_api/upload", files=files)
    assert (answer.status_code, describe(answer)) == (
        413,
        "HTTP status 413: File size exceeded maximum allowed size of 10240 bytes.",
    )


def test_a_job_that_is_refused_as_too_large_names_what_is() -> None:
    with serve_script(Script(join=Page(413))) as server:
        error = failure(QwenSpace("qwen-2-72b", src=server.url, retries=0))
    assert type(error) is InvalidMessagesError
    assert "too large" in str(error)


def test_a_job_with_an_image_that_is_refused_as_too_large_is_an_invalid_image(front: Recorder) -> None:
    assert type(failure_at(front, "join", NGINX)) is InvalidImageError


def test_a_limit_that_is_none_is_ignored() -> None:
    for limit in [None, "10", [], float("nan"), float("inf"), {}, 10**400]:
        with case(limit):
            check_size("Image 0", 100, limit, "a Space")


# Addresses of images ----------------------------------------------------------------------------------------

UNREACHABLE = f"http://ada:{SECRET}@127.0.0.1:9/cat.png?signature={SECRET}"


def test_an_address_that_an_app_cannot_fetch_is_named(servers: Servers) -> None:
    space = QwenSpace(servers["candid"], retries=0)
    error = failure(space, images=[PNG, "http://localhost:9/dog.png", UNREACHABLE])
    assert type(error) is InvalidImageError
    assert "cannot fetch the image at 'http://localhost:9/dog.png': Hostname localhost failed" in str(error)
    assert "cat.png" not in str(error)
    error = failure(space, images=UNREACHABLE)
    assert "cannot fetch the image at 'http://127.0.0.1:9/cat.png'" in str(error)


def test_an_app_that_hides_its_reasons_is_not_blamed_alone(front: Recorder) -> None:
    error = failure(QwenSpace("qvq-72b", src=front.url, retries=0), images=UNREACHABLE)
    assert type(error) is SpaceError
    assert "unable to fetch 'http://127.0.0.1:9/cat.png'" in str(error)


def test_apps_report_in_many_ways_that_they_cannot_fetch_an_image() -> None:
    for message in [
        "Hostname example.org failed validation",
        "Failed to download file. Status code: 404",
        "The image could not be fetched",
        "Client error '404 Not Found' for url 'https://example.org/cat.png'",
        "cannot identify image file '/tmp/x.png'",
    ]:
        with case(message):
            addresses = ["https://example.org/cat.png"]
            assert "'https://example.org/cat.png'" in str(unfetched(addresses, "A Space", message))
            assert unfetched([], "A Space", message) is None
            assert unfetched(addresses, "A Space", "The model is on holiday") is None


def test_a_space_on_hugging_face_does_not_get_an_address_of_this_network() -> None:
    for host in ["127.0.0.1:8000", "localhost", "[::1]", "192.168.1.7", "10.0.0.1:80", "nas", "nas.local"]:
        for space_id in ["Qwen/QVQ-72B-preview", "https://qwen-qvq-72b-preview.hf.space"]:
            with case(space_id, host):
                space = QwenSpace("qvq-72b", src=space_id)
                with pytest.raises(
                    InvalidImageError, match=r"The image is at .*cannot fetch.* Pass the file itself"
                ):
                    space.stream("Hi", images=f"http://{host}/cat.png")
                space.stream("Hi", images="https://example.org/cat.png")
                part = {"type": "image_url", "image_url": {"url": f"http://{host}/cat.png"}}
                with pytest.raises(InvalidImageError):
                    space.stream([{"role": "user", "content": [{"type": "text", "text": "Hi"}, part]}])


def test_a_space_on_this_network_may_get_one() -> None:
    for src in ("http://127.0.0.1:7860", "http://192.168.1.5", "https://gradio.example.org"):
        QwenSpace("qvq-72b", src=src).stream("Hi", images="http://127.0.0.1:8000/cat.png")
