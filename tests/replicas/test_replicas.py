"""The replicas have the contracts of the real Spaces, as raw `httpx` and a plain `gradio_client` see them."""

import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client import Client, handle_file
from PIL import Image

from qwen_spaces.replicas._brain import Thought, answer

from ..support.modes import PATIENCE
from ..support.raw_client import CELL, QWEN2, QWEN25, RawReplica
from ..support.servers import MORE_SPACES, SPACES, Servers

pytestmark = pytest.mark.filterwarnings(
    # Gradio 5 on a newer Starlette, at every join.
    "ignore:'HTTP_422_UNPROCESSABLE_ENTITY' is deprecated:DeprecationWarning",
)

IDS = {
    "qwen-2-72b": (
        "markdown row column textbox form column button textbox form json textbox row button button"
    ),
    "qwen-2.5": (
        "markdown row row radio form row radio form row radio form radio row accordion markdown row column"
        " textbox form column button textbox form json textbox row button button"
    ),
}
DEPENDENCIES = {  # api_name, inputs, outputs
    "qwen-2-72b": [
        ("model_chat", [11, 10, 8], [11, 10, 4]),
        ("model_chat_1", [11, 10, 8], [11, 10, 4]),
        ("clear_session", [], [11, 10]),
        ("modify_system_session", [4], [8, 4, 10]),
    ],
    "qwen-2.5": [
        ("update_other_radios", [4, 7, 10], [12, 7, 10]),
        ("update_other_radios_1", [7, 4, 10], [12, 4, 10]),
        ("update_other_radios_2", [10, 4, 7], [12, 4, 7]),
        ("model_chat", [25, 24, 22, 12], [25, 24, 18]),
        ("model_chat_1", [25, 24, 22, 12], [25, 24, 18]),
        ("clear_session", [], [25, 24]),
        ("modify_system_session", [18], [22, 18, 24]),
        ("chiose_radio", [12, 18], [15, 24, 22, 18, 25]),
    ],
}
PARAMETERS: dict[str, list[tuple[Any, ...]]] = {  # parameter_name, label, component, has default, default
    "qwen-2-72b": [
        ("query", "Input", "Textbox", False, None),
        ("history", "qwen2-72B-instruct", "Chatbot", True, []),
        ("system", "parameter_8", "Textbox", True, QWEN2),
    ],
    "qwen-2.5": [
        ("query", "Input", "Textbox", False, None),
        ("history", "72b", "Modelscopechatbot", True, []),
        ("system", "parameter_22", "Textbox", True, QWEN25),
        ("radio", "parameter_12", "Radio", True, "72B"),
    ],
}
CHATS = tuple(PARAMETERS)


class RawReplicas(dict[str, RawReplica]):
    """The replicas by name, each served from its first use on."""

    def __init__(self, stack: ExitStack) -> None:
        self.stack = stack

    def __missing__(self, name: str) -> RawReplica:
        from qwen_spaces.replicas import serve

        self[name] = replica = RawReplica(self.stack.enter_context(serve(name)))
        self.stack.callback(replica.http.close)
        return replica


@pytest.fixture(scope="module")
def replicas() -> Iterator[dict[str, RawReplica]]:
    with ExitStack() as stack:
        yield RawReplicas(stack)


class Watched:
    """A brain that records when it is closed."""

    def __init__(self) -> None:
        self.closed: queue.Queue[str] = queue.Queue()

    def __call__(self, system: str, history: Any, prompt: str, image: str | None) -> Iterator[str]:
        text = ""
        try:
            for _ in range(1000):
                text += "word "
                yield text
                time.sleep(0.01)
        finally:
            self.closed.put(prompt)


@pytest.fixture(scope="module")
def watched() -> Iterator[tuple[Watched, RawReplica]]:
    from qwen_spaces.replicas import serve

    brain = Watched()
    with serve("qwen-2-72b", brain=brain) as url, closing((replica := RawReplica(url)).http):
        yield brain, replica


