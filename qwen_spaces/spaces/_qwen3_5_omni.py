from __future__ import annotations

import dataclasses
from typing import ClassVar

from .._contract.contract import Contract
from ._qwen3_omni import Qwen3_Omni


class Qwen3_5_Omni(Qwen3_Omni):  # noqa: N801  (the model's own name)
    """`Qwen/Qwen3.5-Omni-Offline-Demo`: text and one image, native history, its own system prompt.

    Its endpoint, its output and its options are those of `Qwen3_Omni` (callers of the Space, read 2026-11).
    """

    contract: ClassVar[Contract] = dataclasses.replace(
        Qwen3_Omni.contract, space_id="Qwen/Qwen3.5-Omni-Offline-Demo"
    )
    alias = "qwen-3.5-omni"
    label = "Qwen Qwen-3.5-Omni"
    api_endpoint = "https://qwen-qwen3-5-omni-offline-demo.hf.space/gradio_api/queue/join"
