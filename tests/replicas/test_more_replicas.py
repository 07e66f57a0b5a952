"""The replicas of the later Spaces, as a plain `gradio_client` sees them, and their sessions."""

from __future__ import annotations

import asyncio
import queue
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from ..support.modes import PATIENCE
from ..support.raw_client import CELL, QWEN2, QWEN25, RawReplica

pytestmark = [
    pytest.mark.slow,  # what our own client sees of these replicas is in `client/test_more_spaces.py`
    pytest.mark.filterwarnings("ignore:'HTTP_422_UNPROCESSABLE_ENTITY' is deprecated:DeprecationWarning"),
]

FAMILY = {  # name -> label, system, model, radio
    "qwen-2.5-72b": ("Qwen2.5-72B-Instruct", QWEN25, "Qwen2.5-72B-Instruct", None),
    "qwen-2.5-max": ("Qwen2.5-Max", QWEN2, "Qwen2.5-Max", None),
    "qwen-2.5-coder": ("32b", QWEN25, "32B", "32B"),
}
NAMES = (*FAMILY, "qwen-3", "qwen-3-vl", "qwen-2.5-vl-72b", "qwen-2.5-1m")
BARE = {"__type__": "update"}
SETTINGS = {"model": "qwen3-8b", "sys_prompt": "Be brief.", "thinking_budget": 2}
THOUGHT = "I am qwen3-8b, and I may think for 2048 tokens."

Connect = Callable[[str], Client]


histories: dict[str, Any] = {}  # prompt -> the history that came with it


def terse(system: str, history: Any, prompt: str, image: str | None, **more: Any) -> Iterator[str | None]:
    """The default brain without most of its steps, each of which takes time."""
    from qwen_spaces.replicas._brain import Thought, answer

    histories[prompt] = history
    last = None
    for count, step in enumerate(answer(system, history, prompt, image, **more)):
        last = step or last
        if isinstance(step, Thought) or count % 10 == 0:
            yield step
    yield last


@pytest.fixture(scope="module")
def clients() -> Iterator[dict[str, Client]]:
    """A plain client of each replica, without its telemetry."""
    from qwen_spaces.replicas import serve

    options: dict[str, Any] = {"verbose": False, "download_files": False, "analytics_enabled": False}
    # The servers end first: a client with a heartbeat waits a second for its own end.
    with ExitStack() as opened, ExitStack() as served, pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_ANALYTICS_ENABLED", "False")
        found = {}
        for name in NAMES:
            url = served.enter_context(serve(name, brain=terse))
            found[name] = opened.enter_context(closing(Client(url, **options)))
        yield found


@pytest.fixture
def client(clients: dict[str, Client]) -> Connect:
    """A plain client with a new session."""

    def connect(name: str) -> Client:
        clients[name].reset_session()
        return clients[name]

    return connect


@pytest.fixture
def pictures(tmp_path: Path) -> list[Any]:
    for colour in ("red", "blue"):
        Image.new("RGB", (64, 48), colour).save(tmp_path / f"{colour}.png")
    return [handle_file(str(tmp_path / f"{colour}.png")) for colour in ("red", "blue")]


def steps_of(client: Client, **arguments: Any) -> list[Any]:
    """All outputs of one call that succeeds."""
    job = client.submit(**arguments)
    assert job.result(timeout=PATIENCE) == job.outputs()[-1]
    return job.outputs()


def turn_of(client: Client, prompt: Any, **settings: Any) -> tuple[str, str]:
    """The thought and the answer of one turn with one of the Qwen3 Spaces."""
    arguments = {"settings_form_value": {**SETTINGS, **settings}} if isinstance(prompt, str) else {}
    outputs = steps_of(client, input_value=prompt, api_name="/add_message", **arguments)
    return parts_of(next(chat for _, chat in reversed(outputs) if chat != BARE))


def history_of(client: Client) -> Any:
    """The history of a Qwen3 Space after a turn that failed or was cancelled."""
    job = client.submit(
        input_value=(prompt := quick(f"And now? {uuid4()}")),
        settings_form_value=SETTINGS,
        api_name="/add_message",
    )
    # Gradio 5 may take the next answer of such a session for a continuation, and send a wrong difference.
    with suppress(ValueError, IndexError, KeyError, TypeError):
        job.result(timeout=PATIENCE)
    return histories[prompt]


