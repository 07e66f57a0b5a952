from __future__ import annotations

from typing import ClassVar

from .._contract.contract import Contract
from .._space import QwenSpace


class Qwen2_5_Max(QwenSpace):  # noqa: N801  (the model's own name)
    """`Qwen/Qwen2.5-Max-Demo`: text, native history, its own system prompt.

    Its endpoint is ``/model_chat(query, history, system)``; an answer is a string in the output's history
    (callers of the Space, read 2026-11, Gradio 5).
    """

    contract: ClassVar[Contract] = Contract(
        "Qwen/Qwen2.5-Max-Demo",
        endpoints=("/model_chat",),
        defaults={"system": "You are a helpful assistant."},
        trained=True,
    )
    alias = "qwen-2.5-max"
    label = "Qwen Qwen-2.5-Max"
    api_endpoint = "https://qwen-qwen2-5-max-demo.hf.space/gradio_api/queue/join?"
