"""What the chat of a Space that no facade knows takes and puts out. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from .._types.status import HistoryForm
from .api import ApiEndpoint, Parameter, Schema, history_form, mapping
from .chains import Chain, answer_outputs, find_loaders, find_setters
from .roles import Roles, is_system, takes_images


@dataclass(frozen=True)
class ChatShape:
    """What the chat of a Space takes and puts out, as a chain of events shows it."""

    chain: Chain
    roles: Roles
    endpoints: Sequence[ApiEndpoint] = field(repr=False)  # of the whole app

    @property
    def name(self) -> str:
        """The api name of the event that answers."""
        return self.chain.last.name

    @property
    def ends(self) -> tuple[int | None, int]:
        """The ids of the prompt and of the answer: of two ways from one to the other, either will do."""
        return None if self.roles.prompt is None else self.roles.prompt.id, self.shown.id

    @cached_property
    def shown(self) -> Parameter:
        """The output that holds the answer."""
        outputs = answer_outputs(self.chain.last)
        prompt, chat = self.roles.prompt, self.roles.chat
        if chat is not None and (found := [each for each in outputs if each.id == chat.id]):
            return found[0]
        return next((each for each in outputs if prompt is None or each.id != prompt.id), outputs[0])

    @cached_property
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
        if self.chain.states:
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
        elif self.uploads:
            found["image"] = self.uploads[0].name
        return {**found, **{name: name for name in roles.options}}

    @cached_property
    def max_images(self) -> int | None:
        """How many images it takes in a request; ``None`` for any number."""
        roles = self.roles
        if roles.prompt is not None and roles.prompt.is_multimodal:
            return None
        if any(each.is_list for each in roles.images) or (not roles.images and self.uploads):
            return None
        return len(roles.images)

    @cached_property
    def loaders(self) -> list[ApiEndpoint]:
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

    @cached_property
    def system_boxes(self) -> list[Parameter]:
        """The components beside the chain that take a system prompt and hand it to the chain."""
        boxes = {each.id: each for endpoint in self.endpoints for each in endpoint.inputs if is_system(each)}
        return [
            each
            for each in boxes.values()
            if find_setters(self.endpoints, each.id, self.chain.states, self.chain)
        ]

    @cached_property
    def uploads(self) -> list[Parameter]:
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
