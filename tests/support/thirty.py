"""A Hub with thirty Spaces, in every state that there is; real Gradio servers behind a few of them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .hub import listed, serve_hub
from .proxy import Answer, Recorder, Request, recording
from .reluctant import Reluctant
from .servers import Servers

ME, SECRET = "me", "hf_SecretOfTheSearch"
CLOSED = "http://127.0.0.1:9"
HTML = {"Content-Type": "text/html"}

# The Spaces with a chat that runs, in the order in which they are found: id -> likes, hardware, server.
RUNNING: dict[str, tuple[int, str, str]] = {
    "Qwen/Qwen2.5": (900, "cpu-basic", "qwen-2.5"),
    "Qwen/Qwen2-72B-Instruct": (800, "cpu-basic", "qwen-2-72b"),
    "studio/qwen-chat": (50, "cpu-basic", "settings"),
    f"{ME}/qwen-private": (5, "cpu-basic", "qwen-2.5"),
    "lab/qwen-text": (0, "cpu-basic", "chats/text_interface"),
    "studio/qwen-vision-chat": (40, "a10g-small", "pictures"),
    "lab/qwen-thinker": (999, "zero-a10g", "thinker"),
    "Qwen/QVQ-72B-preview": (700, "zero-a10g", "qvq-72b"),
}
CHATS = list(RUNNING)
NO_CHATS = ("lab/qwen-adder", "lab/qwen-another-adder")
# What the Hub says of a Space that its list takes for running.
STAGES = {
    "lab/qwen-asleep": "SLEEPING",
    "lab/qwen-crashed": "RUNTIME_ERROR",
    "lab/qwen-misbuilt": "BUILD_ERROR",
    "lab/qwen-misconfigured": "CONFIG_ERROR",
    "lab/qwen-building": "BUILDING",
    "lab/qwen-starting": "APP_STARTING",
    "lab/qwen-paused": "PAUSED",
    "lab/qwen-stopped": "STOPPED",
    "lab/qwen-gone": "404",
}
# What the server of a Space answers, whatever it is asked.
ANSWERS = {
    "lab/qwen-dozing": Answer(503, {"Retry-After": "1"}),
    "lab/qwen-failing": Answer(500),
    "lab/qwen-page": Answer(200, HTML, b"<html><title>Welcome</title></html>"),
    "lab/qwen-garbage": Answer(200, body=b"[1]"),
    "stranger/qwen-token-please": Answer(401, {"WWW-Authenticate": "Bearer"}, b'{"detail": "Your token?"}'),
    "stranger/qwen-login": Answer(307, {"Location": "/login"}),
    "stranger/qwen-elsewhere": Answer(307, {"Location": "http://localhost:9/config"}),
}
OTHERS = [
    listed("lab/qwen-static", 70, sdk="static"),
    listed("Qwen/Qwen-asleep", 60, stage="SLEEPING"),
]


@dataclass
class Thirty:
    """The Hub's address, and the servers of its Spaces."""

    hub: str
    fronts: dict[str, Recorder]
    hanging: Reluctant

    def told_the_token(self) -> set[str]:
        """The ids of the Spaces that have seen the token."""
        return {space_id for space_id, front in self.fronts.items() if SECRET in str(front.seen)}


def refuse_strangers(request: Request) -> Answer | None:
    """Answer as a private Space without the token of its owner."""
    return None if request.headers.get("x-hf-authorization") == f"Bearer {SECRET}" else Answer(401)


@contextlib.contextmanager
def serve_thirty(servers: Servers) -> Iterator[Thirty]:
    """Serve the Spaces and the Hub that lists them."""
    with contextlib.ExitStack() as stack:
        fronts: dict[str, Recorder] = {}
        for space_id, (_, _, name) in RUNNING.items():
            own = refuse_strangers if space_id.startswith(f"{ME}/") else lambda _: None
            fronts[space_id] = stack.enter_context(recording(servers[name], own))
        for space_id in NO_CHATS:
            fronts[space_id] = stack.enter_context(recording(servers["no_chat"]))
        for space_id, answer in ANSWERS.items():
            fronts[space_id] = stack.enter_context(recording(interfere=lambda _, answer=answer: answer))
        hanging = stack.enter_context(contextlib.closing(Reluctant(drips=True)))
        hosts: dict[str, Any] = {space_id: front.url for space_id, front in fronts.items()}
        hosts |= dict.fromkeys(STAGES, CLOSED)
        hosts |= {"lab/qwen-refuses": CLOSED, "lab/qwen-hangs": hanging.url}
        spaces = [
            listed(space_id, likes, hardware=hardware, private=space_id.startswith(f"{ME}/"))
            for space_id, (likes, hardware, _) in RUNNING.items()
        ]
        spaces += [listed(space_id, 100) for space_id in hosts if space_id not in RUNNING] + OTHERS
        assert len(spaces) == 30, len(spaces)
        stages = {space_id: [stage] for space_id, stage in STAGES.items()}
        hub, _ = stack.enter_context(serve_hub(hosts, stages, spaces=spaces, accounts={SECRET: ME}))
        yield Thirty(hub, fronts, hanging)
