"""What is no image is refused and named, before any network."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy
import pytest

from qwen_spaces import QVQ_72B, InvalidImageError, InvalidMessagesError, QwenSpace
from qwen_spaces._types.images import as_images

from ..support.images import PNG


def test_an_address_is_left_for_the_space_to_fetch() -> None:
    (image,) = as_images("https://example.org/cat.png")
    assert image.to_upload(Path("unused")) == image.as_url() == "https://example.org/cat.png"


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
        pytest.param(numpy.zeros((2, 2, 7), "uint8"), "is an array that is not an image", id="array"),
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
