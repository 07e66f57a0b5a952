"""What is no image is refused and named, before any network."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy
import PIL.Image
import pytest

from qwen_spaces import QVQ_72B, InvalidImageError, InvalidMessagesError, QwenSpace
from qwen_spaces._types.images import as_images

from ..support.images import PNG, picture

LARGE = picture("PNG", (300, 200), "red")


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
        pytest.param(numpy.full((2, 2), 200.0), r"go from 200 to 200; for 0 to 255, .*uint8", id="255"),
        pytest.param(numpy.full((2, 2), -0.5), "go from -0.5 to -0.5", id="below 0"),
        pytest.param(numpy.full((2, 2), numpy.nan), "go from nan to nan", id="no number"),
        pytest.param(numpy.full((2, 2), 200, "int32"), "the type is int32", id="int32"),
        pytest.param("iVBORw0KGgo!" * 100, r"cannot be read from 'iVB.{197}\.\.\.'", id="long"),
    ],
    ids=str,
)
def test_what_is_no_image_is_refused_and_named(image: Any, why: str) -> None:
    with pytest.raises(InvalidImageError, match=why) as caught:
        QVQ_72B(src="http://127.0.0.1:9").stream("Hi", images=[image])
    assert str(caught.value).startswith("The image ")


def opened(image: Any) -> PIL.Image.Image:
    (made,) = as_images(image)
    return PIL.Image.open(io.BytesIO(made.data or b""))


def test_a_photo_is_turned_upright() -> None:
    photo = PIL.Image.new("RGB", (40, 20), "red")
    photo.paste("blue", (0, 0, 20, 20))
    exif = PIL.Image.Exif()
    exif[274] = 6  # the camera was held upright: turn the picture right
    buffer = io.BytesIO()
    photo.save(buffer, "JPEG", exif=exif)
    sent = opened(PIL.Image.open(buffer))
    assert sent.size == (20, 40)
    top, bottom = sent.getpixel((10, 5)), sent.getpixel((10, 35))
    assert isinstance(top, tuple)
    assert isinstance(bottom, tuple)
    assert top[2] > 200 > bottom[2]
    assert sent.getexif().get(274, 1) == 1


def test_floats_may_exceed_their_range_by_a_rounding_error() -> None:
    sent = opened(numpy.array([[-1e-7, 1 + 1e-7]]))
    assert (sent.getpixel((0, 0)), sent.getpixel((1, 0))) == (0, 255)


def test_a_data_uri_or_base64_may_have_line_breaks() -> None:
    wrapped = base64.encodebytes(LARGE).decode()
    assert wrapped.count("\n") > 2
    bare = base64.urlsafe_b64encode(LARGE).decode().rstrip("=")
    for text in (f"data:image/png;base64,\n{wrapped}", wrapped, bare, f"data:image/png;base64,{bare}"):
        (image,) = as_images(text)
        assert (image.data, image.suffix) == (LARGE, "png")


@pytest.mark.parametrize(
    ("brands", "suffix"),
    [
        (b"heic    mif1heic", "heic"),
        (b"mif1    mif1heic", "heic"),
        (b"mif1    mif1avif", "avif"),
        (b"avis    msf1avis", "avif"),
        (b"msf1    hevc", "heic"),
        (b"isom    isommp41", None),
    ],
)
def test_the_brands_of_heif_and_avif_are_known(brands: bytes, suffix: str | None) -> None:
    data = (8 + len(brands)).to_bytes(4, "big") + b"ftyp" + brands + b"\0\0\0\x08mdatavif"
    if suffix is None:
        with pytest.raises(InvalidImageError, match="is not an image"):
            as_images(data)
    else:
        assert as_images(data)[0].suffix == suffix


def test_each_of_several_images_is_named_by_its_index() -> None:
    with pytest.raises(InvalidImageError, match="Image 1 is empty"):
        as_images([PNG, b""])


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
