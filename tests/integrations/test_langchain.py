"""`ChatQwenSpace` in chains, and what LangChain's standard tests do not cover."""

from __future__ import annotations

import asyncio
import base64
import functools
import operator
import subprocess
import sys
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.load import dumps, loads
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate

from qwen_spaces import (
    InvalidImageError,
    InvalidMessagesError,
    QwenSpace,
    SpaceError,
    UnknownSpaceError,
    UnsupportedOptionError,
)
from qwen_spaces._stream.stop import Cut
from qwen_spaces.integrations.langchain import ChatQwenSpace

from ..support.images import PNG
from ..support.servers import Servers

TEMPLATE = ChatPromptTemplate.from_messages([("system", "Be brief."), ("human", "{question}")])
BASE64 = base64.b64encode(PNG).decode()


@pytest.fixture
def model(servers: Servers) -> ChatQwenSpace:
    return ChatQwenSpace(model="qwen-2.5", src=servers["qwen-2.5"])


def answer_of(servers: Servers, prompt: str, **options: Any) -> str:
    """The answer without LangChain."""
    return QwenSpace("qwen-2.5", src=servers["qwen-2.5"]).ask(prompt, system="Be brief.", **options).text


async def test_a_chain_gives_the_same_answer(model: ChatQwenSpace, servers: Servers, prompt: str) -> None:
    chain = TEMPLATE | model | StrOutputParser()
    expected = answer_of(servers, prompt)
    assert chain.invoke({"question": prompt}) == expected
    assert await chain.ainvoke({"question": prompt}) == expected
    deltas = list(chain.stream({"question": prompt}))
    assert "".join(deltas) == expected
    assert "".join([delta async for delta in chain.astream({"question": prompt})]) == expected
    assert len(deltas) > 5


async def test_abandoning_a_stream_ends_the_job(model: ChatQwenSpace, servers: Servers, prompt: str) -> None:
    # Without a parser: LangChain would read an abandoned stream to its end.
    for chunk in (TEMPLATE | model).stream({"question": f"{prompt} [[forever]]"}):
        assert chunk.text
        break
    servers.wait_for("end", f"{prompt} [[forever]]")
    chain = TEMPLATE | model | StrOutputParser()
    async for delta in chain.astream({"question": f"{prompt} async [[forever]]"}):
        assert delta
        break
    await asyncio.to_thread(servers.wait_for, "end", f"{prompt} async [[forever]]")


async def test_a_cancelled_call_ends_the_job(model: ChatQwenSpace, servers: Servers, prompt: str) -> None:
    call = asyncio.create_task(model.ainvoke(f"{prompt} [[forever]]"))
    await asyncio.to_thread(servers.wait_for, "begin", f"{prompt} [[forever]]")
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await asyncio.to_thread(servers.wait_for, "end", f"{prompt} [[forever]]")


async def test_a_stop_text_cuts_the_answer_and_ends_the_job(
    model: ChatQwenSpace, servers: Servers, prompt: str
) -> None:
    endless, until = f"{prompt} [[forever]]", ["nothing", "word4 wo"]
    expected = "word1 word2 word3 "
    for text in (model.invoke(endless, stop=until).text, (await model.ainvoke(endless, stop=until)).text):
        assert text == expected
    stopping = ChatQwenSpace(src=model.src, stop=until)
    assert "".join(chunk.text for chunk in stopping.stream(endless)) == expected
    assert "".join([chunk.text async for chunk in stopping.astream(endless)]) == expected
    await asyncio.to_thread(servers.wait_for, "end", endless)
    assert stopping.invoke(prompt, stop=[]).text == model.invoke(prompt).text


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
@pytest.mark.parametrize(
    ("stops", "whole"), [(["ab-b"], "abab-"), (["b-ab", "missing"], "aba"), (["-ab-bx"], "abab-ab-b")]
)
def test_the_cut_does_not_depend_on_the_chunks(size: int, stops: list[str], whole: str) -> None:
    text, cut, passed = "abab-ab-b", Cut(stops), ""
    for start in range(0, len(text), size):
        passed += "" if cut.over else cut.feed(text[start : start + size])
        assert whole.startswith(passed)
    assert passed + cut.held == whole
    assert cut.over == (whole != text)


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{BASE64}"}},
        {"type": "image", "base64": BASE64, "mime_type": "image/png"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": BASE64}},
    ],
    ids=["openai", "standard", "anthropic"],
)
def test_an_image_is_seen(part: dict[str, Any], servers: Servers) -> None:
    vision = ChatQwenSpace(model="qvq-72b", src=servers["qvq-72b"])
    message = HumanMessage([{"type": "text", "text": "What is this?"}, part])
    assert "31x17" in vision.invoke([message]).text
    with pytest.raises(InvalidImageError):
        ChatQwenSpace(src=servers["qwen-2.5"]).invoke([message])


