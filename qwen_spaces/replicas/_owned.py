"""A replica that runs for as long as an object that owns it."""

from __future__ import annotations

import atexit
import contextlib
import threading
import weakref

from ._brain import Brain
from ._server import serve


class OwnedReplica:
    """A replica that ends with `close`, at the latest when its owner is collected or the program ends."""

    def __init__(self, name: str, brain: Brain | None = None) -> None:
        self._running = contextlib.ExitStack()
        self.url = self._running.enter_context(serve(name, brain=brain))
        atexit.register(self._close_at_exit)

    def close(self) -> None:
        """Stop the replica; blocks until it has stopped."""
        atexit.unregister(self._close_at_exit)
        self._running.close()

    def _close_at_exit(self) -> None:
        with contextlib.suppress(KeyboardInterrupt):  # a second Ctrl-C, after that which ended the program
            self._running.close()

    def close_with(self, owner: object) -> None:
        """Stop the replica when `owner` is collected."""
        weakref.finalize(owner, _close_in_thread, self).atexit = False


def _close_in_thread(replica: OwnedReplica) -> None:
    """Stop it without waiting: the garbage collector runs in any thread, even in that of the replica."""
    with contextlib.suppress(RuntimeError):  # at the end of the program, which has stopped it
        threading.Thread(target=replica.close, name="stop a replica", daemon=True).start()
