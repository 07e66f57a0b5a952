"""The Space `Qwen/Qwen2.5-Max-Demo`."""

from __future__ import annotations

from .._contract.contract import Contract
from ..space import QwenSpace


class Qwen2_5_Max(QwenSpace):  # noqa: N801  (the model's own name)
    """`Qwen/Qwen2.5-Max-Demo`: text, native history, its own system prompt.

    Its endpoint is ``/model_chat(query, history, system)``; an answer is a string in the output's history
    (callers of the Space, read 2026-11, Gradio 5).
    """

    contract = Contract(
        "Qwen/Qwen2.5-Max-Demo",
        endpoints=("/model_chat",),
        defaults={"system": "You are a helpful assistant."},
    )
    aliases = ("qwen-2.5-max", "qwen-qwen2-5-max-demo")
    label = "Qwen Qwen-2.5-Max"
    url = "https://qwen-qwen2-5-max-demo.hf.space"
    api_endpoint = "https://qwen-qwen2-5-max-demo.hf.space/gradio_api/queue/join?"
