"""A replica with a model behind it: any server that speaks OpenAI's chat completions."""

from __future__ import annotations

import asyncio
import base64
import json
import queue
import socket
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import pytest
from pytest_mock import MockerFixture

pytest.importorskip("openai")

from click.testing import CliRunner
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from qwen_spaces.cli import main
from qwen_spaces.gateway import create_app

from ..support.gateway import serve_gateway
from ..support.images import picture
from ..support.modes import PATIENCE
from ..support.raw_client import RawReplica

KEY = "sk-the-key-of-the-tests"
MODEL = "qwen2.5:0.5b"
REFUSALS = {"locked": 401, "forbidden": 403, "unknown": 404, "limited": 429, "broken": 500}


class Model:
    """An OpenAI-compatible server, whose behaviour depends on the prompt."""

    def __init__(self) -> None:
        self.models = [MODEL]
        self.seen: list[dict[str, Any]] = []
        self.ended: queue.Queue[str] = queue.Queue()
        routes = [
            Route("/v1/models", self.list_models),
            Route("/v1/chat/completions", self.complete, methods=["POST"]),
        ]
        self.app: Any = Starlette(routes=routes)
        self.url = ""

    async def list_models(self, _: Request) -> Response:
        data = [{"id": name, "object": "model", "created": 0, "owned_by": "tests"} for name in self.models]
        return JSONResponse({"object": "list", "data": data})

    async def complete(self, request: Request) -> Response:
        body = await request.json()
        self.seen.append({**body, "authorization": request.headers.get("authorization")})
        prompt = str(body["messages"][-1]["content"])
        if prompt in REFUSALS:
            error = {"message": f"No, not with {KEY}.", "type": "x", "param": None, "code": None}
            return JSONResponse({"error": error}, REFUSALS[prompt])
        return StreamingResponse(self.events(prompt), media_type="text/event-stream")

    async def events(self, prompt: str) -> AsyncIterator[str]:
        try:
            if prompt == "silent":
                yield ": nothing yet\n\n"
                await asyncio.sleep(60)
            for word in ("Let me ", "see."):
                yield chunk(reasoning_content=word)
            yield chunk(role="assistant", content="")
            while True:
                for word in ("The sky ", "is ", "blue."):
                    yield chunk(content=word)
                    await asyncio.sleep(0.001)
                if prompt == "cut":
                    raise OSError
                if prompt == "choked":
                    yield f"data: {json.dumps({'error': {'message': 'out of memory'}})}\n\n"
                if prompt != "endless":
                    break
            yield f"data: {json.dumps({**CHUNK, 'choices': []})}\n\ndata: [DONE]\n\n"
        finally:
            self.ended.put(prompt)


CHUNK = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": MODEL}


def chunk(**delta: str) -> str:
    return (
        f"data: {json.dumps({**CHUNK, 'choices': [{'index': 0, 'delta': delta, 'finish_reason': None}]})}\n\n"
    )


@pytest.fixture(scope="module")
def model() -> Iterator[Model]:
    model = Model()
    with serve_gateway(model.app) as url:
        model.url = f"{url}/v1"
        yield model


@pytest.fixture(scope="module")
def replicas(model: Model) -> Iterator[dict[str, RawReplica]]:
    from qwen_spaces.replicas import serve
    from qwen_spaces.replicas._backend import backend

    brain = backend(model.url, MODEL, KEY)
    with serve("qwen-2.5", brain=brain) as one, serve("qwen-3", brain=brain) as two:
        replicas = {"qwen-2.5": RawReplica(one), "qwen-3": RawReplica(two)}
        yield replicas
        for replica in replicas.values():
            replica.http.close()


def steps_of(brain: Any, *given: Any, **named: Any) -> list[str]:
    async def run() -> list[str]:
        return [step async for step in brain(*given, **named)]

    return anyio.run(run)


def test_the_model_gets_the_conversation_and_its_text_is_streamed(
    model: Model, replicas: dict[str, RawReplica]
) -> None:
    prompt = "Why [[gr-error=is that]] the sky?"
    given = prompt, [["Hi", "Hello."]], "Be brief.", "7B"
    *steps, completed, _ = replicas["qwen-2.5"].run("model_chat", *given)
    assert completed["output"]["data"][1][1][1]["text"] == "The sky is blue."
    assert sum(step["msg"] == "process_generating" for step in steps) == 3
    assert model.seen[-1] == {
        "model": MODEL,
        "stream": True,
        "authorization": f"Bearer {KEY}",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Hello."},
            {"role": "user", "content": prompt},
        ],
    }


def test_reasoning_is_shown_where_the_space_shows_it(replicas: dict[str, RawReplica]) -> None:
    settings = {"model": "qwen3-8b", "sys_prompt": "", "thinking_budget": 1}
    message = json.dumps(replicas["qwen-3"].run("add_message", "Why?", settings, None, None))
    assert '"type": "tool"' in message
    for part in ("Let me ", "see.", "End of Thought", "The sky ", "blue."):
        assert part in message


