"""A TCP proxy that does harm at random: delays, drips, cuts, resets, black holes.

The same seed does the same harm. `Chaos` runs it as a program, ``python -m tests.tools.chaos``. Each line of
its stdin is the JSON of a `Route`; it answers with a line of JSON, ``{"route": ..., "port": ...}``, and
reports each connection as ``{"route": ..., "plan": ...}``. It ends with its stdin.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import socket
import struct
import subprocess
import sys
import threading
import urllib.parse
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

END = Literal["fin", "reset", "hole", "half"]
WAIT = 60.0  # seconds that a black hole stays; nobody may wait as long
CHUNK = 65536
START = 30.0  # seconds for the program to start


@dataclass(frozen=True)
class Route:
    """One listening port and what is behind it.

    Attributes:
        route: its name.
        seed: of the plans of its connections.
        target: the port of the server behind, on loopback.
        harm: the probability that harm is done to a connection.
    """

    route: int
    seed: int
    target: int
    harm: float


@dataclass(frozen=True)
class Plan:
    """What is done to one connection.

    Attributes:
        delay: seconds before anything is passed on.
        piece: bytes that are passed on at once.
        pause: seconds after each piece.
        up: whether the rest is done to what the client sends, not to what the server answers.
        after: bytes of that direction that still get through; ``None`` is all.
        end: what comes then: closed, reset, silent for ever, or closed in one direction only.
        deaf: whether nothing of the client is ever read.
    """

    delay: float = 0.0
    piece: int = CHUNK
    pause: float = 0.0
    up: bool = False
    after: int | None = None
    end: END = "fin"
    deaf: bool = False


def planned(dice: random.Random, harm: float) -> Plan:
    """Choose what is done to a connection."""
    if dice.random() > harm:
        return Plan(delay=dice.choice([0, 0, 0, 0.02, 0.3]))
    kind = dice.choice(["late", "slow", "drip", "deaf", *["cut"] * 8])
    if kind == "late":
        return Plan(delay=dice.uniform(0.5, 4))
    if kind == "slow":
        return Plan(piece=dice.randint(50, 500), pause=0.005)
    if kind == "drip":
        return Plan(piece=1, pause=dice.uniform(0.05, 0.4), up=dice.random() < 0.3)
    if kind == "deaf":
        return Plan(deaf=True)
    after = 0 if dice.random() < 0.3 else int(10 ** dice.uniform(0, 4.5))
    ends: list[END] = ["fin", "reset", "hole", "half"]
    return Plan(delay=dice.choice([0, 0.1]), up=dice.random() < 0.25, after=after, end=dice.choice(ends))


class Proxy:
    """The connections of one route."""

    def __init__(self, route: Route) -> None:
        self.route = route
        self.count = 0

    async def serve(self) -> int:
        """Listen; gives the port. One route in eight refuses connections for a while."""
        dice = random.Random(f"{self.route.seed} {self.route.route}")
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        refused = dice.uniform(0.2, 1.5) if self.route.harm and dice.random() < 0.125 else 0.0
        if refused:
            self.report(f"refused for {refused:.2f} s")
        else:
            listener.listen(64)
        self.task = asyncio.create_task(self.accept(listener, refused))
        return int(listener.getsockname()[1])

    async def accept(self, listener: socket.socket, refused: float) -> None:
        """Take connections from when they are not refused any more."""
        await asyncio.sleep(refused)
        self.server = await asyncio.start_server(self.handle, sock=listener, backlog=64)

    def report(self, plan: str) -> None:
        print(json.dumps({"route": self.route.route, "plan": plan}), flush=True)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Do to a connection what is planned."""
        self.count += 1
        plan = planned(random.Random(f"{self.route.seed} {self.route.route} {self.count}"), self.route.harm)
        self.report(f"{self.count}: {plan}")
        with contextlib.suppress(OSError):
            if plan.deaf:
                await asyncio.sleep(WAIT)
            elif plan.after == 0 and plan.end == "reset":
                reset(writer)
            else:
                await asyncio.sleep(plan.delay)
                await self.pass_on(plan, reader, writer)
        writer.close()

    async def pass_on(self, plan: Plan, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Stand between client and server until the plan, or one of them, ends it."""
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self.route.target)
        up, down = (plan, Plan()) if plan.up else (Plan(), plan)
        ways = {
            asyncio.create_task(pump(reader, to_server, up)),
            asyncio.create_task(pump(from_server, writer, down)),
        }
        try:
            done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            over = any(not task.exception() and task.result() for task in done)
            if over and plan.end == "reset":
                reset(writer)
            elif over and plan.end == "hole":
                await asyncio.sleep(WAIT)
            elif over and plan.end == "half":
                (to_server if plan.up else writer).write_eof()
                await asyncio.wait(ways, timeout=WAIT)
            elif not over:
                await asyncio.wait(ways, timeout=1)  # for the other way, if one just ended
        finally:
            for task in ways:
                task.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            to_server.close()


async def pieces(reader: asyncio.StreamReader, plan: Plan) -> AsyncIterator[bytes]:
    """What comes, in the pieces of the plan."""
    while chunk := await reader.read(CHUNK):
        for start in range(0, len(chunk), plan.piece):
            yield chunk[start : start + plan.piece]


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, plan: Plan) -> bool:
    """Pass on one direction; gives whether the plan ended it."""
    left = plan.after
    if left == 0:
        return True
    async for piece in pieces(reader, plan):
        writer.write(piece[:left])
        await writer.drain()
        await asyncio.sleep(plan.pause)
        if left is not None and (left := left - len(piece)) <= 0:
            return True
    writer.write_eof()
    return False


def reset(writer: asyncio.StreamWriter) -> None:
    """End a connection by a reset."""
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class Chaos:
    """The process of the proxy."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.tools.chaos"],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.plans: dict[int, list[str]] = {}
        self._ports: dict[int, int] = {}
        self._changed = threading.Condition()
        self._listener = threading.Thread(target=self._listen, name="chaos", daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            report = json.loads(line)
            with self._changed:
                if "port" in report:
                    self._ports[report["route"]] = report["port"]
                else:
                    self.plans.setdefault(report["route"], []).append(report["plan"])
                self._changed.notify_all()

    def route(self, url: str, number: int, harm: float) -> str:
        """The address of a new way to a server."""
        assert self.process.stdin
        target = urllib.parse.urlsplit(url).port or 0
        with self._changed:
            self.process.stdin.write(json.dumps(asdict(Route(number, self.seed, target, harm))) + "\n")
            self.process.stdin.flush()
            assert self._changed.wait_for(lambda: number in self._ports, START)
            return f"http://127.0.0.1:{self._ports[number]}"

    def stop(self) -> None:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.close()
        self.process.wait(10)
        self._listener.join(5)
        self.process.stdout.close()


async def main() -> None:
    """Open the routes that stdin names."""
    loop = asyncio.get_running_loop()
    proxies = []  # kept alive
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        proxy = Proxy(Route(**json.loads(line)))
        proxies.append(proxy)
        print(json.dumps({"route": proxy.route.route, "port": await proxy.serve()}), flush=True)
    os._exit(0)  # past the complaints of connections that still wait


if __name__ == "__main__":
    asyncio.run(main())
