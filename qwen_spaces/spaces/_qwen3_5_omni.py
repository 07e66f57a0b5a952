from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from .._contract.contract import Contract
from .._space import QwenSpace
from .._types.options import OptionSpec
from ._qwen3_omni import Options, Qwen3_Omni

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .._conversation import Conversation
    from .._stream.text_stream import TextStream
    from .._types.images import Images
    from .._types.messages import Messages
    from .._types.tools import ResponseFormat, ToolChoice, Tools


class Qwen3_5_Omni(QwenSpace):  # noqa: N801  (the model's own name)
    """`Qwen/Qwen3.5-Omni-Offline-Demo`: text and one image, native history, its own system prompt.

    Its endpoint, its output and its options are those of `Qwen3_Omni` (callers of the Space, read 2026-11).
    """

    contract: ClassVar[Contract] = dataclasses.replace(
        Qwen3_Omni.contract, space_id="Qwen/Qwen3.5-Omni-Offline-Demo"
    )
    alias = "qwen-3.5-omni"
    options: ClassVar[Mapping[str, OptionSpec]] = Qwen3_Omni.options
    max_images: ClassVar[int | None] = 1
    label = "Qwen Qwen-3.5-Omni"
    api_endpoint = "https://qwen-qwen3-5-omni-offline-demo.hf.space/gradio_api/queue/join"

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
