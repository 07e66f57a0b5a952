from __future__ import annotations

import dataclasses
from typing import ClassVar

from .._contract.contract import Contract
from .._space import QwenSpace
from ._qwen3_vl import Qwen3_VL


class Qwen3_VL_30B(QwenSpace):  # noqa: N801  (the model's own name)
    """`Qwen/Qwen3-VL-30B-A3B-Demo`: several images, text, separate reasoning; its session keeps the history.

    Its endpoint and its output are those of `Qwen3_VL` (callers of the Space, read 2026-11).
    """

    contract: ClassVar[Contract] = dataclasses.replace(
        Qwen3_VL.contract, space_id="Qwen/Qwen3-VL-30B-A3B-Demo"
    )
    alias = "qwen-3-vl-30b"
    max_images: ClassVar[int | None] = None
    reasons = True
    label = "Qwen Qwen-3-VL-30B"
    api_endpoint = "https://qwen-qwen3-vl-30b-a3b-demo.hf.space/gradio_api/queue/join"
