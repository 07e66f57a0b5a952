"""The chat endpoint of a Space, and the calls that one request makes there. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .._types.messages import Message, folded, pairs, split, system_prompt
from .._types.status import HistoryForm
from ..errors import ContractError, InvalidImageError
from .contract import Step
from .exchange import PREVIOUS_CHAT, Call, Exchange
from .html_text import markdown_of
from .output import AnswerParser


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
    placeholder: str = ""  # the text of an answer that has not begun
    html: bool = False  # whether the Space makes HTML of its answers
    stateful: bool = False  # whether the Space keeps the earlier turns of a session

    @property
    def max_images(self) -> int | None:
        """The most images of a request; ``None``, for the facade has checked them."""
        return None

    @property
    def parameters(self) -> dict[str, str]:
        """Our arguments, and the Space's names for them in all calls of a request."""
        first = {ours: theirs for step in self.steps for ours, theirs in step.names.items()}
        return {ours: theirs for ours, theirs in {**first, **self.names}.items() if ours != "chat"}

    def describe(self) -> Iterator[tuple[str, dict[str, str]]]:
        """Yield each call of a request: its api name, and what its inputs get."""
        for name, names in (*((step.endpoint, step.names) for step in self.steps), (self.name, self.names)):
            given = {ours: "from the call before" if ours == "chat" else ours for ours in names}
            yield name, {theirs: given[ours] for ours, theirs in names.items()}

    def exchange(
        self,
        messages: Sequence[Message],
        options: Mapping[str, object],
        files: Sequence[object],
        *,
        resumed: Mapping[int, object] | None = None,
        turns: int = 0,
    ) -> Exchange:
        """Return the calls of one request, and what reads its outputs.

        Earlier turns and a system prompt for which the endpoint has no parameter are folded into the
        prompt. A `resumed` session has the system prompt already.

        Raises:
            ContractError: it has no parameter for an option of the facade.
            InvalidImageError: it takes no image, or not so many.
        """
        native = "system" in self.names or resumed is not None
        earlier, prompt = fold(messages, history=self.history is not None, system=native)
        given = {**self.required, **options}
        if self.history is not None:
            given["history"] = render(earlier, self.history)
        if "system" in self.names and (system := system_prompt(messages)) is not None:
            given["system"] = system
        given |= {"chat": PREVIOUS_CHAT} if self.steps else {"prompt": prompt, **self._images(files)}
        if unmapped := [ours for ours in given if ours not in self.names]:
            raise ContractError(
                f"The Space's endpoint {self.name} has no parameter for {', '.join(unmapped)}."
            )
        parser = AnswerParser(
            self.placeholder,
            turns,
            sent=given.get("history", ()),
            to_text=markdown_of if self.html else None,
        )
        return Exchange(self.name, tuple(self._step_calls(prompt, files)), self._call(given), parser)

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


def check_images(
    count: int, most: int | None, space: str, others: Callable[[], Sequence[str]] = list
) -> None:
    """Raise `InvalidImageError` if a Space takes fewer images; `others` lists Spaces that take some."""
    if most is not None and count > most:
        takes = {0: "no images", 1: "one image"}.get(most, f"at most {most} images")
        given = "one was" if count == 1 else f"{count} were"
        hint = f" These do: {', '.join(others())}." if most == 0 and others() else ""
        raise InvalidImageError(f"{space} takes {takes} in a request; {given} given.{hint}")


def fold(messages: Sequence[Message], *, history: bool, system: bool) -> tuple[Sequence[Message], str]:
    """Return the earlier turns and the prompt, into which everything is folded that has no place of its own.

    Args:
        messages: all messages.
        history: whether the Space takes earlier turns.
        system: whether it takes a system prompt, or has it already.
    """
    turns, prompt = split(messages)
    if (turns and not history) or (not system and system_prompt(messages) is not None):
        return (), folded(message for message in messages if message.role != "system" or not system)
    return turns, prompt


def render(turns: Sequence[Message], form: HistoryForm) -> list[Any]:
    """Return earlier turns in the form that a Space takes."""
    if form == "pairs":
        return pairs(turns)
    if form == "messages":
        return [{"role": turn.role, "content": turn.content} for turn in turns]
    return [{"role": turn.role, "content": [{"type": "text", "text": turn.content}]} for turn in turns]
