"""The gateway: an OpenAI-compatible server that offers the Spaces as models.

``qwen-spaces serve`` runs it; `create_app` returns it as an ASGI app for your own server:

    # chat.py, for: uvicorn chat:app --timeout-graceful-shutdown 5 --timeout-keep-alive 75
    from qwen_spaces.gateway import create_app

    app = create_app(api_key="secret", max_requests=10)  # or: main.mount("/llm", create_app(...))

Any OpenAI client can use it:

    client = openai.OpenAI(base_url="http://127.0.0.1:8000/v1", api_key="secret")
    client.chat.completions.create(model="qwen-2.5", messages=[{"role": "user", "content": "Hi"}])

Needs ``pip install 'qwen-spaces[gateway]'``.
"""

from ..errors import MissingExtraError

try:
    from . import _server  # noqa: F401  (needs uvicorn)
    from ._app import create_app
except ModuleNotFoundError as _error:
    raise MissingExtraError("The gateway needs: pip install 'qwen-spaces[gateway]'") from _error

__all__ = ["create_app"]
