"""The Spaces, one file each. The loop below imports them all; type checkers need each name as well."""

import importlib
import pkgutil

from ._gradio_chat import GradioChat
from ._qvq_72b import QVQ_72B
from ._qwen2_5 import Qwen2_5
from ._qwen2_5_1m import Qwen2_5_1M
from ._qwen2_5_72b import Qwen2_5_72B
from ._qwen2_5_coder import Qwen2_5_Coder
from ._qwen2_5_max import Qwen2_5_Max
from ._qwen2_5_vl_32b import Qwen2_5_VL_32B
from ._qwen2_5_vl_72b import Qwen2_5_VL_72B
from ._qwen2_72b import Qwen2_72B
from ._qwen3 import Qwen3
from ._qwen3_5_omni import Qwen3_5_Omni
from ._qwen3_coder_webdev import Qwen3_Coder_WebDev
from ._qwen3_omni import Qwen3_Omni
from ._qwen3_vl import Qwen3_VL
from ._qwen3_vl_30b import Qwen3_VL_30B

__all__ = [
    "QVQ_72B",
    "GradioChat",
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
]

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
