"""Talk to Qwen models on Hugging Face Spaces.

Example:
    from qwen_spaces import QwenSpace

    for delta in QwenSpace("qwen-2.5").stream("Why is the sky blue?"):
        print(delta, end="", flush=True)
"""

import logging
import warnings

from ._conversation import Conversation
from ._many.answers import Answers
from ._many.router import Router
from ._many.row import Row
from ._space import QwenSpace, available_spaces, find_spaces
from ._stream.text_stream import TextStream
from ._types.events import Done, Event, Metrics, Reasoning, Reply, Status, Text
from ._types.messages import Message
from ._types.status import SpaceStatus
from ._types.timeouts import Timeouts
from ._types.tools import ToolCall
from .errors import (
    AllFailedError,
    AuthenticationError,
    ConnectError,
    ConnectionLostError,
    ContractError,
    EmptyReplyError,
    InvalidImageError,
    InvalidMessagesError,
    MissingExtraError,
    QueueFullError,
    QuotaExceededError,
    QwenSpacesError,
    RateLimitedError,
    SpaceError,
    SpaceNotFoundError,
    SpaceTimeoutError,
    SpaceUnavailableError,
    StreamCancelledError,
    StreamError,
    UnexpectedOutputError,
    UnknownSpaceError,
    UnsupportedOptionError,
)
from .spaces import (
    QVQ_72B,
    GradioChat,
    Qwen2_5,
    Qwen2_5_1M,
    Qwen2_5_72B,
    Qwen2_5_Coder,
    Qwen2_5_Max,
    Qwen2_5_VL_32B,
    Qwen2_5_VL_72B,
    Qwen2_72B,
    Qwen3,
    Qwen3_5_Omni,
    Qwen3_Coder_WebDev,
    Qwen3_Omni,
    Qwen3_VL,
    Qwen3_VL_30B,
)

__version__ = "0.1.0"

__all__ = [
    "QVQ_72B",
    "AllFailedError",
    "Answers",
    "AuthenticationError",
    "ConnectError",
    "ConnectionLostError",
    "ContractError",
    "Conversation",
    "Done",
    "EmptyReplyError",
    "Event",
    "GradioChat",
    "InvalidImageError",
    "InvalidMessagesError",
    "Message",
    "Metrics",
    "MissingExtraError",
    "QueueFullError",
    "QuotaExceededError",
    "Qwen2_5",
    "Qwen2_5_1M",
    "Qwen2_5_72B",
    "Qwen2_5_Coder",
    "Qwen2_5_Max",
    "Qwen2_5_VL_32B",
    "Qwen2_5_VL_72B",
    "Qwen2_72B",
    "Qwen3",
    "Qwen3_5_Omni",
    "Qwen3_Coder_WebDev",
    "Qwen3_Omni",
    "Qwen3_VL",
    "Qwen3_VL_30B",
    "QwenSpace",
    "QwenSpacesError",
    "RateLimitedError",
    "Reasoning",
    "Reply",
    "Router",
    "Row",
    "SpaceError",
    "SpaceNotFoundError",
    "SpaceStatus",
    "SpaceTimeoutError",
    "SpaceUnavailableError",
    "Status",
    "StreamCancelledError",
    "StreamError",
    "Text",
    "TextStream",
    "Timeouts",
    "ToolCall",
    "UnexpectedOutputError",
    "UnknownSpaceError",
    "UnsupportedOptionError",
    "available_spaces",
    "find_spaces",
]

logging.getLogger(__name__).addHandler(logging.NullHandler())
# What the SDK and Gradio import complains in notebooks about progress bars that are not drawn here.
warnings.filterwarnings("ignore", "IProgress not found")