def test_images_go_as_data_urls_with_the_last_message(model: Model, tmp_path: Path) -> None:
    from qwen_spaces.replicas._backend import backend
    from qwen_spaces.replicas._brain import Thought

    pictures = {"a.png": picture("PNG", (3, 2), "red"), "b.jpg": picture("JPEG", (3, 2), "blue")}
    for name, data in pictures.items():
        (tmp_path / name).write_bytes(data)
    paths = [str(tmp_path / name) for name in pictures]
    steps = steps_of(backend(model.url, MODEL), "", [("Hi", "")], "What?", paths[-1], images=paths)
    assert steps == ["Let me ", "Let me see.", "The sky ", "The sky is ", "The sky is blue."]
    assert [isinstance(step, Thought) for step in steps] == [True, True, False, False, False]
    first, second = model.seen[-1]["messages"]
    assert first == {"role": "user", "content": "Hi"}
    *images, text = second["content"]
    assert text == {"type": "text", "text": "What?"}
    urls = [image["image_url"]["url"].partition(";base64,") for image in images]
    assert [(kind, base64.b64decode(data)) for kind, _, data in urls] == [
        ("data:image/png", pictures["a.png"]),
        ("data:image/jpeg", pictures["b.jpg"]),
    ]
    assert model.seen[-1]["authorization"] == "Bearer none"


def test_a_file_that_is_no_image_is_not_sent(model: Model, tmp_path: Path) -> None:
    import gradio as gr

    from qwen_spaces.replicas._backend import backend

    (tmp_path / "notes.txt").write_text("secret")
    before = len(model.seen)
    with pytest.raises(gr.Error, match=r"notes\.txt is not an image"):
        steps_of(backend(model.url, MODEL), "", [], "What?", str(tmp_path / "notes.txt"))
    assert len(model.seen) == before


# Gradio notices a disconnect only at the next step, so a silent answer has to be cancelled.
@pytest.mark.parametrize(
    ("prompt", "end"), [("endless", "cancelled"), ("endless", "dropped"), ("silent", "cancelled")]
)
def test_an_abandoned_answer_ends_the_request_to_the_model(
    model: Model, replicas: dict[str, RawReplica], prompt: str, end: str
) -> None:
    replica, before = replicas["qwen-2.5"], len(model.seen)
    while not model.ended.empty():
        model.ended.get()
    session, joined = replica.join("model_chat", prompt, [], "", "7B")
    with replica.messages(session) as messages:
        if prompt == "endless":
            assert any(m["msg"] == "process_generating" for m in messages)
        else:
            assert any(m["msg"] == "process_starts" for m in messages)
            until = time.monotonic() + PATIENCE
            while len(model.seen) == before and time.monotonic() < until:
                time.sleep(0.01)
        if end == "cancelled":
            fn = replica.names.index("model_chat")
            body = {"session_hash": session, "fn_index": fn, "event_id": joined.json()["event_id"]}
            assert replica.http.post(f"{replica.api}/cancel", json=body).json() == {"success": True}
            assert model.ended.get(timeout=PATIENCE) == prompt
    if end == "dropped":
        assert model.ended.get(timeout=PATIENCE) == prompt


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ("locked", "refused the request: the replica needs its API key."),
        ("forbidden", "refused the request: the replica needs its API key."),
        ("unknown", "failed: No, not with ***."),
        ("limited", "failed: No, not with ***."),
        ("broken", "failed: No, not with ***."),
        ("choked", "failed: out of memory"),
        ("cut", "broke off its answer."),
    ],
)
def test_an_error_of_the_server_is_reported_without_the_key(
    replicas: dict[str, RawReplica], prompt: str, message: str
) -> None:
    *_, completed, _ = replicas["qwen-2.5"].run("model_chat", prompt, [], "", "7B")
    assert not completed["success"]
    assert completed["output"]["error"].startswith("The model's server, 127.0.0.1:")
    assert message in completed["output"]["error"]
    assert KEY not in json.dumps(completed)


def test_a_server_that_does_not_run_is_an_error() -> None:
    import gradio as gr

    from qwen_spaces.replicas._backend import backend

    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        closed = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    with pytest.raises(gr.Error, match="cannot be reached"):
        steps_of(backend(closed, MODEL), "", [], "Hi", None)
    with pytest.raises(ValueError, match="cannot be reached"):
        backend(closed)


