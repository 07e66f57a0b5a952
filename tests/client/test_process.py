"""A clean process: programs exit, Ctrl-C stops the job on the server, threads and sockets are closed."""

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

from ..support.modes import PATIENCE
from ..support.servers import Servers

LEFTOVERS = """
    import gc, os, threading, time

    def leftovers():
        "Return the threads and sockets of this process, when those that are closing are gone."
        for _ in range(50):
            gc.collect()
            names = [thread.name for thread in threading.enumerate()]
            # Trio keeps idle threads for 10 seconds, and has no way to end them.
            threads = [name for name in names if name != "MainThread" and not name.startswith("Trio")]
            links = []
            for fd in os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else ():
                try:
                    links.append(os.readlink(f"/proc/self/fd/{fd}"))
                except OSError:
                    pass
            sockets = [name for name in links if name.startswith("socket:")]
            if not threads and not sockets:
                break
            time.sleep(0.01)
        return threads, sockets
"""


class Program:
    """A Python program in its own process, with warnings as errors."""

    def __init__(self, source: str, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", textwrap.dedent(source), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_for(self, line: str) -> None:
        """Read its output up to this line."""
        assert self.process.stdout
        for printed in self.process.stdout:
            if printed.rstrip("\n") == line:
                return
        pytest.fail(f"it never printed {line!r}: {self.process.communicate(timeout=PATIENCE)[1]}")

    def go_on(self) -> None:
        """Write the line that it waits for."""
        assert self.process.stdin
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def end(self, seconds: float = PATIENCE) -> tuple[int, str, str]:
        """Its exit code, what else it printed and its errors; it must be over in so many seconds."""
        try:
            out, errors = self.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            pytest.fail(f"still running after {seconds} s: {self.process.communicate()}")
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
    """A server that never sends anything; the test accepts its connections."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE)
        yield listener


def address_of(listener: socket.socket) -> str:
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


# Exit ------------------------------------------------------------------------------------------------------

MID_ANSWER = {
    "open loops": """
        import asyncio, threading, time, trio

        kept = [iter(stream()), iter(stream().events())]
        for loop in kept:
            next(loop)

        async def read():
            global deltas
            deltas = stream().__aiter__()
            await deltas.__anext__()

        asyncio.run(read())
        trio.run(read)
        threaded = stream()
        threading.Thread(target=list, args=[threaded], daemon=True).start()
        while not threaded.text:
            time.sleep(0.005)
    """,
    "a result that timed out": """
        kept = stream()
        while not kept.text:  # the brain has started: else its log has no end
            try:
                kept.result(timeout=0.2)
            except TimeoutError:
                pass
    """,
    "sys.exit in the loop": """
        for delta in stream():
            print("leaving", flush=True)
            sys.exit()
    """,
}


@pytest.mark.parametrize("reading", MID_ANSWER.values(), ids=list(MID_ANSWER))
def test_a_program_exits_during_an_answer(reading: str, endless: str, servers: Servers) -> None:
    source = f"""
import sys
from qwen_spaces import QwenSpace
space = QwenSpace("qwen-2.5", src=sys.argv[1])
streams = []

def stream():
    streams.append(space.stream(sys.argv[2]))
    return streams[-1]

{textwrap.dedent(reading)}
print("leaving", flush=True)
"""
    with program(source, servers["qwen-2.5"], endless) as running:
        running.wait_for("leaving")
        assert running.end() == (0, "", "")
    servers.wait_for("end", endless)


@pytest.fixture
def endless(prompt: str) -> str:
    return f"{prompt} [[forever]]"


def test_a_program_exits_while_it_connects(silent: socket.socket) -> None:
    source = """
        import asyncio, sys
        from qwen_spaces import QwenSpace
        streams = [QwenSpace("qwen-2.5", src=sys.argv[1]).stream("Hi") for _ in range(2)]
        loops = [stream.events() for stream in streams]
        next(loops[0])

        async def start():
            await loops[1].__anext__()

        asyncio.run(start())
        sys.stdin.readline()
        print("leaving", flush=True)
    """
    with program(source, address_of(silent)) as running, silent.accept()[0], silent.accept()[0]:
        running.go_on()
        running.wait_for("leaving")
        assert running.end() == (0, "", "")


def test_a_program_exits_while_it_waits_in_the_queue(endless: str, prompt: str, servers: Servers) -> None:
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
        held = iter(holder)
        next(held)
        with program(source, servers["one-slot"], prompt) as running:
            running.wait_for("leaving")
            assert running.end() == (0, "", "")
    servers.wait_for("end", endless)


def test_a_program_exits_that_never_used_its_space() -> None:
    source = """
        from qwen_spaces import QwenSpace
        unused, closed, unread, cancelled = (QwenSpace("qwen-2.5") for _ in range(4))
        closed.close()
        stream, stopped = unread.stream("Hi"), cancelled.stream("Hi")
        stopped.cancel()
        print("leaving", flush=True)
    """
    with program(source) as running:
        running.wait_for("leaving")
        assert running.end() == (0, "", "")


# Ctrl-C ----------------------------------------------------------------------------------------------------

LOOPS = {
    "sync": """
        for delta in space.stream(prompt):
            print(delta, flush=True)
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
def test_ctrl_c_during_an_answer_stops_the_server(loop: str, endless: str, servers: Servers) -> None:
    source = INTERRUPTED.format(textwrap.dedent(LOOPS[loop]))
    with program(source, servers["qwen-2.5"], endless) as running:
        servers.wait_for("begin", endless)
        assert running.process.stdout
        assert running.process.stdout.readline().startswith("word1 ")
        running.interrupt()
        servers.wait_for("end", endless)
        check_interrupted(running)


@pytest.mark.parametrize("mode", ["ask", "asyncio"])
def test_ctrl_c_while_connecting_ends_the_program(mode: str, silent: socket.socket) -> None:
    source = INTERRUPTED.format(textwrap.dedent(LOOPS.get(mode, "space.ask(prompt)")))
    with program(source, address_of(silent), "Hi") as running, silent.accept()[0]:
        running.interrupt()
        check_interrupted(running)


# Leftovers -------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_one_space_serves_many_event_loops_in_a_row(servers: Servers) -> None:
    source = """
        import asyncio, logging, sys, trio
        from qwen_spaces import QwenSpace
        space = QwenSpace("qwen-2.5", src=sys.argv[1])
        # On a busy machine every callback is slow, and the debug mode logs that.
        logging.getLogger("asyncio").addFilter(lambda record: "Executing" not in record.msg)

        async def ask():
            assert "Hi" in (await space.stream("Hi [[pace=0]]")).text

        async def stop_early():
            async for _ in space.stream("Hi [[forever]]"):
                break

        for _ in range(2):
            asyncio.run(ask(), debug=True)
            trio.run(ask)
            asyncio.run(stop_early(), debug=True)
            trio.run(stop_early)
            assert "Hi" in space.ask("Hi [[pace=0]]").text
        print("leaving", flush=True)
    """
    with program(source, servers["qwen-2.5"]) as running:
        running.wait_for("leaving")
        assert running.end() == (0, "", "")


USES = [  # in this order, in one program, which keeps the streams
    "space.ask('Hi [[pace=0]]')",
    "next(iter(space.stream('Hi [[forever]]')))",
    "stream = space.stream('Hi [[forever]]'); deltas = iter(stream); next(deltas)",
    "kept = [iter(space.stream('Hi [[forever]]')) for _ in range(4)]; [*map(next, kept)]",
    "others = [iter(space.stream('Hi [[forever]]')) for _ in range(4)]; [*map(next, others)]",
    "last = iter(space.stream('Hi [[forever]]')); next(last)",
    "try: space.ask('[[error-first]]')\nexcept Exception as error: failed = error",
    "space.status()",
]


def test_a_closed_space_has_no_thread_and_no_socket(servers: Servers) -> None:
    source = f"""{textwrap.dedent(LEFTOVERS)}
import asyncio, sys, trio
from qwen_spaces import QwenSpace

def close_async(run):
    async def close():
        await space.aclose()
    run(close)

closes = {{
    "sync": lambda: space.close(),
    "trio": lambda: close_async(trio.run),
    "asyncio": lambda: close_async(lambda close: asyncio.run(close())),
}}
for number, use in enumerate({USES!r}):
    mode = [*closes][number % 3]
    space = QwenSpace("qwen-2.5", src=sys.argv[1])
    exec(use)
    closes[mode]()
    assert leftovers() == ([], []), (mode, use, leftovers())
print("leaving", flush=True)
"""
    with program(source, servers["qwen-2.5"]) as running:
        running.wait_for("leaving")
        assert running.end() == (0, "", "")


def test_a_space_that_still_connects_closes_quickly(silent: socket.socket) -> None:
    source = f"""{textwrap.dedent(LEFTOVERS)}
import sys
from qwen_spaces import QwenSpace, StreamCancelledError
space = QwenSpace("qwen-2.5", src=sys.argv[1])
stream = space.stream("Hi")
next(iter(stream.events()))
sys.stdin.readline()
start = time.monotonic()
space.close()
assert time.monotonic() - start < 15, f"it took {{time.monotonic() - start}} s"
try:
    stream.result()
except StreamCancelledError:
    print(leftovers())
"""
    with program(source, address_of(silent)) as running, silent.accept()[0]:
        running.go_on()
        code, out, errors = running.end()
    assert errors == ""
    assert (code, out) == (0, "([], [])\n")


# Forks -----------------------------------------------------------------------------------------------------

FORKED = [
    "list(space.stream('Hi'))",
    "space.ask('Hi')",
    "asyncio.run(awaited())",
    "space.status()",
    "space.conversation().ask('Hi')",
    "list(unread)",
]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.parametrize("state", ["reached", "unused"])
def test_a_forked_child_cannot_use_the_space_of_its_parent(state: str, servers: Servers) -> None:
    source = f"""
import asyncio, faulthandler, os, signal, sys, warnings
import gradio_client  # once, not in each child
from qwen_spaces import ConnectError, QwenSpace

async def awaited():
    await space.stream("Hi")

def child():
    faulthandler.dump_traceback_later(50)
    signal.alarm(60)
    try:
        exec(use)
        print("not refused:", use, flush=True)
    except ConnectError as error:
        if "another process" not in str(error):
            print(error, flush=True)
    if {state!r} == "reached":  # a lock of OpenSSL may be held by a thread that the child lacks
        os._exit(0)
    own = QwenSpace("qwen-2.5", src=sys.argv[1])
    os._exit("list" in use and "Hi" not in own.ask("Hi [[pace=0]]").text)

space = QwenSpace("qwen-2.5", src=sys.argv[1])
for use in {FORKED!r}:
    unread = space.stream("Hi")
    if {state!r} == "reached":
        space.ask("Hi [[pace=0]]")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of a fork with threads
        pid = os.fork()
    if not pid:
        child()
    assert os.waitpid(pid, 0)[1] == 0, use
assert "Hi" in space.ask("Hi [[pace=0]]").text
"""
    with program(source, servers["qwen-2.5"]) as running:
        assert running.end(PATIENCE) == (0, "", "")


def test_leftovers_are_found(silent: socket.socket) -> None:
    source = f"""{textwrap.dedent(LEFTOVERS)}
import socket, sys, threading
host, port = sys.argv[1].removeprefix("http://").split(":")
kept = socket.create_connection((host, int(port)))
threading.Thread(target=threading.Event().wait, name="kept", daemon=True).start()
print(*map(len, leftovers()))
kept.close()
"""
    with program(source, address_of(silent)) as running:
        start = time.monotonic()
        assert running.end(PATIENCE)[:2] == (0, "1 1\n" if os.path.isdir("/proc/self/fd") else "1 0\n")
        assert time.monotonic() - start < PATIENCE
