"""The replicas of Qwen3-Omni and Qwen3-Coder-WebDev, as a plain `gradio_client` sees them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from ..support.modes import PATIENCE

pytestmark = [
    pytest.mark.slow,  # what our own client sees of these replicas is in `client/test_omni_and_webdev.py`
    pytest.mark.filterwarnings("ignore:'HTTP_422_UNPROCESSABLE_ENTITY' is deprecated:DeprecationWarning"),
]

OMNI = {"qwen-3-omni": ["return_audio", "enable_thinking"], "qwen-3.5-omni": []}
EMPTY: dict[str, Any] = {"audio": None, "image": None, "video": None, "history": [], "system_prompt": ""}
SKIPPED = {"__type__": "update"}


@pytest.fixture(params=[*OMNI, "qwen-3-coder-webdev"])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def client(name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    from qwen_spaces.replicas import serve

    monkeypatch.setenv("GRADIO_ANALYTICS_ENABLED", "False")
    with serve(name) as url:
        options: dict[str, Any] = {"verbose": False, "download_files": False, "analytics_enabled": False}
        with closing(Client(url, **options)) as opened:
            yield opened


def contents(history: list[dict[str, Any]]) -> list[Any]:
    """The role and the text of each message; of a file or a component, the name of the file."""
    found = []
    for message in history:
        content = message["content"]
        part = content[0] if isinstance(content, list) else content  # Gradio 6 has a list
        if isinstance(part, dict) and "text" not in part:
            part = Path((part.get("value") or part.get("file"))["path"]).name
        found.append((message["role"], part["text"] if isinstance(part, dict) else part))
    return found


@pytest.mark.parametrize("name", OMNI, indirect=True)
def test_omni_puts_the_audio_behind_the_text(client: Client, name: str, tmp_path: Path) -> None:
    info = client.view_api(return_format="dict", print_info=False)["named_endpoints"]["/chat_predict"]
    expected = ["text", *EMPTY, "temperature", "top_p", "top_k", *OMNI[name]]
    assert [parameter["parameter_name"] for parameter in info["parameters"]] == expected
    Image.new("RGB", (8, 6), "red").save(tmp_path / "red.png")
    given = {**EMPTY, "image": handle_file(str(tmp_path / "red.png")), "system_prompt": "Be brief."}
    job = client.submit(text="Hi [[pace=0.01]]", **given, api_name="/chat_predict")
    *empty, history = job.result(timeout=PATIENCE)
    first, *_ = job.outputs()
    assert first[:4] == (None, None, None, None)
    assert contents(first[4]) == [("user", "Hi [[pace=0.01]]"), ("user", "red.png")]
    assert empty == [SKIPPED] * 4
    *_, (role, text), audio = contents(history)
    assert (role, audio) == ("assistant", ("assistant", "answer.wav"))
    for part in ("a PNG image of 8x6 pixels, mostly red", 'System prompt: "Be brief."', "This is turn 1."):
        assert part in text
    with pytest.raises(AppError, match="neither hears nor watches"):
        audio = handle_file(str(tmp_path / "red.png"))
        client.predict(text="Hi", **{**EMPTY, "audio": audio}, api_name="/chat_predict")
    assert client.predict(api_name="/clear_history_offline") == []


@pytest.mark.parametrize("name", ["qwen-3-coder-webdev"], indirect=True)
def test_webdev_writes_code_in_updates_and_remembers_its_session(client: Client) -> None:
    question = {"input_value": "A page [[pace=0.01]]", "system_prompt_input_value": "HTML."}
    job = client.submit(**question, api_name="/generate_code")
    answer, download = job.result(timeout=PATIENCE)
    first, second, *_ = job.outputs()
    assert first == ({"__type__": "update", "value": None}, SKIPPED)
    assert second[0]["value"].startswith("You")
    assert second[1] == SKIPPED
    assert 'System prompt: "HTML."' in answer["value"]
    assert download["value"] == answer["value"]
    again, _ = client.predict(input_value="Again [[pace=0]]", api_name="/generate_code")
    assert 'you said: "A page' in again["value"]
    client.predict(api_name="/clear_history")
    fresh, _ = client.predict(input_value="Again [[pace=0]]", api_name="/generate_code")
    assert "you said" not in fresh["value"]