def parts_of(chat: Any) -> tuple[str, str]:
    parts = {part["type"]: part["content"] for part in chat["value"][-1]["content"]}
    return parts.get("tool", ""), parts.get("text", "")


def quick(text: str) -> str:
    return f"{text} [[pace=0]]"


@pytest.mark.parametrize("name", FAMILY)
def test_the_model_chat_family_has_its_parameters_and_defaults(client: Connect, name: str) -> None:
    label, system, model, radio = FAMILY[name]
    one = client(name)
    info = one.view_api(return_format="dict", print_info=False)["named_endpoints"]
    parameters = info["/model_chat"]["parameters"]
    keys = ("parameter_name", "label", "component", "parameter_default")
    found = [tuple(p[key] for key in keys) for p in parameters]
    assert found[:2] == [("query", "Input", "Textbox", None), ("history", label, "Chatbot", [])]
    assert (found[2][0], found[2][3]) == ("system", system)
    assert [p[0::3] for p in found[3:]] == ([("radio", radio)] if radio else [])
    assert "/model_chat_1" in info
    query, history, shown = one.predict(query=quick("now"), history=[["then", "so"]], api_name="/model_chat")
    assert (query, history[0], history[1][0], shown) == ("", ["then", "so"], quick("now"), system)
    for part in (f'System prompt: "{system}"', f"Model: {model}.", 'you said: "then"', "This is turn 2."):
        assert part in history[1][1]


def test_the_coder_has_sizes(client: Connect) -> None:
    coder = client("qwen-2.5-coder")
    history = coder.predict(query=quick("Hi"), radio="1.5B", api_name="/model_chat")[1]
    assert "Model: 1.5B." in history[0][1]
    with pytest.raises(AppError, match="verbose error reporting"):
        coder.predict(query="Hi", radio="72B", api_name="/model_chat")
    title, chatbot, *rest = coder.predict(radio="7B", system="SYS", api_name="/chiose_radio")
    assert "Qwen2.5-Coder-7B-instruct" in title["value"]
    assert chatbot["label"] == "7b"
    assert rest == ["SYS", "SYS", ""]


def test_qwen3_thinks_and_answers_in_steps(client: Connect) -> None:
    outputs = steps_of(
        client("qwen-3"), input_value=quick("Hi"), settings_form_value=SETTINGS, api_name="/add_message"
    )
    line, chat = outputs[0]
    assert line == {"__type__": "update", "value": None}
    user = {"role": "user", "content": quick("Hi"), "key": chat["value"][0]["key"]}
    assert chat == {"__type__": "update", "value": [user]}
    pending = outputs[1][1]["value"][1]
    expected = {"role": "assistant", "content": [], "loading": True, "status": "pending"}
    assert pending.items() >= expected.items()
    assert outputs[2] == outputs[-1] == (BARE, BARE)
    answers = [chat["value"][1] for _, chat in outputs[3:-1]]
    assert all(chat["value"][0] == user for _, chat in outputs[3:-1])
    thinking = [answer["content"] for answer in answers if len(answer["content"]) == 1]
    assert [tool["content"] for (tool,) in thinking] == [
        THOUGHT[: match.end()] for match in re.finditer(r"\S+", THOUGHT)
    ]
    assert thinking[0][0]["options"] == {"title": "Thinking...", "status": "pending"}
    tool, text = answers[-1]["content"]
    assert tool["content"] == THOUGHT
    assert re.fullmatch(r"End of Thought \(\d+\.\d\ds\)", tool["options"]["title"])
    assert (tool["type"], tool["options"]["status"], text["type"]) == ("tool", "done", "text")
    assert text["content"].endswith("I do not think.")
    assert (answers[-2]["status"], answers[-1]["status"]) == ("pending", "done")


