"""Import Gradio faster: without the ``.pyi`` files that it writes beside its components."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

MODULE, FUNCTION = "gradio.component_meta", "create_or_modify_pyi"  # of Gradio 5 and 6


@contextlib.contextmanager
def without_stubs() -> Iterator[None]:
    """Switch off the writing of stubs while Gradio is imported, where it takes nearly half of the time."""
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        finder.restore()


class _Finder(MetaPathFinder):
    """Finds the module that writes stubs, and puts an empty function in place of the one that does."""

    def __init__(self) -> None:
        self.restore: Callable[[], object] = bool

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path, target) if name == MODULE else None
        if spec and spec.loader:
            spec.loader = _Patched(spec.loader, self)
        return spec

    def patch(self, module: ModuleType) -> None:
        """Replace the function until `restore`, if there is such a function."""
        if write := getattr(module, FUNCTION, None):
            setattr(module, FUNCTION, lambda *_args, **_named: None)
            self.restore = lambda: setattr(module, FUNCTION, write)


class _Patched(Loader):
    """Loads a module as its own loader does, and has it patched."""

    def __init__(self, loader: Loader, finder: _Finder) -> None:
        self._loader, self._finder = loader, finder

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self._loader  # so that the module looks as ever
        if module.__spec__:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        self._finder.patch(module)
