"""A notebook in this process: a real IPython shell, and what its frontend would show."""

from __future__ import annotations

import asyncio
import builtins
import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from traitlets.config import Config

from qwen_spaces import Status, TextStream

from .streams import scripted_stream


class Page:
    """A shell's display publisher, which keeps the messages to a frontend and what it shows."""

    def __init__(self, shell: InteractiveShell) -> None:
        self.shell = shell
        self.names: dict[str, Any] = shell.user_ns
        self.times: list[float] = []
        self.seen: list[dict[str, str]] = []  # all that was ever shown
        self.outputs: dict[str, dict[str, str]] = {}  # display id -> what is there now
        self.is_publishing = False
        shell.display_pub = self
        shell.displayhook.write_output_prompt = lambda: None  # as in a notebook

    def publish(
        self, data: dict[str, str], metadata: object = None, *, transient: dict[str, str], update: bool
    ) -> None:
        assert update == (transient["display_id"] in self.outputs)
        self.times.append(time.monotonic())
        self.seen.append(data)
        self.outputs[transient["display_id"]] = data

    @property
    def shown(self) -> list[str]:
        return [data["text/plain"] for data in self.outputs.values()]

    def run(self, code: str, **names: object) -> Any:
        """Run a cell to its end; gives its value, and as text what is there beside the displays."""
        self.names.update(names)

        async def cell() -> Any:
            transformed = self.shell.transform_cell(code)
            return await self.shell.run_cell_async(code, store_history=True, transformed_cell=transformed)

        with capture_output(display=False) as printed:
            ended = asyncio.run(cell())
        text = printed.stdout + printed.stderr
        return SimpleNamespace(text=text, value=ended.result, error=ended.error_in_exec)


@contextlib.contextmanager
def new_page(home: Path) -> Iterator[Page]:
    config = Config()
    config.HistoryManager.enabled = False
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IPYTHONDIR", str(home))
        patch.delattr(builtins, "_", raising=False)  # doctest leaves one, and IPython would not set its own
        shell = InteractiveShell.instance(config=config)
        yield Page(shell)
        shell.restore_sys_module_state()
        InteractiveShell.clear_instance()


def stream_of(
    *updates: Any, page: Page | None = None, pace: float = 0.0, error: Exception | None = None
) -> TextStream:
    """A stream of these updates of its Space, each when `page` has drawn the last, or at a pace."""

    def drawn(more_than: int) -> None:
        late = time.monotonic() + 10
        while page and len(page.seen) <= more_than and time.monotonic() < late:
            time.sleep(0.002)

    def live(feed: Any) -> None:
        drawn(0)
        for item in updates:
            count = len(page.seen) if page else 0
            feed.set_status(item) if isinstance(item, Status) else feed.set_snapshot(item)
            time.sleep(pace)
            drawn(count)
        if error:
            raise error

    return scripted_stream(live)


def thinking(thought: str, text: str = "") -> list[dict[str, Any]]:
    """The output of a Space that marks its reasoning."""
    thoughts = {"role": "assistant", "content": thought, "metadata": {"title": "Thinking"}}
    return [thoughts, *([{"role": "assistant", "content": text}] if text else [])]
