"""The endpoint of a Space that was found, and what one request sends there. All pure."""

from __future__ import annotations

import contextlib
import json
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from .._addresses import is_local, is_on_hugging_face
from ..errors import ContractError, InvalidImageError, UnsupportedOptionError
from ..images import Image, shown_address
from ..messages import Message, folded, pairs, split, system_prompt

HistoryForm = Literal["pairs", "messages", "parts"]
CHAT = object()  # stands in a call's arguments for the chat that the call before it put out

# JSON schema types, in Python and in words.
_PYTHON: Mapping[str, Any] = {"number": (int, float), "integer": int, "boolean": bool, "string": str}
_TYPES = {"number": "a number", "integer": "a number", "boolean": "true or false", "string": "text"}


class Call(NamedTuple):
    """One call of an endpoint."""

    endpoint: str
    args: tuple[object, ...]
    kwargs: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Step:
    """A call that comes before the one that answers, in the same session.

    Attributes:
        endpoint: its api name.
        names: ``"prompt"``, ``"images"``, ``"image"`` or ``"chat"`` -> its name there; one that takes an
            ``"image"`` is made for each.
    """

    endpoint: str
    names: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The endpoint that was found.

    Attributes:
        name: its api name, such as ``"/model_chat"``.
        names: our argument -> the Space's name for it, in the endpoint's order; by position, our own. A name
            with a dot, such as ``"message.text"``, is a key of the dict that the parameter takes.
        history: the form in which it takes earlier turns; ``None`` if it takes none.
        required: what has no default in the Space's API, as our argument -> the value to send.
        by_position: whether it is called by position.
        before: the calls that come first.
        dicts: parameter -> what its dict has by default, for names with a dot.
        options: the options that it was found to have, as name -> JSON schema; ``None`` where the facade
            knows them.
        needed: those among them that have no default.
    """

    name: str
    names: Mapping[str, str]
    history: HistoryForm | None = None
    required: Mapping[str, object] = field(default_factory=dict)
    by_position: bool = False
    before: tuple[Step, ...] = ()
    dicts: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    options: Mapping[str, Mapping[str, Any]] | None = None
    needed: frozenset[str] = frozenset()

    @property
    def parameters(self) -> dict[str, str]:
        """Our arguments and the names that they have in all the calls of a request."""
        first = {ours: theirs for step in self.before for ours, theirs in step.names.items()}
        return {ours: theirs for ours, theirs in {**first, **self.names}.items() if ours != "chat"}

    def calls(
        self,
        messages: Sequence[Message],
        options: Mapping[str, object],
        files: Sequence[object],
        *,
        resumed: bool = False,
    ) -> tuple[Call, ...]:
        """Return the calls of one request, the one that answers last.

        What the endpoint has no parameter for, be it the earlier turns or the system prompt, is
        folded into the prompt; not so a system prompt that a `resumed` session has been told.

        Raises:
            ContractError: it has no parameter for an option of the facade.
            InvalidImageError: it takes no image, or not so many.
            UnsupportedOptionError: it has no such option, or not with that value, or needs one.
        """
        turns, prompt = split(messages)
        native = "system" in self.names
        system = None if resumed and not native else system_prompt(messages)
        if (turns and self.history is None) or (system is not None and not native):
            turns, prompt = (), folded(turn for turn in messages if turn.role != "system" or not native)
            system = system if native else None
        given = {**self.required, **self._checked(options)}
        if self.history is not None:
            given["history"] = _rendered(turns, self.history)
        if system is not None:
            given["system"] = system
        given.update({"chat": CHAT} if self.before else {"prompt": prompt, **self._images(files)})
        if homeless := [name for name in given if name not in self.names]:
            raise ContractError(
                f"The Space's endpoint {self.name} has no parameter for {', '.join(homeless)}."
            )
        args = tuple(given.get(name) for name in self.names) if self.by_position else ()
        kwargs = {} if self.by_position else self._named(given, self.names)
        return (*self._first(prompt, files), Call(self.name, args, kwargs))

    def _first(self, prompt: str, files: Sequence[object]) -> Iterator[Call]:
        for step in self.before:
            for file in files if "image" in step.names else (None,):
                values = {"prompt": prompt, "images": list(files), "image": file, "chat": CHAT}
                given = {ours: values[ours] for ours in step.names}
                yield Call(step.endpoint, (), self._named(given, step.names))

    def _named(self, given: Mapping[str, object], names: Mapping[str, str]) -> dict[str, object]:
        kwargs: dict[str, Any] = {}
        for ours, value in given.items():
            parameter, dot, key = names[ours].partition(".")
            if dot:
                kwargs.setdefault(parameter, dict(self.dicts.get(parameter, {})))[key] = value
            else:
                kwargs[parameter] = value
        return kwargs

    def _images(self, files: Sequence[object]) -> dict[str, object]:
        if "images" in self.names:
            return {"images": list(files)}
        check_images(len(files), int("image" in self.names), f"The Space's endpoint {self.name}")
        return {"image": files[0]} if files else {}

    def _checked(self, options: Mapping[str, object]) -> dict[str, object]:
        if self.options is None:
            return dict(options)
        has = f"{self.name} has: {', '.join(self.options) or 'none'}."
        for missing in sorted(self.needed - set(options)):
            raise UnsupportedOptionError(f"The Space needs the option {missing!r}. {has}")
        for unknown in options:
            if unknown not in self.options:
                raise UnsupportedOptionError(f"The Space has no option {unknown!r}. {has}")
        return {option: _value(option, value, self.options[option]) for option, value in options.items()}


def check_images(count: int, most: int | None, space: str) -> None:
    """Raise `InvalidImageError` where there are more images than a Space takes."""
    if most is not None and count > most:
        takes = {0: "no images", 1: "one image"}.get(most, f"at most {most} images")
        raise InvalidImageError(f"{space} takes {takes} in a request; {count} were given.")


def check_addresses(images: Sequence[Image], place: str) -> None:
    """Raise `InvalidImageError` where a Space on Hugging Face would fetch an image from here."""
    for number, image in enumerate(images if is_on_hugging_face(place) else ()):
        if image.url and is_local(urllib.parse.urlsplit(image.url).hostname or ""):
            raise InvalidImageError(
                f"Image {number} is at {shown_address(image.url)}, which the Space cannot fetch: it is an "
                "address of this machine or its network. Pass the file itself."
            )


def kind_of(schema: Mapping[str, Any]) -> str:
    """Return what an option takes, in words.

    Example:
        >>> kind_of({"enum": ["a", "b"], "type": "string"})
        'a, b'
    """
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    return str(schema.get("description") or _TYPES.get(schema.get("type", ""), "any value"))


def _value(option: str, given: object, schema: Mapping[str, Any]) -> object:
    """Return what to send for an option; a string, as from the command line, may stand for a number."""
    kind, value = schema.get("type", ""), given
    if isinstance(given, str) and kind in ("number", "integer", "boolean"):
        with contextlib.suppress(ValueError):
            value = json.loads(given.lower())
    python = _PYTHON.get(kind, object)
    fits = isinstance(value, python) and (
        kind == "boolean" or not isinstance(value, bool) or python is object
    )
    if not fits or value not in schema.get("enum", [value]):
        raise UnsupportedOptionError(
            f"The Space does not take {option}={given!r}. It takes: {kind_of(schema)}."
        )
    return value


def _rendered(turns: Sequence[Message], form: HistoryForm) -> list[Any]:
    if form == "pairs":
        return pairs(turns)
    if form == "messages":
        return [{"role": turn.role, "content": turn.content} for turn in turns]
    return [{"role": turn.role, "content": [{"type": "text", "text": turn.content}]} for turn in turns]
