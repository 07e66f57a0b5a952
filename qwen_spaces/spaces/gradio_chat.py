"""Any chat on a Gradio server, by its address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._contract.contract import Contract
from ..space import QwenSpace

if TYPE_CHECKING:
    from .._display.live_reply import LiveReply
    from ..conversation import Conversation
    from ..events import Reply
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

    contract = Contract("", discover=True)
    max_images = None
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

        def ask(
            self,
            messages: Messages,
            *,
            system: str | None = None,
            images: Images = (),
            **options: Any,
        ) -> Reply: ...

        def show(
            self,
            messages: Messages,
            *,
            system: str | None = None,
            images: Images = (),
            **options: Any,
        ) -> LiveReply: ...

        def conversation(self, system: str | None = None, **options: Any) -> Conversation: ...
