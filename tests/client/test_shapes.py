"""The same facades against servers of another shape: no prefix, another order, another form of history."""

from __future__ import annotations

import io
import json

import PIL.Image
import pytest

from qwen_spaces import (
    QVQ_72B,
    ContractError,
    InvalidImageError,
    Qwen2_5,
    Qwen2_72B,
    QwenSpace,
    UnexpectedOutputError,
)
from qwen_spaces._gradio import job

from ..support.modes import deltas_through
from ..support.proxy import recording
from ..support.servers import Servers

TURNS = [
    {"role": "user", "content": "My name is Ada."},
    {"role": "assistant", "content": "Hello Ada."},
    {"role": "user", "content": "What is my name?"},
]


def test_no_prefix_and_another_order_for_qwen_2_5(servers: Servers, mode: str) -> None:
    stream = Qwen2_5(src=servers["shuffled"]).stream(TURNS, system="Be brief.", size="Math-7B")
    deltas = deltas_through(mode, stream)
    assert len(deltas) > 1
    history = json.dumps([["My name is Ada.", "Hello Ada."]])
    assert "".join(deltas) == f"query=What is my name? system=Be brief. radio=Math-7B history={history}"


def test_what_is_not_given_keeps_the_spaces_own_default(servers: Servers) -> None:
    reply = Qwen2_5(src=servers["shuffled"]).ask("Hi")
    assert reply.text == "query=Hi system=The Space's own. radio=72B history=[]"


def test_a_parameter_that_only_another_space_has_keeps_its_default(servers: Servers) -> None:
    # Here the radio has a default, so a facade without the option fits too.
    assert "radio=72B" in Qwen2_72B(src=servers["shuffled"]).ask("Hi").text


def test_no_prefix_and_another_order_for_qvq(servers: Servers, mode: str) -> None:
    picture = io.BytesIO()
    PIL.Image.new("RGB", (8, 8), "red").save(picture, "PNG")
    stream = QVQ_72B(src=servers["turned"]).stream("What is this?", images=picture.getvalue())
    deltas = deltas_through(mode, stream)
    assert len(deltas) > 1
    assert "".join(deltas) == "prompt=What is this? image=True"


def test_a_chat_of_role_messages_gets_its_history_in_its_own_form(servers: Servers) -> None:
    space = QwenSpace(servers["role_messages"])
    assert space.status().history == ("parts" if servers.gradio >= "6" else "messages")
    text = space.ask(TURNS).text
    assert text.startswith("message=What is my name? before=")
    assert "My name is Ada." in text
    assert "Hello Ada." in text


def test_an_app_that_is_no_chat_is_a_contract_error_that_lists_its_endpoints(servers: Servers) -> None:
    with pytest.raises(ContractError, match=r"/add\("):
        Qwen2_72B(src=servers["no_chat"]).ask("Hi")
    with pytest.raises(ContractError, match=r"/add\("):
        QVQ_72B(src=servers["no_chat"]).ask("Hi")
    with pytest.raises(ContractError, match=r"/add\("):
        QwenSpace(servers["no_chat"]).status()


def test_an_image_to_a_chat_without_images_is_refused_before_anything_is_sent(servers: Servers) -> None:
    with recording(servers["role_messages"]) as front:
        stream = QwenSpace(front.url).stream("Hi", images=["https://example.org/cat.png"])
        with pytest.raises(InvalidImageError, match="/respond takes no images"):
            stream.result()
    assert front.kinds <= {"config", "info"}


def test_an_output_without_text_is_an_unexpected_output(servers: Servers) -> None:
    with pytest.raises(UnexpectedOutputError, match="int 5") as caught:
        Qwen2_72B(src=servers["odd_output"]).ask("Hello")
    assert caught.value.raw == 5


@pytest.mark.parametrize(
    ("name", "mode"), [("qwen-2-72b", "sync"), ("qwen-2.5", "asyncio"), ("qvq-72b", "trio")]
)
def test_without_the_sdks_hooks_the_job_is_polled(
    name: str, mode: str, servers: Servers, prompt: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(job.HOOKS, job.Client, ("a_hook_that_is_gone",))
    space = QwenSpace(name, src=servers[name])
    stream = space.stream(f"{prompt} [[pace=0.02]]")
    deltas = deltas_through(mode, stream)
    assert len(deltas) > 1
    assert "".join(deltas) == stream.text == stream.result().text
    assert prompt in stream.text
    endless = f"{prompt} [[forever]]"
    for _ in space.stream(endless):
        break
    servers.wait_for("end", endless)
