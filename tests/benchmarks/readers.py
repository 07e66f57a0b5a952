"""The ways to read an answer that are compared; each fills a `Record`."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeAlias

import httpx

from ..support.scripted_gradio import PREFIX
from .question import Question
from .record import Record

Sync: TypeAlias = Callable[[Question, Record], None]
Async: TypeAlias = Callable[[Question, Record], Coroutine[Any, Any, None]]


def _join(question: Question, session: str) -> dict[str, Any]:
    return {"data": [question.prompt(), question.history(), "s"], "fn_index": 0, "session_hash": session}


class _Raw:
    """What a reader written by hand does with the event stream of `/model_chat`, and no more."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._seen = False

    def take(self, line: str) -> bool:
        """Take one line in; false after the last."""
        if not line.startswith("data:"):
            return True
        message = json.loads(line[5:])
        if message["msg"] == "process_generating":
            history = message["output"]["data"][1]
            self._record.more(history[0][2] if self._seen else history[-1][1])
            self._seen = True
        return bool(message["msg"] != "close_stream")


def raw(url: str) -> Sync:
    """Httpx on queue/join and queue/data: the limit."""
    client = httpx.Client(timeout=60)

    def read(question: Question, record: Record) -> None:
        session, taker = uuid.uuid4().hex, _Raw(record)
        client.post(f"{url}{PREFIX}/queue/join", json=_join(question, session))
        with client.stream("GET", f"{url}{PREFIX}/queue/data", params={"session_hash": session}) as response:
            for line in response.iter_lines():
                if not taker.take(line):
                    return

    return read


def raw_async(url: str) -> Async:
    """The same in an event loop; a client for each stream, for the pool of one is quadratic."""
    context = httpx.create_ssl_context()

    @asynccontextmanager
    async def streamed(client: httpx.AsyncClient, session: str) -> AsyncIterator[httpx.Response]:
        where = f"{url}{PREFIX}/queue/data"
        async with client.stream("GET", where, params={"session_hash": session}) as response:
            yield response

    async def read(question: Question, record: Record) -> None:
        session, taker = uuid.uuid4().hex, _Raw(record)
        async with httpx.AsyncClient(timeout=60, verify=context) as client:
            await client.post(f"{url}{PREFIX}/queue/join", json=_join(question, session))
            async with streamed(client, session) as response:
                async for line in response.aiter_lines():
                    if not taker.take(line):
                        return

    return read


def ours(url: str) -> Sync:
    """`for delta in space.stream()`."""
    from qwen_spaces import QwenSpace

    space = QwenSpace("qwen-2-72b", src=url)

    def read(question: Question, record: Record) -> None:
        for delta in space.stream(question.messages()):
            record.more(delta)

    return read


def ours_async(url: str) -> Async:
    """`async for delta in space.stream()`."""
    from qwen_spaces import QwenSpace

    space = QwenSpace("qwen-2-72b", src=url)

    async def read(question: Question, record: Record) -> None:
        async for delta in space.stream(question.messages()):
            record.more(delta)

    return read


class _Clients:
    """Clients of `gradio_client`, one for each answer: those of one client share an event stream."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._idle = [self._new()]

    def _new(self) -> Any:
        from gradio_client import Client

        return Client(self._url, verbose=False, download_files=False)

    @contextmanager
    def one(self) -> Iterator[Any]:
        client = self._idle.pop() if self._idle else self._new()
        yield client
        self._idle.append(client)


def job(url: str) -> Sync:
    """`for output in job` of `gradio_client`."""
    clients = _Clients(url)

    def read(question: Question, record: Record) -> None:
        with clients.one() as client:
            request = question.prompt(), question.history(), "s"
            for output in client.submit(*request, api_name="/model_chat"):
                record.whole(output[1][-1][1])

    return read


def job_async(url: str) -> Async:
    """`async for update in job` of `gradio_client`."""
    clients = _Clients(url)

    async def read(question: Question, record: Record) -> None:
        with clients.one() as client:
            request = question.prompt(), question.history(), "s"
            async for update in client.submit(*request, api_name="/model_chat"):
                if update.type == "output" and not update.final:
                    record.whole(update.outputs[1][-1][1])

    return read


def openai(url: str) -> Sync:
    """The `openai` SDK on the same tokens in its own protocol."""
    from openai import OpenAI

    client = OpenAI(base_url=f"{url}/v1", api_key="none")

    def read(question: Question, record: Record) -> None:
        for chunk in client.chat.completions.create(model="m", messages=question.messages(), stream=True):
            record.more(chunk.choices[0].delta.content or "")

    return read


PYTHON: Mapping[str, Callable[[str], Sync | Async]] = {
    "raw httpx": raw,
    "raw httpx, async": raw_async,
    "qwen_spaces, for": ours,
    "qwen_spaces, async for": ours_async,
    "gradio_client, for": job,
    "gradio_client, async for": job_async,
    "openai SDK": openai,
}
