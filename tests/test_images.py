"""Images in every form reach the Space whole; what is no image is refused before any network."""

from __future__ import annotations

import base64
import io
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import PIL.Image
import pytest

from qwen_spaces import QVQ_72B, InvalidImageError, InvalidMessagesError, QwenSpace
from qwen_spaces.images import as_images

from .conftest import Servers, deltas_through


def picture(kind: str, size: tuple[int, int], colour: str) -> bytes:
    buffer = io.BytesIO()
    PIL.Image.new("RGB", size, colour).save(buffer, kind)
    return buffer.getvalue()


PNG = picture("PNG", (31, 17), "red")


def path(folder: Path) -> Path:
    file = folder / "a picture.png"
    file.write_bytes(PNG)
    return file


FORMS: dict[str, Callable[[Path], Any]] = {
    "path": path,
    "path as text": lambda folder: str(path(folder)),
    "bytes": lambda folder: PNG,
    "bytearray": lambda folder: bytearray(PNG),
    "file": lambda folder: io.BytesIO(PNG),
    "open file": lambda folder: path(folder).open("rb"),
    "data URI": lambda folder: f"data:image/png;base64,{base64.b64encode(PNG).decode()}",
    "PIL": lambda folder: PIL.Image.new("RGB", (31, 17), "red"),
    "PIL palette": lambda folder: PIL.Image.new("RGB", (31, 17), "red").convert("P"),
    "PIL CMYK": lambda folder: PIL.Image.new("CMYK", (31, 17), (0, 255, 255, 0)),
    "numpy": lambda folder: numpy.full((17, 31, 3), (255, 0, 0), dtype="uint8"),
    "numpy floats": lambda folder: numpy.full((17, 31, 3), (1.0, 0, 0)),
    "numpy with alpha": lambda folder: numpy.full((17, 31, 4), (255, 0, 0, 255), dtype="uint8"),
    "a list": lambda folder: [PNG],
}


@pytest.mark.parametrize("form", FORMS)
def test_an_image_in_each_form_reaches_the_space(form: str, servers: Servers, tmp_path: Path) -> None:
    image = FORMS[form](tmp_path)
    text = QVQ_72B(src=servers["qvq-72b"]).ask("What is this? [[pace=0]]", images=image).text
    if hasattr(image, "close"):
        image.close()
    assert "PNG" in text
    assert "31x17" in text
    assert "red" in text


@pytest.mark.parametrize("kind", ["JPEG", "GIF", "WEBP", "BMP", "TIFF"])
def test_each_format_is_kept(kind: str, servers: Servers) -> None:
    text = QVQ_72B(src=servers["qvq-72b"]).ask("Hi [[pace=0]]", images=picture(kind, (20, 12), "blue")).text
    assert "20x12" in text
    assert "blue" in text
    assert kind in text


def test_an_image_goes_through_every_door(servers: Servers, door: str) -> None:
    stream = QVQ_72B(src=servers["qvq-72b"]).stream("What is this?", images=[PNG])
    assert "31x17" in "".join(deltas_through(door, stream))


def test_the_status_has_the_size_of_the_upload(servers: Servers, prompt: str) -> None:
    image = picture("PNG", (40, 30), "red")
    space = QwenSpace("qvq-72b", src=servers["qvq-72b"])
    for images, upload in ((image, len(image)), ((), None)):
        with space.stream(f"{prompt} [[wait=0.1]]", images=images) as stream:
            queued = [
                event for event in stream.events() if event.type == "status" and event.stage == "queued"
            ]
        assert queued[0].upload == upload


def test_an_image_in_a_message_reaches_the_space(servers: Servers) -> None:
    url = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    content = [{"type": "text", "text": "Hi [[pace=0]]"}, {"type": "image_url", "image_url": {"url": url}}]
    text = QVQ_72B(src=servers["qvq-72b"]).ask([{"role": "user", "content": content}]).text
    assert "31x17" in text


def test_the_space_fetches_an_address_itself() -> None:
    (image,) = as_images("https://example.org/cat.png")
    assert image.to_upload(Path("unused")) == image.as_url() == "https://example.org/cat.png"


def test_temporary_files_are_gone_when_the_job_has_ended(
    servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    space = QVQ_72B(src=servers["qvq-72b"])
    stream = space.stream("Hi [[pace=0.02]]", images=PNG)
    next(deltas := iter(stream))
    assert list(tmp_path.glob("qwen_spaces_*/image.png"))
    assert "".join(deltas)
    stream.close()
    assert list(tmp_path.iterdir()) == []
    with space.stream("Hi [[forever]]", images=PNG) as stream:
        next(iter(stream))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("image", "why"),
    [
        ("no such file.png", "cannot be read"),
        ("/", "cannot be read"),
        (b"", "is empty"),
        (b"<html></html>", "is not an image"),
        pytest.param(io.StringIO("text"), "opened as text", id="text file"),
        ("data:image/png;base64,!!!", "data: URI"),
        ("data:image/png,abc", "data: URI"),
        ("https://", "without a host"),
        (7, "is a int"),
        (None, "is a NoneType"),
        pytest.param(numpy.zeros((2, 2, 7), "uint8"), "is an array that is no image", id="array"),
    ],
    ids=str,
)
def test_what_is_no_image_is_refused_and_named(image: Any, why: str) -> None:
    with pytest.raises(InvalidImageError, match=why) as caught:
        QVQ_72B(src="http://127.0.0.1:9").stream("Hi", images=[image])
    assert str(caught.value).startswith("Image 0")


def test_two_images_are_refused_by_qvq_and_one_by_a_text_space() -> None:
    with pytest.raises(InvalidImageError, match="takes one image in a request; 2 were given"):
        QwenSpace("qvq-72b").stream("Hi", images=[PNG, PNG])
    with pytest.raises(InvalidImageError, match=r"qwen-2\.5 takes no images"):
        QwenSpace("qwen-2.5").stream("Hi", images=PNG)


@pytest.mark.parametrize("url", ["/etc/passwd", "file:///etc/passwd", "", None, 7, "ftp://example.org/x.png"])
def test_a_message_never_makes_us_read_a_file(url: Any) -> None:
    content = [{"type": "image_url", "image_url": {"url": url}}]
    with pytest.raises(InvalidMessagesError, match="Message 0 has an image_url that is not an https:"):
        QVQ_72B().stream([{"role": "user", "content": content}])