def test_the_one_model_is_found_and_several_are_named(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    from qwen_spaces.replicas._backend import backend

    assert steps_of(backend(model.url), "", [], "Hi", None)
    assert model.seen[-1]["model"] == MODEL
    monkeypatch.setattr(model, "models", ["qwen3:8b", "qwen3:4b"])
    with pytest.raises(ValueError, match="name one of these: qwen3:8b, qwen3:4b"):
        backend(model.url)
    monkeypatch.setattr(model, "models", [])
    with pytest.raises(ValueError, match="name one of these: none"):
        backend(model.url)


@pytest.mark.parametrize("url", ["127.0.0.1:11434", "file:///etc/passwd", "http://", "ollama"])
def test_an_invalid_url_is_an_error_at_once(url: str) -> None:
    from qwen_spaces.replicas._backend import backend

    with pytest.raises(ValueError, match="is not the URL of a server"):
        backend(url, MODEL)


@pytest.mark.parametrize("command", ["qwen-spaces", "python -m"])
def test_the_commands_put_a_model_behind_a_replica(
    command: str, model: Model, monkeypatch: pytest.MonkeyPatch, mocker: MockerFixture
) -> None:
    from qwen_spaces.replicas.__main__ import _main as replicas_main

    brains: list[Any] = []
    mocker.patch(
        "qwen_spaces.replicas.__main__.run",
        autospec=True,
        side_effect=lambda *what, **how: brains.append(how.get("brain") or what[-1]),
    )
    program, start = (main, ["replica"]) if command == "qwen-spaces" else (replicas_main, [])

    def invoke(*more: str) -> tuple[int, str]:
        ended = CliRunner().invoke(program, [*start, "qwen-2.5", *more])
        return ended.exit_code, ended.output

    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-someone-else")
    monkeypatch.setenv("QWEN_SPACES_BACKEND_KEY", KEY)
    assert invoke("--backend", model.url) == (0, "")
    assert steps_of(brains.pop(), "", [], "Hi", None)[-1] == "The sky is blue."
    assert model.seen[-1]["authorization"] == f"Bearer {KEY}"
    monkeypatch.delenv("QWEN_SPACES_BACKEND_KEY")
    assert invoke("--backend", model.url, "--model", "other") == (0, "")
    steps_of(brains.pop(), "", [], "Hi", None)
    assert (model.seen[-1]["authorization"], model.seen[-1]["model"]) == ("Bearer none", "other")
    for more, message in (
        (["--backend", "nothing"], "is not the URL of a server"),
        (["--model", "other"], "--model is the model of a --backend."),
    ):
        code, output = invoke(*more)
        assert code != 0
        assert message in output
    monkeypatch.delitem(sys.modules, "qwen_spaces.replicas._backend")
    monkeypatch.delattr("qwen_spaces.replicas._backend", raising=False)
    monkeypatch.setitem(sys.modules, "openai", None)
    code, output = invoke("--backend", model.url)
    assert code != 0
    assert "pip install 'qwen-spaces[backend]'" in output


@pytest.mark.slow
def test_our_own_gateway_is_a_backend() -> None:
    """A replica whose model is a gateway, whose Space is a replica: the answer passes through all of them."""
    from qwen_spaces.replicas import serve
    from qwen_spaces.replicas._backend import backend
    from qwen_spaces.replicas._brain import Thought, answer

    closed: queue.Queue[str] = queue.Queue()

    def inner(system: str, history: Any, prompt: str, image: str | None, **more: Any) -> Iterator[Any]:
        try:
            yield from answer(system, history, prompt, image, **more)
        finally:
            closed.put(prompt)

    with (
        serve("qwen-3", brain=inner) as space,
        serve_gateway(create_app({"qwen-3": space})) as gateway,
        serve("qwen-2.5-max", brain=backend(f"{gateway}/v1", "qwen3-8b")) as outer,
        closing((replica := RawReplica(outer)).http),
    ):
        prompt = "Why? [[pace=0]]"
        text = replica.final("model_chat", prompt, [], "Be brief.")[1][-1][1]
        assert closed.get(timeout=PATIENCE) == prompt
        assert text.startswith(f'You asked: "{prompt}"')
        assert 'System prompt: "Be brief."' in text
        assert "Model: qwen3-8b." in text
        thought = steps_of(backend(f"{gateway}/v1", "qwen3-8b"), "", [], prompt, None)[0]
        assert isinstance(thought, Thought)
        assert thought.startswith("I")
        assert closed.get(timeout=PATIENCE) == prompt
        assert replica.run("model_chat", "[[gr-error=No more.]]", [], "")[-2]["output"]["error"].endswith(
            "No more."
        )
        assert closed.get(timeout=PATIENCE)
        session, joined = replica.join("model_chat", "[[forever]]", [], "")
        with replica.messages(session) as messages:
            assert any(m["msg"] == "process_generating" for m in messages)
            body = {"session_hash": session, "fn_index": 0, "event_id": joined.json()["event_id"]}
            assert replica.http.post(f"{replica.api}/cancel", json=body).json() == {"success": True}
            assert closed.get(timeout=PATIENCE) == "[[forever]]"
