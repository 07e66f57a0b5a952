from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, TypedDict

from .._contract.contract import Contract
from .._space import QwenSpace
from .._types.options import OptionSpec

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .._conversation import Conversation
    from .._stream.text_stream import TextStream
    from .._types.images import Images
    from .._types.messages import Messages
    from .._types.tools import ResponseFormat, ToolChoice, Tools


class Options(TypedDict, total=False):
    """The options of `Qwen3_Omni` and of `Qwen3_5_Omni`."""

    temperature: float
    top_p: float
    top_k: int
    return_audio: bool
    enable_thinking: bool


class Qwen3_Omni(QwenSpace):  # noqa: N801  (the model's own name)
    """`Qwen/Qwen3-Omni-Demo`: text and one image, native history, its own system prompt.

    Options:
        temperature, top_p, top_k: how the model chooses its words; the Space's own by default.
        return_audio: whether the answer is spoken, too, where the Space offers the choice.
        enable_thinking: whether the model thinks first, where the Space offers the choice.

    Its endpoint is ``/chat_predict(text, audio, image, video, history, system_prompt, temperature, top_p,
    top_k)``, in some deployments with ``return_audio`` and ``enable_thinking``. The last output is the
    history, in messages with roles: the answer's text, then its audio, which is no part of the text and
    remains in `Reply.raw` (Qwen's public web demo, and callers of the Space, read 2026-11, Gradio 5).
    """

    contract: ClassVar[Contract] = Contract(
        "Qwen/Qwen3-Omni-Demo",
        endpoints=("/chat_predict",),
        parameters={"image": "image", "audio": "audio", "video": "video"},
        options={
            "temperature": ("temperature",),
            "top_p": ("top_p",),
            "top_k": ("top_k",),
            "return_audio": ("return_audio",),
            "enable_thinking": ("enable_thinking",),
        },
        # What the page sends for what was left empty.
        defaults={"image": None, "audio": None, "video": None, "system": ""},
        trained=True,
    )
    alias = "qwen-3-omni"
    options: ClassVar[Mapping[str, OptionSpec]] = {
        "temperature": {"type": "number"},
        "top_p": {"type": "number"},
        "top_k": {"type": "integer"},
        "return_audio": {"type": "boolean"},
        "enable_thinking": {"type": "boolean"},
    }
    max_images: ClassVar[int | None] = 1
    label = "Qwen Qwen-3-Omni"
    api_endpoint = "https://qwen-qwen3-omni-demo.hf.space/gradio_api/queue/join"

    if TYPE_CHECKING:

        def stream(
            self,
            messages: Messages,
            *,
            system: str | None = None,
            images: Images = (),
            tools: Tools = None,
            tool_choice: ToolChoice = None,
            response_format: ResponseFormat = None,
            **options: Unpack[Options],
        ) -> TextStream: ...

        def conversation(
            self,
            system: str | None = None,
            *,
            tools: Tools = None,
            tool_choice: ToolChoice = None,
            response_format: ResponseFormat = None,
            **options: Unpack[Options],
        ) -> Conversation: ...
