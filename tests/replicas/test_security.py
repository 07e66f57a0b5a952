"""A replica accepts only uploaded files, whichever component they are sent to, in whichever shape.

Every replica runs in this process, with its own working directory, temporary directory and cache.
"""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ..support.raw_client import RawReplica, requests_with, run_together
from ..support.servers import MORE_SPACES, SPACES

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:'HTTP_422_UNPROCESSABLE_ENTITY' is deprecated:DeprecationWarning"),
]

SECRET = "the-secret-7f3a"
PIXELS = "13x7"  # its size as an image, which an answer would describe
META = {"_type": "gradio.FileData"}


@dataclass
class Place:
    """The directories that a replica might read."""

    cwd: Path
    temp: Path
    outside: Path
    cache: Path

    @property
    def paths(self) -> dict[str, str]:
        """Names for files that nobody uploaded."""
        outside = self.outside / "secret.png"
        return {
            "outside": str(outside),
            "in the working directory": str(self.cwd / "secret.png"),
            "relative": "secret.png",
            "dots": "../outside/secret.png",
            "dots after the cache": f"{self.cache}/../outside/secret.png",
            "link": str(self.cwd / "link.png"),
            "link in the cache": str(self.cache / "link.png"),
            "dotfile": ".secret.png",
            "temporary": str(self.temp / "secret.png"),
            "svg": str(self.outside / "secret.svg"),
            "file URL": outside.as_uri(),
        }


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    base = tmp_path_factory.mktemp("place").resolve()
    place = Place(*(base / name for name in ("cwd", "temp", "outside", "cache")))
    for folder in (place.cwd, place.temp, place.outside, place.cache):
        folder.mkdir()
    for path in (
        place.cwd / "secret.png",
        place.cwd / ".secret.png",
        place.temp / "secret.png",
        place.outside / "secret.png",
        place.outside / "secret.svg",
    ):
        Image.new("RGB", (13, 7), "red").save(path, format="PNG")
        path.write_bytes(path.read_bytes() + SECRET.encode())
    for folder in (place.cwd, place.cache):
        (folder / "link.png").symlink_to(place.outside / "secret.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place.cwd)
        patch.setattr(tempfile, "tempdir", str(place.temp))
        patch.setenv("GRADIO_TEMP_DIR", str(place.cache))
        yield place


def reads(system: str, history: Any, prompt: str, image: str | None, images: Any = ()) -> Iterator[str]:
    """Answer with everything in the request, the contents of images too, as a model might."""
    from qwen_spaces.replicas._describe_image import describe

    for path in images:
        yield f"{describe(path)} {Path(path).read_bytes()!r}"
    yield f"{system} {history} {prompt} {[describe(path) for path in images]}"


@pytest.fixture(scope="module")
def replicas(place: Place) -> Iterator[dict[str, RawReplica]]:
    from qwen_spaces.replicas import NAMES, serve

    with ExitStack() as stack:
        found = {name: RawReplica(stack.enter_context(serve(name, brain=reads))) for name in NAMES}
        for replica in found.values():
            stack.enter_context(closing(replica.http))
        yield found


def _with(path: str, **more: Any) -> dict[str, Any]:
    return {"path": path, "meta": META, **more}


SHAPES: dict[str, Callable[[str], Any]] = {
    "path": lambda p: {"path": p},
    "file": _with,
    "whole file": lambda p: _with(
        p, url=f"/gradio_api/file={p}", orig_name="a.png", size=1, mime_type="image/png"
    ),
    "other meta": lambda p: {"path": p, "meta": {"_type": "other"}},
    "odd meta": lambda p: {"path": p, "meta": []},
    "stream": lambda p: _with(p, is_stream=True),
    "chatbot file": lambda p: {"file": _with(p), "alt_text": None},
    "chatbot path": lambda p: {"file": {"path": p}, "alt_text": None},
    "files": lambda p: {"text": "", "files": [_with(p)]},
    "files' paths": lambda p: {"text": "", "files": [{"path": p}]},
    "files' names": lambda p: {"text": "", "files": [p]},
    "part": lambda p: {"type": "file", "content": [p]},
    "nested": lambda p: {"a": {"b": [{"c": _with(p)}]}},
    "in a file": lambda p: {"path": None, "meta": META, "more": _with(p)},
    "update": lambda p: {"__type__": "update", "value": _with(p)},
    "list": lambda p: [_with(p)],
    "text": lambda p: p,
    "texts": lambda p: [p, None],
}
MANY = ("file", "chatbot path")  # are tried with each path, other shapes with one path
FEW = ("path", "file", "update")  # are tried there


def _served(replica: RawReplica, output: str) -> str:
    """The content of each file that the answers name."""
    found = set()
    for line in output.splitlines():
        _paths(json.loads(line.removeprefix("data: ") or "null"), found)
    return "".join(replica.http.get(f"{replica.api}/file={path}").text for path in sorted(found))


def _paths(value: Any, found: set[str]) -> None:
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _paths(part, found)
    if isinstance(value, dict) and isinstance(value.get("path"), str):
        found.add(value["path"])


def assert_unseen(text: str, place: Place) -> None:
    assert SECRET not in text
    assert PIXELS not in text
    files = [path for path in place.cache.rglob("*") if path.is_file() and not path.is_symlink()]
    copies = [path for path in files if SECRET.encode() in path.read_bytes()]
    for path in copies:
        path.unlink()  # the next test has its own
    assert copies == []


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", [*SPACES, *MORE_SPACES])
def test_a_file_that_nobody_uploaded_is_not_read_or_served(
    replicas: dict[str, RawReplica], place: Place, name: str, shape: str
) -> None:
    replica = replicas[name]
    outside, *others = place.paths.values()
    value = SHAPES[shape](outside)
    # A replica may have plain text boxes alone.
    requests = list(requests_with(replica, value, plain=shape in FEW)) or list(
        requests_with(replica, value, plain=True)
    )
    if shape in MANY:
        requests += [request for path in others for request in requests_with(replica, SHAPES[shape](path))]
    output = run_together(replica, requests)
    assert_unseen(output, place)
    assert_unseen(_served(replica, output), place)


@pytest.mark.parametrize("name", ["qwen-2.5", "qwen-2-72b", "qwen-2.5-coder"])
def test_the_error_names_the_way_to_upload(replicas: dict[str, RawReplica], place: Place, name: str) -> None:
    outside = place.paths["outside"]
    requests = [r for r in requests_with(replicas[name], _with(outside)) if r[0] == "model_chat"]
    answers = [
        json.loads(line[6:])
        for line in run_together(replicas[name], requests).splitlines()
        if "data:" in line
    ]
    errors = {a["output"].get("error") for a in answers if a["msg"] == "process_completed"}
    assert errors == {
        f"{outside!r} is not an uploaded file: send the file to /upload first, "
        "and then the path that this returns."
    }


def test_an_uploaded_file_is_accepted(replicas: dict[str, RawReplica]) -> None:
    replica = replicas["qvq-72b"]
    picture = io.BytesIO()
    Image.new("RGB", (5, 4), "blue").save(picture, format="PNG")
    path = replica.http.post(f"{replica.api}/upload", files={"files": ("a.png", picture.getvalue())}).json()[
        0
    ]
    assert "5x4 pixels, mostly blue" in replica.final("generate", _with(path), "What is it?")[0]


def test_an_svg_with_scripts_is_served_as_an_attachment(replicas: dict[str, RawReplica]) -> None:
    replica = replicas["qwen-2.5-vl-72b"]
    drawing = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
    path = replica.http.post(f"{replica.api}/upload", files={"files": ("a.svg", drawing)}).json()[0]
    shown = replica.final("add_file", [], None, _with(path))[0]
    served = replica.http.get(f"{replica.api}/file={shown[0][0]['file']['path']}")
    assert served.content == drawing
    assert served.headers["content-disposition"].startswith("attachment")


def test_an_update_of_a_component_is_refused_as_a_value(replicas: dict[str, RawReplica]) -> None:
    update = {"__type__": "update", "label": "changed"}
    session, _ = replicas["qwen-2.5"].join("update_other_radios", update, "", "")
    with replicas["qwen-2.5"].messages(session) as messages:
        completed = next(m for m in messages if m["msg"] == "process_completed")
    assert completed["output"]["error"] == "The value of a radio is text."


def test_an_app_that_is_built_and_mounted_elsewhere_checks_files_too() -> None:
    from qwen_spaces.replicas import build

    assert build("qwen-2.5").has_launched
