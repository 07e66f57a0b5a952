"""The architecture: imports run one way, one package knows the SDK, and the public names are documented."""

from __future__ import annotations

import ast
import doctest
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
    {"_hosts"},
    {"errors", "_closeable", "replicas"},
    {"_addresses", "_mathematics", "messages", "images", "timeouts"},
    {"_markup", "_registry", "_settings"},
    {"events", "_contract"},
    {"_stream"},
    {"_gradio", "stream"},
    {"_client", "_display"},
    {"conversation"},
    {"space"},
    {"spaces"},
    {"gateway"},
    {"cli", "integrations", "notebook", "providers"},
    {"__init__", "__main__"},
]
LAYER = {unit: number for number, units in enumerate(LAYERS) for unit in units}
OWN = {"__version__"}  # what the package itself has


def unit_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


def imports(node: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """All imports that happen at run time, those in functions too."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.Import, ast.ImportFrom)):
            yield child
        elif not is_type_checking(child):
            yield from imports(child)


@cache
def modules(path: Path) -> frozenset[tuple[str, str]]:
    """What a file imports, as (top-level package, unit of ours or "")."""
    return frozenset(_modules(path))


def _modules(path: Path) -> Iterator[tuple[str, str]]:
    depth = len(path.relative_to(PACKAGE).parts)
    for node in imports(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name.partition(".")[0], ""
        elif node.level == 0:
            yield (node.module or "").partition(".")[0], ""
        elif node.level == depth:
            for alias in node.names:
                unit = (node.module or alias.name).partition(".")[0]
                if unit not in OWN:
                    yield "qwen_spaces", unit


FILES = sorted(PACKAGE.rglob("*.py"))


def test_every_unit_has_its_layer() -> None:
    assert {unit_of(path) for path in FILES} == set(LAYER)


def test_imports_run_one_way() -> None:
    upward = {
        (str(path.relative_to(PACKAGE)), other)
        for path in FILES
        for top, other in modules(path)
        if top == "qwen_spaces" and other != unit_of(path) and LAYER[other] >= LAYER[unit_of(path)]
    }
    assert upward == set()


def test_nothing_is_imported_from_a_test_module() -> None:
    """What tests share is in `tests/support`: else a test that moves takes others with it."""
    imported = re.compile(
        r"^ *from \.[\w.]*\b(test_\w+|conftest)\b|^ *from \.[\w.]* import .*\btest_", re.MULTILINE
    )
    paths = Path(__file__).parent.rglob("*.py")
    assert {path: found for path in paths if (found := imported.search(path.read_text()))} == {}


def test_only_one_package_knows_the_sdk() -> None:
    known = {"gradio_client", "huggingface_hub", "httpx"}
    knowing = {unit_of(path) for path in FILES if known & {top for top, _ in modules(path)}}
    assert knowing == {"_gradio"}
    assert {unit_of(path) for path in FILES if "gradio" in {top for top, _ in modules(path)}} == {"replicas"}
    servers = {unit_of(path) for path in FILES if {"uvicorn", "fastapi"} & {top for top, _ in modules(path)}}
    assert servers == {"replicas", "gateway"}


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
    names = [
        module.name
        for module in pkgutil.walk_packages([str(PACKAGE)], "qwen_spaces.")
        # What the integrations are made for is installed for tests/integrations only.
        if "__main__" not in module.name and "integrations." not in module.name
    ]
    results = {name: doctest.testmod(importlib.import_module(name)) for name in names}
    assert {name: result for name, result in results.items() if result.failed} == {}
    assert sum(result.attempted for result in results.values()) > 50
