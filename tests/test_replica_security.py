"""A replica gives away no local file, answers no other site's page, fetches nothing, and keeps little.

Every replica runs in this process, with a working directory, a temporary one and a cache of the tests' own.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

pytest.importorskip("gradio")

from PIL import Image

from qwen_spaces.replicas import NAMES, serve
from qwen_spaces.replicas.pictures import describe

from .test_replicas import Wire

pytestmark = pytest.mark.filterwarnings(
    "ignore:'HTTP_422_UNPROCESSABLE_ENTITY' is deprecated:DeprecationWarning",
)

SECRET = "the-secret-7f3a"
PIXELS = "13x7"  # its size as a picture, which an answer would describe
META = {"_type": "gradio.FileData"}
MIB = 2**20
PATIENCE = 20.0  # seconds, where the machine is busy


@dataclass
class Place:
    """The directories that a replica could read."""

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
    (place.outside / "state.json").write_text(json.dumps([{"id": 1, "props": {"value": SECRET}}]))
    for folder in (place.cwd, place.cache):
        (folder / "link.png").symlink_to(place.outside / "secret.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place.cwd)
        patch.setattr(tempfile, "tempdir", str(place.temp))
        patch.setenv("GRADIO_TEMP_DIR", str(place.cache))
        yield place


def reads(system: str, history: Any, prompt: str, image: str | None, images: Any = ()) -> Iterator[str]:
    """A brain that says all that it was given, and what is in the images, as a model would."""
    for path in images:
        yield f"{describe(path)} {Path(path).read_bytes()!r}"
    yield f"{system} {history} {prompt} {[describe(path) for path in images]}"


@pytest.fixture(scope="module")
def wires(place: Place) -> Iterator[dict[str, Wire]]:
    with ExitStack() as stack:
        found = {name: Wire(stack.enter_context(serve(name, brain=reads))) for name in NAMES}
        for wire in found.values():
            stack.enter_context(closing(wire.http))
        yield found


def _with(path: str, **more: Any) -> dict[str, Any]:
    return {"path": path, "meta": META, **more}


WAYS: dict[str, Callable[[str], Any]] = {
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
USUAL = {"radio": "7B", "textbox": "Hi", "json": [], "multimodaltextbox": {"text": "Hi", "files": []}}
FEW = ("outside", "in the working directory")  # paths for the ways that differ little
MANY = ("path", "file", "chatbot path")  # ways that are tried with each path


def _requests(wire: Wire, value: Any) -> Iterator[tuple[str, list[Any]]]:
    """Each endpoint with `value` at each place of each input."""
    parts = {part["id"]: part for part in wire.config["components"]}
    seen = set()
    for dependency in wire.config["dependencies"]:
        inputs = [parts[number] for number in dependency["inputs"]]
        data = [USUAL.get(part["type"]) for part in inputs]
        for place, part in enumerate(inputs):
            like = part["id"], tuple(dependency["outputs"])  # some endpoints are there twice
            if part["type"] != "state" and like not in seen:
                seen.add(like)
                for given in _placed(part, value):
                    yield dependency["api_name"], [*data[:place], given, *data[place + 1 :]]


def _placed(part: dict[str, Any], value: Any) -> list[Any]:
    if part["props"].get("label") == "Settings":
        return [{"model": "qwen3-8b", "sys_prompt": value, "thinking_budget": 1}]
    if part["type"] == "json":
        return [[[value, None]], [["Hi", value], ["Ho", None]], [["Hi", None], [None, [value]]]]
    return [value]


def _asked_at_once(wire: Wire, requests: list[tuple[str, list[Any]]]) -> str:
    """All that comes back for all of them, in one session."""
    session = uuid4().hex
    bodies = [
        {"data": data, "fn_index": wire.names.index(name), "session_hash": session, "event_data": None}
        for name, data in requests
    ]
    told = [wire.http.post(f"{wire.api}/queue/join", json=body).text for body in bodies]
    with wire.http.stream("GET", f"{wire.api}/queue/data", params={"session_hash": session}) as response:
        for line in response.iter_lines():
            told.append(line)
    return "\n".join(told)


def _served(wire: Wire, told: str) -> str:
    """What the replica gives for each file that its answers name."""
    found = set()
    for line in told.splitlines():
        _paths(json.loads(line.removeprefix("data: ") or "null"), found)
    return "".join(wire.http.get(f"{wire.api}/file={path}").text for path in sorted(found))


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
        path.unlink()  # the next test looks for its own
    assert copies == []


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_nobody_uploaded_is_not_read_or_served(
    wires: dict[str, Wire], place: Place, name: str, way: str
) -> None:
    wire = wires[name]
    paths = place.paths if way in MANY else {key: place.paths[key] for key in FEW}
    requests = [request for path in paths.values() for request in _requests(wire, WAYS[way](path))]
    told = _asked_at_once(wire, requests)
    assert_unseen(told, place)
    assert_unseen(_served(wire, told), place)
