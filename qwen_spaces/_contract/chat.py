"""The chat of a Space that no facade knows: a chain of events, and the calls that one request makes there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .._types.messages import Message, system_prompt
from .api import ApiEndpoint, HistoryForm, Parameter, Schema, history_form, mapping
from .chains import Chain, answer_outputs, find_loaders, find_setters
from .endpoint import check_images, fold, render
from .exchange import Call, Exchange
from .html_text import page_text, text_of
from .options import check_options
from .output import AnswerParser
from .roles import FILE_KINDS, Roles, is_system, takes_images

_BLANKS: Mapping[str, object] = {"textbox": "", "checkbox": False, "checkboxgroup": []}


@dataclass(frozen=True)
class Chat:
    """The chat of a Space that no facade knows."""

    chain: Chain
    roles: Roles
    endpoints: Sequence[ApiEndpoint] = field(repr=False)  # of the whole app

    @property
    def name(self) -> str:
        """The api name of the event that answers."""
        return self.chain.last.name

    @property
    def shown(self) -> Parameter:
        """The output that holds the answer."""
        outputs = answer_outputs(self.chain.last)
        prompt, chat = self.roles.prompt, self.roles.chat
        if chat is not None and (found := [each for each in outputs if each.id == chat.id]):
            return found[0]
        return next((each for each in outputs if prompt is None or each.id != prompt.id), outputs[0])

    @property
    def history(self) -> HistoryForm | None:
        """The form in which it takes earlier turns."""
        chat = self.roles.chat
        if chat is None or chat.id not in self.chain.fresh:
            return None
        if self.chain.last.reads & self.chain.kept_states:
            return None  # the history that matters is kept by the server
        if len(self.chain.steps) > 1 and chat.id not in self.chain.last.reads:
            return None
        return history_form(chat.schema)

    @property
    def stateful(self) -> bool:
        """Whether the turns of a conversation belong into one session."""
        if any(each.is_state for each in self.chain.inputs):
            return True
        if self.roles.chat is None:
            return self.shown.is_chatbot  # a chat that it shows and does not read is kept by the app
        return len(self.chain.steps) > 1 or self.max_images != 0

    @property
    def options(self) -> dict[str, Schema]:
        """The schemas of its options."""
        return {name: _option_schema(each) for name, each in self.roles.options.items()}

    @property
    def needed(self) -> frozenset[str]:
        """The options without which it cannot be called."""
        return frozenset(
            name
            for name, each in self.roles.options.items()
            if each.kind in ("api", "none") and not each.has_default
        )

    @property
    def parameters(self) -> dict[str, str]:
        """Our arguments, and the app's names for them."""
        roles = self.roles
        named: dict[str, Parameter | None] = {
            "prompt": roles.prompt,
            "history": roles.chat,
            "system": roles.system,
        }
        found = {ours: each.name for ours, each in named.items() if each is not None}
        if self.history is None:
            found.pop("history", None)
        if roles.prompt is not None and roles.prompt.is_multimodal:
            found |= {"prompt": f"{roles.prompt.name}.text", "images": f"{roles.prompt.name}.files"}
        elif roles.images:
            found["image"] = roles.images[0].name
        elif self._uploads:
            found["image"] = self._uploads[0].name
        return {**found, **{name: name for name in roles.options}}

    @property
    def max_images(self) -> int | None:
        """How many images it takes in a request; ``None`` for any number."""
        roles = self.roles
        if roles.prompt is not None and roles.prompt.is_multimodal:
            return None
        if any(each.is_list for each in roles.images) or (not roles.images and self._uploads):
            return None
        return len(roles.images)

    @property
    def _uploads(self) -> list[Parameter]:
        """The components beside the chain that take an image and hand it to the chain."""
        wanted = frozenset(each.id for each in self.chain.inputs)
        found = {
            each.id: each for endpoint in self.endpoints for each in endpoint.inputs if takes_images(each)
        }
        return [
            each
            for each in found.values()
            if each.id not in wanted and find_setters(self.endpoints, each.id, wanted, self.chain)
        ]

    def describe(self) -> Iterator[tuple[str, dict[str, str]]]:
        """Yield each call of a request: its api name, and what its inputs get."""
        roles, sources = self.roles, dict[int, str]()
        ours = {each.id: f"the option {name}" for name, each in roles.options.items()}
        named = {"prompt": roles.prompt, "history": roles.chat, "system": roles.system}
        ours |= {each.id: name for name, each in named.items() if each is not None}
        ours |= {each.id: "image" for each in (*roles.images, *self._uploads)}
        for step in (*self._load_steps, *self.chain.steps):
            inputs = {}
            for each in step.inputs:
                own = "in its session" if each.is_state else ours.get(each.id, "as on the page")
                inputs[each.name] = f"from {sources[each.id]}" if each.id in sources else own
            yield step.name, inputs
            sources |= dict.fromkeys(step.writes, step.name)

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
        loaders = [] if resumed is not None else map(self._call, self._load_steps)
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
        turns, prompt = fold(
            messages, history=form is not None or resumed, system=roles.system is not None or resumed
        )
        if roles.takes_all and roles.chat is not None:
            turns, form = (*turns, Message("user", prompt)), history_form(roles.chat.schema)
        elif roles.prompt is not None:
            multimodal = {"text": prompt, "files": list(files)}
            values[roles.prompt.id] = multimodal if roles.prompt.is_multimodal else prompt
        if roles.chat is not None and form is not None and not resumed:
            values[roles.chat.id] = render(turns, form)
        if roles.system is not None and (system := system_prompt(messages)) is not None:
            values[roles.system.id] = system

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

    @property
    def _load_steps(self) -> list[ApiEndpoint]:
        """The events by which the opened page fills what the chain needs."""
        roles = self.roles
        own = {
            each.id for each in (roles.prompt, roles.chat, roles.system, *roles.images) if each is not None
        }
        needed = frozenset(
            each.id
            for each in self.chain.inputs
            if each.id in self.chain.fresh and each.id not in own and (each.is_state or not each.has_default)
        )
        return [each for each in find_loaders(self.endpoints, needed) if each not in self.chain.steps]

    def _setters(
        self, sets: Mapping[int, object], messages: Sequence[Message], files: Sequence[object]
    ) -> Iterator[Call]:
        """Yield the calls by which the page takes over options, the system prompt and images."""
        states = frozenset(each.id for each in self.chain.inputs if each.is_state)
        given: list[tuple[int, object, frozenset[int]]] = [
            (each, value, states) for each, value in sets.items()
        ]
        if self.roles.system is None and (system := system_prompt(messages)) is not None:
            boxes = {each.id for endpoint in self.endpoints for each in endpoint.inputs if is_system(each)}
            given += [(each, system, states) for each in sorted(boxes)]
        if self.roles.images and files:
            given += [(each, value, states) for each, value in self._place_images(files).items()]
        elif files and self._uploads:
            upload, wanted = self._uploads[0], frozenset(each.id for each in self.chain.inputs)
            groups = [list(files)] if upload.is_list else list(files)
            given += [(upload.id, value, wanted) for value in groups]
        for component, value, wanted in given:
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


def _option_schema(component: Parameter) -> Schema:
    choices = component.props.get("choices")
    if "enum" in component.schema or not choices or mapping(component.schema).get("type") != "string":
        return component.schema
    values: list[Any] = [
        each[1] if isinstance(each, (list, tuple)) and len(each) == 2 else each for each in choices
    ]
    return (
        component.schema
        if component.props.get("allow_custom_value")
        else {**component.schema, "enum": values}
    )
