"""Any Gradio chat by its address: six apps that know nothing of this package, on Gradio 5 and 6."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pytest

from qwen_spaces import (
    ContractError,
    GradioChat,
    InvalidImageError,
    QwenSpace,
    Reasoning,
    SpaceError,
    Text,
    UnsupportedOptionError,
)

from ..support.commands import invoke
from ..support.images import picture
from ..support.modes import POLLING, deltas_through
from ..support.scripted_gradio import BEGIN, CONFIG, Page, Script, completes, endpoint, info, serve_script
from ..support.servers import TURNS, Servers

RED, BLUE = picture("PNG", (11, 10), "red"), picture("JPEG", (5, 6), "blue")


class Found(NamedTuple):
    """What is found at a chat, and what it answers.

    Attributes:
        six, five: the endpoint; Gradio 6 names it after the function unless it has an api name.
        parameters: ours -> theirs, without the options.
        answer: to "Hi".
        options: what each takes, in words.
        history: the form of the earlier turns.
    """

    six: str
    five: str
    parameters: Mapping[str, str]
    answer: str
    options: Mapping[str, str] = {}
    history: str | None = None


CHATS = {
    "settings": Found(
        "/respond",
        "/chat",
        {"prompt": "message", "system": "system_message"},
        "Hi | You are friendly. | 512 0.7 plain False | 0",
        options={
            "max_tokens": "numeric value between 1 and 2048",
            "temperature": "numeric value between 0.1 and 4.0",
            "style": "plain, poem",
            "shout": "true or false",
        },
    ),
    "pictures": Found(
        "/look", "/chat", {"prompt": "message.text", "images": "message.files"}, "'Hi' with 0 files"
    ),
    "thinker": Found("/ponder", "/chat", {"prompt": "message"}, "Hi is Hi."),
    "counsel": Found(
        "/consult",
        "/consult",
        {"prompt": "question", "history": "chat_history", "system": "sys_prompt"},
        "Q: Hi S: Be wise. H: []",
        history="pairs",
    ),
    "shouter": Found(
        "/transform",
        "/predict",
        {"prompt": "sentence"},
        "HI",
        options={"times": "numeric value between 1 and 5"},
    ),
    "eye": Found("/describe", "/describe", {"prompt": "question", "image": "photo"}, "**Hi** I see nothing."),
}


@pytest.fixture(scope="module")
def spaces(servers: Servers) -> Iterator[Mapping[str, GradioChat]]:
    made = {name: GradioChat(servers[name]) for name in CHATS}
    yield made
    for space in made.values():
        space.close()


@pytest.mark.parametrize("name", CHATS)
def test_the_status_shows_what_was_found(
    name: str, spaces: Mapping[str, GradioChat], servers: Servers
) -> None:
    assert type(QwenSpace(servers[name])) is GradioChat
    status, found = spaces[name].status(), CHATS[name]
    assert status.gradio == servers.gradio
    assert status.endpoint == (found.six if servers.gradio >= "6" else found.five)
    assert status.parameters == {**found.parameters, **{option: option for option in found.options}}
    assert status.options == found.options
    assert status.history == found.history
    for option, kind in found.options.items():
        assert f"`{option}`: {kind}" in status._repr_markdown_()


@pytest.mark.parametrize("name", CHATS)
def test_an_answer_comes_in_each_mode(
    name: str, mode: str, spaces: Mapping[str, GradioChat], servers: Servers
) -> None:
    stream = spaces[name].stream("Hi")
    deltas = deltas_through(mode, stream)
    assert "".join(deltas) == stream.text == CHATS[name].answer
    assert not stream.result().rewritten
    assert stream.result().raw
    if name in ("settings", "counsel") and servers.gradio >= "6" and not POLLING:
        assert len(deltas) > 2


def test_a_thought_with_a_title_is_the_reasoning(spaces: Mapping[str, GradioChat]) -> None:
    events = [
        event for event in spaces["thinker"].stream("Hi").events() if isinstance(event, (Reasoning, Text))
    ]
    assert events == [Reasoning("What is Hi?"), Text("Hi is Hi.", 0)]


@pytest.mark.parametrize("name", CHATS)
def test_earlier_turns_and_a_system_prompt_go_where_there_is_a_place(
    name: str, spaces: Mapping[str, GradioChat]
) -> None:
    text = spaces[name].ask([*TURNS, {"role": "user", "content": "Hi"}], system="Be brief.").text
    system = "System: Be brief.\n"
    turns = "User: My name is Ada.\nAssistant: Hello Ada.\nUser: Hi\nAssistant:"
    expected = {
        "settings": f"{turns} | Be brief. | 512 0.7 plain False | 0",
        "pictures": f"{system + turns!r} with 0 files",
        "thinker": f"{system}{turns} is {system}{turns}.",
        "counsel": "Q: Hi S: Be brief. H: ['My name is Ada. -> Hello Ada.']",
        "shouter": f"{system}{turns}".upper(),
        "eye": f"**{system}{turns}** I see nothing.",
    }
    assert text == expected[name]


def test_a_conversation_sends_its_turns_each_time(spaces: Mapping[str, GradioChat]) -> None:
    chat = spaces["counsel"].conversation(system="Be brief.")
    chat.ask("First")
    assert chat.ask("Second").text == "Q: Second S: Be brief. H: ['First -> Q: First S: Be brief. H: []']"
    with pytest.raises(UnsupportedOptionError, match="has no option 'size'"):
        spaces["settings"].conversation(size="7B").ask("Hi")
    assert "| 9 0.7 poem" in spaces["settings"].conversation(max_tokens=9, style="poem").ask("Hi").text


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({"temperature": 0.2, "shout": True, "style": "poem", "max_tokens": 7}, "| 7 0.2 poem True |"),
        (
            {"temperature": "0.2", "shout": "true", "style": "poem", "max_tokens": "7"},
            "| 7 0.2 poem True |",
        ),
        ({"temperature": 1, "shout": "False"}, "| 512 1 plain False |"),
    ],
    ids=["values", "text", "other text"],
)
def test_an_option_reaches_the_chat_as_its_own_type(
    options: Any, sent: str, spaces: Mapping[str, GradioChat]
) -> None:
    assert sent in spaces["settings"].ask("Hi", **options).text


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"size": "7B"}, "no option 'size'. /.* has: max_tokens, temperature, style, shout."),
        ({"temperature": "hot"}, "temperature='hot'. It takes: numeric value between 0.1 and 4.0."),
        ({"temperature": True}, "temperature=True. It takes: numeric"),
        ({"temperature": None}, "temperature=None. It takes: numeric"),
        ({"shout": "perhaps"}, "shout='perhaps'. It takes: true or false."),
        ({"shout": 1}, "shout=1. It takes: true or false."),
        ({"style": "rap"}, "style='rap'. It takes: plain, poem."),
        ({"style": ["plain"]}, "It takes: plain, poem."),
    ],
)
def test_an_option_that_does_not_fit_is_refused(
    options: Any, why: str, spaces: Mapping[str, GradioChat]
) -> None:
    with pytest.raises(UnsupportedOptionError, match=why):
        spaces["settings"].ask("Hi", **options)


@pytest.mark.parametrize("name", ["headers", "fn_index", "api_name", "result_callbacks", "args", "kwargs"])
def test_an_option_may_have_the_name_of_an_argument_of_the_sdk(name: str) -> None:
    text = {"type": "string"}
    chat = {**endpoint(message=text, **{name: text}), "returns": [{"type": text}]}
    (dependency,) = CONFIG["dependencies"]
    config = {
        **CONFIG,
        "dependencies": [{**dependency, "api_name": "chat", "inputs": [11, 8], "outputs": [4]}],
    }
    events = (*BEGIN, *completes("Hello"))
    with serve_script(
        Script(config=Page(body=config), info=Page(body=info(chat=chat)), events=events)
    ) as server:
        assert QwenSpace(server.url).ask("Hi", **{name: "given"}).text == "Hello"  # type: ignore[arg-type]
        (join,) = [request for request in server.requests if request.path == "/queue/join"]
    assert join.body["data"] == ["Hi", "given"]


def test_what_only_the_server_can_refuse_is_its_error(spaces: Mapping[str, GradioChat]) -> None:
    with pytest.raises(SpaceError, match=r"minimum|greater|less|between|failed"):
        spaces["settings"].ask("Hi", temperature=99)


def test_the_command_line_gives_options_as_text(servers: Servers) -> None:
    command = ("ask", "-m", servers["settings"], "Hi", "-s", "Be brief.")
    code, text, errors = invoke(*command, "-o", "temperature=0.2", "-o", "shout", "true")
    assert (code, text.strip(), errors) == (0, "Hi | Be brief. | 512 0.2 plain True | 0", "")
    code, text, errors = invoke(*command, "-o", "temperature=hot")
    assert code != 0
    assert text == ""
    assert "numeric value between 0.1 and 4.0" in errors


def test_images_go_where_they_are_taken(spaces: Mapping[str, GradioChat], mode: str) -> None:
    stream = spaces["pictures"].stream("Look", images=[RED, BLUE])
    sizes = f"one of {len(RED)} bytes, one of {len(BLUE)} bytes"
    assert "".join(deltas_through(mode, stream)) == f"'Look' with 2 files, {sizes}"
    text = "".join(deltas_through(mode, spaces["eye"].stream("Look", images=RED)))
    assert text == "**Look** I see 11x10 pixels."


@pytest.mark.parametrize(
    ("name", "images", "why"),
    [
        ("settings", [RED], "takes no images in a request; one was given"),
        ("counsel", [RED], "takes no images"),
        ("eye", [RED, BLUE], "takes one image in a request; 2 were given"),
    ],
)
def test_an_image_too_many_is_refused(
    name: str, images: list[bytes], why: str, spaces: Mapping[str, GradioChat]
) -> None:
    with pytest.raises(InvalidImageError, match=why):
        spaces[name].ask("Hi", images=images)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("no_chat", r"No endpoint takes a chat message. The Space has: /add\(a, b\)"),
        ("two_chats", r"Several endpoints .* The Space has: /first\(message\); /second\(message\)."),
    ],
)
def test_an_app_with_no_chat_or_two_is_an_error_that_lists_all_endpoints(
    name: str, why: str, servers: Servers
) -> None:
    with QwenSpace(servers[name]) as space:
        for use in (space.status, lambda: space.ask("Hi")):
            with pytest.raises(ContractError, match=why):
                use()


@pytest.mark.parametrize("name", ["/second", "second", " /second "])
def test_one_of_two_chats_is_chosen_by_its_name(name: str, servers: Servers) -> None:
    with QwenSpace(servers["two_chats"], endpoint=name) as space:
        assert space.status().endpoint == "/second"
        assert space.ask("Hi").text == "second Hi"
    command = ("ask", "-m", servers["two_chats"], "Hi")
    assert invoke(*command, "--endpoint", name) == (0, "second Hi\n", "")
    code, text, errors = invoke(*command)
    assert (code, text) == (3, "")
    assert "choose one with --endpoint, of /first, /second" in errors


def test_a_facade_is_told_its_endpoint(servers: Servers) -> None:
    with QwenSpace("qwen-2-72b", src=servers["qwen-2-72b"], endpoint="/model_chat") as space:
        assert space.status().endpoint == "/model_chat"
    with (
        QwenSpace("qwen-2-72b", src=servers["qwen-2-72b"], endpoint="/clear_session") as space,
        pytest.raises(ContractError, match="No endpoint takes a chat message"),
    ):
        space.status()


@pytest.mark.parametrize("endpoint", ["", "/", 7])
def test_what_is_no_name_of_an_endpoint_is_refused(endpoint: Any) -> None:
    with pytest.raises(UnsupportedOptionError, match="not the api name of an endpoint, such as '/chat'"):
        QwenSpace("http://127.0.0.1:1", endpoint=endpoint)
