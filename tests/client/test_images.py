"""Images in every form reach the Space whole."""

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

from qwen_spaces import QVQ_72B, QwenSpace

from ..support.images import PNG, picture
from ..support.modes import deltas_through
from ..support.servers import Servers


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


def test_an_image_is_sent_in_every_mode(servers: Servers, mode: str) -> None:
    stream = QVQ_72B(src=servers["qvq-72b"]).stream("What is this?", images=[PNG])
    assert "31x17" in "".join(deltas_through(mode, stream))


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
