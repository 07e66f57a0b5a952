from __future__ import annotations

from typing import ClassVar

from .._contract.contract import Contract
from .._space import QwenSpace


class Qwen2_72B(QwenSpace):  # noqa: N801  (the model's own name)
    """`Qwen/Qwen2-72B-Instruct`: text, native history, its own system prompt.

    Its endpoint is ``/model_chat(query, history, system)``, twice; each output is
    ``("", history with the new turn, system)`` (a public copy of the Space's app, read 2026-11, Gradio 4).
    """

    contract: ClassVar[Contract] = Contract(
        "Qwen/Qwen2-72B-Instruct",
        endpoints=("/model_chat",),
        defaults={"system": "You are a helpful assistant."},
    )
    alias = "qwen-2-72b"
    label = "Qwen Qwen-2.72B"
    api_endpoint = "https://qwen-qwen2-72b-instruct.hf.space/queue/join?"
