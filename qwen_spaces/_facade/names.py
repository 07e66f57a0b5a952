"""The names of each facade, for type checkers: its alias and its long name."""

from __future__ import annotations

from typing import Literal, TypeAlias

Qwen2_5: TypeAlias = Literal["qwen-2.5", "qwen-qwen2-5"]
Qwen2_72B: TypeAlias = Literal["qwen-2-72b", "qwen-qwen2-72b-instruct"]
QVQ_72B: TypeAlias = Literal["qvq-72b", "qwen-qvq-72b-preview"]
Qwen2_5_72B: TypeAlias = Literal["qwen-2.5-72b", "qwen-qwen2-5-72b-instruct"]
Qwen2_5_Max: TypeAlias = Literal["qwen-2.5-max", "qwen-qwen2-5-max-demo"]
Qwen2_5_Coder: TypeAlias = Literal["qwen-2.5-coder", "qwen-qwen2-5-coder-demo"]
Qwen2_5_VL_72B: TypeAlias = Literal["qwen-2.5-vl-72b", "qwen-qwen2-5-vl-72b-instruct"]
Qwen2_5_1M: TypeAlias = Literal["qwen-2.5-1m", "qwen-qwen2-5-1m-demo"]
Qwen3: TypeAlias = Literal["qwen-3", "qwen-qwen3-demo"]
Qwen3_VL: TypeAlias = Literal["qwen-3-vl", "qwen-qwen3-vl-demo"]
Qwen2_5_VL_32B: TypeAlias = Literal["qwen-2.5-vl-32b", "qwen-qwen2-5-vl-32b-instruct"]
Qwen3_VL_30B: TypeAlias = Literal["qwen-3-vl-30b", "qwen-qwen3-vl-30b-a3b-demo"]
Qwen3_Omni: TypeAlias = Literal["qwen-3-omni", "qwen-qwen3-omni-demo"]
Qwen3_5_Omni: TypeAlias = Literal["qwen-3.5-omni", "qwen-qwen3-5-omni-offline-demo"]
Qwen3_Coder_WebDev: TypeAlias = Literal["qwen-3-coder-webdev", "qwen-qwen3-coder-webdev"]
