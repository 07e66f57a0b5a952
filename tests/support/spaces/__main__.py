"""The servers of the tests, in their own process, which may run another Python and Gradio.

Prints the port at which it can be reached, and ends when its stdin is closed. Each client sends the names of
what it needs, a line each, and gets lines of JSON: the version of Gradio, the addresses or why there is none,
and the events of all replicas' brains. A name after a minus is no longer needed.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import threading
import traceback
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
    send(client, gradio=version("gradio"))
    with client, client.makefile(encoding="utf-8") as lines:
        for line in lines:
            name = line.strip().removeprefix("-")
            key = (name, client if name in OWN else None)
            with starting:
                if line.startswith("-"):
                    _, manager = running.pop(key)
                    manager.__exit__(None, None, None)
                    continue
                try:
                    if key not in running:
                        manager = server(name)
                        running[key] = manager.__enter__(), manager
                except Exception as error:
                    traceback.print_exc()
                    send(client, name=name, error=f"{type(error).__name__}: {error}")
                    continue
            send(client, name=name, url=running[key][0])
    with lock:
        clients.remove(client)


def send(client: socket.socket, **what: str) -> None:
    with lock, contextlib.suppress(OSError):
        client.sendall(json.dumps(what).encode() + b"\n")


def server(name: str) -> AbstractContextManager[str]:
    """Return what serves that name. It imports Gradio, which takes seconds: only when a test needs it."""
    if name.startswith("chats/"):  # which also run where this package does not, as with Gradio 4
        from ...chats import serving as chats

        return chats.serve(name.removeprefix("chats/"))
    from . import serving

    return serving.makers(report)[name]()


if __name__ == "__main__":
    main()
