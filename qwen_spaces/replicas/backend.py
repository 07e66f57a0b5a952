"""A brain that is a real model, on any server that speaks OpenAI's chat completions.

Ollama, llama.cpp, vLLM and the like; the Space's own page and API in front of it:

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
except ModuleNotFoundError as error:
    if error.name != "openai":
        raise
    raise ImportError("A model behind a replica needs: pip install 'qwen-spaces[backend]'") from error

from .brain import Brain, Thought

MOST = 300  # characters of what the server says of an error
SHOWN = 20  # models that an error lists


def backend(url: str, model: str | None = None, key: str | None = None) -> Brain:
    """Make a brain that asks `model` on the server at `url`, and is left as soon as its answer is.

    Earlier turns, the system prompt and images go with it; the Space's choice of a model or of thinking
    does not. What the model thinks is shown where the Space shows thoughts.

    Args:
        url: of the API, such as ``"http://127.0.0.1:11434/v1"``.
        model: None where the server has but one.
        key: the server's API key. ``OPENAI_API_KEY`` is not sent.

    Raises:
        ValueError: `url` is none; or `model` is not given and the server has several, or cannot be asked.
    """
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise ValueError(f"{url!r} is no address of a server; one is http://127.0.0.1:11434/v1.")
    server = _Server(url, key)
    trusted = ssl.create_default_context()  # once: it takes as long as all the rest of a client
    chosen = model or server.only_model(trusted)

    async def brain(
        system: str,
        history: list[tuple[str, str]],
        prompt: str,
        image: str | None,
        images: Sequence[str] = (),
    ) -> AsyncGenerator[str, None]:
        shown = images or ([image] if image else [])
        given = await anyio.to_thread.run_sync(messages, system, history, prompt, shown)
        http = openai.DefaultAsyncHttpxClient(verify=trusted)
        text = thought = ""
        try:
            async with (
                openai.AsyncOpenAI(http_client=http, **server.how) as client,
                await client.chat.completions.create(model=chosen, messages=given, stream=True) as chunks,
            ):
                async for chunk in chunks:
                    delta = chunk.choices[0].delta if chunk.choices else None
                    if more := _reasoning(delta):
                        thought += more
                        yield Thought(thought)
                    if delta and delta.content:
                        text += delta.content
                        yield text
        except Exception as error:  # the SDK lets some of its HTTP library's own through
            told = server.told(error, begun=bool(text or thought))
            raise gr.Error(told, print_exception=False) from error

    return brain


class _Server:
    """Where the model is, and how its errors are told."""

    def __init__(self, url: str, key: str | None) -> None:
        self.how: dict[str, Any] = {"base_url": url, "api_key": key or "none", "max_retries": 0}
        self._key = key
        parts = urlsplit(url)
        self._name = f"The model's server, {parts.hostname}{f':{parts.port}' if parts.port else ''},"

    def only_model(self, trusted: ssl.SSLContext) -> str:
        """Return the one model there is; ValueError if there are several, or it cannot be asked."""
        try:
            http = openai.DefaultHttpxClient(verify=trusted)
            with openai.OpenAI(http_client=http, **self.how) as client:
                names = [model.id for model in client.models.list()]
        except Exception as error:
            raise ValueError(self.told(error)) from error
        if len(names) != 1:
            listed = ", ".join(names[:SHOWN]) or "none"
            raise ValueError(f"{self._name} has no one model to choose: name one of these: {listed}.")
        return names[0]

    def told(self, error: Exception, *, begun: bool = False) -> str:
        """Return what went wrong, for whoever reads the Space's page; without the key."""
        if isinstance(error, (openai.AuthenticationError, openai.PermissionDeniedError)):
            return f"{self._name} refused the request: the replica needs its API key."
        if isinstance(error, openai.APITimeoutError):
            return f"{self._name} did not answer in time."
        # Which of them it is where an answer breaks off depends on the SDK's version.
        if begun and (isinstance(error, openai.APIConnectionError) or not isinstance(error, openai.APIError)):
            return f"{self._name} broke off its answer."
        if isinstance(error, openai.APIConnectionError):
            return f"{self._name} cannot be reached. Is it running?"
        if isinstance(error, openai.APIError):
            body = error.body if isinstance(error.body, dict) else {}
            said = str(body.get("message") or error.message)
            said = said.replace(self._key, "***") if self._key else said
            return f"{self._name} failed: {said[:MOST]}"
        return f"{self._name} failed: {type(error).__name__}."


def messages(
    system: str, history: Sequence[tuple[str, str]], prompt: str, images: Sequence[str]
) -> list[Any]:
    """Return the conversation as OpenAI has it; the images go with the last message.

    >>> messages("Be brief.", [], "Why?", [])
    [{'role': 'system', 'content': 'Be brief.'}, {'role': 'user', 'content': 'Why?'}]
    """
    turns: list[Any] = [{"role": "system", "content": system}] if system else []
    for user, assistant in history:
        turns.append({"role": "user", "content": user})
        if assistant:  # a turn that failed has none
            turns.append({"role": "assistant", "content": assistant})
    parts = [{"type": "image_url", "image_url": {"url": _data_url(path)}} for path in images]
    content: Any = [*parts, {"type": "text", "text": prompt}] if parts else prompt
    return [*turns, {"role": "user", "content": content}]


def _data_url(path: str) -> str:
    kind = guess_type(path)[0] or ""
    if not kind.startswith("image/"):
        said = f"{Path(path).name} is no image, and nothing else can be sent on."
        raise gr.Error(said, print_exception=False)
    return f"data:{kind};base64,{b64encode(Path(path).read_bytes()).decode()}"


def _reasoning(delta: Any) -> str:
    """Return what is new in the thought; servers agree on no name for it."""
    return getattr(delta, "reasoning_content", None) or getattr(delta, "reasoning", None) or ""
