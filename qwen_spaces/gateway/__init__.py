"""The gateway: an OpenAI-compatible server on this machine, whose models are the Spaces.

``qwen-spaces serve`` runs it; `create_app` returns it as an ASGI app for a server of your own:

    # chat.py, for: uvicorn chat:app --timeout-graceful-shutdown 5
    from qwen_spaces.gateway import create_app

    app = create_app(api_key="secret", max_requests=10)

Any OpenAI client then talks to it:

    client = openai.OpenAI(base_url="http://127.0.0.1:8000/v1", api_key="secret")
    client.chat.completions.create(model="qwen-2.5", messages=[{"role": "user", "content": "Hi"}])

Needs ``pip install 'qwen-spaces[gateway]'``.
"""

from ..errors import MissingExtraError

try:
    from . import _server  # which needs uvicorn
    from ._app import create_app
except ModuleNotFoundError as _error:
    raise MissingExtraError("The gateway needs: pip install 'qwen-spaces[gateway]'") from _error

del _server

__all__ = ["create_app"]
