"""Each private name of the SDK that is used, gone: everything but the speed stays.

A copy of the installed SDK has the name changed in all its modules, and is what a process of its own imports.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import gradio_client
import pytest

from qwen_spaces._gradio.job import HOOKS

from ..support.modes import PATIENCE
from ..support.scripted_gradio import BEGIN, STEP, Script, fails, generates, repeated, serve_script, succeeds

pytestmark = pytest.mark.slow

NAMES = sorted({name for names in HOOKS.values() for name in names} | {"ServerMessage", "_get_space_state"})
LONG = 2 * PATIENCE  # seconds

PROGRAM = """
import sys
from qwen_spaces import QwenSpace, SpaceError
from qwen_spaces._gradio import missing_hooks

print(missing_hooks())
well, failing, endless = sys.argv[1:]
print(QwenSpace("qwen-2-72b", src=well).ask("Hi").text)
print(list(QwenSpace("qwen-2-72b", src=well).stream("Hi"))[-1][-6:])
try:
    QwenSpace("qwen-2-72b", src=failing).ask("Hi")
except SpaceError as error:
    print(error.message)
with QwenSpace("qwen-2-72b", src=endless).stream("Hi") as stream:
    for delta in stream:
        break
"""


@pytest.fixture(params=NAMES)
def renamed(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path]:
    """A name, and a folder with an SDK that has another in its place."""
    copied = tmp_path / "gradio_client"
    shutil.copytree(Path(gradio_client.__file__).parent, copied, ignore=shutil.ignore_patterns("__pycache__"))
    for path in copied.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        path.write_text(re.sub(rf"\b{request.param}\b", f"{request.param}_", text), encoding="utf-8")
    return request.param, tmp_path


def test_it_works_and_leaving_ends_the_job(renamed: tuple[str, Path]) -> None:
    name, folder = renamed
    endless = (*generates("Hello"), STEP, *repeated(generates("Hello", "Hello again")[-1], 20.0))
    with (
        serve_script(Script(events=succeeds("Hello", "Hello world."))) as good,
        serve_script(Script(events=(*BEGIN, *fails("No.")))) as bad,
        serve_script(Script(events=endless, end="hang")) as open_ended,
    ):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, good.url, bad.url, open_ended.url],
            env={**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{os.getcwd()}"},
            capture_output=True,
            text=True,
            timeout=LONG,
        )
        assert done.returncode == 0, done.stderr
        missing, *rest = done.stdout.splitlines()
        assert rest == ["Hello world.", "world.", "No."]
        assert (name in missing) == (name in {each for names in HOOKS.values() for each in names})
        open_ended.wait_for("/cancel", LONG)
