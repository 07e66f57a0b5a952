"""The plugin for the `llm` command: ``llm -m qwen-2.5 "Why is the sky blue?"``.

`llm` finds it by its entry point. Each facade is a model with its short name, and its long name as an alias::

    llm -m qwen-2.5 -o size 7B -s "Be brief." "Why is the sky blue?"
    llm -m qvq-72b -a cat.png "What is this?"
    llm chat -m qwen-2.5

``-o src URL1,URL2`` are duplicates of a Space, which share the load. The model ``qwen-spaces`` is several
Spaces, of which the first that answers is used: all for text, or those of its option::

    llm -m qwen-spaces -o spaces qwen-2.5,https://me-my-duplicate.hf.space,qwen-3 "Why is the sky blue?"
"""

from __future__ import annotations

import dataclasses
import functools
import os
import weakref
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import click
import llm
from llm.parts import AttachmentPart, Message, Part, StreamEvent, TextPart, ToolCallPart, ToolResultPart
from pydantic import Field, create_model

from .._space import ALL, QwenSpace, SpaceOrRouter, available_spaces, open_spec
from .._stream.text_stream import TextStream
from .._types.events import Done, Event, Reasoning, Text
from .._types.images import as_images
from .._types.options import OptionSpec, describe_option, type_of_option
from .._types.tools import ToolCall
from ..errors import QwenSpacesError

_SEVERAL = "qwen-spaces"  # the model that is several Spaces
_KEY = "huggingface"  # as in `llm keys set huggingface`
_IMAGES = frozenset(f"image/{kind}" for kind in ("png", "jpeg", "gif", "webp", "bmp", "tiff", "avif", "heic"))
_REVISED = "\n\nThe Space revised its answer. The full answer:\n\n"


class _FailedError(llm.ModelError, click.ClickException):
    """An error of the Space. `llm chat` shows a traceback of all errors but click's."""


@llm.hookimpl
def register_models(register: Callable[..., None]) -> None:
    """Register a model for each Space."""
    for facade in available_spaces():
        attributes = {
            "model_id": facade.aliases[0],
            "attachment_types": frozenset() if facade.max_images == 0 else _IMAGES,
            "Options": _options(facade),
        }
        register(*_models(facade.__name__, attributes), aliases=facade.aliases[1:])
    description = "Spaces to try in this order, as in A,B,URL. Default: all for text"
    fields: dict[str, Any] = {"spaces": (str | None, Field(None, description=description))}
    options = create_model("Options", __base__=llm.Options, **fields)
    register(*_models("Spaces", {"model_id": _SEVERAL, "attachment_types": _IMAGES, "Options": options}))


def _models(name: str, attributes: dict[str, Any]) -> list[Any]:
    # Each model has its own class: `llm models list --options` explains the options of a class only once.
    return [type(name, (kind,), attributes)() for kind in (_SyncSpaceModel, _AsyncSpaceModel)]


class _SpaceModel:
    """The common base of the sync and the async model of a Space."""

    can_stream = True
    supports_tools = supports_schema = True  # by the prompt
    needs_key: str | None = _KEY  # `get_key` makes it optional
    key: str | None
    model_id: str

    def __str__(self) -> str:
        return f"Qwen Space: {self.model_id}"

    def get_key(self, explicit_key: str | None = None) -> str | None:
        """Return the given Hugging Face token, or the saved key of that name."""
        return self.key or llm.get_key(input=explicit_key)

    def _open(self, prompt: llm.Prompt, key: str | None) -> TextStream:
        options: Any = {name: value for name, value in dict(prompt.options).items() if value is not None}
        src = options.pop("src", None)
        spec = options.pop("spaces", ALL) if self.model_id == _SEVERAL else self.model_id
        saved = llm.get_key(alias=_KEY) if key is None else None
        space = _space(os.getpid(), spec, src, key, saved)
        return space.stream(_messages(prompt), **options, **_emulated(prompt))


class _SyncSpaceModel(_SpaceModel, llm.KeyModel):
    """A Space as a model of `llm`."""

    def execute(
        self,
        prompt: llm.Prompt,
        stream: bool,
        response: llm.Response,
        conversation: llm.Conversation | None,  # noqa: ARG002  (the prompt has its messages)
        key: str | None = None,
    ) -> Iterator[str | StreamEvent]:
        """Yield the answer as it arrives. Closing the iterator cancels the job on the server."""
        output = _Output(response, live=stream)
        try:
            with self._open(prompt, key) as answer:
                for event in answer.events():
                    yield from output.convert(event)
        except QwenSpacesError as error:
            raise _FailedError(str(error)) from error


