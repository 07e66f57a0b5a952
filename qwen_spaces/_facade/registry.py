"""The facts of the facades, and the lookup of a facade by name."""

from __future__ import annotations

import re
import reprlib
import urllib.parse
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from .._addresses import Address, did_you_mean, is_local, is_on_hugging_face, parse_address, redact
from .._contract.contract import Contract
from .._contract.endpoint import check_images
from .._types.images import Image, named_image, shown_address
from .._types.options import OptionSpec, check_options
from ..errors import InvalidImageError, UnknownSpaceError

_HOST = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
FACADES: dict[str, type[Facade]] = {}  # alias -> facade
OTHERS: list[type[Facade]] = []  # for any other address; the last one wins


class ProviderFacts:
    """The facts of a Space under the names of the old providers."""

    label: ClassVar[str] = ""
    url: ClassVar[str] = ""
    api_endpoint: ClassVar[str] = ""
    default_model: ClassVar[str] = ""
    default_vision_model: ClassVar[str | None] = None
    model_aliases: ClassVar[Mapping[str, str]] = {}
    models: ClassVar[list[str]] = []
    vision_models: ClassVar[list[str]] = []
    supports_stream: ClassVar[bool] = True
    supports_system_message: ClassVar[bool] = True  # natively, or folded into the prompt; as the next
    supports_message_history: ClassVar[bool] = True


class Facade(ProviderFacts):
    """The facts of a Space. A subclass registers itself: under its alias, or for any Space without one."""

    contract: ClassVar[Contract] = Contract("")
    alias: ClassVar[str] = ""
    aliases: ClassVar[tuple[str, ...]] = ()  # the alias, then the long name, which follows from the id
    space_id: ClassVar[str] = ""
    options: ClassVar[Mapping[str, OptionSpec]] = {}  # option -> the values it takes, or their JSON schema
    max_images: ClassVar[int | None] = 0  # in a request; ``None``: any number
    reasons: ClassVar[bool] = False  # whether it marks its reasoning, apart from the answer

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.contract.discover:
            OTHERS.append(cls)
        if "alias" not in vars(cls):
            return
        cls.space_id = cls.contract.space_id
        long = re.sub("[^a-z0-9]+", "-", cls.space_id.lower())  # as the Hub makes a host of an id
        cls.aliases = (cls.alias, long)
        facts: type[ProviderFacts] = cls
        facts.url, facts.default_model = f"https://{long}.hf.space", long
        facts.models, facts.model_aliases = [cls.alias], {cls.alias: long}
        if cls.max_images != 0:
            facts.vision_models, facts.default_vision_model = [cls.alias], long
        FACADES.update(dict.fromkeys(cls.aliases, cls))

    def _check_options(self, options: Mapping[str, object]) -> dict[str, object]:
        if self.contract.discover:  # its options are unknown until it is reached
            return dict(options)
        return check_options(options, self.options, space=self.alias)

    def _check_images(self, images: Sequence[Image], name: str, src: str) -> None:
        check_images(len(images), self.max_images, name, vision_aliases)
        _check_addresses(images, src)


def _check_addresses(images: Sequence[Image], place: str) -> None:
    """Raise `InvalidImageError` where a Space on Hugging Face would fetch an image from here."""
    for number, image in enumerate(images if is_on_hugging_face(place) else ()):
        if image.url and is_local(urllib.parse.urlsplit(image.url).hostname or ""):
            raise InvalidImageError(
                f"{named_image(number, len(images))} is at {shown_address(image.url)}, which the Space "
                "cannot fetch: it is an address of this machine or its network. Pass the file itself."
            )


def find(cls: type[Facade], name: str) -> tuple[type[Facade], Address | None]:
    """Return the facade for a name, and the name as an address, ``None`` if it is an alias."""
    key = _text(name, "A Space goes by a name").lower()
    if cls.aliases or cls in OTHERS:  # the user calls a facade by its class
        return cls, None if key in (*cls.aliases, "qwen-2.5") else _address(name)
    if key in FACADES:
        return FACADES[key], None
    address = _address(name)
    place = address.place.lower().replace("http://", "https://", 1)
    known = (facade for facade in FACADES.values() if place in (facade.space_id.lower(), facade.url))
    return next(known, OTHERS[-1]), address


def vision_aliases() -> list[str]:
    """Return the aliases of the Spaces that take images."""
    return sorted({facade.alias for facade in FACADES.values() if facade.max_images != 0})


def find_source(src: str | None) -> Address | None:
    """Return the address `src`, ``None`` if it is missing or blank."""
    if src is None or not (text := _text(src, "src goes by an address")):
        return None
    if address := parse_address(text):
        return address
    near = did_you_mean(text) or (FACADES[text.lower()].space_id if text.lower() in FACADES else None)
    if near is None and _HOST.fullmatch(text):
        near = f"http://{text}:7860"
    hint = f" Did you mean {near!r}?" if near else ""
    raise UnknownSpaceError(f"src goes by 'owner/name' or a URL, not by {reprlib.repr(redact(text))}.{hint}")


def _text(given: object, what: str) -> str:
    if not isinstance(given, str):
        raise UnknownSpaceError(f"{what}, not by a {type(given).__name__}.")
    return given.strip()


def _address(text: str) -> Address:
    if address := parse_address(text):
        return address
    from difflib import get_close_matches  # slow to import

    near = did_you_mean(text) or next(iter(get_close_matches(text.strip().lower(), FACADES, n=1)), None)
    known = sorted({facade.alias for facade in FACADES.values()})
    hint = f"Did you mean {near!r}?" if near else f"Known: {', '.join(known)}."
    raise UnknownSpaceError(
        f"No Space is called {reprlib.repr(redact(text))}. {hint} Any other Gradio chat goes by 'owner/name' "
        "or its URL."
    )