def _text(
    replica: RawReplica, name: str, prompt: str, history: Any = (), system: str = "SYS", *more: str
) -> str:
    """The final text of one chat."""
    shown = replica.final("model_chat", prompt, list(history), system, *_radio(name, more))[1][-1][1]
    return shown if isinstance(shown, str) else shown["text"]


def _radio(name: str, sizes: tuple[str, ...] = ()) -> tuple[str, ...]:
    return (sizes or ("72B",)) if name == "qwen-2.5" else ()


@pytest.mark.parametrize("name", CHATS)
def test_components_have_the_ids_and_order_of_the_real_app(
    replicas: dict[str, RawReplica], name: str
) -> None:
    kinds = [c["type"] for c in sorted(replicas[name].config["components"], key=lambda c: c["id"])]
    expected = IDS[name].split()
    assert kinds[: len(expected)] == expected
    assert [c["id"] for c in replicas[name].config["components"]][:3] == [1, 2, 3]


@pytest.mark.parametrize("name", CHATS)
def test_endpoints_have_the_names_numbers_inputs_and_outputs_of_the_real_app(
    replicas: dict[str, RawReplica], name: str
) -> None:
    events = [d for d in replicas[name].config["dependencies"] if d["backend_fn"]]  # others are the page's
    assert [(d["api_name"], d["inputs"], d["outputs"]) for d in events] == DEPENDENCIES[name]
    assert events == replicas[name].config["dependencies"][: len(events)]


@pytest.mark.parametrize("name", CHATS)
@pytest.mark.parametrize("endpoint", ["/model_chat", "/model_chat_1"])
def test_api_info_has_the_parameters_and_defaults_of_the_real_app(
    replicas: dict[str, RawReplica], name: str, endpoint: str
) -> None:
    keys = ("parameter_name", "label", "component", "parameter_has_default", "parameter_default")
    found = [tuple(p[key] for key in keys) for p in replicas[name].info[endpoint]["parameters"]]
    assert found == PARAMETERS[name]


def test_qvq_takes_an_image_and_a_prompt_at_generate(replicas: dict[str, RawReplica]) -> None:
    assert list(replicas["qvq-72b"].info) == ["/generate"]
    assert [p["component"] for p in replicas["qvq-72b"].info["/generate"]["parameters"]] == [
        "Image",
        "Textbox",
    ]


@pytest.mark.parametrize("name", [*SPACES, *MORE_SPACES])
def test_an_app_has_the_config_of_a_launched_app_hides_errors_and_has_a_page(
    name: str, servers: Servers
) -> None:
    with closing((replica := RawReplica(servers[name])).http):
        config = replica.config
        assert (config["protocol"], config["api_prefix"]) == ("sse_v3", "/gradio_api")
        assert config["root"] == replica.url
        assert not config["show_error"]
        assert not config["analytics_enabled"]
        page = replica.http.get("/")
        assert page.status_code == 200
        assert "gradio" in page.text
        # A text can make the page load nothing from elsewhere.
        assert "img-src 'self' data: blob:;" in page.headers["content-security-policy"]


def test_qwen2_sends_the_first_step_whole_and_then_the_differences(replicas: dict[str, RawReplica]) -> None:
    starts, first, second, *_ = replicas["qwen-2-72b"].run("model_chat", "hi [[pace=0]]", [], "SYS")
    assert starts["msg"] == "process_starts"
    assert first["msg"] == "process_generating"
    assert first["output"]["data"] == ["", [["hi [[pace=0]]", "You"]], "SYS"]
    assert second["output"]["data"] == [[], [["append", [0, 1], " asked:"]], []]