class _AsyncSpaceModel(_SpaceModel, llm.AsyncKeyModel):
    """A Space as an async model of `llm`."""

    async def execute(
        self,
        prompt: llm.Prompt,
        stream: bool,
        response: llm.AsyncResponse,
        conversation: llm.AsyncConversation | None,  # noqa: ARG002  (the prompt has its messages)
        key: str | None = None,
    ) -> AsyncGenerator[str | StreamEvent, None]:
        """Yield the answer as it arrives. Closing the iterator cancels the job on the server."""
        output = _Output(weakref.proxy(response), live=stream)
        del response  # it refers to this generator, and the cycle would outlive a dropped response
        try:
            async with self._open(prompt, key) as answer:
                async for event in answer.events():
                    for part in output.convert(event):
                        yield part
        except QwenSpacesError as error:
            raise _FailedError(str(error)) from error


class _Output:
    """Converts events to `llm`'s. Printed text stays, so a revised answer is repeated in full at its end."""

    def __init__(self, response: llm.Response | llm.AsyncResponse, *, live: bool) -> None:
        self._response = response
        self._live = live
        self._length = 0  # characters of the answer so far

    def convert(self, event: Event) -> Iterator[StreamEvent]:
        if isinstance(event, Reasoning):
            yield StreamEvent("reasoning", event.text)
        elif isinstance(event, Text):
            self._live &= event.start == self._length
            if self._live:
                self._length += len(event.text)
                yield StreamEvent("text", event.text)
        elif isinstance(event, ToolCall):
            call = llm.ToolCall(event.name, dict(event.arguments), tool_call_id=event.id)
            self._response.add_tool_call(call)
        elif isinstance(event, Done):
            reply = event.reply
            metrics = dataclasses.asdict(reply.metrics)
            facts = {"rewritten": reply.rewritten, "space": reply.space, "metrics": metrics}
            self._response.response_json = facts
            if not self._live and reply.text:
                yield StreamEvent("text", f"{_REVISED}{reply.text}" if self._length else reply.text)


def _options(facade: type[QwenSpace]) -> type[llm.Options]:
    """Return the model of a Space's options, with `src`."""
    fields: dict[str, Any] = {
        name: (_type_of(spec) | None, Field(None, description=_description(spec)))
        for name, spec in facade.options.items()
    }
    fields["src"] = str | None, Field(None, description="URL or owner/name of the Space")
    return create_model("Options", __base__=llm.Options, **fields)


def _description(spec: OptionSpec) -> str:
    takes = describe_option(spec)
    return takes.capitalize() if isinstance(spec, Mapping) else f"One of: {takes}"


def _type_of(spec: OptionSpec) -> Any:
    """Return the type of an option; the command line passes text, which becomes a number."""
    kind = type_of_option(spec)
    return Annotated[kind, Field(ge=spec[0], le=spec[-1])] if isinstance(spec, range) else kind


@functools.lru_cache(maxsize=16)
def _space(process: int, spec: str, src: str | None, token: str | None, saved: str | None) -> SpaceOrRouter:
    """Return one object for all prompts of a chat, which fetches the Space's API once."""
    del process  # part of the key: a fork cannot use its parent's object
    space = open_spec(spec, src=src, token=token)
    own = space._with_token(saved) if saved else None  # the saved key is sent to Hugging Face only
    return own or space


def _emulated(prompt: llm.Prompt) -> dict[str, Any]:
    """Return the tools and the format of a prompt, for `QwenSpace.stream`."""
    emulated: dict[str, Any] = {}
    if prompt.tools:
        emulated["tools"] = [
            {"name": tool.name, "description": tool.description, "parameters": tool.input_schema}
            for tool in prompt.tools
        ]
    if prompt.schema:
        emulated["response_format"] = {"type": "json_schema", "json_schema": {"schema": prompt.schema}}
    return emulated


def _messages(prompt: llm.Prompt) -> list[dict[str, Any]]:
    """Return the prompt and earlier turns in the OpenAI form, without reasoning."""
    return [turn for message in prompt.messages for turn in _turns(message)]


def _turns(message: Message) -> Iterator[dict[str, Any]]:
    results = [part for part in message.parts if isinstance(part, ToolResultPart)]
    for part in results:
        yield {"role": "tool", "tool_call_id": part.tool_call_id, "content": part.output}
    if message.role == "tool" and results:
        return
    turn: dict[str, Any] = {"role": message.role, "content": list(_content(message.parts))}
    if calls := [part for part in message.parts if isinstance(part, ToolCallPart)]:
        turn["tool_calls"] = [ToolCall(part.tool_call_id or "", part.name, part.arguments) for part in calls]
    yield turn


def _content(parts: list[Part]) -> Iterator[dict[str, Any]]:
    for part in parts:
        if isinstance(part, TextPart):
            yield {"type": "text", "text": part.text}
        elif isinstance(part, AttachmentPart) and part.attachment:
            yield {"type": "image_url", "image_url": {"url": _url(part.attachment)}}


def _url(attachment: llm.Attachment) -> str:
    """Return the URL of an attachment, or its content as a ``data:`` URI."""
    if attachment.url:
        return attachment.url
    (image,) = as_images([Path(attachment.path) if attachment.path else attachment.content or b""])
    return image.as_url()
