"""A long queue behind nginx, which gives up after 60 seconds of silence: 90 seconds, or a tenth of both.

    python -m tests.tools.behind_nginx --nginx PATH --scale 0.1

It shows a stream with the gateway's early comments, one without them, and a whole answer, which cannot begin
early: whether the answer arrives, how often OpenAI's client asked, and how many jobs were begun on the Space.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai

from qwen_spaces import QwenSpace
from qwen_spaces.gateway import _answers as answers
from qwen_spaces.gateway import create_app

from ..support.gateway import chat, serve_gateway
from ..support.modes import PATIENCE
from ..support.proxy import recording
from ..support.servers import Servers

SILENCE, QUEUE = 60.0, 90.0  # seconds: nginx's default, and the time that others need
CONFIG = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{ proxy_pass {gateway}; proxy_read_timeout {silence}ms; }}
    }}
}}
"""


@contextlib.contextmanager
def nginx(program: str, gateway: str, silence: float) -> Iterator[str]:
    """Run nginx before the gateway, with its defaults but for the timeout; yields its address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "nginx.conf")
        values: dict[str, Any] = {"folder": folder, "port": port, "gateway": gateway}
        config.write_text(CONFIG.format(silence=int(silence * 1000), **values))
        error_log = ["-e", f"{folder}/error.log"]
        process = subprocess.Popen([program, *error_log, "-c", str(config), "-p", folder])
        try:
            wait_for(port, process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(PATIENCE)


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < until:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.02)
    sys.exit("nginx does not start")


class Counted:
    """The gateway's app, which counts its requests."""

    def __init__(self, app: Any) -> None:
        self.app, self.requests = app, 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.requests += scope["type"] == "http"
        await self.app(scope, receive, send)


def measure(program: str, servers: Servers, name: str, scale: float, *, stream: bool) -> str:
    """Ask while others hold the Space's only place; return a row of the table."""
    marks = f"{name} {time.time()}"
    held = f"others {marks} [[forever]] [[pace=0.05]]"
    with (
        recording(servers["one-slot"], read_timeout=PATIENCE + QUEUE) as space,
        serve_gateway(app := Counted(create_app({"qwen-2.5": space.url}))) as gateway,  # type: ignore[arg-type]
        nginx(program, gateway, SILENCE * scale) as url,
        openai.OpenAI(base_url=f"{url}/v1", api_key="any") as client,  # which tries again, twice
        QwenSpace("qwen-2.5", src=servers["one-slot"]).stream(held) as others,
    ):
        reading = iter(others)
        next(reading)
        timer = threading.Timer(QUEUE * scale, others.cancel)
        timer.start()
        start = time.monotonic()
        try:
            text = ask(client, f"{marks} [[pace=0]]", stream=stream)
            result = "arrived" if marks in text else f"wrong: {text[:60]!r}"
        except openai.APIError as error:
            result = f"{type(error).__name__}: {error}".splitlines()[0][:60]
        seconds = time.monotonic() - start
        timer.cancel()
    jobs = [request.kind for request in space.seen].count("join")
    begun = servers.count("begin", f"{marks} [[pace=0]]")
    return f"| {name} | {result} | {seconds:.1f} | {app.requests} | {jobs} | {begun} |"


def ask(client: openai.OpenAI, prompt: str, *, stream: bool) -> str:
    answer: Any = client.chat.completions.create(**chat(prompt), stream=stream)
    if not stream:
        return str(answer.choices[0].message.content)
    return "".join(chunk.choices[0].delta.content or "" for chunk in answer)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.tools.behind_nginx")
    parser.add_argument("--nginx", default=shutil.which("nginx") or "nginx", help="the program")
    parser.add_argument("--scale", type=float, default=0.1, help="1 for the real times")
    given = parser.parse_args()
    early, ping, servers = answers.EARLY * given.scale, answers.PING * given.scale, Servers()
    print(f"Queue {QUEUE * given.scale:g} s, nginx's read timeout {SILENCE * given.scale:g} s.\n")
    print("| request | answer | seconds | requests | jobs on the Space | answers begun there |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, begin, stream in (
        ("stream", early, True),
        ("stream without comments", 1e9, True),
        ("whole", early, False),
    ):
        answers.EARLY, answers.PING = begin, ping  # type: ignore[assignment]
        print(measure(given.nginx, servers, name, given.scale, stream=stream), flush=True)
    servers.stop()


if __name__ == "__main__":
    main()
