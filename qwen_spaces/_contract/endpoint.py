"""The chat endpoint of a Space, and the calls that one request makes there. Pure."""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .._addresses import is_local, is_on_hugging_face
from .._types.images import Image, shown_address
from .._types.messages import Message, folded, pairs, split, system_prompt
from ..errors import ContractError, InvalidImageError
from .api import HistoryForm, Schema
from .contract import Step
from .options import check_options

PREVIOUS_CHAT = object()  # stands in a call's arguments for the chat that the call before it put out


class Call(NamedTuple):
    """One call of an endpoint."""

    endpoint: str
    args: tuple[object, ...]
    kwargs: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The chat endpoint of a Space."""

    name: str  # such as "/model_chat"
    # Our argument -> the Space's name for it, in the endpoint's order; by position, our own. A name with a
    # dot, such as "message.text", is a key of the dict that the parameter takes.
    names: Mapping[str, str]
    history: HistoryForm | None = None  # the form in which it takes earlier turns
    required: Mapping[str, object] = field(default_factory=dict)  # our argument -> its value by default
    by_position: bool = False
    steps: tuple[Step, ...] = ()  # the calls that come first
    dicts: Mapping[str, Mapping[str, object]] = field(default_factory=dict)  # parameter -> its default
    options: Mapping[str, Schema] | None = None  # as discovered; `None` where the facade knows them
    needed: frozenset[str] = frozenset()  # the options without a default

    @property
    def parameters(self) -> dict[str, str]:
        """Our arguments, and the Space's names for them in all calls of a request."""
        first = {ours: theirs for step in self.steps for ours, theirs in step.names.items()}
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

        Earlier turns and a system prompt for which the endpoint has no parameter are folded into the
        prompt. A `resumed` session has the system prompt already.

        Raises:
            ContractError: it has no parameter for an option of the facade.
            InvalidImageError: it takes no image, or not so many.
            UnsupportedOptionError: it has no such option, or not with that value, or needs one.
        """
        turns, prompt = self._fold(messages, resumed=resumed)
        if self.options is not None:  # else the facade has checked them
            options = check_options(options, self.options, owner=self.name, required=self.needed)
        given = {**self.required, **options}
        if self.history is not None:
            given["history"] = _render(turns, self.history)
        if "system" in self.names and (system := system_prompt(messages)) is not None:
            given["system"] = system
        given |= {"chat": PREVIOUS_CHAT} if self.steps else {"prompt": prompt, **self._images(files)}
        if unmapped := [ours for ours in given if ours not in self.names]:
            raise ContractError(
                f"The Space's endpoint {self.name} has no parameter for {', '.join(unmapped)}."
            )
        return (*self._step_calls(prompt, files), self._call(given))

    def _fold(self, messages: Sequence[Message], *, resumed: bool) -> tuple[Sequence[Message], str]:
        """Return the earlier turns and the prompt, with everything folded into it that has no parameter."""
        turns, prompt = split(messages)
        native = "system" in self.names
        unmapped_turns = turns and self.history is None
        unmapped_system = not native and not resumed and system_prompt(messages) is not None
        if unmapped_turns or unmapped_system:
            return (), folded(message for message in messages if message.role != "system" or not native)
        return turns, prompt

    def _images(self, files: Sequence[object]) -> dict[str, object]:
        if "images" in self.names:
            return {"images": list(files)}
        check_images(len(files), int("image" in self.names), f"The Space's endpoint {self.name}")
        return {"image": files[0]} if files else {}

    def _step_calls(self, prompt: str, files: Sequence[object]) -> Iterator[Call]:
        for step in self.steps:
            for file in files if "image" in step.names else (None,):
                values = {"prompt": prompt, "images": list(files), "image": file, "chat": PREVIOUS_CHAT}
                given = {ours: values[ours] for ours in step.names}
                blanks: dict[str, object] = dict.fromkeys(step.blanks)
                yield Call(step.endpoint, (), {**blanks, **self._by_name(given, step.names)})

    def _call(self, given: Mapping[str, object]) -> Call:
        if self.by_position:
            return Call(self.name, tuple(given.get(ours) for ours in self.names), {})
        return Call(self.name, (), self._by_name(given, self.names))

    def _by_name(self, given: Mapping[str, object], names: Mapping[str, str]) -> dict[str, object]:
        kwargs: dict[str, Any] = {}
        for ours, value in given.items():
            parameter, dot, key = names[ours].partition(".")
            if dot:
                kwargs.setdefault(parameter, dict(self.dicts.get(parameter, {})))[key] = value
            else:
                kwargs[parameter] = value
        return kwargs


def parameter_of(name: str) -> str:
    """Return the parameter of a name, which with a dot is a key of its dict.

    Example:
        >>> parameter_of("message.text")
        'message'
    """
    return name.partition(".")[0]


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


def _render(turns: Sequence[Message], form: HistoryForm) -> list[Any]:
    if form == "pairs":
        return pairs(turns)
    if form == "messages":
        return [{"role": turn.role, "content": turn.content} for turn in turns]
    return [{"role": turn.role, "content": [{"type": "text", "text": turn.content}]} for turn in turns]
