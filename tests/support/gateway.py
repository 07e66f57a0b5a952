"""A gateway in a thread of the tests' process, on a port of its own."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import uvicorn
from fastapi import FastAPI

from .modes import PATIENCE


@contextlib.contextmanager
def serve_gateway(app: FastAPI, *, send_buffer: int | None = None) -> Iterator[str]:
    """Serve the app; gives its address, without a path. `send_buffer`: bytes that wait for the client."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if send_buffer:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
        quiet: dict[str, Any] = {"log_config": None, "log_level": "critical", "access_log": False}
        # A connection that rests 5 seconds, as is uvicorn's wont, may be closed just as a test takes it up.
        config = uvicorn.Config(app, ws="none", timeout_keep_alive=60, **quiet)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        until = time.monotonic() + PATIENCE
        while not server.started:
            assert thread.is_alive()
            assert time.monotonic() < until
            time.sleep(0.005)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(PATIENCE)
        assert not thread.is_alive(), "the gateway does not end"


# One for all, and without TLS: a context of it costs a client 50 ms.
http = httpx.Client(verify=False, trust_env=False)


@contextlib.contextmanager
def openai_client(url: str, key: str = "any") -> Iterator[openai.OpenAI]:
    """The real client, which tries nothing twice."""
    with httpx.Client(verify=False, timeout=60) as own:
        yield openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, http_client=own)


def said(prompt: str, **more: Any) -> dict[str, Any]:
    return {"model": "qwen-2.5", "messages": [{"role": "user", "content": prompt}], **more}
