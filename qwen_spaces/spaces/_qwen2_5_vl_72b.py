from __future__ import annotations

from typing import ClassVar

from .._contract.contract import Contract, Step
from .._space import QwenSpace


class Qwen2_5_VL_72B(QwenSpace):  # noqa: N801  (the model's own name)
    """`Qwen/Qwen2.5-VL-72B-Instruct`: several images and a prompt, into which the rest is folded.

    ``/add_file(history, file)`` for each image and ``/add_text(history, text)`` fill the session, then
    ``/predict(_chatbot)`` answers in the chat that they output. The demo makes HTML of the answer, which
    becomes Markdown again (callers of the Space, and the model's public web demo, read 2026-11).
    """

    contract: ClassVar[Contract] = Contract(
        "Qwen/Qwen2.5-VL-72B-Instruct",
        endpoints=("/predict",),
        parameters={"chat": "_chatbot"},
        html=True,
        steps=(
            Step("/add_file", {"image": "file", "chat": "history"}),
            Step("/add_text", {"prompt": "text", "chat": "history"}),
        ),
    )
    alias = "qwen-2.5-vl-72b"
    max_images: ClassVar[int | None] = None
    label = "Qwen Qwen-2.5-VL-72B"
    api_endpoint = "https://qwen-qwen2-5-vl-72b-instruct.hf.space/gradio_api/queue/join"
