from __future__ import annotations

from typing import ClassVar

from .._contract.contract import Contract
from .._space import QwenSpace


class QVQ_72B(QwenSpace):  # noqa: N801  (the model's own name)
    """`Qwen/QVQ-72B-preview`: one image and a prompt; earlier turns and a system prompt are folded into it.

    Its endpoint is ``/generate``, called by position with an image (or nothing) and the prompt; each
    output is the text so far (callers of the Space, read 2026-11, Gradio 5). Parameter names unknown.
    """

    contract: ClassVar[Contract] = Contract(
        "Qwen/QVQ-72B-preview", endpoints=("/generate",), positional=("image", "prompt")
    )
    alias = "qvq-72b"
    max_images: ClassVar[int | None] = 1
    label = "Qwen QVQ-72B"
    api_endpoint = "/gradio_api/call/generate"