@pytest.mark.parametrize(
    ("part", "why"),
    [
        ({"type": "image", "url": __file__}, "image_url that is not an https:"),
        ({"type": "image", "source": {"data": BASE64}}, "missing expected key"),
        ({"type": "audio", "base64": BASE64, "mime_type": "audio/wav"}, "part of type 'input_audio'"),
        ({"type": "text"}, "it lacks 'text'"),
        ({"type": "video", "url": "https://example.org/film.mp4"}, "cannot be sent|part of type 'video'"),
    ],
    ids=["path", "no kind", "audio", "no text", "video"],
)
def test_a_part_that_cannot_be_sent_is_our_error(part: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidMessagesError, match=why) as caught:
        ChatQwenSpace(model="qvq-72b").invoke([HumanMessage([part])])
    assert BASE64 not in str(caught.value)


def test_a_history_may_end_with_a_system_message(model: ChatQwenSpace, prompt: str) -> None:
    assert f'You asked: "Hi\n{prompt}"' in model.invoke([HumanMessage("Hi"), SystemMessage(prompt)]).text
    assert f'You asked: "{prompt}"' in model.invoke([SystemMessage(prompt)]).text


async def test_a_stop_may_be_a_lone_string(model: ChatQwenSpace, prompt: str) -> None:
    whole = model.invoke(prompt).text
    expected = whole.partition("local")[0]
    assert expected != whole
    assert model.invoke(prompt, stop="local").text == expected
    assert (await model.ainvoke(prompt, stop="local")).text == expected
    assert "".join(chunk.text for chunk in model.stream(prompt, stop="local")) == expected
    assert ChatQwenSpace(src=model.src, stop="local").invoke(prompt).text == expected


@pytest.mark.parametrize("version", [None, "v1"])
def test_an_answer_is_sent_again_as_history(version: str | None, servers: Servers) -> None:
    model = ChatQwenSpace(src=servers["qwen-2.5"], output_version=version)
    thoughtful = AIMessage(
        [{"type": "reasoning", "reasoning": "Hm."}, {"type": "text", "text": "Hello Ada."}]
    )
    answer = model.invoke(
        [SystemMessage("Be brief."), HumanMessage("I am Ada."), thoughtful, ("human", "Who?")]
    )
    assert 'Before, you said: "I am Ada." and I answered: "Hello Ada."' in answer.text
    again = model.invoke([HumanMessage("Who am I?"), answer, HumanMessage("And now?")])
    assert "This is turn 2." in again.text


@pytest.mark.parametrize("version", [None, "v1"])
async def test_reasoning_is_separate(version: str | None, servers: Servers, prompt: str) -> None:
    model = ChatQwenSpace(model="qwen-3", src=servers["qwen-3"], output_version=version)
    expected = QwenSpace("qwen-3", src=servers["qwen-3"]).ask(prompt)
    assert expected.reasoning
    chunks = [chunk async for chunk in model.astream(prompt)]
    streamed = functools.reduce(operator.add, model.stream(prompt))
    for answer in (model.invoke(prompt), await model.ainvoke(prompt), streamed, sum(chunks[1:], chunks[0])):
        assert answer.text == expected.text
        assert answer.additional_kwargs["reasoning_content"] == expected.reasoning
        thought, text = answer.content_blocks
        assert (thought["type"], thought["reasoning"]) == ("reasoning", expected.reasoning)
        assert (text["type"], text["text"]) == ("text", expected.text)
    kinds = [block["type"] for chunk in chunks for block in chunk.content_blocks]
    assert kinds == sorted(kinds)  # "reasoning", then "text"
    assert kinds.count("reasoning") > 1


def test_an_option_named_model_is_the_spaces_own(servers: Servers, prompt: str) -> None:
    model = ChatQwenSpace(model="qwen-3", src=servers["qwen-3"], options={"model": "qwen3-8b"})
    answer = model.invoke(prompt)
    assert "Model: qwen3-8b." in answer.text
    assert answer.response_metadata["model_name"] == "qwen-3"


