from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal, TypedDict, get_args

from .._contract.contract import Contract
from .._space import QwenSpace
from .._types.options import OptionSpec

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .._conversation import Conversation
    from .._stream.text_stream import TextStream
    from .._types.images import Images
    from .._types.messages import Messages
    from .._types.tools import ResponseFormat, ToolChoice, Tools

Size = Literal["32B", "14B", "7B", "3B", "1.5B", "0.5B"]


class Options(TypedDict, total=False):
    """The options of `Qwen2_5_Coder`."""

    size: Size
    temperature: float
    top_p: float
    max_length: int


class Qwen2_5_Coder(QwenSpace):  # noqa: N801  (the model's own name)
    """`Qwen/Qwen2.5-Coder-demo`: text, native history, its own system prompt, a choice of sizes.

    Options:
        size: the size of the model; see `Size`. Without it the Space uses its own, ``"32B"`` probably.
        temperature, top_p, max_length: how the model chooses its words, and how many at most.

    Its endpoint is ``/model_chat(query, history, system, radio)``, or in the app's public source
    ``/model_chat(query, history, system, temperature, top_p, max_length)`` (read 2026-11, with callers of the
    Space, some of whom omit ``radio``). An option that this form lacks raises `ContractError`. The sizes are
    those that Qwen published.
    """

    contract: ClassVar[Contract] = Contract(
        "Qwen/Qwen2.5-Coder-demo",
        endpoints=("/model_chat",),
        options={
            "size": ("radio",),
            "temperature": ("temperature",),
            "top_p": ("top_p",),
            "max_length": ("max_length",),
        },
        defaults={
            "size": "32B",
            "system": "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.",
        },
        trained=True,
    )
    alias = "qwen-2.5-coder"
    options: ClassVar[Mapping[str, OptionSpec]] = {
        "size": get_args(Size),
        "temperature": {"type": "number"},
        "top_p": {"type": "number"},
        "max_length": {"type": "integer"},
    }
    label = "Qwen Qwen-2.5-Coder"
    api_endpoint = "https://qwen-qwen2-5-coder-demo.hf.space/gradio_api/queue/join"

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
