"""The chat of a Space that no facade knows: the calls that one request makes there. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .._types.messages import Message, system_prompt
from .._types.options import check_options
from .._types.status import HistoryForm
from .api import ApiEndpoint, Parameter, history_form
from .chains import find_setters
from .endpoint import check_images, fold, render
from .exchange import Call, Exchange
from .html_text import page_text, text_of
from .output import AnswerParser
from .roles import FILE_KINDS
from .shape import ChatShape

_BLANKS: Mapping[str, object] = {"textbox": "", "checkbox": False, "checkboxgroup": []}


class Chat(ChatShape):
    """The chat of a Space that no facade knows."""

    def describe(self) -> Iterator[tuple[str, dict[str, str]]]:
        """Yield each call of a request: its api name, and what its inputs get."""
        roles, sources = self.roles, dict[int, str]()
        ours = {each.id: f"the option {name}" for name, each in roles.options.items()}
        named = {"prompt": roles.prompt, "history": roles.chat, "system": roles.system}
        ours |= {each.id: name for name, each in named.items() if each is not None}
        ours |= {each.id: "image" for each in (*roles.images, *self.uploads)}
        for step in (*self.loaders, *self.chain.steps):
            inputs = {}
            for each in step.inputs:
                own = "in its session" if each.is_state else ours.get(each.id, "as on the page")
                inputs[each.name] = f"from {sources[each.id]}" if each.id in sources else own
            yield step.name, inputs
            sources |= dict.fromkeys(step.writes, step.name)

    @property
    def nothing_came(self) -> str:
        """What to say of an answer that has no text."""
        steps = ", then ".join(step.name for step in self.chain.steps)
        return (
            f"put out no text. These were called, as its page seems to do: {steps}; status() shows what each "
            "one gets. If another endpoint answers, choose it with endpoint=..."
        )

    def exchange(
        self,
        messages: Sequence[Message],
        options: Mapping[str, object],
        files: Sequence[object],
        *,
        resumed: Mapping[int, object] | None = None,
        turns: int = 0,
    ) -> Exchange:
        """Return the calls of one request. A `resumed` session has the values of its components.

        Earlier turns and a system prompt for which the chain has no input are folded into the prompt.

        Raises:
            InvalidImageError: it takes no image, or not so many.
            UnsupportedOptionError: it has no such option, or not with that value, or needs one.
        """
        options = check_options(options, self.options, owner=self.name, required=self.needed)
        check_images(len(files), self.max_images, f"The Space's endpoint {self.name}")
        values = {**self._initial_values(), **(resumed or {})}
        self._set_messages(values, messages, files, resumed=resumed is not None)
        sets = {self.roles.options[name].id: value for name, value in options.items()}
        # A page goes on if an event of its opening fails.
        openings = self.loaders if resumed is None else []
        loaders = [self._call(each)._replace(optional=True) for each in openings]
        before = [*loaders, *self._setters(sets, messages, files)]
        values.update(sets)
        if self.roles.images and files:
            values.update(self._place_images(files))
        steps = [self._call(step) for step in self.chain.steps]
        return Exchange(
            name=self.name,
            before=[*before, *steps[:-1]],
            answer=steps[-1],
            parser=self._parser(turns, values),
            after=[self._call(step) for step in self.chain.tail if step.writes & self.chain.kept_states],
            values={**self._values_of(before), **values},
            chat=self.shown.id if self.shown.is_chatbot or self.shown.kind == "html" else None,
        )

    def _parser(self, turns: int, values: Mapping[int, object]) -> AnswerParser:
        shown = self.shown
        outputs = self.chain.last.outputs
        tags = shown.props.get("reasoning_tags") or ()
        return AnswerParser(
            turns=turns if shown.is_chatbot else 0,
            position=next(place for place, each in enumerate(outputs) if each.id == shown.id),
            reasoning_tags=[(str(tag[0]), str(tag[1])) for tag in tags if len(tag) == 2],
            to_text=page_text if shown.kind == "html" else text_of,
            prompt=str(values.get(self.roles.prompt.id, "")) if self.roles.prompt else "",
            files=tuple(
                place
                for place, each in enumerate(outputs)
                if each.kind in FILE_KINDS and each.id not in self.chain.last.reads
            ),
        )

    def _set_messages(
        self,
        values: dict[int, object],
        messages: Sequence[Message],
        files: Sequence[object],
        *,
        resumed: bool,
    ) -> None:
        roles, form = self.roles, self.history
        takes_system = roles.system is not None or bool(self.system_boxes)
        turns, prompt = fold(messages, history=form is not None or resumed, system=takes_system or resumed)
        if roles.system is not None and (system := system_prompt(messages)) is not None:
            values[roles.system.id] = system
        if roles.prompt is not None:
            multimodal = {"text": prompt, "files": list(files)}
            values[roles.prompt.id] = multimodal if roles.prompt.is_multimodal else prompt
        if roles.chat is not None:
            chat: Any = values[roles.chat.id] if form is None or resumed else render(turns, form)
            if roles.takes_all:
                chat = _with_prompt(chat, prompt, history_form(roles.chat.schema))
            values[roles.chat.id] = chat

    def _initial_values(self) -> dict[int, object]:
        """Return what the page shows at first in all components that the chain reads."""
        values = {each.id: _page_value(each) for each in self.chain.inputs}
        if self.roles.chat is not None:
            values[self.roles.chat.id] = []
        return values

    def _values_of(self, calls: Sequence[Call]) -> dict[int, object]:
        read = {each for call in calls for each in call.inputs or ()}
        known = {each.id: each for endpoint in self.endpoints for each in endpoint.inputs}
        return {each: _page_value(known[each]) for each in read}

    def _setters(
        self, sets: Mapping[int, object], messages: Sequence[Message], files: Sequence[object]
    ) -> Iterator[Call]:
        """Yield the calls by which the page takes over options, the system prompt and images."""
        given = list(sets.items())
        if self.roles.system is None and (system := system_prompt(messages)) is not None:
            given += [(each.id, system) for each in self.system_boxes[:1]]
        if files and self.roles.images:
            given += self._place_images(files).items()
        for component, value in given:
            yield from self._setter(component, value, self.chain.states)
        if files and not self.roles.images:
            yield from self._upload(files)

    def _upload(self, files: Sequence[object]) -> Iterator[Call]:
        """Yield the calls that hand images to the chain from a component beside it."""
        for upload in self.uploads[:1]:
            wanted = frozenset(each.id for each in self.chain.inputs)
            for value in [list(files)] if upload.is_list else files:
                yield from self._setter(upload.id, value, wanted)

    def _setter(self, component: int, value: object, wanted: frozenset[int]) -> Iterator[Call]:
        """Yield the call, if there is one, by which the page takes over the value of a component."""
        for setter in find_setters(self.endpoints, component, wanted, self.chain)[:1]:
            yield self._call(setter, {component: value})

    def _place_images(self, files: Sequence[object]) -> dict[int, object]:
        first = self.roles.images[0]
        if first.is_list:
            return {first.id: [_image_value(first, file) for file in files]}
        return {
            each.id: _image_value(each, file) for each, file in zip(self.roles.images, files, strict=False)
        }

    def _call(self, step: ApiEndpoint, sets: Mapping[int, object] | None = None) -> Call:
        return Call(
            endpoint=step.name if step.index is None else step.index,
            inputs=tuple(each.id for each in step.inputs if not each.is_state),
            outputs=tuple(each.id for each in step.outputs),
            sets=sets or {},
        )


def _with_prompt(chat: Any, prompt: str, form: HistoryForm) -> list[Any]:
    """Return a chat with the prompt as its last message; a page shows None where the answer will be."""
    return [*chat, *([[prompt, None]] if form == "pairs" else render([Message("user", prompt)], form))]


def _page_value(component: Parameter) -> object:
    """Return what the page shows at first in a component."""
    if component.has_default:
        return component.default
    value = component.props.get("value")
    if value is None and component.is_multimodal:
        return {"text": "", "files": []}
    if value is None and component.kind == "slider":
        return component.props.get("minimum")
    if value is None and component.is_chatbot:
        return []
    return _BLANKS.get(component.kind) if value is None else value


def _image_value(component: Parameter, file: object) -> object:
    """Return an image in the form that a component takes (Gradio 4.44 to 6.31)."""
    if component.kind == "gallery":
        return {"image": file, "caption": None}
    if component.kind == "imageeditor":
        return {"background": file, "layers": [], "composite": file}
    return file
