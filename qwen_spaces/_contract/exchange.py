"""The calls that one request makes, and what their inputs and outputs have in common. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from .content import is_update
from .output import AnswerParser, find_history

PREVIOUS_CHAT = object()  # stands in a call's arguments for the chat that the call before it put out


class Call(NamedTuple):
    """One call of an endpoint.

    Its arguments are `args` and `kwargs`, or the values that the components `inputs` have by then.
    """

    endpoint: str | int  # the api name, or the number of its event
    args: tuple[object, ...] = ()
    kwargs: Mapping[str, object] = {}
    inputs: tuple[int, ...] | None = None
    outputs: tuple[int, ...] = ()  # the components that take its outputs
    sets: Mapping[int, object] = {}  # what the user sets right before it
    optional: bool = False  # whether the answer may come without it


@dataclass
class Exchange:
    """One request at a Space: calls in one session, between which the components keep their values.

    Attributes:
        name: the api name of the endpoint that answers.
        before: the calls before the one that answers.
        answer: the call that answers.
        parser: of its outputs.
        after: the calls that follow it, by which the page takes the answer over.
        values: the values of the components, by their ids.
        chat: the component of the chat, if the values have it.
        forgotten: whether the Space turned out to know less of the conversation than it must.
    """

    name: str
    before: Sequence[Call]
    answer: Call
    parser: AnswerParser
    after: Sequence[Call] = ()
    values: dict[int, object] = field(default_factory=dict)
    chat: int | None = None
    forgotten: bool = False
    _previous_chat: object = field(default_factory=list)

    def answer_parser(self) -> AnswerParser:
        """Return the parser of the answer, which knows the chat as it is right before."""
        if self.chat is None:
            return self.parser
        return replace(self.parser, sent=self.values.get(self.chat, ()), on_forgotten=self._forget)

    def _forget(self) -> None:
        self.forgotten = True

    def arguments(self, call: Call) -> tuple[tuple[object, ...], Mapping[str, object]]:
        """Return the arguments of a call, as they are by then."""
        self.values.update(call.sets)
        if call.inputs is not None:
            return tuple(self.values[each] for each in call.inputs), {}
        kwargs = {
            name: self._previous_chat if given is PREVIOUS_CHAT else given
            for name, given in call.kwargs.items()
        }
        return call.args, kwargs

    def keep(self, call: Call, output: Any) -> None:
        """Give the components the outputs of a call, as `gradio_client` returns them."""
        self._previous_chat = find_history(output)
        values = output if isinstance(output, tuple) and len(call.outputs) != 1 else (output,)
        for component, value in zip(call.outputs, values, strict=False):
            if not is_update(value):
                self.values[component] = value
            elif "value" in value:
                self.values[component] = value["value"]
