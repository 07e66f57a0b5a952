"""Tools and schemas of the plugin of `llm`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import llm.cli
import pydantic
import pytest
from click.testing import CliRunner

from ..support.servers import Servers

pytestmark = pytest.mark.filterwarnings("ignore:unclosed database")  # of `llm`, from Python 3.13 on

BOTH = "Please add 2 and 3, and tell the weather in Paris [[pace=0.001]]"
ANSWER = "The tools answered: 18 degrees in Paris; 5"


def get_weather(city: str) -> str:
    """Return the weather in a city."""
    return f"18 degrees in {city}"


def add(a: int, b: int) -> int:
    """Return the sum of two numbers."""
    return a + b


class Person(pydantic.BaseModel):
    name: str
    age: int


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of `llm`'s logs, not that of the user who runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("llm")
        patch.setenv("LLM_USER_PATH", str(folder))
        yield folder


@pytest.fixture(params=["qwen-2.5", "qwen-2-72b", "qvq-72b"])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_chain_calls_the_tools_and_ends_with_the_answer(stream: bool, name: str, servers: Servers) -> None:
    model: Any = llm.get_model(name)
    options = {"src": servers[name]}
    chain = model.chain(BOTH, tools=[get_weather, add], options=options, stream=stream)
    assert chain.text() == ANSWER
    first, last = chain._responses
    calls = [(call.name, call.arguments) for call in first.tool_calls()]
    assert calls == [("get_weather", {"city": "Paris"}), ("add", {"a": 2, "b": 3})]
    assert first.text() == ""
    assert last.tool_calls() == []


async def test_an_async_chain_does_the_same(name: str, servers: Servers) -> None:
    model: Any = llm.get_async_model(name)
    chain = model.chain(BOTH, tools=[get_weather, add], options={"src": servers[name]})
    assert await chain.text() == ANSWER


def test_a_conversation_goes_on_after_calls(servers: Servers) -> None:
    model: Any = llm.get_model("qwen-2.5")
    talk = model.conversation(tools=[get_weather, add])
    assert talk.chain(BOTH, options={"src": servers["qwen-2.5"]}).text() == ANSWER
    # The calls and their results are in its history.
    again = talk.chain("Please add 4 and 5 [[pace=0]]", options={"src": servers["qwen-2.5"]})
    assert again.text() == "The tools answered: 9"
    history = again._responses[-1].prompt.messages
    assert [message.role for message in history].count("tool") == 2


def test_text_beside_the_tools_streams(servers: Servers, prompt: str) -> None:
    model: Any = llm.get_model("qwen-2.5")
    pieces = list(model.prompt(prompt, tools=[get_weather], src=servers["qwen-2.5"]))
    assert len(pieces) > 3
    assert prompt in "".join(pieces)


@pytest.mark.parametrize("schema", [Person, Person.model_json_schema()], ids=["class", "schema"])
def test_an_answer_is_json_of_the_schema(schema: Any, name: str, servers: Servers) -> None:
    model: Any = llm.get_model(name)
    response = model.prompt("The person who is 36 is Ada [[pace=0]]", schema=schema, src=servers[name])
    assert json.loads(response.text()) == {"name": "Ada", "age": 36}


def test_an_answer_that_does_not_fit_is_an_error(servers: Servers) -> None:
    old = {"type": "object", "properties": {"age": {"type": "integer", "minimum": 100}}}
    model: Any = llm.get_model("qwen-2.5")
    with pytest.raises(llm.ModelError, match="less than the minimum of 100"):
        model.prompt("Ada is 36 [[pace=0]]", schema=old, src=servers["qwen-2.5"]).text()


def test_the_command_line_has_tools_and_schemas(servers: Servers) -> None:
    def invoke(*arguments: str) -> str:
        common = ["-m", "qwen-2.5", "-o", "src", servers["qwen-2.5"]]
        result = CliRunner().invoke(llm.cli.cli, ["prompt", *common, *arguments])
        assert result.exit_code == 0, result.output
        return result.stdout.strip()

    code = "def add(a: int, b: int) -> int:\n    'Return the sum.'\n    return a + b"
    assert invoke("--functions", code, "Please add 2 and 3 [[pace=0]]") == "The tools answered: 5"
    schema = "name, age int"
    answer = invoke("--schema", schema, "The person who is 36 is Ada [[pace=0]]")
    assert json.loads(answer) == {"name": "Ada", "age": 36}
