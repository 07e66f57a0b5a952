"""The three provider classes of another library, for programs that migrate from it.

Only the import changes. Unlike the originals, these classes stream, send the whole history, honour `proxy`,
never repeat or lose text, and raise every error.

Example:
    from qwen_spaces.providers import Messages, Qwen_Qwen_2_5

    messages = Messages([{"role": "user", "content": "Why is the sky blue?"}])
    async for delta in Qwen_Qwen_2_5.create_async_generator("qwen-2.5", messages):
        print(delta, end="")
"""

from __future__ import annotations

import functools
import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, TypeAlias, cast

from ._facade.registry import ProviderFacts
from ._stream.async_result import AsyncResult
from ._types.images import ImageLike
from ._types.timeouts import Timeouts
from .errors import StreamError, UnknownSpaceError
from .spaces import QVQ_72B, Qwen2_5, Qwen2_72B

Messages = list[dict[str, Any]]
ResponseError = StreamError
_Facade: TypeAlias = QVQ_72B | Qwen2_5 | Qwen2_72B
Media: TypeAlias = "Sequence[tuple[ImageLike, str | None]]"  # (data, filename)

_HARMLESS = {"stream", "return_conversation", "conversation"}  # they do not change the answer


class _Provider(ProviderFacts):
    """A facade under its old name, which is never instantiated."""

    working: ClassVar[bool] = True
    _facade: ClassVar[type[_Facade]]

    def __init_subclass__(cls, facade: type[_Facade]) -> None:
        cls._facade = facade
        for fact in ProviderFacts.__annotations__:
            setattr(cls, fact, getattr(facade, fact))

    @classmethod
    def create_async_generator(
        cls,
        model: str | None = None,
        messages: Iterable[Mapping[str, Any]] = (),
        media: Media | None = None,
        api_key: str | None = None,
        proxy: str | None = None,
        **kwargs: Any,
    ) -> AsyncResult:
        """Send a request, and return the deltas of its answer.

        Args:
            model: an alias or long name of this provider's model, which is the default.
            messages: dicts with ``role`` and ``content``; all of them are sent.
            media: images as ``(data, filename)``, for a Space that takes them.
            api_key: a Hugging Face token.
            proxy: the address of a proxy.
            kwargs: the facade's options such as ``size``; ``timeout`` in seconds for the whole answer;
                ``src``, the Space's address if not the usual one. Others are ignored with a warning.

        Raises:
            UnknownSpaceError: the provider has no such model.
            QwenSpacesError: the request cannot be sent; a `ResponseError` while reading if the Space fails.
        """
        facade = cls._facade
        if model and model.lower() not in facade.aliases:
            raise UnknownSpaceError(
                f"{cls.__name__} has no model {model!r}. It has: {', '.join(facade.aliases)}."
            )
        options = {name: kwargs.pop(name) for name in facade.options if name in kwargs}
        src, timeout = kwargs.pop("src", None), kwargs.pop("timeout", None)
        space = _space(os.getpid(), cast("Any", facade), src, api_key, proxy, timeout)
        if ignored := sorted(set(kwargs) - _HARMLESS):
            warnings.warn(f"{cls.__name__} ignores {', '.join(ignored)}.", stacklevel=2)
        images = [data for data, _ in media or ()]
        return AsyncResult(space.stream(messages, images=images, **options).__aiter__())


class Qwen_Qwen_2_72B(_Provider, facade=Qwen2_72B):  # noqa: N801  (the old name)
    """`Qwen/Qwen2-72B-Instruct`."""


class Qwen_Qwen_2_5(_Provider, facade=Qwen2_5):  # noqa: N801  (the old name)
    """`Qwen/Qwen2.5`."""


class Qwen_QVQ_72B(_Provider, facade=QVQ_72B):  # noqa: N801  (the old name)
    """`Qwen/QVQ-72B-preview`."""


@functools.lru_cache(maxsize=16)
def _space(
    process: int,
    facade: Any,
    src: str | None,
    token: str | None,
    proxy: str | None,
    total: float | None,
) -> Any:
    """Return the same object for equal arguments, so that a Space's API is fetched once."""
    del process  # a fork cannot share its parent's object
    return facade(src=src, token=token, proxy=proxy, timeouts=Timeouts(total=total))
