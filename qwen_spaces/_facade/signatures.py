"""A facade's options in the signatures of its methods, for type checkers, Shift-Tab, `help` and `inspect`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from inspect import Parameter
from typing import TYPE_CHECKING, Any

from .._types.options import OptionSpec, type_of_option

if TYPE_CHECKING:
    from .registry import Facade


def show_parameters(cls: type) -> None:
    """Show the parameters of a class's `stream` as those of the `ask` and `show` that it inherits."""
    signature = inspect.signature(cls.stream)  # type: ignore[attr-defined]
    for name in ("ask", "show"):
        result = getattr(cls, name).__annotations__["return"]
        setattr(cls, name, _inherit(cls, name, signature.replace(return_annotation=result)))


def show_options(facade: type[Facade]) -> None:
    """Show a facade's options in the signatures of its methods."""
    options = [Parameter("options", Parameter.VAR_KEYWORD, annotation=Any)]
    if not facade.contract.discover:
        options = [_parameter(facade, *option) for option in facade.options.items()]
    for name in ("stream", "ask", "show", "conversation"):
        if name not in vars(facade):
            setattr(facade, name, _method(facade, name, options))


def _parameter(facade: type[Facade], name: str, spec: OptionSpec) -> Parameter:
    default = facade.contract.defaults.get(name, ...)
    return Parameter(name, Parameter.KEYWORD_ONLY, annotation=type_of_option(spec), default=default)


def _method(facade: type[Facade], name: str, options: Sequence[Parameter]) -> Callable[..., Any]:
    signature, names = (
        inspect.signature(getattr(facade, name)),
        {option.name for option in options} | {"options"},
    )
    common = [each for each in signature.parameters.values() if each.name not in names]
    return _inherit(facade, name, signature.replace(parameters=[*common, *options]))


def _inherit(cls: type, name: str, signature: inspect.Signature) -> Callable[..., Any]:
    """Return an inherited method, with this signature."""

    # By its name, so that a test which replaces `QwenSpace.ask` replaces it for every facade.
    @functools.wraps(getattr(cls, name))
    def method(self: object, *args: Any, **kwargs: Any) -> Any:
        return getattr(super(cls, self), name)(*args, **kwargs)

    method.__signature__ = signature  # type: ignore[attr-defined]
    return method