def test_qwen25_sends_dict_cells_and_differences_of_their_text(replicas: dict[str, RawReplica]) -> None:
    _, first, second, *_ = replicas["qwen-2.5"].run("model_chat", "hi [[pace=0]]", [], "SYS", "7B")
    pair = [{**CELL, "text": "hi [[pace=0]]"}, {**CELL, "text": "You"}]
    assert first["output"]["data"] == ["", [pair], "SYS"]
    assert list(first["output"]["data"][1][0][0]) == list(CELL)
    assert second["output"]["data"] == [[], [["append", [0, 1, "text"], " asked:"]], []]


def test_qvq_sends_a_growing_string(replicas: dict[str, RawReplica]) -> None:
    _, first, second, *_ = replicas["qvq-72b"].run("generate", None, "hi [[pace=0]]")
    assert first["output"]["data"] == ["You"]
    assert second["output"]["data"] == [[["append", [], " asked:"]]]


@pytest.mark.parametrize("name", CHATS)
def test_the_last_message_is_whole_and_keeps_earlier_turns(
    replicas: dict[str, RawReplica], name: str
) -> None:
    shown = replicas[name].final("model_chat", "now [[pace=0]]", [["then", "so"]], "SYS", *_radio(name))
    texts = [[c if isinstance(c, str) else c["text"] for c in pair] for pair in shown[1]]
    assert shown[0] == ""
    assert shown[2] == "SYS"
    assert texts[0] == ["then", "so"]
    assert texts[1][0] == "now [[pace=0]]"


def test_qwen25_takes_strings_or_cells_and_keeps_their_files(replicas: dict[str, RawReplica]) -> None:
    sent = replicas["qwen-2.5"].http.post("/gradio_api/upload", files={"files": ("a.txt", b"a")})
    files = [{"path": sent.json()[0]}]
    history = [["u1", "a1"], [{"text": "u2", "files": files}, {**CELL, "text": "a2"}]]
    shown = replicas["qwen-2.5"].final("model_chat", "[[pace=0]]", history, "SYS", "72B")[1]
    assert shown[0] == [{**CELL, "text": "u1"}, {**CELL, "text": "a1"}]
    assert shown[1] == [{**CELL, "text": "u2", "files": files}, {**CELL, "text": "a2"}]
    assert 'you said: "u2"' in shown[2][1]["text"]


@pytest.mark.parametrize("name", CHATS)
def test_no_query_and_no_history_are_empty_ones(replicas: dict[str, RawReplica], name: str) -> None:
    session, _ = replicas[name].join("model_chat", None, None, "SYS", *_radio(name))
    with replicas[name].messages(session) as messages:
        first = next(m for m in messages if m["msg"] == "process_generating")
    user, bot = first["output"]["data"][1][0]
    assert (user, bot) == (("", "You") if isinstance(user, str) else ({**CELL}, {**CELL, "text": "You"}))


@pytest.mark.parametrize("name", CHATS)
def test_the_answer_shows_everything_that_the_space_was_given(
    replicas: dict[str, RawReplica], name: str
) -> None:
    prompt = 'Why "blue"? \u202e 👩‍👩‍👧 [[pace=0]]'
    text = _text(
        replicas[name], name, prompt, [["first?", "one"], ["second?", "two"]], "Be <b>brief</b>.", "Math-7B"
    )
    assert f'You asked: "{prompt}"' in text
    assert "This is turn 3." in text
    assert 'you said: "first?" and I answered: "one"' in text
    assert 'you said: "second?" and I answered: "two"' in text
    assert 'System prompt: "Be <b>brief</b>."' in text
    assert ("Model: Math-7B." if name == "qwen-2.5" else "Model: Qwen2-72B-Instruct.") in text


@pytest.mark.parametrize(
    ("kind", "suffix", "colour"),
    [("PNG", "png", "red (#ff0000)"), ("JPEG", "jpg", "blue (#0000fe)"), ("PNG", "png", "white (#ffffff)")],
    ids=["red-png", "blue-jpeg", "white-png"],
)
def test_an_image_arrives_unchanged(
    client: Callable[[str], Client], tmp_path: Path, kind: str, suffix: str, colour: str
) -> None:
    path = tmp_path / f"picture.{suffix}"
    Image.new("RGB", (64, 48), colour.split()[0]).save(path)
    text = client("qvq-72b").predict(handle_file(str(path)), "What is it? [[pace=0]]", api_name="/generate")
    assert f"a {kind} image of 64x48 pixels, mostly {colour}" in text


