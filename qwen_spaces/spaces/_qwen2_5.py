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

_General = Literal["72B", "32B", "14B", "7B", "3B", "1.5B", "0.5B"]
_Special = Literal["Math-72B", "Math-7B", "Math-1.5B", "Coder-7B", "Coder-1.5B"]
Size = Literal[_General, _Special]


class Options(TypedDict, total=False):
    """The options of `Qwen2_5`."""

    size: Size


class Qwen2_5(QwenSpace):  # noqa: N801  (the model's own name)
    """`Qwen/Qwen2.5`: text, native history, its own system prompt, a choice of sizes.

    Options:
        size: the size of the model, ``"72B"`` by default; see `Size`.

    Its endpoint is ``/model_chat(query, history, system, radio)``, twice; an answer in the output's
    history is ``{"text": ...}`` (the ModelScope copy of the app, read 2026-11, Gradio 4).
    """

    contract: ClassVar[Contract] = Contract(
        "Qwen/Qwen2.5",
        endpoints=("/model_chat",),
        options={"size": ("radio",)},
        defaults={
            "size": "72B",
            "system": "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.",
        },
        trained=True,
    )
    alias = "qwen-2.5"
    options: ClassVar[Mapping[str, Sequence[object]]] = {"size": get_args(Size)}
    label = "Qwen Qwen-2.5"
    api_endpoint = "https://qwen-qwen2-5.hf.space/queue/join"

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
