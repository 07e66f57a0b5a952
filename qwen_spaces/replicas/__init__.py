"""Replicas: local Gradio apps with the contracts of real Spaces, for demos and tests without a network.

Inputs and outputs are those of the Spaces' public copies. A small deterministic brain answers, or yours:

    with serve("qwen-2.5") as url:
        QwenSpace("qwen-2.5", src=url).ask("Why is the sky blue?")

Needs Gradio (5 or 6): ``pip install 'qwen-spaces[local]'``.
"""

from ..errors import MissingExtraError
from ._stubs import without_stubs

try:
    with without_stubs():
        from ._brain import Brain
        from ._server import NAMES, build, serve
except ModuleNotFoundError as _error:
    if _error.name != "gradio":
        raise
    raise MissingExtraError("The replicas need Gradio: pip install 'qwen-spaces[local]'") from _error

__all__ = ["NAMES", "Brain", "build", "serve"]
