"""The recipes for many workers, one of which is killed. `python -m tests.integrations.workers` has more."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..tools.many_replica import replica
from .workers.measure import measure

HERE = Path(__file__).parent
NOTEBOOK = HERE.parents[1] / "notebooks" / "06_many_prompts.ipynb"
CODE = re.compile("^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def wide() -> Iterator[tuple[str, Path]]:
    """A replica with a slot for each request, and the file of the prompts that it began."""
    with replica(slots=40, max_size=1000, seconds=0.3) as served:
        yield served.url, served.log


@pytest.mark.parametrize("recipe", ["processes", "in_dask", "at_gateway"])
def test_a_worker_that_is_killed_costs_no_answer(recipe: str, wide: tuple[str, Path]) -> None:
    outcome = measure(recipe, *wide, prompts=48, workers=2, concurrency=8, kill_at=10)
    assert outcome.killed
    assert outcome.lost == 0
    # It had 10 answers. Without a journal its batch of 20 is asked again.
    assert outcome.twice <= (8 if recipe == "processes" else 20)


def test_the_notebook_shows_what_is_measured() -> None:
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    recipes = [code[re.search("^(def|class) ", code, re.MULTILINE).start() :] for code in CODE.findall(text)]
    programs = [unindented(path.read_text("utf-8")) for path in (HERE / "workers").glob("*.py")]
    assert len(recipes) == 4
    for recipe in recipes:
        assert any(unindented(recipe) in program for program in programs), recipe


def unindented(code: str) -> str:
    """The code without indentation and empty lines."""
    return "\n".join(line.strip() for line in code.splitlines() if line.strip())
