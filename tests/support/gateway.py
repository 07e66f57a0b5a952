"""A gateway in a thread of the tests' process, and clients of it."""

from __future__ import annotations

import contextlib
import json
import logging
import logging.handlers
import queue
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any, TypeAlias

import httpx
import openai
import uvicorn
from fastapi import FastAPI

from .modes import PATIENCE

Lines: TypeAlias = queue.Queue[logging.LogRecord]


@contextlib.contextmanager
def serve_gateway(app: FastAPI, *, send_buffer: int | None = None, patient: bool = True) -> Iterator[str]:
    """Serve the app; yields its URL, without a path.

    `send_buffer`: bytes that wait for the client. `patient`: whether the server waits at its end until all
    is answered, and not for a second.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if send_buffer:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
        quiet: dict[str, Any] = {"log_config": None, "log_level": "critical", "access_log": False}
        # With uvicorn's 5 seconds an idle connection may be closed just as a test uses it again.
        config = uvicorn.Config(app, ws="none", timeout_keep_alive=60, **quiet)
        config.timeout_graceful_shutdown = None if patient else 1
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


@contextlib.contextmanager
def recorded_log() -> Iterator[Lines]:
    """What the gateway logs."""
    records: Lines = queue.Queue()
    logger, handler = logging.getLogger("qwen_spaces.gateway"), logging.handlers.QueueHandler(records)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield records
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


def logged(lines: Lines, **fields: Any) -> dict[str, Any]:
    """The next line with such fields; one of an earlier test may come late."""
    while True:
        line: dict[str, Any] = json.loads(lines.get(timeout=PATIENCE).getMessage())
        if fields.items() <= line.items():
            return line


# One for all tests, without TLS, whose context costs a client 50 ms.
http: httpx.Client = httpx.Client(verify=False, trust_env=False, timeout=PATIENCE)


@contextlib.contextmanager
def openai_client(url: str, key: str = "any") -> Iterator[openai.OpenAI]:
    """The real client, without retries."""
    with httpx.Client(verify=False, timeout=60) as http_client:
        yield openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, http_client=http_client)


def chat(prompt: str, **more: Any) -> dict[str, Any]:
    """The body of a request."""
    return {"model": "qwen-2.5", "messages": [{"role": "user", "content": prompt}], **more}
