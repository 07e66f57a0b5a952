"""The chat of an unknown app is found in its config and API info, and called with what it takes."""

from __future__ import annotations

from typing import Any

import pytest

from qwen_spaces import ContractError, InvalidImageError, UnsupportedOptionError
from qwen_spaces._contract.chat import Chat
from qwen_spaces._contract.discovery import resolve
from qwen_spaces._types.options import describe_option
from qwen_spaces.spaces import GradioChat, Qwen2_72B

from ..support.apis import TEXT, TURNS, endpoint, streaming

FILES = {"type": "object", "properties": {"text": TEXT, "files": {"type": "array"}}}
BOX = {"type": "string", "component": "Textbox"}
ARGUMENT = {"type": "integer", "component": "Api"}
NUMBER = {"type": "number", "component": "Number"}
IMAGE = {"type": "object", "component": "Image"}


def chat(**parameters: Any) -> dict[str, Any]:
    """Return an endpoint that puts out a text."""
    return endpoint(puts_out=(TEXT,), **parameters)


def discover(*, config: Any = None, **endpoints: Any) -> Chat:
    """Return the chat that is found at an app with these endpoints."""
    info = {f"/{name}": described for name, described in endpoints.items()}
    found = resolve(info, GradioChat.contract, config=config).text
    assert isinstance(found, Chat)
    return found


def arguments(chat: Chat, options: Any, files: Any = ()) -> dict[str, object]:
    """Return what the one call of a request sends, by the names of the inputs."""
    exchange = chat.exchange(TURNS[2:], options, files)
    assert not exchange.before
    args, kwargs = exchange.arguments(exchange.answer)
    assert not kwargs
    return dict(zip(chat.chain.last.by_name, args, strict=True))


def test_a_discovered_parameter_may_have_a_dot_in_its_name() -> None:
    found = discover(chat=chat(message=BOX, **{"a.b": (TEXT, "x")}))
    assert found.options == {"a.b": TEXT}
    assert arguments(found, {"a.b": "y"}) == {"message": "Hi", "a.b": "y"}


def test_each_further_parameter_of_an_unknown_chat_is_an_option() -> None:
    style = {"type": "string", "enum": ["plain", "poem"]}
    found = discover(chat=chat(message=BOX, top_p=(NUMBER, 0.9), style=(style, "plain"), name=BOX))
    assert found.options
    assert {option: describe_option(schema) for option, schema in found.options.items()} == {
        "top_p": "a number",
        "style": "plain, poem",
        "name": "text",
    }
    # A text box without a default is sent as a page sends one that nobody filled in.
    page = {"message": "Hi", "top_p": 0.9, "style": "plain", "name": ""}
    assert arguments(found, {}) == page
    given = {"top_p": "0.5", "style": "poem", "name": "Ada"}
    assert arguments(found, given) == {"message": "Hi", **given, "top_p": 0.5}


def test_an_option_without_a_default_is_needed() -> None:
    found = discover(chat=chat(message=BOX, key=ARGUMENT))
    assert arguments(found, {"key": 7}) == {"message": "Hi", "key": 7}
    with pytest.raises(
        UnsupportedOptionError, match=r"needs the option 'key', which takes a number\. /chat has: key\."
    ):
        found.exchange(TURNS[2:], {}, ())
    with pytest.raises(UnsupportedOptionError, match=r"no option 'size'\. /chat has: none\."):
        discover(chat=chat(message=BOX)).exchange(TURNS[2:], {"size": "7B"}, ())


@pytest.mark.parametrize(
    ("kind", "given", "sent"),
    [
        ("number", "1", 1),
        ("number", 0.5, 0.5),
        ("integer", "12", 12),
        ("boolean", "True", True),
        ("boolean", False, False),
        ("string", "1", "1"),
        ("array", ["a"], ["a"]),
        ("", "1", "1"),
        ("", None, None),
    ],
)
def test_an_option_is_sent_as_what_it_takes(kind: str, given: object, sent: object) -> None:
    found = discover(chat=chat(message=BOX, x=({"type": kind}, None)))
    value = arguments(found, {"x": given})["x"]
    assert (type(value), value) == (type(sent), sent)


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        *(("number", wrong) for wrong in ("hot", "nan", "true", True, None, "[1]", "")),
        *(("integer", wrong) for wrong in (1.5, "1.5", False)),
        *(("boolean", wrong) for wrong in (1, "yes", "1", None)),
        *(("string", wrong) for wrong in (1, None, ["a"])),
    ],
)
def test_an_option_of_another_type_is_refused(kind: str, given: object) -> None:
    found = discover(chat=chat(message=BOX, x=({"type": kind}, None)))
    with pytest.raises(UnsupportedOptionError, match="does not take x="):
        found.exchange(TURNS[2:], {"x": given}, ())


def test_an_unknown_chat_takes_the_images_that_it_has_a_parameter_for() -> None:
    many = discover(chat=chat(message=FILES))
    assert arguments(many, {}, ["a", "b"]) == {"message": {"text": "Hi", "files": ["a", "b"]}}
    one = discover(look=chat(photo=IMAGE, question=BOX))
    assert arguments(one, {}, ["a"]) == {"photo": "a", "question": "Hi"}
    assert arguments(one, {}) == {"photo": None, "question": "Hi"}
    with pytest.raises(InvalidImageError, match="one image in a request; 2 were given"):
        one.exchange(TURNS[2:], {}, ["a", "b"])
    # Inputs with our names that are something else.
    other = discover(chat=chat(message=BOX, image=(BOX, "a URL"), images=({"type": "array"}, [])))
    assert list(other.options) == ["image", "images_"]
    with pytest.raises(InvalidImageError, match="/chat takes no images"):
        other.exchange(TURNS[2:], {}, ["a"])


def test_a_lone_endpoint_from_text_to_text_is_the_chat_if_there_is_no_other() -> None:
    shout = chat(sentence=BOX, times=(NUMBER, 1))
    assert arguments(discover(shout=shout), {}) == {"sentence": "Hi", "times": 1}
    assert discover(shout=shout, ask=chat(question=BOX)).name == "/ask"
    with pytest.raises(ContractError, match="No endpoint"):  # either could be the prompt
        discover(join=chat(one=BOX, other=BOX))
    with pytest.raises(ContractError, match="No endpoint"):
        discover(count=endpoint(sentence=BOX, puts_out=({"type": "number"},)))
    with pytest.raises(ContractError, match="No endpoint"):  # a facade does not guess
        resolve({"/shout": shout}, Qwen2_72B.contract)


def test_of_several_chats_the_one_named_so_is_it() -> None:
    assert discover(chat=chat(message=BOX), other=chat(message=BOX)).name == "/chat"
    with pytest.raises(ContractError, match="Several"):  # two tabs, say, each with a chat
        discover(other=chat(message=BOX), other_1=chat(message=BOX))
    assert discover(like=endpoint(text=BOX), undo=chat(text=BOX), ask=chat(question=BOX)).name == "/ask"
    with pytest.raises(ContractError, match=r"Several .*: /a\(message\); /b\(message\)"):
        discover(a=chat(message=BOX), b=chat(message=BOX))
    with pytest.raises(ContractError, match="Several"):
        discover(a=chat(line=BOX), b=chat(line=BOX))


def test_a_chat_whose_prompt_is_named_wins_over_a_streaming_guess() -> None:
    found = discover(shout=chat(line=BOX), ask=chat(question=BOX), config=streaming("/shout"))
    assert found.name == "/ask"
