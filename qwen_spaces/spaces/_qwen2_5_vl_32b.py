from __future__ import annotations

import dataclasses
from typing import ClassVar

from .._contract.contract import Contract
from .._space import QwenSpace
from ._qwen2_5_vl_72b import Qwen2_5_VL_72B


class Qwen2_5_VL_32B(QwenSpace):  # noqa: N801  (the model's own name)
    """`Qwen/Qwen2.5-VL-32B-Instruct`: several images and a prompt, into which the rest is folded.

    Its endpoints and its output are those of `Qwen2_5_VL_72B` (callers of the Space, and the model's public
    web demo, read 2026-11).
    """

    contract: ClassVar[Contract] = dataclasses.replace(
        Qwen2_5_VL_72B.contract, space_id="Qwen/Qwen2.5-VL-32B-Instruct"
    )
    alias = "qwen-2.5-vl-32b"
    max_images: ClassVar[int | None] = None
    label = "Qwen Qwen-2.5-VL-32B"
    api_endpoint = "https://qwen-qwen2-5-vl-32b-instruct.hf.space/gradio_api/queue/join"