def test_qwen3_remembers_its_session_until_a_new_chat(client: Connect) -> None:
    one = client("qwen-3")
    turn_of(one, quick("My name is Ada."))
    again = turn_of(one, quick("Who am I?"), model="qwen3-0.6b", thinking_budget=38)
    assert again[0] == "I am qwen3-0.6b, and I may think for 38912 tokens."
    assert 'you said: "My name is Ada. [[pace=0]]" and I answered: "You asked' in again[1]
    assert 'System prompt: "Be brief."' in again[1]
    one.predict(api_name="/new_chat")
    assert "Before, you said" not in turn_of(one, quick("And now?"))[1]
    one.predict(api_name="/clear_conversation_history")
    assert "Before, you said" not in turn_of(one, quick("And now?"))[1]
    one.reset_session()
    one.predict(api_name="/toggle_thinking")
    thought, text = turn_of(one, quick("Quickly?"))
    assert thought == ""
    assert "Before, you said" not in text


@pytest.mark.parametrize(
    ("prompt", "settings", "error", "began"),
    [
        ("[[error-after=2]]", {}, "fail after 2 steps", True),
        ("[[gr-error=No more.]]", {}, "No more.", False),
        ("Hi", {"model": "qwen3-9b"}, "Model not exist: qwen3-9b", False),
        ("Hi", {"thinking_budget": 39}, "from 1 to 38, not 39", False),
    ],
    ids=["after", "gr.Error", "model", "budget"],
)
def test_qwen3_writes_an_error_in_red_raises_it_and_remembers_it(
    client: Connect, prompt: str, settings: dict[str, Any], error: str, began: bool
) -> None:
    one = client("qwen-3")
    arguments = {"settings_form_value": {**SETTINGS, **settings}, "api_name": "/add_message"}
    job = one.submit(input_value=quick(prompt), **arguments)
    with pytest.raises(AppError, match="No more." if "gr-error" in prompt else "verbose error reporting"):
        job.result(timeout=PATIENCE)
    *_, (_, last), bare = job.outputs()
    assert bare == (BARE, BARE)
    red = parts_of(last)[1]  # the last of the texts
    assert red.startswith('<span style="color: var(--color-red-500)">')
    assert error in red
    assert history_of(one) == [(quick(prompt), "You" if began else red)]


def test_qwen3_remembers_the_text_before_a_cancel(client: Connect) -> None:
    one = client("qwen-3")
    job = one.submit(
        input_value="[[forever]] [[pace=0.01]]", settings_form_value=SETTINGS, api_name="/add_message"
    )
    until = time.monotonic() + 20
    while "word11" not in str(job.outputs()[-1:]):
        assert time.monotonic() < until
        time.sleep(0.01)
    job.cancel()
    ((_, answered),) = history_of(one)
    assert answered.startswith("word1 word2 word3 word4")


def test_qwen3_vl_takes_images_and_remembers_them(client: Connect, pictures: list[Any]) -> None:
    one = client("qwen-3-vl")
    thought, text = turn_of(one, {"text": quick("What?"), "files": pictures})
    both = "mostly red (#ff0000), and a PNG image of 64x48 pixels, mostly blue (#0000ff)."
    assert both in text
    assert 'System prompt: "You are a helpful and harmless assistant."' in text
    assert thought.startswith("I am qwen3-vl-235b-a22b-thinking,")
    outputs = steps_of(one, input_value={"text": quick("Still?"), "files": []}, api_name="/add_message")
    first, *_, last = outputs[-2][1]["value"]
    assert both in last["content"][1]["content"]
    files, words = first["content"]
    assert [Path(file["path"]).name for file in files["content"]] == ["red.png", "blue.png"]
    assert words == {"type": "text", "content": quick("What?")}