@pytest.mark.parametrize(
    ("name", "default"), [("qwen-2-72b", QWEN2), ("qwen-2.5", QWEN25)], ids=["qwen-2-72b", "qwen-2.5"]
)
def test_the_other_endpoints_only_return_values(
    replicas: dict[str, RawReplica], name: str, default: str
) -> None:
    replica = replicas[name]
    assert replica.final("clear_session") == ["", []]
    assert replica.final("modify_system_session", "Be brief.") == ["Be brief.", "Be brief.", []]
    assert replica.final("modify_system_session", "") == [default, default, []]


def test_choosing_a_size_clears_the_other_groups_and_renames_the_chat(
    replicas: dict[str, RawReplica],
) -> None:
    replica = replicas["qwen-2.5"]
    assert replica.final("update_other_radios", "7B", "Math-7B", "") == ["7B", "", ""]
    assert replica.final("update_other_radios_1", "", "7B", "") == ["7B", "7B", ""]
    title, chatbot, *rest = replica.final("chiose_radio", "Math-7B", "SYS")
    assert "Qwen2.5-Math-7B-instruct" in title["value"]
    assert chatbot["label"] == "math-7b"
    assert rest == ["SYS", "SYS", ""]


@pytest.mark.parametrize(
    ("prompt", "more"),
    [("[[error-first]]", "7B"), ("[[error-after=2]]", "7B"), ("hello", "9B")],
    ids=["first", "after", "unknown size"],
)
def test_ordinary_errors_are_hidden(replicas: dict[str, RawReplica], prompt: str, more: str) -> None:
    *steps, completed, _ = replicas["qwen-2.5"].run("model_chat", f"{prompt} [[pace=0]]", [], "", more)
    assert completed["output"] == {"error": None}
    assert not completed["success"]
    assert sum(m["msg"] == "process_generating" for m in steps) == (2 if "after" in prompt else 0)


@pytest.mark.parametrize(
    ("prompt", "error"),
    [
        ("[[gr-error=No more.]]", "No more."),
        ("[[quota]]", "retry in 0:09:48"),
        ("[[gr-error-after=1]]", "after 1 steps"),
    ],
    ids=["text", "quota", "after"],
)
def test_the_spaces_own_errors_are_shown(replicas: dict[str, RawReplica], prompt: str, error: str) -> None:
    completed = replicas["qvq-72b"].run("generate", None, f"{prompt} [[pace=0]]")[-2]
    assert error in completed["output"]["error"]
    assert not completed["success"]


def test_nothing_is_a_success_without_values(replicas: dict[str, RawReplica]) -> None:
    assert replicas["qwen-2-72b"].final("model_chat", "[[nothing]]", [], "") == [None, None, None]


def test_a_long_answer_arrives_exactly(client: Callable[[str], Client]) -> None:
    from qwen_spaces.replicas._brain import long_text

    job = client("qwen-2-72b").submit(query="[[long=20000]]", api_name="/model_chat")
    assert job.result(timeout=PATIENCE)[1][-1][1] == long_text(20_000)
    assert len(job.outputs()) > 100


@pytest.mark.parametrize("prompt", ["[[multibyte]]", "[[rewrite]] [[pace=0]]", "[[shrink]] [[pace=0]]"])
def test_a_rebuilt_answer_is_the_final_one(client: Callable[[str], Client], prompt: str) -> None:
    job = client("qwen-2.5").submit(query=prompt, api_name="/model_chat")
    final = job.result(timeout=PATIENCE)[1][-1][1]["text"]
    texts = [output[1][-1][1]["text"] for output in job.outputs()]
    grows = all(after.startswith(before) for before, after in pairwise(texts))
    assert texts[-1] == final
    assert grows == (prompt == "[[multibyte]]")


