"""`worker.py` for the providers of g4f that talk to Qwen's Spaces, run where g4f is and httpx is not.

The provider is named as in g4f: ``python -m tests.benchmarks.g4f_worker Qwen_Qwen_2_5``. Each needs the
replica of its own Space, for it names by number the function that it calls, and with which arguments.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from g4f.Provider import hf_space

from .question import Question
from .record import Record
from .worker import serve


def _pointed(name: str, url: str) -> Any:
    """The provider, talking to this server."""
    if name == "Qwen_QVQ_72B":
        return type(name, (getattr(hf_space, name),), {"url": url})
    # These ask for /queue/join, where Gradio had it until version 5; nothing else of them is changed.
    base = f"{url}/gradio_api"
    return type(name, (getattr(hf_space, name),), {"url": base, "api_endpoint": f"{base}/queue/join"})


def g4f(name: str) -> Callable[[str], Any]:
    """`async for` over what a provider yields; each answer opens a connection of its own."""

    def make(url: str) -> Any:
        provider = _pointed(name, url)

        async def read(question: Question, record: Record) -> None:
            async for text in provider.create_async_generator(provider.default_model, question.messages()):
                record.more(text)

        return read

    return make


if __name__ == "__main__":
    serve(g4f(sys.argv[1]))
