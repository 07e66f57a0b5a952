"""The architecture: imports run one way, one package knows the SDK, and the public names are documented."""

from __future__ import annotations

import ast
import doctest
import graphlib
import importlib
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import qwen_spaces

PACKAGE = Path(qwen_spaces.__file__).parent
LAYERS = [  # from the bottom up; a module imports from lower layers only
    {"_hosts", "_markup", "errors"},
    {"_addresses", "_types", "replicas"},
    {"_contract"},
    {"_stream"},
    {"_display", "_facade", "_gradio", "_tools"},
    {"_client", "_conversation"},
    {"_many"},
    {"_space"},
    {"gateway", "spaces"},
    {"cli", "integrations", "notebook", "providers"},
    {"__init__", "__main__"},
]
LAYER = {unit: number for number, units in enumerate(LAYERS) for unit in units}
UPWARD = {("_space", "spaces")}  # for type checkers alone: a literal alias gives its facade


FILES = sorted(PACKAGE.rglob("*.py"))
PUBLIC = {  # modules and packages; all else begins with an underscore
    *("errors", "notebook", "providers", "spaces"),
    *("cli", "gateway", "integrations", "integrations.langchain", "integrations.llm", "replicas"),
}


def module_of(path: Path) -> tuple[str, ...]:
    """The module in a file, as the parts of its name within the package."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" and parts[1:] else parts


MODULES = {module_of(path) for path in FILES}


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


def imports(node: ast.AST, *, typing: bool) -> Iterator[ast.Import | ast.ImportFrom]:
    """All imports at run time, those in functions too; those for type checkers as well if `typing`."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.Import, ast.ImportFrom)):
            yield child
        elif typing or not is_type_checking(child):
            yield from imports(child, typing=typing)


def imported(path: Path, *, typing: bool = False) -> Iterator[tuple[str, ...]]:
    """What a file imports: modules of ours as from `module_of`, and others as ("", top-level name)."""
    package = path.relative_to(PACKAGE).parts[:-1]
    for node in imports(ast.parse(path.read_text()), typing=typing):
        if isinstance(node, ast.Import):
            yield from (("", alias.name.partition(".")[0]) for alias in node.names)
        elif node.level == 0:
            yield "", (node.module or "").partition(".")[0]
        else:
            base = (*package[: len(package) - node.level + 1], *(node.module or "").split("."))
            base = tuple(part for part in base if part)
            for alias in node.names:
                yield (*base, alias.name) if (*base, alias.name) in MODULES else base or ("__init__",)


@cache
def ours(path: Path, *, typing: bool = False) -> set[tuple[str, ...]]:
    return {module for module in imported(path, typing=typing) if module[0]}


@cache
def others(path: Path) -> set[str]:
    return {module[1] for module in imported(path) if not module[0]}


UNITS = {
    unit: {
        module[0]
        for path in FILES
        if module_of(path)[0] == unit
        for module in ours(path, typing=True)
        if module[0] != unit
    }
    for unit in LAYER
}


def test_every_unit_has_its_layer_and_what_is_not_public_begins_with_an_underscore() -> None:
    assert {module[0] for module in MODULES} == set(LAYER)
    public = {".".join(module) for module in MODULES if not any(part.startswith("_") for part in module)}
    assert public == PUBLIC


def test_imports_run_one_way() -> None:
    upward = {
        (unit, module[0], typing)
        for path in FILES
        for unit in module_of(path)[:1]
        for typing in (False, True)
        for module in ours(path, typing=typing)
        if module[0] != unit and LAYER[module[0]] >= LAYER[unit]
    }
    assert upward == {(*pair, True) for pair in UPWARD}


def test_no_import_leads_back() -> None:
    sorter = graphlib.TopologicalSorter({module_of(path): ours(path) - {module_of(path)} for path in FILES})
    sorter.prepare()  # fails on a cycle, and names it


def test_the_layout_stays_small() -> None:
    levels: dict[str, int] = {}
    graph = {unit: {other for other in known if (unit, other) not in UPWARD} for unit, known in UNITS.items()}
    for unit in graphlib.TopologicalSorter(graph).static_order():
        levels[unit] = 1 + max((levels[other] for other in graph[unit]), default=0)
    assert max(levels.values()) <= 11
    assert sum(map(len, UNITS.values())) <= 95


def test_nothing_is_imported_from_a_test_module() -> None:
    """What tests share is in `tests/support`: else a test that moves takes others with it."""
    imported = re.compile(
        r"^ *from \.[\w.]*\b(test_\w+|conftest)\b|^ *from \.[\w.]* import .*\btest_", re.MULTILINE
    )
    paths = Path(__file__).parent.rglob("*.py")
    assert {path: found for path in paths if (found := imported.search(path.read_text()))} == {}


def test_only_one_package_knows_the_sdk() -> None:
    def units_with(*names: str) -> set[str]:
        return {module_of(path)[0] for path in FILES if others(path) & set(names)}

    assert units_with("gradio_client", "huggingface_hub", "httpx") == {"_gradio"}
    assert units_with("gradio") == {"replicas"}
    assert units_with("uvicorn", "fastapi") == {"replicas", "gateway"}


def test_the_import_leaves_the_sdk_for_the_first_connection() -> None:
    program = "import sys, qwen_spaces; print({'gradio_client', 'httpx', 'gradio', 'PIL'} & set(sys.modules))"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout == "set()\n"


def test_the_public_names_are_all_there_and_documented() -> None:
    names = qwen_spaces.__all__
    assert len(names) == len(set(names))
    public = {
        name for name, value in vars(qwen_spaces).items() if not name.startswith("_") and callable(value)
    }
    assert public | {"Event"} >= set(names)
    assert public <= set(names)
    for name in set(names) - {"Event"}:
        value = getattr(qwen_spaces, name)
        assert value.__doc__
        assert not value.__doc__.startswith(f"{name}("), f"{name} has the docstring that dataclasses make"


def test_the_errors_are_drawn_as_they_are() -> None:
    from qwen_spaces import errors

    drawn = (errors.__doc__ or "").split()
    for name, value in vars(errors).items():
        if isinstance(value, type) and issubclass(value, errors.QwenSpacesError) and not name.startswith("_"):
            assert name in drawn
            assert name in qwen_spaces.__all__


def test_the_examples_in_docstrings_run() -> None:
    failures = {}
    for module in pkgutil.walk_packages([str(PACKAGE)], "qwen_spaces."):
        # What the integrations are made for is installed for tests/integrations only.
        if "__main__" not in module.name and "integrations." not in module.name:
            failures[module.name] = doctest.testmod(importlib.import_module(module.name)).failed
    assert len(failures) > 80
    assert {name for name, failed in failures.items() if failed} == set()
