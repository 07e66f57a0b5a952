from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from .._contract.contract import Contract
from .._space import QwenSpace

if TYPE_CHECKING:
    from .._conversation import Conversation
    from .._stream.text_stream import TextStream
    from .._types.images import Images
    from .._types.messages import Messages
    from .._types.tools import ResponseFormat, ToolChoice, Tools


class GradioChat(QwenSpace):
    """Any other Gradio chat, by ``owner/name`` or URL.

    It finds a `gr.ChatInterface` (multimodal or not), an endpoint like ``/model_chat``, or a single one from
    text to text; `status` returns its choice. Each further input is an option, such as ``temperature=0.2``.
    Without an input for the history or the system prompt, these are folded into the prompt. Errors come on
    first use: `UnsupportedOptionError`, `InvalidImageError`, or `ContractError` with the Space's endpoints.

    Example:
        GradioChat("someone/their-chat-space").ask("Why is the sky blue?", temperature=0.2)
    """

    contract: ClassVar[Contract] = Contract("", discover=True)
    max_images: ClassVar[int | None] = None
    label = "A Gradio chat"

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
            **options: Any,
        ) -> TextStream: ...

        def conversation(
            self,
            system: str | None = None,
            *,
            tools: Tools = None,
            tool_choice: ToolChoice = None,
            response_format: ResponseFormat = None,
            **options: Any,
        ) -> Conversation: ...
