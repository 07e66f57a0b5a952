from __future__ import annotations

from typing import ClassVar

from .._contract.contract import Contract
from .._space import QwenSpace


class Qwen3_VL(QwenSpace):  # noqa: N801  (the model's own name)
    """`Qwen/Qwen3-VL-Demo`: several images, text, separate reasoning; its session keeps the history.

    Its endpoint is ``/add_message(input_value)`` with ``{"text", "files"}``; its output is that of
    `Qwen3` (callers of the Space, read 2026-11). A system prompt is folded into the prompt.
    """

    contract: ClassVar[Contract] = Contract(
        "Qwen/Qwen3-VL-Demo",
        endpoints=("/add_message",),
        parameters={"prompt": "input_value.text", "images": "input_value.files"},
        stateful=True,
        trained=True,
    )
    alias = "qwen-3-vl"
    max_images: ClassVar[int | None] = None
    reasons = True
    label = "Qwen Qwen-3-VL"
    api_endpoint = "https://qwen-qwen3-vl-demo.hf.space/gradio_api/queue/join"
