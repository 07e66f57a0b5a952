"""Qwen3-Omni, Qwen3-Coder-WebDev and both forms of Qwen2.5-Coder: what is their own, against their apps."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from qwen_spaces import (
    ContractError,
    InvalidImageError,
    Qwen2_5_Coder,
    QwenSpace,
    SpaceError,
    UnsupportedOptionError,
)

from ..support.images import picture
from ..support.modes import POLLING, deltas_through
from ..support.servers import TURNS, Servers

OMNI = ("qwen-3-omni", "qwen-3.5-omni")
RED = picture("PNG", (11, 10), "red")


@pytest.mark.parametrize("name", OMNI)
def test_the_audio_behind_an_answer_leaves_its_text_alone(name: str, mode: str, servers: Servers) -> None:
    with QwenSpace(name, src=servers[name]) as space:
        stream = space.stream("Hi [[pace=0.005]]")
        deltas = deltas_through(mode, stream)
        reply = stream.result()
        assert POLLING or len(deltas) > 1
        assert "".join(deltas) == reply.text
        assert reply.text.endswith("I do not think.")
        assert not reply.rewritten
        assert "answer.wav" in str(reply.raw)
        assert "answer.wav" not in reply.text


def test_without_audio_the_answer_is_the_same(servers: Servers) -> None:
    with QwenSpace("qwen-3-omni", src=servers["qwen-3-omni"]) as space:
        spoken, silent = (space.ask("Hi [[pace=0]]", return_audio=speak) for speak in (True, False))
    assert spoken.text == silent.text
    assert ["answer.wav" in str(reply.raw) for reply in (spoken, silent)] == [True, False]


@pytest.mark.parametrize("name", OMNI)
def test_an_image_a_history_and_a_system_prompt_reach_it(name: str, servers: Servers) -> None:
    with QwenSpace(name, src=servers[name]) as space:
        messages = [*TURNS, {"role": "user", "content": "What is it? [[pace=0]]"}]
        text = space.ask(messages, system="Be a pirate.", images=RED).text
        for part in ("This is turn 2.", 'you said: "My name is Ada."', 'System prompt: "Be a pirate."'):
            assert part in text
        assert "You showed me a PNG image of 11x10 pixels, mostly red" in text
        with pytest.raises(InvalidImageError, match="takes one image"):
            space.ask("Hi", images=[RED, RED])
        chat = space.conversation()
        chat.ask("My name is Ada. [[pace=0]]")
        assert 'you said: "My name is Ada.' in chat.ask("And now? [[pace=0]]").text


def test_an_option_that_a_deployment_lacks_is_a_clear_error(servers: Servers) -> None:
    src = servers["qwen-3.5-omni"]
    with QwenSpace("qwen-3.5-omni", src=src) as space:
        for missing in ("return_audio", "enable_thinking"):
            options: Any = {missing: False}
            with pytest.raises(ContractError, match=f"/chat_predict has no parameter for {missing}"):
                space.ask("Hi", **options)
        assert space.ask("Hi [[pace=0]]", temperature=1.5, top_p=0.5, top_k="3").text
        with pytest.raises(SpaceError):  # the slider of the app ends there
            space.ask("Hi", temperature=2.5)
        with pytest.raises(UnsupportedOptionError, match=r"temperature='warm'\. It takes: a number"):
            space.ask("Hi", temperature="warm")


def test_code_comes_from_an_update_while_it_is_written(mode: str, servers: Servers) -> None:
    with QwenSpace("qwen-3-coder-webdev", src=servers["qwen-3-coder-webdev"]) as space:
        stream = space.stream("A page [[pace=0.005]]", system="Only HTML.")
        deltas = deltas_through(mode, stream)
        reply = stream.result()
        assert POLLING or len(deltas) > 1
        assert "".join(deltas) == reply.text
        assert not reply.rewritten
        assert 'System prompt: "Only HTML."' in reply.text
        assert [update["value"] for update in reply.raw] == [reply.text, reply.text]
        chat = space.conversation()
        chat.ask("A button [[pace=0]]")
        assert "User: A button [[pace=0]]\nAssistant: You asked:" in chat.ask("Make it red [[pace=0]]").text


def test_the_code_keeps_its_fence_and_is_not_what_the_page_downloads() -> None:
    from qwen_spaces.replicas import serve

    page = "```html\n<b>Hi</b>\n```"

    def brain(*_: Any) -> Iterator[str]:
        for end in range(3, len(page) + 1):
            time.sleep(0.005)
            yield page[:end]

    with serve("qwen-3-coder-webdev", brain=brain) as url, QwenSpace("qwen-3-coder-webdev", src=url) as space:
        stream = space.stream("A page")
        assert "".join(stream) == stream.result().text == page
        assert stream.result().raw[1]["value"] == "<b>Hi</b>"


@pytest.mark.parametrize("form", ["qwen-2.5-coder", "coder-with-sliders"])
def test_both_forms_of_the_coder_answer(form: str, mode: str, servers: Servers) -> None:
    with Qwen2_5_Coder(src=servers[form]) as space:
        options: dict[str, Any] = {"size": "7B"}
        if form == "coder-with-sliders":
            options = {"temperature": 0.2, "top_p": 0.5, "max_length": "64"}
        messages = [*TURNS, {"role": "user", "content": "Hi [[pace=0.005]]"}]
        stream = space.stream(messages, system="Be brief.", **options)
        deltas = deltas_through(mode, stream)
        text = stream.result().text
        assert "".join(deltas) == text
        assert ("Model: 7B." if "size" in options else "temperature=0.2 top_p=0.5 max_length=64") in text
        assert "Be brief." in text
        assert "My name is Ada." in text
        assert space.ask("Hi [[pace=0]]").text


@pytest.mark.parametrize(
    ("form", "missing"),
    [("qwen-2.5-coder", {"max_length": 64}), ("coder-with-sliders", {"size": "7B"})],
    ids=["radio", "sliders"],
)
def test_an_option_of_the_other_form_is_a_clear_error(
    form: str, missing: dict[str, Any], servers: Servers
) -> None:
    (name,) = missing
    with (
        Qwen2_5_Coder(src=servers[form]) as space,
        pytest.raises(ContractError, match=f"endpoint /model_chat has no parameter for {name}"),
    ):
        space.ask("Hi", **missing)
