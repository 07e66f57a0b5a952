"""A facade's options in the signatures of its methods: for type checkers, Shift-Tab, `help` and `inspect`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, Protocol, TypeVar

if TYPE_CHECKING:
    from .._stream.text_stream import TextStream

P = ParamSpec("P")
Function = TypeVar("Function", bound=Callable[..., Any])

METHODS = ("stream", "ask", "show", "conversation")  # which take the options
ANY = [inspect.Parameter("options", inspect.Parameter.VAR_KEYWORD, annotation=Any)]


class Streams(Protocol[P]):
    """An object with a `stream`. `ask` and `show` are methods of one, and take what its `stream` takes."""

    def stream(self, *args: P.args, **kwargs: P.kwargs) -> TextStream:
        """Return a stream."""
        ...


def takes_what(other: Callable[..., Any]) -> Callable[[Function], Function]:
    """Show the parameters of `other` as those of a function that passes ``*args, **kwargs`` to it."""

    def sign(function: Function) -> Function:
        result = inspect.signature(function).return_annotation
        function.__signature__ = inspect.signature(other).replace(return_annotation=result)  # type: ignore[attr-defined]
        return function

    return sign


def parameters(
    options: Mapping[str, Sequence[object]], defaults: Mapping[str, object]
) -> list[inspect.Parameter]:
    """Return the options of a facade as parameters."""
    literal: Any = Literal
    types = {
        name: int if isinstance(values, range) else literal[tuple(values)] for name, values in options.items()
    }
    return [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, annotation=kind, default=defaults.get(name, ...)
        )
        for name, kind in types.items()
    ]


def show_options(facade: type, options: Sequence[inspect.Parameter]) -> None:
    """Show the options of a facade in the signatures of its methods."""
    for name in METHODS:
        if name not in vars(facade):
            setattr(facade, name, _method(facade, name, options))


def _method(facade: type, name: str, options: Sequence[inspect.Parameter]) -> Callable[..., Any]:
    inherited = getattr(facade, name)

    # By its name, so that a test which replaces `QwenSpace.ask` replaces it for every facade.
    @functools.wraps(inherited)
    def method(self: object, *args: Any, **kwargs: Any) -> Any:
        return getattr(super(facade, self), name)(*args, **kwargs)

    signature, names = inspect.signature(inherited), {option.name for option in options} | {"options"}
    common = [each for each in signature.parameters.values() if each.name not in names]
    method.__signature__ = signature.replace(parameters=[*common, *options])  # type: ignore[attr-defined]
    return method
