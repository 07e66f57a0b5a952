from __future__ import annotations

from typing import ClassVar

from .._contract.contract import Contract, Step
from .._space import QwenSpace


class Qwen2_5_1M(QwenSpace):  # noqa: N801  (the model's own name)
    """`Qwen/Qwen2.5-1M-Demo`: long texts; earlier turns and a system prompt are folded into the prompt.

    ``/add_text(_input, _audio_input, _chatbot)`` takes the prompt as ``{"text", "files"}``, and no audio;
    older versions of the page have no such input. Then ``/agent_run(_chatbot)`` answers, in a list with a
    cell for each agent (Qwen-Agent's web page, and callers of the Space, read 2026-11).
    """

    contract: ClassVar[Contract] = Contract(
        "Qwen/Qwen2.5-1M-Demo",
        endpoints=("/agent_run",),
        parameters={"chat": "_chatbot"},
        placeholder="Qwen is thinking...",
        steps=(
            Step(
                "/add_text",
                {"prompt": "_input.text", "images": "_input.files", "chat": "_chatbot"},
                blanks=("_audio_input",),
            ),
        ),
    )
    alias = "qwen-2.5-1m"
    label = "Qwen Qwen-2.5-1M"
    api_endpoint = "https://qwen-qwen2-5-1m-demo.hf.space/queue/join?__theme=light"
