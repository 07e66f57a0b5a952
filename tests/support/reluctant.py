"""A server that sends nothing, or a byte at a time, and what must be gone at the end."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from qwen_spaces import QwenSpace, StreamCancelledError

from .modes import PATIENCE

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


class Reluctant:
    """Accepts connections, and answers a path of them, if at all, a byte at a time."""

    def __init__(self, *, drips: bool) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.open: list[socket.socket] = []
        self.reached = threading.Event()
        self._drips, self._over = drips, threading.Event()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.open.append(connection)
                self.reached.set()
                if self._drips:
                    self._threads.append(threading.Thread(target=self._drip, args=[connection], daemon=True))
                    self._threads[-1].start()

    def _drip(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            for byte in HEAD + b"X-Padding: " + b"x" * 10_000:
                connection.sendall(bytes([byte]))
                if self._over.wait(0.05):
                    return

    def close(self) -> None:
        self._over.set()
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join(PATIENCE)  # first, as it may have one more connection at hand
        for connection in (self.listener, *self.open):
            connection.close()
        for thread in self._threads:
            thread.join(PATIENCE)


def ours() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "qwen_spaces"]


def assert_gone() -> None:
    until = time.monotonic() + PATIENCE
    while ours():
        assert time.monotonic() < until, ours()
        time.sleep(0.02)


def assert_closing_ends_a_status(space: QwenSpace, reluctant: Reluctant) -> None:
    with ThreadPoolExecutor(1) as pool:
        status = pool.submit(space.status)
        assert reluctant.reached.wait(PATIENCE)
        space.close()
        try:
            assert isinstance(status.exception(PATIENCE), StreamCancelledError)
        finally:
            reluctant.close()  # else a status that goes on would keep the pool
    assert_gone()
