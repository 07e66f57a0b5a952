"""A facade's options in the signatures of its methods: for type checkers, Shift-Tab, `help` and `inspect`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, Protocol, TypeVar

if TYPE_CHECKING:
    from .stream import TextStream

P = ParamSpec("P")
Function = TypeVar("Function", bound=Callable[..., Any])

METHODS = ("stream", "ask", "show", "conversation")  # which take the options


class Streams(Protocol[P]):
    """An object with a `stream`. `ask` and `show` are methods of one, and take what its `stream` takes."""

    def stream(self, *args: P.args, **kwargs: P.kwargs) -> TextStream:
        """Return a stream."""
        ...


def takes_what(other: Callable[..., Any]) -> Callable[[Function], Function]:
    """Show the parameters of `other` as those of a function that hands on ``*args`` and ``**kwargs``."""

    def sign(function: Function) -> Function:
        result = inspect.signature(function).return_annotation
        function.__signature__ = inspect.signature(other).replace(return_annotation=result)  # type: ignore[attr-defined]
        return function

    return sign


def show_options(
    facade: type, options: Mapping[str, Sequence[object]] | None, defaults: Mapping[str, object]
) -> None:
    """Show the options of a facade in the signatures of its methods; ``None``: it takes any option."""
    for name in METHODS:
        if name not in vars(facade):
            setattr(facade, name, _method(facade, name, options, defaults))


def _method(
    facade: type, name: str, options: Mapping[str, Sequence[object]] | None, defaults: Mapping[str, object]
) -> Callable[..., Any]:
    inherited = getattr(facade, name)

    # By its name, so that a test which replaces `QwenSpace.ask` replaces it for every facade.
    @functools.wraps(inherited)
    def method(self: object, *args: Any, **kwargs: Any) -> Any:
        return getattr(super(facade, self), name)(*args, **kwargs)

    signature = inspect.signature(inherited)
    parameters = _parameters(signature, options, defaults)
    method.__signature__ = signature.replace(parameters=list(parameters))  # type: ignore[attr-defined]
    return method


def _parameters(
    signature: inspect.Signature,
    options: Mapping[str, Sequence[object]] | None,
    defaults: Mapping[str, object],
) -> Iterator[inspect.Parameter]:
    """Yield the parameters, with the options in place of ``**options``."""
    for parameter in signature.parameters.values():
        if parameter.kind is not parameter.VAR_KEYWORD:
            yield parameter
        elif options is None:
            yield parameter.replace(annotation=Any)
    for option, values in (options or {}).items():
        literal: Any = Literal
        kind = int if isinstance(values, range) else literal[tuple(values)]
        default = defaults.get(option, ...)
        yield inspect.Parameter(option, inspect.Parameter.KEYWORD_ONLY, annotation=kind, default=default)
