"""A server that pushes each message when it is made: the protocol of Gradio 6, and OpenAI's beside it.

A Gradio server costs more than any reader; beside this one the readers show.
Run as a program it prints its address and serves until its stdin is closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
import urllib.parse
import uuid
from collections.abc import AsyncIterator
from typing import Any

from ..support.scripted_gradio import CONFIG, INFO, PREFIX
from .question import Question, token

_HEAD = "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{more}\r\n"
_JOBS: dict[str, Job] = {}  # session -> its job
_STOPS: list[float] = []  # when jobs were cancelled, in seconds of `time.monotonic()`


class Job:
    """One answer of the server's."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.prompt, self.history, _ = body["data"]
        self.question = Question.read(self.prompt)
        self.event_id = uuid.uuid4().hex
        self.cancelled = asyncio.Event()

    async def messages(self) -> AsyncIterator[bytes]:
        """The event stream, as Gradio 6.31 has it: the first output whole, then what has changed."""
        history, place = self.history or [], len(self.history or [])
        yield self._message("estimation", rank=0, queue_size=1, rank_eta=None)
        yield self._message("process_starts", eta=None)
        text = ""
        for number in range(self.question.tokens):
            if self.question.pace and number:
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self.cancelled.wait(), self.question.pace)
            if self.cancelled.is_set():
                return
            new = token()
            text += new
            data = [[], [["append", [place, 1], new]], []]
            if number == 0:
                data = ["", [*history, [self.prompt, new]], None]
            output = {"data": data, "is_generating": True}
            yield self._message("process_generating", output=output, success=True)
        output = {"data": ["", [*history, [self.prompt, text]], None]}
        yield self._message("process_completed", output=output, success=True, title=None)
        yield self._message("close_stream", event_id=None)

    def _message(self, kind: str, **more: Any) -> bytes:
        return b"data: %s\n\n" % json.dumps({"msg": kind, "event_id": self.event_id, **more}).encode()


async def _openai(body: dict[str, Any]) -> AsyncIterator[bytes]:
    """The same tokens in the event stream of `/v1/chat/completions`."""
    question = Question.read(body["messages"][-1]["content"])
    for number in range(question.tokens):
        if question.pace and number:
            await asyncio.sleep(question.pace)
        choice = {"index": 0, "delta": {"role": "assistant", "content": token()}, "finish_reason": None}
        chunk = {
            "id": "1",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "m",
            "choices": [choice],
        }
        yield b"data: %s\n\n" % json.dumps(chunk).encode()
    yield b"data: [DONE]\n\n"


async def _answer(path: str, body: Any, writer: asyncio.StreamWriter) -> None:
    path, _, query = path.partition("?")
    path = path.removeprefix(PREFIX)
    if path == "/queue/join":
        job = _JOBS[body["session_hash"]] = Job(body)
        _page(writer, {"event_id": job.event_id})
    elif path == "/queue/data":
        session = urllib.parse.parse_qs(query)["session_hash"][0]
        await _stream(writer, _JOBS[session].messages())
        del _JOBS[session]
    elif path == "/v1/chat/completions":
        await _stream(writer, _openai(body))
    elif path == "/cancel":
        if job := _JOBS.get(body["session_hash"]):
            _STOPS.append(time.monotonic())
            job.cancelled.set()
        _page(writer, {"success": True})
    elif path == "/stops":
        _page(writer, _STOPS)
    else:
        _page(writer, {"/config": CONFIG, "/info": INFO}.get(path, {}))


def _page(writer: asyncio.StreamWriter, body: Any) -> None:
    text = json.dumps(body).encode()
    more = f"Content-Length: {len(text)}\r\n"
    writer.write(_HEAD.format(status="200 OK", kind="application/json", more=more).encode() + text)


async def _stream(writer: asyncio.StreamWriter, messages: AsyncIterator[bytes]) -> None:
    more = "Transfer-Encoding: chunked\r\n"
    writer.write(_HEAD.format(status="200 OK", kind="text/event-stream", more=more).encode())
    async for message in messages:
        writer.write(b"%x\r\n%s\r\n" % (len(message), message))
        await writer.drain()
    writer.write(b"0\r\n\r\n")


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection, kept alive."""
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError), contextlib.closing(writer):
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            request, *fields = head.split("\r\n")
            headers = dict(field.lower().split(": ", 1) for field in fields if field)
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            await _answer(request.split(" ")[1], json.loads(body) if body else None, writer)
            await writer.drain()


async def main() -> None:
    """Serve until stdin is closed."""
    server = await asyncio.start_server(_serve, "127.0.0.1", 0, backlog=4096)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
