"""Clients of the gateway that read nothing and leave: what they cost it in memory, round by round.

Run it with ``python -m tests.tools.unread``; it takes half a minute, and a short form of it is one of the
tests. The gateway is a process of its own.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from pathlib import Path

import httpx

from ..support.scripted_gradio import Script, completes, generates, message, serve_script
from .load import gateway

CLIENTS = 40
PIECES, PIECE = 200, "x" * 10_000  # of an answer: twice what the gateway allows, more than sockets hold
ROUNDS = 12
MOST = 8.0  # MB for each client, however many rounds there were; an answer of 1 MB is there a few times
PATIENCE = 60.0  # seconds, where the machine is busy


def answer() -> tuple[bytes, ...]:
    """The events of a long answer, as fast as they are read."""
    more = message(
        "process_generating",
        output={"data": [[], [["append", [0, 1], PIECE]], []], "is_generating": True},
        success=True,
    )
    return (*generates("x"), *(more,) * PIECES, *completes("", [["Hi", "x" + PIECE * PIECES]], None))


def memory(process: int) -> float:
    """MB that a process holds."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 1e6


def client(url: str) -> socket.socket:
    """A connection that sends a request, and whose owner will not read."""
    host, _, port = url.removeprefix("http://").partition(":")
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect((host, int(port)))
    messages = [{"role": "user", "content": "Hi"}]
    body = json.dumps({"model": "qwen-2-72b", "messages": messages, "stream": True}).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}:{port}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    connection.sendall(head.encode() + body)
    return connection


def until_running(http: httpx.Client, count: int) -> None:
    """Wait until so many answers are on their way."""
    end = time.monotonic() + PATIENCE
    while http.get("/healthz").json()["running"] != count:
        assert time.monotonic() < end, http.get("/healthz").json()
        time.sleep(0.05)


def round_of(clients: int, url: str, http: httpx.Client, process: int) -> float:
    """Let so many clients ask and leave; gives the MB that the gateway held meanwhile."""
    connections = [client(url) for _ in range(clients)]
    until_running(http, clients)
    peak = 0.0
    for _ in range(15):  # while the answers arrive
        peak = max(peak, memory(process))
        time.sleep(0.1)
    for connection in connections:
        connection.close()
    until_running(http, 0)
    return peak


def measure(rounds: int, clients: int) -> list[float]:
    """MB that the gateway holds after a first client, and after each round."""
    with (
        serve_script(Script(events=answer())) as server,
        gateway("qwen-2-72b", server.url, clients) as (url, process),
        httpx.Client(base_url=url, trust_env=False, timeout=PATIENCE) as http,
    ):
        round_of(1, url, http, process)
        held = [memory(process)]
        for _ in range(rounds):
            peak = round_of(clients, url, http, process)
            held.append(memory(process))
            print(f"{clients} clients: {peak:.0f} MB, and {held[-1]:.0f} MB when they have left", flush=True)
    return held


def main() -> int:
    """Run; the exit code is 0 if the memory stops growing."""
    held = measure(ROUNDS, CLIENTS)
    most = (max(held) - held[0]) / CLIENTS
    print(f"{most:.1f} MB for each client: {'too much' if most > MOST else 'all is well'}.")
    return most > MOST


if __name__ == "__main__":
    sys.exit(main())
