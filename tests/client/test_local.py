"""`QwenSpace.local`: a Space whose replica runs in this process, and ends with it."""

from __future__ import annotations

import gc
import socket
import subprocess
import sys
import textwrap
import time

import pytest

from qwen_spaces import Qwen3, QwenSpace, UnknownSpaceError, UnsupportedOptionError
from qwen_spaces.replicas import NAMES

from ..support.modes import PATIENCE


def is_served(url: str) -> bool:
    port = int(url.rpartition(":")[2])
    try:
        socket.create_connection(("127.0.0.1", port), PATIENCE).close()
    except OSError:
        return False
    return True


def test_it_answers_and_ends_with_its_block() -> None:
    with QwenSpace.local("qwen-2.5", timeouts=PATIENCE) as space:
        assert 'You asked: "Hi"' in space.ask("Hi").text
        assert is_served(space.src)
    assert not is_served(space.src)


def test_it_runs_while_one_of_its_streams_does() -> None:
    def shout(_system: str, _history: object, prompt: str, _image: object) -> object:
        yield prompt.upper()

    space = Qwen3.local("qwen-3", brain=shout)
    stream, url = space.stream("hi"), space.src
    del space
    gc.collect()
    assert stream.result(PATIENCE).text == "HI"
    del stream
    end = time.monotonic() + PATIENCE
    while is_served(url) and time.monotonic() < end:
        gc.collect()
        time.sleep(0.01)
    assert not is_served(url)


@pytest.mark.slow
def test_a_second_ctrl_c_at_the_end_of_a_program_is_quiet() -> None:
    program = """
        import threading
        from qwen_spaces import QwenSpace

        def interrupted(*_):
            raise KeyboardInterrupt

        space = QwenSpace.local("qwen-2.5")
        threading.Thread.join = interrupted
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=4 * PATIENCE, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_what_cannot_be_local_is_an_error() -> None:
    with pytest.raises(UnknownSpaceError, match=r"There is no replica of 'me/mine'. Known: qvq-72b, "):
        QwenSpace.local("me/mine")
    with pytest.raises(UnsupportedOptionError, match="src is not for"):
        QwenSpace.local("qwen-2.5", src="http://127.0.0.1:7860")
    with pytest.raises(UnsupportedOptionError, match="retries=-1"):
        QwenSpace.local("qwen-2.5", retries=-1)
    program = "import sys, qwen_spaces; sys.modules['gradio'] = None; qwen_spaces.QwenSpace.local()"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ended.stderr.endswith(
        "MissingExtraError: The replicas need Gradio: pip install 'qwen-spaces[local]'\n"
    )


def test_every_space_has_a_replica() -> None:
    from qwen_spaces import available_spaces

    assert {facade.alias for facade in available_spaces()} == set(NAMES)


@pytest.mark.slow
def test_a_program_ends_quietly_while_its_replica_answers() -> None:
    program = """
        from qwen_spaces import QwenSpace

        space = QwenSpace.local("qvq-72b")
        print(next(iter(space.stream("Go on. [[forever]]"))))
    """
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(program)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=4 * PATIENCE, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout
