"""A clean process: programs end when they are at their end, Ctrl-C stops the server, nothing is left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator

import pytest

from qwen_spaces import QwenSpace

from .conftest import Servers

EXIT = 2.0  # seconds in which the interpreter must be gone
STOP = 0.5  # seconds in which the server must have stopped
LONG = 30.0  # seconds for a slow machine to start Python and the SDK
LEFT = """
    import gc, os, threading, time

    def left():
        "Threads and sockets of this process, once those on their way out are gone."
        for _ in range(50):
            gc.collect()
            threads = [thread.name for thread in threading.enumerate() if thread.name != "MainThread"]
            found = []
            for fd in os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else ():
                try:
                    found.append(os.readlink(f"/proc/self/fd/{fd}"))
                except OSError:
                    pass
            sockets = [name for name in found if name.startswith("socket:")]
            if not threads and not sockets:
                break
            time.sleep(0.01)
        return threads, sockets
"""


class Program:
    """A Python program in a process of its own, with warnings as errors."""

    def __init__(self, source: str, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", textwrap.dedent(source), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_for(self, line: str) -> None:
        """Read what it prints, as far as this line."""
        assert self.process.stdout
        for printed in self.process.stdout:
            if printed.rstrip("\n") == line:
                return
        pytest.fail(f"it never said {line!r}: {self.process.communicate(timeout=LONG)[1]}")

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def end(self, seconds: float = EXIT) -> tuple[int, str, str]:
        """Its exit code, what else it printed and its errors; it must be over in so many seconds."""
        try:
            out, errors = self.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            pytest.fail(f"still there after {seconds} s: {self.process.communicate()}")
        return self.process.returncode, out, errors


@contextlib.contextmanager
def program(source: str, *arguments: str) -> Iterator[Program]:
    running = Program(source, *arguments)
    try:
        yield running
    finally:
        running.process.kill()
        running.process.communicate()


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A server that takes connections, when the test accepts them, and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(LONG)
        yield listener


def address_of(listener: socket.socket) -> str:
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


# The end of a program --------------------------------------------------------------------------------------

MID_ANSWER = {
    "a loop that was left": """
        for delta in stream:
            break
    """,
    "a loop that is kept": """
        deltas = iter(stream)
        next(deltas)
    """,
    "a loop in a daemon thread": """
        import threading, time
        threading.Thread(target=list, args=[stream], daemon=True).start()
        while not stream.text:
            time.sleep(0.005)
    """,
    "an asyncio loop": """
        import asyncio
        async def read():
            global deltas
            deltas = stream.__aiter__()
            await deltas.__anext__()
        asyncio.run(read())
    """,
    "a trio loop": """
        import trio
        async def read():
            global deltas
            deltas = stream.__aiter__()
            await deltas.__anext__()
        trio.run(read)
    """,
    "a result awaited in vain": """
        try:
            stream.result(timeout=1.0)
        except TimeoutError:
            pass
    """,
    "sys.exit in the loop": """
        for delta in stream:
            print("leaving", flush=True)
            raise SystemExit(0)
    """,
}


@pytest.mark.parametrize("reading", MID_ANSWER.values(), ids=list(MID_ANSWER))
def test_a_program_ends_in_the_midst_of_an_answer(reading: str, endless: str, servers: Servers) -> None:
    source = f"""
import sys
from qwen_spaces import QwenSpace
space = QwenSpace("qwen-2.5", src=sys.argv[1])
stream = space.stream(sys.argv[2])
{textwrap.dedent(reading)}
print("leaving", flush=True)
"""
    with program(source, servers["qwen-2.5"], endless) as running:
        running.wait_for("leaving")
        assert running.end() == (0, "", "")
    servers.wait_for("end", endless, 5.0)


@pytest.fixture
def endless(prompt: str) -> str:
    return f"{prompt} [[forever]]"


@pytest.mark.parametrize("way", ["sync", "asyncio"])
def test_a_program_ends_while_it_connects(way: str, silent: socket.socket) -> None:
    source = """
        import asyncio, sys, threading, time
        from qwen_spaces import QwenSpace
        stream = QwenSpace("qwen-2.5", src=sys.argv[1]).stream("Hi")
        events = stream.events()
        if sys.argv[2] == "sync":
            next(events)
        else:
            asyncio.run(events.__anext__())
        sys.stdin.readline()
        print("leaving", flush=True)
    """
    if way == "asyncio":
        source = source.replace("events.__anext__()", "first()").replace(
            "        events =", "        async def first(): await events.__anext__()\n        events ="
        )
    with program(source, address_of(silent), way) as running:
        connection, _ = silent.accept()
        with connection:
            running.wait_for("leaving")
            assert running.end() == (0, "", "")


def test_a_program_ends_while_it_waits_in_the_queue(endless: str, prompt: str, servers: Servers) -> None:
    source = """
        import sys
        from qwen_spaces import QwenSpace
        stream = QwenSpace("qwen-2.5", src=sys.argv[1]).stream(sys.argv[2])
        for event in (events := stream.events()):
            if event.type == "status" and event.stage == "queued" and event.position is not None:
                break
        print("leaving", flush=True)
    """
    with QwenSpace("qwen-2.5", src=servers["one-slot"]).stream(endless) as holder:
        next(iter(holder.events()))
        servers.wait_for("begin", endless)
        with program(source, servers["one-slot"], prompt) as running:
            running.wait_for("leaving")
            assert running.end() == (0, "", "")
    servers.wait_for("end", endless)


@pytest.mark.parametrize(
    "use",
    ["pass", "stream = space.stream('Hi')", "stream = space.stream('Hi'); stream.cancel()", "space.close()"],
    ids=["made", "stream", "cancelled", "closed"],
)
def test_a_program_ends_that_never_used_its_space(use: str) -> None:
    source = f"from qwen_spaces import QwenSpace; space = QwenSpace('qwen-2.5'); {use}; print('leaving')"
    with program(source) as running:
        running.wait_for("leaving")
        assert running.end() == (0, "", "")


# Ctrl-C ----------------------------------------------------------------------------------------------------

LOOPS = {
    "sync": """
        for delta in space.stream(prompt):
            print(delta, flush=True)
    """,
    "whole": """
        space.ask(prompt)
    """,
    "asyncio": """
        async def read():
            async for delta in space.stream(prompt):
                print(delta, flush=True)
        asyncio.run(read())
    """,
    "trio": """
        async def read():
            async for delta in space.stream(prompt):
                print(delta, flush=True)
        trio.run(read)
    """,
}
INTERRUPTED = """
import asyncio, sys, trio
from qwen_spaces import QwenSpace
space, prompt = QwenSpace("qwen-2.5", src=sys.argv[1]), sys.argv[2]
{}
"""


def check_interrupted(running: Program) -> None:
    code, _, errors = running.end()
    assert code in (-signal.SIGINT, 130)
    assert errors.splitlines()[-1].startswith("KeyboardInterrupt")
    assert "Exception ignored" not in errors
    assert "Warning" not in errors


@pytest.mark.parametrize("loop", LOOPS)
def test_ctrl_c_in_the_midst_of_an_answer_stops_the_server(loop: str, endless: str, servers: Servers) -> None:
    source = INTERRUPTED.format(textwrap.dedent(LOOPS[loop]))
    with program(source, servers["qwen-2.5"], endless) as running:
        servers.wait_for("begin", endless, LONG)
        if loop != "whole":
            assert running.process.stdout
            assert running.process.stdout.readline() == "word1 \n"
        running.interrupt()
        servers.wait_for("end", endless, STOP)
        check_interrupted(running)


@pytest.mark.parametrize("loop", LOOPS)
def test_ctrl_c_while_connecting_ends_the_program(loop: str, silent: socket.socket) -> None:
    source = INTERRUPTED.format(textwrap.dedent(LOOPS[loop]))
    with program(source, address_of(silent), "Hi") as running:
        connection, _ = silent.accept()
        with connection:
            running.interrupt()
            check_interrupted(running)


# What is left ----------------------------------------------------------------------------------------------


def test_one_space_serves_many_event_loops_in_a_row(servers: Servers) -> None:
    source = """
        import asyncio, sys, trio
        from qwen_spaces import QwenSpace
        space = QwenSpace("qwen-2.5", src=sys.argv[1])

        async def ask():
            assert "Hi" in (await space.stream("Hi [[pace=0]]")).text

        async def leave():
            async for _ in space.stream("Hi [[forever]]"):
                break

        for _ in range(3):
            asyncio.run(ask(), debug=True)
            trio.run(ask)
            asyncio.run(leave(), debug=True)
            trio.run(leave)
            assert "Hi" in space.ask("Hi [[pace=0]]").text
        print("leaving", flush=True)
    """
    with program(source, servers["qwen-2.5"]) as running:
        running.wait_for("leaving")
        assert running.end() == (0, "", "")


USES = {
    "an answer": "space.ask('Hi [[pace=0]]')",
    "an image": "assert not space.max_images or space.ask('Hi [[pace=0]]', images=['{image}'])",
    "a loop that was left": "next(iter(space.stream('Hi [[forever]]')))",
    "a stream that is kept": "stream = space.stream('Hi [[forever]]'); deltas = iter(stream); next(deltas)",
    "ten streams": "kept = [iter(space.stream('Hi [[forever]]')) for _ in range(10)]; [*map(next, kept)]",
    "a failure": "try:\n    space.ask('[[error-first]]')\nexcept Exception as error:\n    kept = error",
    "connected only": "space.status()",
}


@pytest.mark.parametrize("close", ["close", "aclose in asyncio", "aclose in trio"])
@pytest.mark.parametrize("use", USES)
def test_a_closed_space_leaves_no_thread_and_no_socket(use: str, close: str, servers: Servers) -> None:
    closing = {
        "close": "space.close()",
        "aclose in asyncio": "import asyncio; asyncio.run(space.aclose())",
        "aclose in trio": "import trio; trio.run(space.aclose)",
    }[close]
    source = "\n".join(
        [
            textwrap.dedent(LEFT),
            "import sys",
            "from qwen_spaces import QwenSpace",
            "space = QwenSpace('qwen-2.5', src=sys.argv[1])",
            USES[use],
            closing,
            "print(left())",
        ]
    )
    with program(source, servers["qwen-2.5"]) as running:
        code, out, errors = running.end(LONG)
    assert errors == ""
    assert (code, out) == (0, "([], [])\n")


def test_closing_a_space_that_still_connects_is_quick_and_leaves_nothing(silent: socket.socket) -> None:
    source = f"""{textwrap.dedent(LEFT)}
