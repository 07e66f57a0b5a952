"""The Space `Qwen/Qwen2.5-72B-Instruct`."""

from __future__ import annotations

from .._contract.contract import Contract
from ..space import QwenSpace


class Qwen2_5_72B(QwenSpace):  # noqa: N801  (the model's own name)
    """`Qwen/Qwen2.5-72B-Instruct`: text, native history, its own system prompt.

    Its endpoint is ``/model_chat(query, history, system)``; an answer is a string in the output's history
    (its API info, as a caller of the Space keeps it, read 2026-11).
    """

    contract = Contract(
        "Qwen/Qwen2.5-72B-Instruct",
        endpoints=("/model_chat",),
        defaults={"system": "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."},
    )
    aliases = ("qwen-2.5-72b", "qwen-qwen2-5-72b-instruct")
    label = "Qwen Qwen-2.5-72B"
    url = "https://qwen-qwen2-5-72b-instruct.hf.space"
    api_endpoint = "https://qwen-qwen2-5-72b-instruct.hf.space/gradio_api/queue/join"
