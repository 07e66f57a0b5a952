"""Other clients, unchanged, against the gateway: they get the answer of the Space."""

from __future__ import annotations

import asyncio
import base64
import os
import warnings
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from langchain_core.messages import HumanMessage
from langchain_openai import ChatOpenAI

from qwen_spaces import QwenSpace

from ..support.images import PNG
from ..support.servers import Servers

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else its import fetches a list of prices
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import litellm

its_own_warnings = pytest.mark.filterwarnings("ignore")  # litellm's, of its code and of its models

PICTURE = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"


@pytest.fixture
def expected(servers: Servers, prompt: str) -> str:
    """The answer of the Space itself."""
    return QwenSpace("qwen-2.5", src=servers["qwen-2.5"]).ask(prompt).text


@pytest_asyncio.fixture
async def chat(gateway: str) -> AsyncIterator[ChatOpenAI]:
    # By default it shares one client among all event loops, with connections of loops that are closed.
    async with httpx.AsyncClient() as client:
        yield ChatOpenAI(
            model="qwen-2.5",
            base_url=gateway,
            api_key="any",
            temperature=0.5,
            max_retries=0,
            http_async_client=client,
        )


@pytest.fixture
def settings(gateway: str) -> dict[str, Any]:
    """The arguments of every call of litellm."""
    return {"model": "openai/qwen-2.5", "api_base": gateway, "api_key": "any", "max_retries": 0}


def turns(prompt: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": prompt}]


async def test_langchain_openai_gives_the_answer(chat: ChatOpenAI, prompt: str, expected: str) -> None:
    assert chat.invoke(prompt).text == expected
    assert (await chat.ainvoke(prompt)).text == expected
    deltas = [chunk.text for chunk in chat.stream(prompt)]
    assert "".join(deltas) == expected
    assert len(deltas) > 5
    assert "".join([chunk.text async for chunk in chat.astream(prompt)]) == expected


async def test_abandoning_a_stream_of_langchain_openai_ends_the_job(
    chat: ChatOpenAI, prompt: str, servers: Servers
) -> None:
    async for chunk in chat.astream(f"{prompt} [[forever]]"):
        if chunk.text:
            break
    await asyncio.to_thread(servers.wait_for, "end", f"{prompt} [[forever]]")


def test_langchain_openai_shows_an_image(gateway: str) -> None:
    chat = ChatOpenAI(model="qvq-72b", base_url=gateway, api_key="any")
    image = {"type": "image", "base64": PICTURE.partition(",")[2], "mime_type": "image/png"}
    assert "31x17" in chat.invoke([HumanMessage([{"type": "text", "text": "What is this?"}, image])]).text


@its_own_warnings
async def test_litellm_gives_the_answer(settings: dict[str, Any], prompt: str, expected: str) -> None:
    whole = litellm.completion(messages=turns(prompt), **settings)
    assert whole.choices[0].message.content == expected
    whole = await litellm.acompletion(messages=turns(prompt), **settings)
    assert whole.choices[0].message.content == expected
    deltas = [
        chunk.choices[0].delta.content or ""
        for chunk in litellm.completion(messages=turns(prompt), stream=True, **settings)
    ]
    assert "".join(deltas) == expected
    assert len(deltas) > 5
    chunks = await litellm.acompletion(messages=turns(prompt), stream=True, **settings)
    assert "".join([chunk.choices[0].delta.content or "" async for chunk in chunks]) == expected


@its_own_warnings
def test_litellm_shows_an_image(settings: dict[str, Any]) -> None:
    content = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": PICTURE}},
    ]
    turn = {"role": "user", "content": content}
    whole = litellm.completion(messages=[turn], **{**settings, "model": "openai/qvq-72b"})
    assert "31x17" in whole.choices[0].message.content


@its_own_warnings
@pytest.mark.parametrize(
    ("more", "prompt", "error"),
    [
        ({"model": "openai/gpt-4"}, "Hi", litellm.NotFoundError),
        ({"n": 2}, "Hi", litellm.BadRequestError),
        ({}, "[[quota]]", litellm.RateLimitError),
        ({}, "[[gr-error=Out of luck]]", litellm.BadGatewayError),
    ],
    ids=["unknown model", "two answers", "quota", "error of the Space"],
)
def test_litellm_raises_the_error_that_fits(
    more: dict[str, Any], prompt: str, error: type[Exception], settings: dict[str, Any]
) -> None:
    with pytest.raises(error):
        litellm.completion(messages=turns(prompt), **{**settings, **more})
