"""Programs of the old provider classes run when only the import changes."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from qwen_spaces import InvalidImageError, QwenSpace, StreamError, UnknownSpaceError
from qwen_spaces.providers import Messages, Qwen_QVQ_72B, Qwen_Qwen_2_5, Qwen_Qwen_2_72B, ResponseError

from ..support.images import picture
from ..support.modes import POLLING, run_async
from ..support.servers import Servers

PROVIDERS: dict[str, Any] = {
    "qwen-2-72b": Qwen_Qwen_2_72B,
    "qwen-2.5": Qwen_Qwen_2_5,
    "qvq-72b": Qwen_QVQ_72B,
}
LONG = {
    "qwen-2-72b": "qwen-qwen2-72b-instruct",
    "qwen-2.5": "qwen-qwen2-5",
    "qvq-72b": "qwen-qvq-72b-preview",
}
TURNS = Messages(
    [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "I am Ada."},
        {"role": "assistant", "content": "Hello Ada."},
        {"role": "user", "content": "Who am I?"},
    ]
)


@pytest.fixture(params=PROVIDERS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_the_deltas_stream_once_each_with_the_whole_history(
    name: str, backend: str, servers: Servers
) -> None:
    *earlier, last = TURNS
    paced = [*earlier, {**last, "content": f"{last['content']} [[pace=0.005]]"}]

    async def read() -> list[str]:
        generator = PROVIDERS[name].create_async_generator(model=name, messages=paced, src=servers[name])
        return [delta async for delta in generator]

    deltas = run_async(backend, read)
    text = "".join(deltas)
    assert POLLING or len(deltas) > 1
    for given in ("Be brief.", "I am Ada.", "Hello Ada.", "Who am I?", "I do not think."):
        assert given in text
    assert text.count("I do not think.") == 1
    assert text.endswith("I do not think.")


@pytest.mark.parametrize("on_instance", [False, True])
@pytest.mark.parametrize("awaited", [False, True])
def test_it_is_called_and_read_in_all_the_old_ways(
    awaited: bool, on_instance: bool, name: str, servers: Servers
) -> None:
    provider = PROVIDERS[name]() if on_instance else PROVIDERS[name]

    async def read() -> str:
        result = provider.create_async_generator(LONG[name], TURNS, src=servers[name])
        if awaited:
            result = await result
        first = await result.__anext__()
        return first + "".join([delta async for delta in result])

    assert "Who am I?" in run_async("asyncio", read)


def test_images_come_as_data_and_file_name(servers: Servers) -> None:
    media = [(picture("JPEG", (12, 8), "blue"), "picture.jpg")]

    async def read(provider: Any, src: str) -> str:
        generator = provider.create_async_generator("", TURNS, media=media, src=src)
        return "".join([delta async for delta in generator])

    assert "12x8" in run_async("asyncio", lambda: read(Qwen_QVQ_72B, servers["qvq-72b"]))
    with pytest.raises(InvalidImageError):
        run_async("asyncio", lambda: read(Qwen_Qwen_2_5, servers["qwen-2.5"]))


def test_options_of_the_space_are_used_and_unknown_ones_warned_of(servers: Servers) -> None:
    async def read() -> str:
        with pytest.warns(UserWarning, match="Qwen_Qwen_2_5 ignores temperature"):
            generator = Qwen_Qwen_2_5.create_async_generator(
                None, TURNS, size="7B", temperature=0.5, stream=True, src=servers["qwen-2.5"]
            )
        return "".join([delta async for delta in generator])

    assert "Model: 7B." in run_async("asyncio", read)


def test_an_error_of_the_space_is_a_response_error(name: str, servers: Servers) -> None:
    assert ResponseError is StreamError

    async def read() -> None:
        messages = Messages([{"role": "user", "content": "[[error-after=5]] [[pace=0.01]]"}])
        with pytest.raises(ResponseError) as caught:
            async for _ in PROVIDERS[name].create_async_generator(name, messages, src=servers[name]):
                pass
        assert caught.value.partial_text

    run_async("asyncio", read)


def test_leaving_the_loop_stops_the_server(name: str, prompt: str, servers: Servers) -> None:
    endless = f"{prompt} [[forever]]"
    messages = [{"role": "user", "content": endless}]

    async def leave() -> None:
        async for _ in PROVIDERS[name].create_async_generator(name, messages, src=servers[name]):
            break
        await anyio.to_thread.run_sync(servers.wait_for, "end", endless)

    run_async("asyncio", leave)


# Of the seeds (the classes of gpt4free 0.4.9.9 to 0.5.2.9), except that these dropped the history.
FACTS: dict[str, dict[str, object]] = {
    "qwen-2-72b": {
        "label": "Qwen Qwen-2.72B",
        "url": "https://qwen-qwen2-72b-instruct.hf.space",
        "api_endpoint": "https://qwen-qwen2-72b-instruct.hf.space/queue/join?",
        "default_model": "qwen-qwen2-72b-instruct",
        "default_vision_model": None,
        "model_aliases": {"qwen-2-72b": "qwen-qwen2-72b-instruct"},
        "models": ["qwen-2-72b"],
        "vision_models": [],
    },
    "qwen-2.5": {
        "label": "Qwen Qwen-2.5",
        "url": "https://qwen-qwen2-5.hf.space",
        "api_endpoint": "https://qwen-qwen2-5.hf.space/queue/join",
        "default_model": "qwen-qwen2-5",
        "default_vision_model": None,
        "model_aliases": {"qwen-2.5": "qwen-qwen2-5"},
        "models": ["qwen-2.5"],
        "vision_models": [],
    },
    "qvq-72b": {
        "label": "Qwen QVQ-72B",
        "url": "https://qwen-qvq-72b-preview.hf.space",
        "api_endpoint": "/gradio_api/call/generate",
        "default_model": "qwen-qvq-72b-preview",
        "default_vision_model": "qwen-qvq-72b-preview",
        "model_aliases": {"qvq-72b": "qwen-qvq-72b-preview"},
        "models": ["qvq-72b"],
        "vision_models": ["qvq-72b"],
    },
}
SPACE_IDS = {
    "qwen-2-72b": "Qwen/Qwen2-72B-Instruct",
    "qwen-2.5": "Qwen/Qwen2.5",
    "qvq-72b": "Qwen/QVQ-72B-preview",
}


def test_the_class_facts_are_those_of_the_old_classes(name: str) -> None:
    supported = dict.fromkeys(
        ["supports_stream", "supports_system_message", "supports_message_history"], True
    )
    facade = type(QwenSpace(name))
    for owner in (PROVIDERS[name], facade):
        facts = {fact: getattr(owner, fact) for fact in (*FACTS[name], *supported)}
        assert facts == {**FACTS[name], **supported}
    assert PROVIDERS[name].working is True
    assert facade.space_id == SPACE_IDS[name]
    assert facade.aliases == (name, FACTS[name]["default_model"])
    assert type(QwenSpace(LONG[name])) is facade


@pytest.mark.parametrize(
    ("alias", "long", "api_endpoint"),
    [
        ("qwen-2.5-max", "qwen-qwen2-5-max-demo", "/gradio_api/queue/join?"),
        ("qwen-2.5-1m", "qwen-qwen2-5-1m-demo", "/queue/join?__theme=light"),
        ("qwen-3", "qwen-qwen3-demo", "/gradio_api/queue/join?__theme=system"),
        ("qwen-2.5-72b", "qwen-qwen2-5-72b-instruct", "/gradio_api/queue/join"),
        ("qwen-2.5-coder", "qwen-qwen2-5-coder-demo", "/gradio_api/queue/join"),
        ("qwen-2.5-vl-72b", "qwen-qwen2-5-vl-72b-instruct", "/gradio_api/queue/join"),
        ("qwen-3-vl", "qwen-qwen3-vl-demo", "/gradio_api/queue/join"),
        ("qwen-2.5-vl-32b", "qwen-qwen2-5-vl-32b-instruct", "/gradio_api/queue/join"),
        ("qwen-3-vl-30b", "qwen-qwen3-vl-30b-a3b-demo", "/gradio_api/queue/join"),
        ("qwen-3-omni", "qwen-qwen3-omni-demo", "/gradio_api/queue/join"),
        ("qwen-3.5-omni", "qwen-qwen3-5-omni-offline-demo", "/gradio_api/queue/join"),
        ("qwen-3-coder-webdev", "qwen-qwen3-coder-webdev", "/gradio_api/queue/join"),
    ],
)
def test_the_long_name_and_the_addresses_of_the_other_spaces(
    alias: str, long: str, api_endpoint: str
) -> None:
    facade = type(QwenSpace(alias))
    assert facade.aliases == (alias, long)
    assert facade.url == f"https://{long}.hf.space"
    assert facade.api_endpoint == f"https://{long}.hf.space{api_endpoint}"
    assert type(QwenSpace(long)) is facade


def test_an_unknown_model_is_a_clear_error(name: str) -> None:
    with pytest.raises(UnknownSpaceError, match=r"has no model 'gpt-4'\. It has: "):
        PROVIDERS[name].create_async_generator("gpt-4", TURNS)
