"""The servers of the tests, in their own process, which may run another Python and Gradio.

Prints the port at which it can be reached, and ends when its stdin is closed. Each client sends the names of
what it needs, a line each, and gets lines of JSON: the addresses, and the events of all replicas' brains.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import threading
from contextlib import AbstractContextManager
from importlib.metadata import version
from typing import Any

OWN = {"one-slot", "full"}  # a client that holds the only place would be in the way of the others

clients: list[socket.socket] = []
lock = threading.Lock()


def report(**what: Any) -> None:
    """Report to all clients, as no event names the one that it concerns."""
    line = json.dumps(what).encode() + b"\n"
    with lock:
        for client in clients:
            with contextlib.suppress(OSError):  # it has gone
                client.sendall(line)


def main() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        threading.Thread(target=accept, args=[listener], daemon=True).start()
        sys.stdin.read()
        os._exit(0)


def accept(listener: socket.socket) -> None:
    running: dict[Any, tuple[str, AbstractContextManager[str] | None]] = {}
    starting = threading.Lock()
    while True:
        client, _ = listener.accept()
        with lock:
            clients.append(client)
        threading.Thread(target=serve, args=[client, running, starting], daemon=True).start()


def serve(client: socket.socket, running: dict[Any, Any], starting: threading.Lock) -> None:
    """Start what the client names, unless it runs, and give its address."""
    with client, client.makefile(encoding="utf-8") as lines:
        for line in lines:
            name = line.strip()
            key = (name, client if name in OWN else None)
            with starting:
                if key not in running:
                    manager = server(name)
                    running[key] = manager.__enter__(), manager
            answer = {"name": name, "url": running[key][0], "gradio": version("gradio")}
            with lock, contextlib.suppress(OSError):
                client.sendall(json.dumps(answer).encode() + b"\n")
    with lock:
        clients.remove(client)


def server(name: str) -> AbstractContextManager[str]:
    """Return what serves that name. It imports Gradio, which takes seconds: only when a test needs it."""
    if name.startswith("chats/"):  # which also run where this package does not, as with Gradio 4
        from ...chats import serving as chats

        return chats.serve(name.removeprefix("chats/"))
    from . import serving

    return serving.makers(report)[name]()


if __name__ == "__main__":
    main()
