"""The Spaces, a file each. A new file here is found by itself; nothing else names the Spaces."""

import importlib
import pkgutil

from .qvq_72b import QVQ_72B
from .qwen2_5 import Qwen2_5
from .qwen2_72b import Qwen2_72B

__all__ = ["QVQ_72B", "Qwen2_5", "Qwen2_72B"]

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