def test_qwen25_vl_keeps_its_own_history(client: Connect, pictures: list[Any]) -> None:
    one = client("qwen-2.5-vl-72b")
    history: Any = []
    for picture in pictures:
        history = one.predict(history=history, file=picture, api_name="/add_file")
    assert [pair[1] for pair in history] == [None, None]
    assert Path(history[0][0]["file"]["path"]).name == "red.png"
    chat = one.predict(history=history, text=quick("What?"), api_name="/add_text")
    assert chat == [*history, [quick("What?"), None]]
    outputs = steps_of(one, _chatbot=chat, api_name="/predict")
    assert outputs[0][-1] == [quick("What?"), "You"]
    assert outputs[-1][:2] == history
    both = "mostly red (#ff0000), and a PNG image of 64x48 pixels, mostly blue (#0000ff)."
    assert both in outputs[-1][-1][1]
    again = one.predict(_chatbot=outputs[-1], api_name="/regenerate")
    assert again == outputs[-1]
    # The history that it is sent has no effect: it uses its own.
    chat = one.predict(history=[], text=quick("Still?"), api_name="/add_text")
    text = one.predict(_chatbot=chat, api_name="/predict")[-1][1]
    assert both in text
    assert "This is turn 2." in text
    assert one.predict(_chatbot=chat, api_name="/reset_state") == []
    chat = one.predict(history=[], text=quick("And now?"), api_name="/add_text")
    assert "Before, you said" not in one.predict(_chatbot=chat, api_name="/predict")[-1][1]
    chat = one.predict(history=[], text="", api_name="/add_text")
    assert one.predict(_chatbot=chat, api_name="/predict") is None
    assert one.predict(api_name="/reset_user_input") == ""


def test_qwen25_1m_answers_in_a_cell_per_agent(client: Connect, pictures: list[Any]) -> None:
    one = client("qwen-2.5-1m")
    message = {"text": quick("Hi"), "files": pictures[:1]}
    silent: dict[str, Any] = {"_audio_input": None, "api_name": "/add_text"}  # the page's input is required
    line, audio, chat = one.predict(_input=message, _chatbot=[], **silent)
    assert (line["interactive"], audio) == (False, None)
    ((user, bot),) = chat
    assert (user["text"], Path(user["files"][0]["path"]).name, bot) == (quick("Hi"), "red.png", None)
    outputs = steps_of(one, _chatbot=chat, api_name="/agent_run")
    texts = [output[0][-1][1][0]["text"] for output in outputs]
    assert texts[:2] == ["Qwen is thinking...", "You"]
    assert "mostly red" in texts[-1]
    assert outputs[-1][0][0][1] == [{**CELL, "text": texts[-1]}, None]
    assert outputs[-1][1] == 0
    message = {"text": quick("And?"), "files": []}
    chat = one.predict(_input=message, _chatbot=outputs[-1][0], **silent)
    *_, (shown, agent) = steps_of(one, _chatbot=chat[2], _agent_selector=1, api_name="/agent_run")
    assert (len(shown), shown[-1][1][0], agent) == (2, None, 1)
    assert 'you said: "Hi' in shown[-1][1][1]["text"]
    chat = one.predict(_input={"text": "[[nothing]]", "files": []}, _chatbot=[], **silent)
    assert one.predict(_chatbot=chat[2], api_name="/agent_run")[0][-1][1] == [None, None]


def test_thoughts_show_only_where_the_space_shows_them(pictures: list[Any]) -> None:
    from qwen_spaces.replicas import serve
    from qwen_spaces.replicas._brain import Thought

    def brain(*given: Any, images: list[str], thinking: int) -> Iterator[str]:
        yield Thought("Hm.")
        yield f"{given[3]} {images} {thinking}"

    with serve("qwen-2.5-max", brain=brain) as url, closing((replica := RawReplica(url)).http):
        steps = [m for m in replica.run("model_chat", "Hi", [], "") if m["msg"] == "process_generating"]
        assert [step["output"]["data"][1] for step in steps] == [[["Hi", "None [] 0"]]]


def test_an_asynchronous_brain_is_closed_when_its_answer_is_abandoned() -> None:
    from qwen_spaces.replicas import serve

    closed: queue.Queue[str] = queue.Queue()

    async def brain(system: str, history: Any, prompt: str, image: str | None) -> AsyncIterator[str]:
        try:
            for count in range(3 if prompt == "whole" else 1000):
                yield f"{count}"
                await asyncio.sleep(0.01)
        finally:
            closed.put(prompt)

    with serve("qwen-2.5-max", brain=brain) as url, closing((replica := RawReplica(url)).http):
        assert replica.final("model_chat", "whole", [], "")[1] == [["whole", "2"]]
        assert closed.get(timeout=PATIENCE) == "whole"
        session, _ = replica.join("model_chat", "dropped", [], "")
        with replica.messages(session) as messages:
            assert any(m["msg"] == "process_generating" for m in messages)
        assert closed.get(timeout=PATIENCE) == "dropped"
