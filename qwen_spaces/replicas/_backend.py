"""A brain that asks a real model, on any server with OpenAI's chat completions: Ollama, llama.cpp, vLLM.

Example:
    with serve("qwen-2.5", brain=backend("http://127.0.0.1:11434/v1", "qwen2.5:0.5b")) as url: ...
"""

from __future__ import annotations

import ssl
from base64 import b64encode
from collections.abc import AsyncGenerator, Sequence
from mimetypes import guess_type
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio.to_thread
import gradio as gr

try:
    import openai
except ModuleNotFoundError as _error:
    if _error.name != "openai":
        raise
    raise ImportError("A model behind a replica needs: pip install 'qwen-spaces[backend]'") from _error

from ._brain import Brain, Thought

MAX_ERROR_CHARS = 300  # of the server's own message
MAX_LISTED = 20  # models that an error lists


def backend(url: str, model: str | None = None, key: str | None = None) -> Brain:
    """Return a brain that sends the conversation to `model` on the server at `url`.

    It sends the history, the system prompt and images, but not the Space's settings of model and thinking.
    The model's reasoning becomes the Space's thoughts. Closing the brain ends the request.

    Args:
        url: base URL of the API, such as ``"http://127.0.0.1:11434/v1"``.
        model: ``None`` if the server has only one.
        key: the server's API key. ``OPENAI_API_KEY`` is not sent.

    Raises:
        ValueError: `url` is not a URL; or `model` is missing and the server has several, or cannot list them.
    """
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise ValueError(f"{url!r} is not the URL of a server, such as http://127.0.0.1:11434/v1.")
    server = _Server(url, key)
    context = ssl.create_default_context()  # shared, for it is slow to make
    chosen = model or server.only_model(context)

    async def brain(
        system: str,
        history: list[tuple[str, str]],
        prompt: str,
        image: str | None,
        images: Sequence[str] = (),
    ) -> AsyncGenerator[str, None]:
        paths = images or ([image] if image else [])
        conversation = await anyio.to_thread.run_sync(messages, system, history, prompt, paths)
        http = openai.DefaultAsyncHttpxClient(verify=context)
        text = thought = ""
        try:
            async with (
                openai.AsyncOpenAI(http_client=http, **server.settings) as client,
                await client.chat.completions.create(
                    model=chosen, messages=conversation, stream=True
                ) as chunks,
            ):
                async for chunk in chunks:
                    delta = chunk.choices[0].delta if chunk.choices else None
                    # Servers disagree on the name.
                    if more := getattr(delta, "reasoning_content", None) or getattr(delta, "reasoning", None):
                        thought += more
                        yield Thought(thought)
                    if delta and delta.content:
                        text += delta.content
                        yield text
        except Exception as error:  # the SDK does not wrap all errors of its HTTP library
            message = server.describe(error, partial=bool(text or thought))
            raise gr.Error(message, print_exception=False) from error

    return brain


class _Server:
    """The address of the model, and the messages for its errors."""

    def __init__(self, url: str, key: str | None) -> None:
        self.settings: dict[str, Any] = {"base_url": url, "api_key": key or "none", "max_retries": 0}
        self._key = key
        parts = urlsplit(url)
        self._name = f"The model's server, {parts.hostname}{f':{parts.port}' if parts.port else ''},"

    def only_model(self, context: ssl.SSLContext) -> str:
        """Return the server's only model; raise ValueError if it has several, or cannot list them."""
        try:
            http = openai.DefaultHttpxClient(verify=context)
            with openai.OpenAI(http_client=http, **self.settings) as client:
                names = [model.id for model in client.models.list()]
        except Exception as error:
            raise ValueError(self.describe(error)) from error
        if len(names) != 1:
            listed = ", ".join(names[:MAX_LISTED]) or "none"
            raise ValueError(f"{self._name} does not have exactly one model; name one of these: {listed}.")
        return names[0]

    def describe(self, error: Exception, *, partial: bool = False) -> str:
        """Return the message for an error, without the key; `partial` means that text had arrived."""
        match error:
            case openai.AuthenticationError() | openai.PermissionDeniedError():
                reason = "refused the request: the replica needs its API key."
            case openai.APITimeoutError():
                reason = "did not answer in time."
            case openai.APIConnectionError():
                reason = "broke off its answer." if partial else "cannot be reached. Is it running?"
            case openai.APIError():
                reason = f"failed: {self._message(error)[:MAX_ERROR_CHARS]}"
            case _:  # of the SDK's HTTP library; the class for a broken answer depends on its version
                reason = "broke off its answer." if partial else f"failed: {type(error).__name__}."
        return f"{self._name} {reason}"

    def _message(self, error: openai.APIError) -> str:
        body = error.body if isinstance(error.body, dict) else {}
        message = str(body.get("message") or error.message)
        return message.replace(self._key, "***") if self._key else message


def messages(
    system: str, history: Sequence[tuple[str, str]], prompt: str, images: Sequence[str]
) -> list[Any]:
    """Return the conversation in OpenAI's form; the images go with the last message.

    >>> messages("Be brief.", [], "Why?", [])
    [{'role': 'system', 'content': 'Be brief.'}, {'role': 'user', 'content': 'Why?'}]
    """
    turns: list[Any] = [{"role": "system", "content": system}] if system else []
    for user, assistant in history:
        turns.append({"role": "user", "content": user})
        if assistant:  # a failed turn has none
            turns.append({"role": "assistant", "content": assistant})
    parts = [{"type": "image_url", "image_url": {"url": _data_url(path)}} for path in images]
    content: Any = [*parts, {"type": "text", "text": prompt}] if parts else prompt
    return [*turns, {"role": "user", "content": content}]


def _data_url(path: str) -> str:
    kind = guess_type(path)[0] or ""
    if not kind.startswith("image/"):
        raise gr.Error(f"{Path(path).name} is not an image; send images only.", print_exception=False)
    return f"data:{kind};base64,{b64encode(Path(path).read_bytes()).decode()}"
