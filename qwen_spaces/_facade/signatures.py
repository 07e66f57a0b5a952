"""A facade's options in the signatures of its methods, for type checkers, Shift-Tab, `help` and `inspect`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from inspect import Parameter
from typing import TYPE_CHECKING, Any, TypeVar

from .._types.options import OptionSpec, type_of_option

if TYPE_CHECKING:
    from .registry import Facade

Function = TypeVar("Function", bound=Callable[..., Any])


def with_parameters_of(other: Callable[..., Any]) -> Callable[[Function], Function]:
    """Show the parameters of `other` as those of a function that passes ``*args, **kwargs`` to it."""

    def decorate(function: Function) -> Function:
        result = function.__annotations__["return"]
        function.__signature__ = inspect.signature(other).replace(return_annotation=result)  # type: ignore[attr-defined]
        return function

    return decorate


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
    inherited = getattr(facade, name)

    # By its name, so that a test which replaces `QwenSpace.ask` replaces it for every facade.
    @functools.wraps(inherited)
    def method(self: object, *args: Any, **kwargs: Any) -> Any:
        return getattr(super(facade, self), name)(*args, **kwargs)

    signature, names = inspect.signature(inherited), {option.name for option in options} | {"options"}
    common = [each for each in signature.parameters.values() if each.name not in names]
    method.__signature__ = signature.replace(parameters=[*common, *options])  # type: ignore[attr-defined]
    return method
