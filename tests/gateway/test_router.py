"""Models of several Spaces: who answers, what clients get if nobody does, and what is as for a Space."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import openai
import pytest
from pytest_mock import MockerFixture

from qwen_spaces import QwenSpace, Router, UnknownSpaceError, UnsupportedOptionError, available_spaces
from qwen_spaces._types.timeouts import Timeouts
from qwen_spaces.errors import AllFailedError, ConnectError, QueueFullError, RateLimitedError
from qwen_spaces.gateway import _answers, create_app
from qwen_spaces.gateway._errors import error_response_for
from qwen_spaces.gateway._models import Models
from qwen_spaces.replicas import serve

from ..support.commands import invoke
from ..support.gateway import chat, http, logged, openai_client, recorded_log, serve_gateway
from ..support.images import picture
from ..support.scripted_gradio import Page, Script, serve_script
from ..support.servers import Servers

PNG = f"data:image/png;base64,{base64.b64encode(picture('PNG', (31, 17), 'red')).decode()}"
SPACE = "x-qwen-spaces-space"
CHAT = "/v1/chat/completions"


@pytest.fixture(scope="module")
def url(servers: Servers) -> Iterator[str]:
    """A gateway with a Space that is always full, and what stands in for it."""
    with serve_script(Script(join=Page(503))) as full:
        models = {
            "qwen-2-72b": full.url,
            "qwen-2.5": servers["qwen-2.5"],
            "qvq-72b": servers["qvq-72b"],
            "any": "qwen-2-72b,qwen-2.5,qvq-72b",
        }
        with serve_gateway(create_app(models)) as url:
            yield url


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[openai.OpenAI]:
    with openai_client(url) as client:
        yield client


def post(url: str, prompt: str, **more: Any) -> httpx.Response:
    return http.post(f"{url}{CHAT}", json=chat(prompt, **more))


# Who answers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_the_next_space_answers_and_the_header_names_it(url: str, stream: bool) -> None:
    response = post(url, "Hi [[pace=0]]", model="any", stream=stream)
    assert response.status_code == 200
    assert response.headers[SPACE] == "qwen-2.5"
    assert "asked" in response.text
    assert '"model":"any"' in response.text.replace(" ", "")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_the_header_names_a_space_of_its_own_too(url: str, stream: bool) -> None:
    assert post(url, "Hi [[pace=0]]", stream=stream).headers[SPACE] == "qwen-2.5"
    assert post(url, "Hi [[pace=0]]", stream=stream, stop=["asked"]).headers[SPACE] == "qwen-2.5"


def test_a_stream_that_begins_early_does_not_know_the_space_and_the_log_does(
    url: str, prompt: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_answers, "EARLY", 0.05)
    body = chat(f"{prompt} [[wait=1]] [[pace=0]]", model="any", stream=True)
    with recorded_log() as lines:
        response = http.post(f"{url}{CHAT}", json=body, headers={"X-Request-Id": "early"})
        assert SPACE not in response.headers
        assert "asked" in response.text
        line = logged(lines, id="early")
    assert (line["model"], line["space"]) == ("any", "qwen-2.5")


def test_a_page_may_read_the_header(servers: Servers) -> None:
    page = {"Origin": "https://example.org"}
    app = create_app({"qwen-2.5": servers["qwen-2.5"]}, origins=[page["Origin"]])
    with serve_gateway(app) as url:
        response = http.post(f"{url}{CHAT}", json=chat("Hi [[pace=0]]"), headers=page)
    assert SPACE in response.headers["Access-Control-Expose-Headers"]


def test_an_image_and_an_option_go_where_they_can(client: openai.OpenAI) -> None:
    image = {"type": "image_url", "image_url": {"url": PNG}}
    content: Any = [{"type": "text", "text": "What is it? [[pace=0]]"}, image]
    create = client.chat.completions.with_raw_response.create
    seen = create(model="any", messages=[{"role": "user", "content": content}])
    assert seen.headers[SPACE] == "qvq-72b"
    assert "31x17" in (seen.parse().choices[0].message.content or "")
    sized = create(**chat("Hi [[pace=0]]", model="any"), extra_body={"size": "7B"})
    assert sized.headers[SPACE] == "qwen-2.5"
    assert "Model: 7B" in (sized.parse().choices[0].message.content or "")
    with pytest.raises(openai.BadRequestError, match="any has the options: size"):
        client.chat.completions.create(**chat("Hi", model="any"), extra_body={"nonsense": 1})


def test_a_hint_that_not_all_take_leaves_out_nobody(url: str) -> None:
    response = post(url, "Hi [[pace=0]]", model="any", enable_thinking=True, temperature=0.5)
    assert response.headers["x-qwen-spaces-ignored"] == "enable_thinking, temperature"
    assert response.headers[SPACE] == "qwen-2.5"


def test_tools_are_as_at_a_space(client: openai.OpenAI) -> None:
    function = {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {}}}}
    body = chat(
        "The weather in Paris? [[pace=0]]", model="any", tools=[{"type": "function", "function": function}]
    )
    message = client.chat.completions.create(**body).choices[0].message
    (call,) = message.tool_calls or []
    assert call.type == "function"
    assert (call.function.name, call.function.arguments) == ("get_weather", '{"city": "Paris"}')
    turns = [*body["messages"], message, {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
    answer = client.chat.completions.create(**{**body, "messages": turns})
    assert answer.choices[0].message.content == "The tools answered: sunny"


def test_a_history_is_sent_whole(client: openai.OpenAI) -> None:
    turns = [("user", "My name is Ada."), ("assistant", "Hello."), ("user", "Hi again [[pace=0]]")]
    messages: Any = [{"role": role, "content": content} for role, content in turns]
    answer = client.chat.completions.create(model="any", messages=messages).choices[0].message.content or ""
    assert "This is turn 2." in answer


def test_closing_a_stream_ends_the_job(client: openai.OpenAI, prompt: str, servers: Servers) -> None:
    prompt += " [[forever]]"
    with client.chat.completions.create(**chat(prompt, model="any"), stream=True) as stream:
        while not next(stream).choices[0].delta.content:
            pass
    servers.wait_for("end", prompt)


def test_one_model_of_duplicates_is_one_pool() -> None:
    asked: list[str] = []

    def brain(name: str) -> Callable[..., Iterator[str]]:
        def answer(system: str, history: Any, prompt: str, image: object) -> Iterator[str]:
            asked.append(name)
            yield name

        return answer

    with serve("qwen-2.5", brain=brain("one")) as one, serve("qwen-2.5", brain=brain("two")) as two:
        for place in (one, two):  # two Gradio apps of one process, opened at once, may answer 500
            QwenSpace("qwen-2.5", src=place).status()
        with serve_gateway(create_app({"qwen-2.5": f"{one},{two}"})) as url:
            spaces = {post(url, f"Hi {number}", size="7B").headers[SPACE] for number in range(24)}
            alias = post(url, "Hi", model="Qwen/Qwen2.5")
    assert spaces == {one, two}
    assert set(asked) == {"one", "two"}
    assert alias.status_code == 404  # a place is that of one Space


# Nobody answers --------------------------------------------------------------------------------------------


@contextlib.contextmanager
def failing(*scripts: Script) -> Iterator[str]:
    """A gateway with a model "any" of Spaces that fail so."""
    with contextlib.ExitStack() as stack:
        places = [stack.enter_context(serve_script(script)).url for script in scripts]
        yield stack.enter_context(serve_gateway(create_app({"any": ",".join(places)})))


FULL, LIMITED = Script(join=Page(503)), Script(join=Page(429, headers={"Retry-After": "77"}))


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_all_busy_is_429_with_the_time_to_wait(stream: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qwen_spaces._many.dispatch.LONGEST_PAUSE", 0.01)
    with failing(FULL, LIMITED) as url:
        response = post(url, "Hi", model="any", stream=stream)
    assert response.status_code == 429
    assert response.json()["error"]["code"] == "spaces_busy"
    assert 1 <= int(response.headers["Retry-After"]) <= 77


def test_what_is_not_there_is_503(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qwen_spaces._many.dispatch.LONGEST_PAUSE", 0.01)
    with serve_gateway(create_app({"any": "http://127.0.0.1:9,http://127.0.0.1:10"})) as url:
        response = post(url, "Hi", model="any")
    assert (response.status_code, response.headers["x-should-retry"]) == (503, "false")
    assert response.json()["error"]["code"] == "spaces_unavailable"


@pytest.mark.parametrize(
    ("errors", "status", "header"),
    [
        ((QueueFullError("Full."), RateLimitedError("Wait.")), 429, "9"),
        ((QueueFullError("Full."), ConnectError("Gone.")), 503, None),
    ],
    ids=["busy", "gone"],
)
def test_the_status_of_an_error_of_all(errors: tuple[Any, ...], status: int, header: str | None) -> None:
    error = AllFailedError("No Space answered.", retry_after=8.5)
    error.errors = tuple((str(number), each) for number, each in enumerate(errors))
    response = error_response_for(error)
    assert (response.status_code, response.headers.get("Retry-After")) == (status, header)


def test_the_bound_of_answers_holds_for_all_models(prompt: str, servers: Servers) -> None:
    prompt += " [[forever]]"
    app = create_app({"qwen-2.5": servers["qwen-2.5"], "any": "qwen-2.5,http://127.0.0.1:9"}, max_requests=1)
    with (
        serve_gateway(app) as url,
        openai_client(url) as client,
        client.chat.completions.create(**chat(prompt, model="any"), stream=True) as stream,
    ):
        next(stream)
        assert post(url, "Hi").status_code == 429
    servers.wait_for("end", prompt)


# Models ----------------------------------------------------------------------------------------------------


def models(sources: Any = None, **more: Any) -> Models:
    return Models(sources, Timeouts(), 1000, **more)


def names_of(router: Any) -> list[str]:
    assert isinstance(router, Router)
    return [member.name for member in router._members]


def test_without_names_qwen_is_all_spaces_for_text() -> None:
    found = models()
    router: Any = found.find("qwen").space
    text = {facade.aliases[0] for facade in available_spaces() if facade.max_images == 0}
    assert set(names_of(router)) == text
    tiers = {member.name: member.tier for member in router._members}
    assert tiers["qwen-2.5"] == tiers["qwen-3"] == 0 < tiers["qwen-2-72b"]
    for member in router._members:
        assert member.space is found.find(member.name).space  # one connection, one view of its queue
    listed = {entry.name: entry.to_openai().owned_by for entry in found.entries()}
    assert listed["qwen"] == "qwen-spaces"
    assert "qwen" not in [entry.name for entry in models({"qwen-2.5": None}).entries()]


def test_a_list_is_in_order_and_shares_what_is_a_model_too() -> None:
    found = models({"any": "qwen-2.5, O/N,qwen-3", "qwen-2.5": "http://127.0.0.1:9"})
    router: Any = found.find("ANY").space
    assert names_of(router) == ["qwen-2.5", "O/N", "qwen-3"]
    assert [member.tier for member in router._members] == [0, 1, 2]
    assert router._members[0].space is found.find("qwen-2.5").space
    assert [entry.name for entry in found.entries()] == ["qwen-2.5", "any"]


def test_duplicates_are_equals_under_each_name_of_their_space() -> None:
    found = models({"qwen-2.5": "O/N,qwen-2.5"})
    router: Any = found.find("Qwen-Qwen2-5").space
    assert names_of(router) == ["O/N", "Qwen/Qwen2.5"]
    assert {member.tier for member in router._members} == {0}
    assert {type(member.space).__name__ for member in router._members} == {"Qwen2_5"}


@pytest.mark.parametrize(
    ("sources", "error"),
    [
        ({"any": ","}, UnsupportedOptionError),
        ({"any": "qwen-2.5,qwen-25"}, UnknownSpaceError),
        ({"qwen-2.5": "O/N,qwen-3"}, UnknownSpaceError),  # not one of its duplicates
    ],
    ids=["none", "unknown", "another"],
)
def test_a_list_that_cannot_be_is_refused(sources: dict[str, str], error: type[Exception]) -> None:
    with pytest.raises(error):
        models(sources)


@pytest.mark.parametrize(
    ("options", "served"),
    [
        (["-m", "any=qwen-2.5,O/N"], {"any": [["qwen-2.5"], ["O/N"]]}),
        (["-m", "any=O/N", "-m", "qwen-3"], {"qwen-3": None, "any": [["O/N"]]}),
        (["-m", "qwen-2.5=O/N,P/Q"], {"qwen-2.5": [["O/N", "P/Q"]]}),
        (["-m", "qwen-3", "--src", "qwen-3=O/N"], {"qwen-3": "O/N"}),
    ],
    ids=["named", "beside", "equals", "src"],
)
def test_the_command_line_names_them(options: list[str], served: Any, mocker: MockerFixture) -> None:
    mocker.patch("qwen_spaces.gateway._server.run", autospec=True)
    made = mocker.patch("qwen_spaces.gateway.create_app", autospec=True)
    assert invoke("serve", "--port", "0", *options)[0] == 0

    def shown(source: Any) -> Any:
        tiers = getattr(source, "tiers", None)
        return source if tiers is None else [[place.src or place.name for place in tier] for tier in tiers]

    assert {name: shown(source) for name, source in made.call_args.args[0].items()} == served


def test_without_models_the_command_line_serves_qwen_too(mocker: MockerFixture) -> None:
    run = mocker.patch("qwen_spaces.gateway._server.run", autospec=True)
    made = mocker.patch("qwen_spaces.gateway.create_app", autospec=True, side_effect=create_app)
    assert invoke("serve", "--port", "0", "--src", "mine=O/N")[0] == 0
    assert run.call_count == 1
    sources = made.call_args.args[0]
    assert sources["qwen"] == "*"
    assert "mine" not in names_of(models(sources).find("qwen").space)  # which may be anything


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["-m", "qwen-2.5,qwen-3"], "Several Spaces need a name"),
        (["-m", "any=qwen-25,qwen-3"], "Did you mean 'qwen-2.5'"),
        (["-m", "any="], "A Space is missing"),
        (["-m", "qwen-2.5=O/N,P/Q", "--local"], "exclude each other"),
    ],
    ids=["no name", "unknown", "none", "local"],
)
def test_the_command_line_refuses_what_cannot_be(
    options: list[str], error: str, mocker: MockerFixture
) -> None:
    mocker.patch(
        "qwen_spaces.gateway._server.run", autospec=True
    )  # else a wrong success would serve for ever
    code, _, errors = invoke("serve", "--port", "0", *options)
    assert code == 2
    assert error in errors


@pytest.mark.slow
def test_replicas_stand_in_for_the_spaces_of_a_list(mocker: MockerFixture) -> None:
    answers: list[httpx.Response] = []

    def run(app: Any, *_: Any, **__: Any) -> None:
        with serve_gateway(app) as url:
            answers.append(post(url, "Hi [[pace=0]]", model="any"))
            answers.append(http.get(f"{url}/v1/models"))

    mocker.patch("qwen_spaces.gateway._server.run", autospec=True, side_effect=run)
    assert invoke("serve", "--port", "0", "--local", "-m", "any=qwen-2-72b,qwen-2.5")[0] == 0
    assert answers[0].headers[SPACE] == "qwen-2-72b"
    assert [model["id"] for model in answers[1].json()["data"]] == ["any"]


def test_a_clients_token_is_its_own_and_its_failures_rest_nobody_elses() -> None:
    router: Any = models({"any": "qwen-2.5,http://127.0.0.1:9"}).find("any").space
    guest = router._with_token("hf_one")
    own, elsewhere = (guest._guests.get(member) for member in router._members)
    assert (own._recipe["token"], elsewhere) == ("hf_one", None)
    assert router._members[0].space._recipe["token"] is None
    assert guest._members is router._members
    assert router._with_token("hf_two")._guests is not guest._guests
    assert (
        models({"any": "http://127.0.0.1:9,http://127.0.0.1:10"}).find("any").space._with_token("hf_x")
        is None
    )
