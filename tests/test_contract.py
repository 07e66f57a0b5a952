"""The endpoint is found from a Space's API info, by name and by signature."""

from __future__ import annotations

from typing import Any

import pytest

from qwen_spaces import ContractError, Message
from qwen_spaces.contract import Contract, resolve
from qwen_spaces.spaces import QVQ_72B, Qwen2_5, Qwen2_72B

TEXT = {"type": "string"}
PAIRS = {"type": "array", "items": {"type": "array", "maxItems": 2, "minItems": 2}}
TURNS = (Message("user", "a"), Message("assistant", "b"), Message("user", "Hi"))


def role_messages(content: dict[str, Any]) -> dict[str, Any]:
    message = {"type": "object", "properties": {"role": TEXT, "content": content}}
    return {"$defs": {"Message": message}, "type": "array", "items": {"$ref": "#/$defs/Message"}}


def endpoint(**parameters: Any) -> dict[str, Any]:
    """Parameters by name: a schema, or a schema and its default."""
    rows = []
    for name, given in parameters.items():
        schema, *default = given if isinstance(given, tuple) else (given,)
        rows.append(
            {
                "parameter_name": name,
                "type": schema,
                "parameter_has_default": bool(default),
                "parameter_default": default[0] if default else None,
            }
        )
    return {"parameters": rows, "returns": []}


CHAT = endpoint(query=TEXT, history=(PAIRS, []), system=(TEXT, "S"))


def test_a_known_name_comes_before_its_twin_and_before_any_other() -> None:
    info = {"/chat": CHAT, "/model_chat_1": CHAT, "/model_chat": CHAT}
    assert resolve(info, Qwen2_72B.contract).name == "/model_chat"
    del info["/model_chat"]
    assert resolve(info, Qwen2_72B.contract).name == "/model_chat_1"
    del info["/model_chat_1"]
    assert resolve(info, Qwen2_72B.contract).name == "/chat"


def test_a_known_name_that_does_not_fit_is_passed_over() -> None:
    info = {"/model_chat": endpoint(a=TEXT, b=TEXT), "/chat": CHAT}
    assert resolve(info, Qwen2_72B.contract).name == "/chat"


def test_arguments_go_by_the_names_that_were_found() -> None:
    info = {"/model_chat": endpoint(sys_prompt=(TEXT, ""), chat_history=(PAIRS, []), message=TEXT)}
    found = resolve(info, Qwen2_72B.contract)
    assert found.bind((Message("system", "S"), *TURNS), {}, ()) == (
        (),
        {"message": "Hi", "chat_history": [["a", "b"]], "sys_prompt": "S"},
    )
    assert found.bind(TURNS, {}, ())[1] == {"message": "Hi", "chat_history": [["a", "b"]]}


def test_an_option_goes_to_its_parameter_and_is_missed_where_there_is_none() -> None:
    found = resolve({"/model_chat": endpoint(query=TEXT, radio=(TEXT, "72B"))}, Qwen2_5.contract)
    assert found.bind(TURNS[2:], {"size": "7B"}, ())[1] == {"query": "Hi", "radio": "7B"}
    found = resolve({"/model_chat": CHAT}, Qwen2_5.contract)
    with pytest.raises(ContractError, match="/model_chat has no parameter for size"):
        found.bind(TURNS, {"size": "7B"}, ())


def test_a_parameter_without_a_default_gets_the_facades() -> None:
    found = resolve({"/model_chat": endpoint(query=TEXT, system=TEXT, radio=TEXT)}, Qwen2_5.contract)
    assert found.bind(TURNS[2:], {}, ())[1] == {
        "query": "Hi",
        "system": "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.",
        "radio": "72B",
    }


@pytest.mark.parametrize(
    ("schema", "form", "history"),
    [
        (PAIRS, "pairs", [["a", "b"]]),
        ({}, "pairs", [["a", "b"]]),
        (
            role_messages({"anyOf": [TEXT, {"type": "object"}]}),
            "messages",
            [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}],
        ),
        (
            role_messages({"type": "array", "items": {}}),
            "parts",
            [
                {"role": "user", "content": [{"type": "text", "text": "a"}]},
                {"role": "assistant", "content": [{"type": "text", "text": "b"}]},
            ],
        ),
    ],
    ids=["pairs", "anything", "messages", "parts"],
)
def test_the_schema_of_the_history_tells_its_form(schema: Any, form: str, history: Any) -> None:
    found = resolve({"/chat": endpoint(message=TEXT, history=(schema, []))}, Contract("a/b"))
    assert found.history == form
    assert found.bind(TURNS, {}, ())[1]["history"] == history


def test_what_has_no_place_is_folded_into_the_prompt() -> None:
    found = resolve({"/chat": endpoint(message=TEXT)}, Contract("a/b"))
    assert found.bind((Message("system", "S"), *TURNS), {}, ())[1] == {
        "message": "System: S\nUser: a\nAssistant: b\nUser: Hi\nAssistant:"
    }
    assert found.bind(TURNS[2:], {}, ())[1] == {"message": "Hi"}


def test_qvq_is_called_by_position_whatever_the_names() -> None:
    info = {"/generate": endpoint(param_0={"type": "object"}, param_1=TEXT)}
    found = resolve(info, QVQ_72B.contract)
    assert found.bind(TURNS[2:], {}, ("picture",)) == (("picture", "Hi"), {})
    assert found.bind(TURNS[2:], {}, ()) == ((None, "Hi"), {})
    assert resolve({"/ask": info["/generate"]}, QVQ_72B.contract).name == "/ask"


def test_endpoints_that_stream_are_preferred_and_those_that_tidy_up_are_skipped() -> None:
    info = {"/a": CHAT, "/b": CHAT, "/clear_session": CHAT, "/update_text": CHAT}
    assert resolve(info, Contract("x/y"), generators=frozenset({"/b", "/clear_session"})).name == "/b"


@pytest.mark.parametrize(
    ("info", "why"),
    [
        ({}, "No endpoint takes a chat message. The Space has: none."),
        ({"/add": endpoint(a=TEXT)}, r"No endpoint .* The Space has: /add\(a\)"),
        ({"/chat": endpoint(message={"type": "number"})}, "No endpoint"),
        ({"/chat": endpoint(message=TEXT, secret=TEXT)}, "No endpoint"),
        ({"/a": CHAT, "/b": CHAT}, r"Several endpoints .*: /a\(query, history, system\); /b"),
        ({"/clear": CHAT}, "No endpoint"),
    ],
    ids=["none", "no chat", "no text", "unknown required", "ambiguous", "skipped"],
)
def test_no_fit_lists_what_there_is(info: Any, why: str) -> None:
    with pytest.raises(ContractError, match=why):
        resolve(info, Contract("x/y"))