@pytest.mark.parametrize("length", [0, 1, 7, 1000])
def test_long_texts_have_the_given_length_and_are_always_the_same(length: int) -> None:
    from qwen_spaces.replicas._brain import long_text

    assert len(long_text(length)) == length
    assert long_text(2000).startswith(long_text(length))


def test_triggers_are_read_from_the_prompt() -> None:
    from qwen_spaces.replicas._brain import parse_triggers

    assert parse_triggers("Hi [[slow]] [[gr-error=a b]] [[pace=0.5]] [not]") == {
        "slow": "",
        "gr-error": "a b",
        "pace": "0.5",
    }


def test_ten_streams_of_a_space_that_runs_five_all_end(replicas: dict[str, RawReplica]) -> None:
    replica = replicas["qwen-2.5"]
    with ThreadPoolExecutor(10) as pool:
        texts = pool.map(lambda n: _text(replica, "qwen-2.5", f"number {n} [[pace=0.005]]"), range(10))
        assert all(f"number {n} " in text for n, text in enumerate(texts))


def test_slots_and_max_size_bound_what_runs_and_what_waits() -> None:
    from qwen_spaces.replicas import serve

    brain = Watched()
    with (
        serve("qwen-2-72b", brain=brain, slots=1, max_size=1) as url,
        closing((replica := RawReplica(url)).http),
    ):
        session, _ = replica.join("model_chat", "runs", [], "")
        with replica.messages(session) as messages:
            assert any(m["msg"] == "process_generating" for m in messages)
            assert replica.join("model_chat", "waits", [], "")[1].status_code == 200
            assert replica.join("model_chat", "too many", [], "")[1].status_code == 503


def test_a_cancelled_answer_closes_the_brain(watched: tuple[Watched, RawReplica]) -> None:
    brain, replica = watched
    session, joined = replica.join("model_chat", "cancelled", [], "")
    with replica.messages(session) as messages:
        assert any(m["msg"] == "process_generating" for m in messages)
        body = {"session_hash": session, "fn_index": 0, "event_id": joined.json()["event_id"]}
        assert replica.http.post(f"{replica.api}/cancel", json=body).json() == {"success": True}
        assert brain.closed.get(timeout=PATIENCE) == "cancelled"


def test_a_dropped_connection_closes_the_brain(watched: tuple[Watched, RawReplica]) -> None:
    brain, replica = watched
    session, _ = replica.join("model_chat", "dropped", [], "")
    with replica.messages(session) as messages:
        assert any(m["msg"] == "process_generating" for m in messages)
    assert brain.closed.get(timeout=PATIENCE) == "dropped"


def test_a_waiting_brain_can_be_cancelled(replicas: dict[str, RawReplica]) -> None:
    replica = replicas["qwen-2-72b"]
    session, joined = replica.join("model_chat", "[[wait=60]]", [], "")
    with replica.messages(session) as messages:
        assert any(m["msg"] == "process_starts" for m in messages)
        body = {"session_hash": session, "fn_index": 0, "event_id": joined.json()["event_id"]}
        start = time.monotonic()
        replica.http.post(f"{replica.api}/cancel", json=body)
        assert time.monotonic() - start < PATIENCE


def test_a_server_that_stops_during_answers_leaves_no_thread_or_port() -> None:
    from qwen_spaces.replicas import serve

    brain = Watched()
    before = set(threading.enumerate())
    with serve("qwen-2-72b", brain=brain) as url:
        port = int(url.rpartition(":")[2])
        with closing((replica := RawReplica(url)).http):
            session, _ = replica.join("model_chat", "stopped", [], "")
            with replica.messages(session) as messages:
                assert any(m["msg"] == "process_generating" for m in messages)
                replica.join("model_chat", "unread", [], "")
    assert brain.closed.get(timeout=PATIENCE)
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port), timeout=1)
    with serve("qvq-72b", port=port) as again:
        assert again == url
    assert set(threading.enumerate()) <= before


