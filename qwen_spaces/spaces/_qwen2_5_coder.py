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

Size = Literal["32B", "14B", "7B", "3B", "1.5B", "0.5B"]


class Options(TypedDict, total=False):
    """The options of `Qwen2_5_Coder`."""

    size: Size


class Qwen2_5_Coder(QwenSpace):  # noqa: N801  (the model's own name)
    """`Qwen/Qwen2.5-Coder-demo`: text, native history, its own system prompt, a choice of sizes.

    Options:
        size: the size of the model; see `Size`. Without it the Space uses its own, ``"32B"`` probably.

    Its endpoint is ``/model_chat(query, history, system, radio)``; some callers of the Space omit the last
    one (read 2026-11). The sizes are those that Qwen published.
    """

    contract: ClassVar[Contract] = Contract(
        "Qwen/Qwen2.5-Coder-demo",
        endpoints=("/model_chat",),
        options={"size": ("radio",)},
        defaults={
            "size": "32B",
            "system": "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.",
        },
    )
    alias = "qwen-2.5-coder"
    options: ClassVar[Mapping[str, Sequence[object]]] = {"size": get_args(Size)}
    label = "Qwen Qwen-2.5-Coder"
    api_endpoint = "https://qwen-qwen2-5-coder-demo.hf.space/gradio_api/queue/join"

    if TYPE_CHECKING:

        def stream(
            self,
            messages: Messages,
            *,
            system: str | None = None,
            images: Images = (),
            **options: Unpack[Options],
        ) -> TextStream: ...

        def conversation(self, system: str | None = None, **options: Unpack[Options]) -> Conversation: ...