def test_options_are_of_the_model_or_of_the_call(servers: Servers, prompt: str) -> None:
    model = ChatQwenSpace(src=servers["qwen-2.5"], options={"size": "7B"})
    assert "Model: 7B." in model.invoke(prompt).text
    assert "Model: 3B." in model.invoke(prompt, size="3B").text
    assert "Model: 3B." in model.bind(size="3B").invoke(prompt).text


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"model": "qwen-2.55"}, UnknownSpaceError),
        ({"options": {"colour": "red"}}, UnsupportedOptionError),
        ({"options": {"size": "8B"}}, UnsupportedOptionError),
        ({"size": "7B"}, ValueError),
    ],
    ids=["model", "option", "value", "parameter"],
)
def test_invalid_arguments_are_an_error_at_once(arguments: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        ChatQwenSpace(**arguments)


def test_parameters_that_no_space_has_cause_a_warning(model: ChatQwenSpace, prompt: str) -> None:
    with pytest.warns(UserWarning, match="ignores temperature, max_tokens"):
        ChatQwenSpace(temperature=0, max_tokens=10)
    with pytest.warns(UserWarning, match="ignores temperature"):
        assert prompt in model.invoke(prompt, temperature=0.5).text
    with pytest.raises(UnsupportedOptionError, match="'top_k'"):
        model.invoke(prompt, top_k=3)


def test_an_error_of_the_space_keeps_its_class(model: ChatQwenSpace) -> None:
    with pytest.raises(SpaceError) as caught:
        list((TEMPLATE | model).stream({"question": "[[gr-error-after=5]] [[pace=0.01]]"}))
    assert caught.value.partial_text


def test_callbacks_get_the_tokens(servers: Servers, prompt: str) -> None:
    class Listener(BaseCallbackHandler):
        tokens: list[str] = []  # noqa: RUF012

        def on_llm_new_token(self, token: str, **kwargs: Any) -> None:
            self.tokens.append(token)

    answer = ChatQwenSpace(src=servers["qwen-2.5"], streaming=True, callbacks=[Listener()]).invoke(prompt)
    assert len(Listener.tokens) > 5
    assert "".join(Listener.tokens) == answer.text


def test_an_answer_has_metadata(model: ChatQwenSpace, prompt: str) -> None:
    whole = model.invoke(prompt)
    streamed = functools.reduce(operator.add, model.stream(prompt))
    for metadata in (whole.response_metadata, streamed.response_metadata):
        assert metadata["model_name"] == "qwen-2.5"
        assert metadata["metrics"]["deltas"] > 5
        assert metadata["metrics"]["total"] >= metadata["metrics"]["first"] > 0


@pytest.mark.filterwarnings("ignore:The function `loads` is in beta")
def test_the_token_is_neither_shown_nor_serialized() -> None:
    model = ChatQwenSpace(model="qvq-72b", api_key="hf_secret", timeout=20, max_retries=0)
    written = dumps(model)
    for text in (repr(model), str(model), written, str(model._identifying_params), repr(model._spaces)):
        assert "hf_secret" not in text
    options = {"allowed_objects": [ChatQwenSpace], "valid_namespaces": ["qwen_spaces"]}
    again = loads(written, **options)
    assert (again.model, again.timeout, again.max_retries, again.token) == ("qvq-72b", 20, 0, None)
    again = loads(written, **options, secrets_map={"QWEN_SPACES_TOKEN": "hf_secret"})
    assert again.token == model.token
    assert dumps(again) == written
    with pytest.raises(ValueError, match="token") as caught:
        ChatQwenSpace(token=["hf_secret"])
    assert "hf_secret" not in str(caught.value)


def test_without_langchain_the_error_names_the_command() -> None:
    program = "import sys; sys.modules['langchain_core'] = None; import qwen_spaces.integrations.langchain"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "MissingExtraError" in ended.stderr
    assert "pip install 'qwen-spaces[langchain]'" in ended.stderr


async def test_of_several_spaces_the_first_that_answers_is_used(servers: Servers, prompt: str) -> None:
    model = ChatQwenSpace(model=f"http://127.0.0.1:9,{servers['qwen-2.5']}", max_retries=0)
    for answer in (model.invoke(prompt), await model.ainvoke(prompt)):
        assert prompt in answer.text
        assert answer.response_metadata["space"] == servers["qwen-2.5"]
    chunks = [chunk async for chunk in model.astream(prompt)]
    assert functools.reduce(operator.add, chunks).response_metadata["space"] == servers["qwen-2.5"]
    duplicates = ChatQwenSpace(model=f"qwen-2.5=http://127.0.0.1:9,{servers['qwen-2.5']}")
    assert "Model: 7B." in duplicates.invoke(prompt, size="7B").text


def test_several_spaces_call_tools(servers: Servers) -> None:
    def get_weather(city: str) -> str:
        """Return the weather in a city."""
        return f"sunny in {city}"

    model = ChatQwenSpace(model=f"http://127.0.0.1:9,{servers['qwen-2.5']}").bind_tools([get_weather])
    (call,) = model.invoke("The weather in Paris? [[pace=0]]").tool_calls
    assert (call["name"], call["args"]) == ("get_weather", {"city": "Paris"})


@pytest.mark.parametrize("name", ["qwen-2.5,qwen-25", ","])
def test_a_list_that_cannot_be_is_refused(name: str) -> None:
    with pytest.raises((UnknownSpaceError, UnsupportedOptionError)):
        ChatQwenSpace(model=name)