def test_a_brain_gets_the_model_only_if_it_has_the_parameter() -> None:
    from qwen_spaces.replicas import serve

    def brain(*arguments: Any, model: str) -> Iterator[str]:
        yield f"{arguments} {model}"

    with serve("qvq-72b", brain=brain) as url, closing((replica := RawReplica(url)).http):
        assert replica.final("generate", None, "hi") == ["('', [], 'hi', None) QVQ-72B-Preview"]


def test_a_proxy_in_the_environment_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    from qwen_spaces.replicas import serve

    for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    with serve("qvq-72b") as url:
        assert httpx.get(f"{url}/config", trust_env=False).is_success


def test_an_unknown_name_is_an_error_with_a_near_match() -> None:
    from qwen_spaces.replicas import NAMES, build

    assert (*SPACES, *MORE_SPACES) == NAMES
    with pytest.raises(ValueError, match=r"'qwen-25'. Did you mean 'qwen-2.5'\?"):
        build("qwen-25")


def test_a_taken_port_is_an_error_at_once(replicas: dict[str, RawReplica]) -> None:
    from qwen_spaces.replicas import serve

    port = int(replicas["qvq-72b"].url.rpartition(":")[2])
    with pytest.raises(OSError, match="in use"), serve("qvq-72b", port=port):
        pass


def test_without_gradio_the_error_names_the_command() -> None:
    code = "import sys; sys.modules['gradio'] = None; import qwen_spaces.replicas"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE)
    assert "MissingExtraError: The replicas need Gradio: pip install 'qwen-spaces[local]'" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to one process")
@pytest.mark.slow
def test_the_command_serves_until_interrupted_even_while_it_streams(tmp_path: Path) -> None:
    # Gradio 5 uses a name that newer Starlettes deprecate.
    warnings = ["-W", "error", "-W", "ignore:'HTTP_422_UNPROCESSABLE_ENTITY':DeprecationWarning"]
    command = [sys.executable, *warnings, "-m", "qwen_spaces.replicas", "qwen-2.5"]
    root = Path(__file__).parents[2]
    env = {"PYTHONPATH": str(root), "PATH": ""}
    with subprocess.Popen(
        command, cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            start, url, end = line.partition("http://127.0.0.1:")
            assert start == "Replica of Qwen/Qwen2.5: "
            assert end.endswith("  (Ctrl-C stops it)\n")
            with closing((replica := RawReplica(url + end.split()[0])).http):
                session, joined = replica.join("model_chat", "[[forever]]", [], "", "72B")
                assert joined.status_code == 200, joined.text
                with replica.messages(session) as messages:
                    assert any(m["msg"] == "process_generating" for m in messages)
                    process.send_signal(signal.SIGINT)
                    assert process.wait(timeout=PATIENCE) == 0
            assert process.stderr is not None
            assert process.stderr.read() == ""
        finally:
            process.kill()
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def client(
    replicas: dict[str, RawReplica], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], Client]]:
    """A plain client of a replica, without its telemetry."""
    monkeypatch.setenv("GRADIO_ANALYTICS_ENABLED", "False")
    with ExitStack() as stack:

        def connect(name: str) -> Client:
            options: dict[str, Any] = {"download_files": False, "analytics_enabled": False}
            return stack.enter_context(closing(Client(replicas[name].url, verbose=False, **options)))

        yield connect


def test_the_prepared_answer_has_a_table_code_and_mathematics() -> None:
    thinking = list(answer("", [], "Why? [[sample]] [[pace=0]]", None, model="qwen3", thinking=9))
    thoughts = [text for text in thinking if isinstance(text, Thought)]
    assert thoughts[-1].endswith("red and blue.")
    assert all(part in str(thinking[-1]) for part in ("| --- |", "```python", r"\[ I \propto"))
