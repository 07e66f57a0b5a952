from __future__ import annotations

from typing import ClassVar

from .._contract.contract import Contract
from .._space import QwenSpace


class Qwen2_5_72B(QwenSpace):  # noqa: N801  (the model's own name)
    """`Qwen/Qwen2.5-72B-Instruct`: text, native history, its own system prompt.

    Its endpoint is ``/model_chat(query, history, system)``; an answer is a string in the output's history
    (its API info, as a caller of the Space keeps it, read 2026-11).
    """

    contract: ClassVar[Contract] = Contract(
        "Qwen/Qwen2.5-72B-Instruct",
        endpoints=("/model_chat",),
        defaults={"system": "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."},
        trained=True,
    )
    alias = "qwen-2.5-72b"
    label = "Qwen Qwen-2.5-72B"
    api_endpoint = "https://qwen-qwen2-5-72b-instruct.hf.space/gradio_api/queue/join"