import sys
from qwen_spaces import QwenSpace, StreamCancelledError
space = QwenSpace("qwen-2.5", src=sys.argv[1])
stream = space.stream("Hi")
next(iter(stream.events()))
sys.stdin.readline()
start = time.monotonic()
space.close()
assert time.monotonic() - start < 1, f"it took {{time.monotonic() - start}} s"
try:
    stream.result()
except StreamCancelledError:
    print(left())
"""
    with program(source, address_of(silent)) as running:
        connection, _ = silent.accept()
        with connection:
            code, out, errors = running.end(5.0)
    assert errors == ""
    assert (code, out) == (0, "([], [])\n")


# Forks -----------------------------------------------------------------------------------------------------

FORKED = {
    "a stream": "list(space.stream('Hi'))",
    "an answer": "space.ask('Hi')",
    "an async answer": "asyncio.run(awaited())",
    "its status": "space.status()",
    "a conversation": "space.conversation().ask('Hi')",
    "a stream of the parent's": "list(unread)",
}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.parametrize("before", ["reached", "fresh"])
@pytest.mark.parametrize("use", FORKED)
def test_a_forked_child_is_refused_the_space_of_its_parent(use: str, before: str, servers: Servers) -> None:
    source = f"""
import asyncio, os, signal, sys, warnings
from qwen_spaces import ConnectError, QwenSpace

space = QwenSpace("qwen-2.5", src=sys.argv[1])
unread = space.stream("Hi")
if {before!r} == "reached":
    space.ask("Hi [[pace=0]]")

async def awaited():
    await space.stream("Hi")

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # a fork beside threads, from Python 3.12 on
    child = os.fork()
if child == 0:
    signal.alarm(5)
    try:
        {FORKED[use]}
    except ConnectError as error:
        print(error, flush=True)
    with QwenSpace("qwen-2.5", src=sys.argv[1]) as own:
        print("Hi" in own.ask("Hi [[pace=0]]").text, flush=True)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
print("Hi" in space.ask("Hi [[pace=0]]").text, flush=True)
"""
    with program(source, servers["qwen-2.5"]) as running:
        code, out, errors = running.end(LONG)
    assert (code, errors) == (0, "")
    refused, *answered = out.splitlines()
    assert "another process" in refused
    assert answered == ["True", "True"]


def test_the_programs_here_would_show_what_is_left(silent: socket.socket) -> None:
    source = f"""{textwrap.dedent(LEFT)}
import socket, sys, threading
host, port = sys.argv[1].removeprefix("http://").split(":")
kept = socket.create_connection((host, int(port)))
threading.Thread(target=threading.Event().wait, name="kept", daemon=True).start()
print(*map(len, left()))
kept.close()
"""
    with program(source, address_of(silent)) as running:
        start = time.monotonic()
        assert running.end(LONG)[:2] == (0, "1 1\n" if os.path.isdir("/proc/self/fd") else "1 0\n")
        assert time.monotonic() - start < LONG
