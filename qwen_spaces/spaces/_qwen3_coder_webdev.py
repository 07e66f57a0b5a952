from __future__ import annotations

from typing import ClassVar

from .._contract.contract import Contract
from .._space import QwenSpace


class Qwen3_Coder_WebDev(QwenSpace):  # noqa: N801  (the Space's own name)
    """`Qwen/Qwen3-Coder-WebDev`: a description of a web page becomes its code; its own system prompt.

    Its endpoint is ``/generate_code(input_value, system_prompt_input_value)``. The answer is the first text
    that an output's update holds: the Markdown with the code, before what the page would download (forks of
    the Space, and its callers, read 2026-11). Earlier turns are folded into the prompt.
    """

    contract: ClassVar[Contract] = Contract(
        "Qwen/Qwen3-Coder-WebDev",
        endpoints=("/generate_code",),
        parameters={"prompt": "input_value", "system": "system_prompt_input_value"},
        defaults={"system": ""},
    )
    alias = "qwen-3-coder-webdev"
    label = "Qwen Qwen-3-Coder-WebDev"
    api_endpoint = "https://qwen-qwen3-coder-webdev.hf.space/gradio_api/queue/join"
