"""The import of Gradio: faster, for it writes no stubs, and Gradio is as ever afterwards."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import sys
opened = []
sys.addaudithook(lambda event, values: opened.append(str(values[0])) if event == "open" else None)
import qwen_spaces.replicas
from gradio import component_meta
print(sum(name.endswith(".pyi") for name in opened))
restored = component_meta.__spec__.loader is component_meta.__loader__
print(component_meta.create_or_modify_pyi.__name__, restored)
"""
STUBS = Path(__file__).parents[2] / "qwen_spaces" / "replicas" / "_stubs.py"


def run(program: str) -> list[str]:
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


@pytest.mark.slow
def test_the_import_of_a_replica_touches_no_stubs() -> None:
    assert run(PROGRAM) == ["0", "create_or_modify_pyi True"]


def test_a_gradio_that_writes_none_is_imported_as_it_is(tmp_path: Path) -> None:
    package = tmp_path / "gradio"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "component_meta.py").write_text("name = __name__\n")
    program = f"""
import importlib.util, sys
spec = importlib.util.spec_from_file_location("stubs", {str(STUBS)!r})
stubs = importlib.util.module_from_spec(spec)
spec.loader.exec_module(stubs)
sys.path.insert(0, {str(tmp_path)!r})
with stubs.without_stubs():
    import gradio.component_meta
print(gradio.component_meta.name)
"""
    assert run(program) == ["gradio.component_meta"]
