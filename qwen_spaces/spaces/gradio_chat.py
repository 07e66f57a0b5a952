"""Any chat on a Gradio server, by its address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from .._contract.discovery import Contract
from ..space import QwenSpace

if TYPE_CHECKING:
    from ..conversation import Conversation
    from ..images import Images
    from ..messages import Messages
    from ..stream import TextStream


class GradioChat(QwenSpace):
    """Any Gradio chat, by ``owner/name`` or URL: what `QwenSpace` gives for an address that it does not know.

    It finds a `gr.ChatInterface` (multimodal or not), an endpoint like ``/model_chat``, or a single one that
    makes text of text; `status` tells what it found. Each further input is an option, such as
    ``temperature=0.2``; what the Space has no input for is folded into the prompt. What does not fit is told
    when the Space is reached: `UnsupportedOptionError`, `InvalidImageError`, or `ContractError` with the list
    of its endpoints.

    Example:
        GradioChat("someone/their-chat-space").ask("Why is the sky blue?", temperature=0.2)
    """

    contract: ClassVar[Contract] = Contract("", open=True)
    max_images: ClassVar[int | None] = None
    label = "A Gradio chat"

    if TYPE_CHECKING:

        def stream(
            self,
            messages: Messages,
            *,
            system: str | None = None,
            images: Images = (),
            **options: Any,
        ) -> TextStream: ...

        def conversation(self, system: str | None = None, **options: Any) -> Conversation: ...
