from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal, TypedDict, get_args

from .._contract.contract import Contract
from .._space import QwenSpace

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .._conversation import Conversation
    from .._stream.text_stream import TextStream
    from .._types.images import Images
    from .._types.messages import Messages
    from .._types.tools import ResponseFormat, ToolChoice, Tools

Model = Literal[
    "qwen3-235b-a22b",
    "qwen3-32b",
    "qwen3-30b-a3b",
    "qwen3-14b",
    "qwen3-8b",
    "qwen3-4b",
    "qwen3-1.7b",
    "qwen3-0.6b",
]


class Options(TypedDict, total=False):
    """The options of `Qwen3`."""

    model: Model
    thinking_budget: int


class Qwen3(QwenSpace):
    """`Qwen/Qwen3-Demo`: text, its own system prompt, separate reasoning; its session keeps the history.

    Options:
        model: the name of the model, ``"qwen3-235b-a22b"`` by default; see `Model`.
        thinking_budget: the most tokens of reasoning, in units of 1,024, from 1 to 38; 38 by default.

    Its endpoint is ``/add_message(input_value, settings_form_value)``, the latter a dict of model, budget and
    ``sys_prompt``. Its output is an update of the chat, where an answer is a list of parts: the reasoning
    is the part of type ``"tool"`` (a fork of the Space, and its callers, read 2026-11, Gradio 5).
    """

    contract: ClassVar[Contract] = Contract(
        "Qwen/Qwen3-Demo",
        endpoints=("/add_message",),
        parameters={"prompt": "input_value", "system": "settings_form_value.sys_prompt"},
        options={
            "model": ("settings_form_value.model",),
            "thinking_budget": ("settings_form_value.thinking_budget",),
        },
        defaults={
            "model": "qwen3-235b-a22b",
            "system": "You are a helpful and harmless assistant.",
            "thinking_budget": 38,
        },
        stateful=True,
        trained=True,
    )
    alias = "qwen-3"
    options: ClassVar[Mapping[str, Sequence[object]]] = {
        "model": get_args(Model),
        "thinking_budget": range(1, 39),
    }
    reasons = True
    label = "Qwen Qwen-3"
    api_endpoint = "https://qwen-qwen3-demo.hf.space/gradio_api/queue/join?__theme=system"

    if TYPE_CHECKING:

        def stream(
            self,
            messages: Messages,
            *,
            system: str | None = None,
            images: Images = (),
            tools: Tools = None,
            tool_choice: ToolChoice = None,
            response_format: ResponseFormat = None,
            **options: Unpack[Options],
        ) -> TextStream: ...

        def conversation(
            self,
            system: str | None = None,
            *,
            tools: Tools = None,
            tool_choice: ToolChoice = None,
            response_format: ResponseFormat = None,
            **options: Unpack[Options],
        ) -> Conversation: ...
