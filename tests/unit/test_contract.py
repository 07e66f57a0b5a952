"""An endpoint is found by a Space's API info, by name and by signature, and called with what it takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qwen_spaces import ContractError, Message, UnsupportedOptionError
from qwen_spaces._contract.api import history_form, parse_api
from qwen_spaces._contract.contract import Contract
from qwen_spaces._contract.discovery import Candidate, ranking, resolve
from qwen_spaces._contract.endpoint import Endpoint
from qwen_spaces._contract.exchange import PREVIOUS_CHAT, Call
from qwen_spaces._types.options import check_options
from qwen_spaces.spaces import (
    QVQ_72B,
    Qwen2_5,
    Qwen2_5_1M,
    Qwen2_5_VL_72B,
    Qwen2_72B,
    Qwen3,
    Qwen3_VL,
)

from ..support.apis import PAIRS, TEXT, TURNS, endpoint, role_messages, streaming
from ..support.strategies import requests

CHAT = endpoint(query=TEXT, history=(PAIRS, []), system=(TEXT, "S"))


def find(info: Any, contract: Contract, **how: Any) -> Endpoint:
    """Return the endpoint of a facade."""
    found = resolve(info, contract, **how)
    assert isinstance(found.text, Endpoint)
    assert found.for_request(images=2) is found.for_request(images=0) is found.text
    return found.text


def calls(found: Endpoint, *request: Any, **how: Any) -> list[Call]:
    """Return all calls of a request."""
    exchange = found.exchange(*request, **how)
    return [*exchange.before, exchange.answer]


def bound(found: Endpoint, *request: Any) -> Any:
    """Return the arguments of the one call."""
    (call,) = calls(found, *request)
    assert call.endpoint == found.name
    return call.args, call.kwargs


def test_a_known_name_wins_over_its_twin_and_over_any_other() -> None:
    info = {"/chat": CHAT, "/model_chat_1": CHAT, "/model_chat": CHAT}
    assert find(info, Qwen2_72B.contract).name == "/model_chat"
    del info["/model_chat"]
    assert find(info, Qwen2_72B.contract).name == "/model_chat_1"
    del info["/model_chat_1"]
    assert find(info, Qwen2_72B.contract).name == "/chat"


def test_a_known_name_whose_signature_does_not_fit_is_skipped() -> None:
    info = {"/model_chat": endpoint(a=TEXT, b=TEXT), "/chat": CHAT}
    assert find(info, Qwen2_72B.contract).name == "/chat"


def test_arguments_are_sent_under_the_names_that_were_found() -> None:
    info = {"/model_chat": endpoint(sys_prompt=(TEXT, ""), chat_history=(PAIRS, []), message=TEXT)}
    found = find(info, Qwen2_72B.contract)
    assert bound(found, (Message("system", "S"), *TURNS), {}, ()) == (
        (),
        {"message": "Hi", "chat_history": [["a", "b"]], "sys_prompt": "S"},
    )
    assert bound(found, TURNS, {}, ())[1] == {"message": "Hi", "chat_history": [["a", "b"]]}


def test_an_option_is_sent_as_its_parameter_and_fails_without_one() -> None:
    found = find({"/model_chat": endpoint(query=TEXT, radio=(TEXT, "72B"))}, Qwen2_5.contract)
    assert bound(found, TURNS[2:], {"size": "7B"}, ())[1] == {"query": "Hi", "radio": "7B"}
    found = find({"/model_chat": CHAT}, Qwen2_5.contract)
    with pytest.raises(ContractError, match="/model_chat has no parameter for size"):
        bound(found, TURNS, {"size": "7B"}, ())


def test_a_parameter_without_a_default_gets_the_facades() -> None:
    found = find({"/model_chat": endpoint(query=TEXT, system=TEXT, radio=TEXT)}, Qwen2_5.contract)
    assert bound(found, TURNS[2:], {}, ())[1] == {
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
            {"type": "array", "items": {"anyOf": [TEXT, role_messages(TEXT)["$defs"]["Message"]]}},
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
    ids=["pairs", "anything", "messages", "either", "parts"],
)
def test_the_schema_of_the_history_decides_its_form(schema: Any, form: str, history: Any) -> None:
    found = find({"/chat": endpoint(message=TEXT, history=(schema, []))}, Contract("a/b"))
    assert found.history == form
    assert bound(found, TURNS, {}, ())[1]["history"] == history


def test_what_has_no_parameter_is_folded_into_the_prompt() -> None:
    found = find({"/chat": endpoint(message=TEXT)}, Contract("a/b"))
    assert bound(found, (Message("system", "S"), *TURNS), {}, ())[1] == {
        "message": "System: S\nUser: a\nAssistant: b\nUser: Hi\nAssistant:"
    }
    assert bound(found, TURNS[2:], {}, ())[1] == {"message": "Hi"}


def test_qvq_is_called_by_position_whatever_the_names() -> None:
    info = {"/generate": endpoint(param_0={"type": "object"}, param_1=TEXT)}
    found = find(info, QVQ_72B.contract)
    assert bound(found, TURNS[2:], {}, ("picture",)) == (("picture", "Hi"), {})
    assert bound(found, TURNS[2:], {}, ()) == ((None, "Hi"), {})
    assert find({"/ask": info["/generate"]}, QVQ_72B.contract).name == "/ask"


def test_endpoints_that_stream_are_preferred_and_those_that_clear_or_update_are_skipped() -> None:
    info = {"/a": CHAT, "/b": CHAT, "/clear_session": CHAT, "/update_text": CHAT}
    assert find(info, Contract("x/y"), config=streaming("/b", "/clear_session")).name == "/b"


@pytest.mark.parametrize(
    ("info", "why"),
    [
        ({}, "No endpoint takes a chat message. The Space has: none."),
        ({"/add": endpoint(a=TEXT)}, r"No endpoint .* The Space has: /add\(a\)"),
        ({"/chat": endpoint(message={"type": "number"})}, "No endpoint"),
        ({"/chat": endpoint(message=TEXT, secret=TEXT)}, "No endpoint"),
        ({"/chat": endpoint(message=TEXT, system=TEXT)}, "No endpoint"),
        ({"/a": CHAT, "/b": CHAT}, r"Several endpoints .*: /a\(query, history, system\); /b"),
        ({"/clear": CHAT}, "No endpoint"),
    ],
    ids=["none", "no chat", "no text", "unknown required", "no value for it", "ambiguous", "skipped"],
)
def test_no_fit_lists_what_there_is(info: Any, why: str) -> None:
    with pytest.raises(ContractError, match=why):
        find(info, Contract("x/y"))


SETTINGS = {"model": "qwen3-1t", "sys_prompt": "S", "thinking_budget": 9, "more": True}
FILES = {"type": "object", "properties": {"text": TEXT, "files": {"type": "array"}}}


def test_a_name_with_a_dot_is_a_key_of_the_dict_that_the_parameter_takes() -> None:
    info = {"/add_message": endpoint(input_value=TEXT, settings_form_value=({"type": "object"}, SETTINGS))}
    found = find(info, Qwen3.contract)
    assert found.history is None
    # Nothing given: the Space uses all of its own settings.
    assert bound(found, TURNS[2:], {}, ())[1] == {"input_value": "Hi"}
    given = {"thinking_budget": 2, "model": "qwen3-8b"}
    assert bound(found, (Message("system", "T"), *TURNS[2:]), given, ())[1] == {
        "input_value": "Hi",
        "settings_form_value": {**SETTINGS, "sys_prompt": "T", **given},
    }
    # One key given: for the others the API's defaults win over the facade's, and stay unchanged.
    assert bound(found, TURNS[2:], {"model": "qwen3-4b"}, ())[1]["settings_form_value"] == {
        **SETTINGS,
        "model": "qwen3-4b",
    }
    assert SETTINGS["model"] == "qwen3-1t"


def test_a_dict_without_a_default_is_made_of_the_facades() -> None:
    info = {"/add_message": endpoint(input_value=TEXT, settings_form_value={"type": "object"})}
    found = find(info, Qwen3.contract)
    facades = {
        "model": "qwen3-235b-a22b",
        "sys_prompt": "You are a helpful and harmless assistant.",
        "thinking_budget": 38,
    }
    sent = {"input_value": "Hi", "settings_form_value": facades}
    assert bound(found, TURNS[2:], {}, ())[1] == sent
    sent["settings_form_value"] = {**facades, "thinking_budget": 2}
    assert bound(found, TURNS[2:], {"thinking_budget": 2}, ())[1] == sent


def test_a_resumed_session_gets_neither_the_system_prompt_nor_the_turns_again() -> None:
    found = find({"/add_message": endpoint(input_value=FILES)}, Qwen3_VL.contract)
    (call,) = calls(found, (Message("system", "S"), *TURNS), {}, ["a", "b"])
    folded = "System: S\nUser: a\nAssistant: b\nUser: Hi\nAssistant:"
    assert call.kwargs == {"input_value": {"text": folded, "files": ["a", "b"]}}
    (call,) = calls(found, (Message("system", "S"), TURNS[2]), {}, [], resumed={}, turns=2)
    assert call.kwargs == {"input_value": {"text": "Hi", "files": []}}


def test_a_dict_may_lack_the_keys_that_neither_the_api_nor_the_facade_has_a_default_for() -> None:
    contract = Contract("a/b", options={"size": ("form.size",)})
    found = find({"/chat": endpoint(message=TEXT, form={"type": "object"})}, contract)
    assert bound(found, TURNS[2:], {"size": "7B"}, ())[1] == {"message": "Hi", "form": {"size": "7B"}}


def test_a_system_prompt_with_a_parameter_is_not_folded_with_the_turns() -> None:
    found = find({"/chat": endpoint(message=TEXT, system=(TEXT, ""))}, Contract("a/b"))
    assert bound(found, (Message("system", "S"), *TURNS), {}, ())[1] == {
        "message": "User: a\nAssistant: b\nUser: Hi\nAssistant:",
        "system": "S",
    }


STEPS = {
    "/add_file": endpoint(history=(PAIRS, []), file={"type": "object"}),
    "/add_text": endpoint(history=(PAIRS, []), text=TEXT),
    "/predict": endpoint(_chatbot=(PAIRS, [])),
}


def test_each_step_passes_the_chat_on_to_the_next_call() -> None:
    found = find(STEPS, Qwen2_5_VL_72B.contract)
    files = [Call("/add_file", (), {"file": file, "history": PREVIOUS_CHAT}) for file in ("first", "second")]
    rest = [
        Call("/add_text", (), {"text": "Hi", "history": PREVIOUS_CHAT}),
        Call("/predict", (), {"_chatbot": PREVIOUS_CHAT}),
    ]
    assert calls(found, TURNS[2:], {}, ["first", "second"]) == files + rest
    assert calls(found, TURNS[2:], {}, ()) == rest
    info = {"/add_text": endpoint(_input=FILES, _chatbot=(PAIRS, [])), "/agent_run": STEPS["/predict"]}
    question = {"_input": {"text": "Hi", "files": []}, "_chatbot": PREVIOUS_CHAT}
    answer = Call("/agent_run", (), {"_chatbot": PREVIOUS_CHAT})
    found = find(info, Qwen2_5_1M.contract)
    assert calls(found, TURNS[2:], {}, ()) == [Call("/add_text", (), question), answer]
    # A later version has an input for audio, too, and needs it.
    info["/add_text"] = endpoint(_input=FILES, _audio_input={"type": "object"}, _chatbot=(PAIRS, []))
    found = find(info, Qwen2_5_1M.contract)
    assert calls(found, TURNS[2:], {}, ()) == [
        Call("/add_text", (), {"_audio_input": None, **question}),
        answer,
    ]


@pytest.mark.parametrize("missing", STEPS)
def test_a_missing_step_is_named(missing: str) -> None:
    info = {name: described for name, described in STEPS.items() if name != missing}
    info["/other"] = endpoint(_chatbot=(PAIRS, []))
    why = "No endpoint takes" if missing == "/predict" else f"There is no endpoint {missing}. The Space has: "
    with pytest.raises(ContractError, match=why):
        find({**info, "/chat": CHAT}, Qwen2_5_VL_72B.contract)


NAMED = {"/model_chat": "known", "/model_chat_1": "twin", "/other": "streams", "/other_1": "its twin"}


@pytest.mark.parametrize("dropped", range(4))
def test_the_ranking_goes_from_the_contracts_names_to_what_streams_to_what_is_no_twin(dropped: int) -> None:
    info = dict.fromkeys([*list(NAMED)[dropped:], "/more"], CHAT)
    contract, streams = Contract("a/b", endpoints=("/model_chat",)), streaming("/other", "/other_1")
    assert find(info, contract, config=streams).name == list(NAMED)[dropped]


def test_a_rule_that_no_candidate_meets_is_no_requirement() -> None:
    rules = ranking(Contract("a/b", endpoints=("/elsewhere",)))
    api = next(each for each in parse_api({"/chat_1": CHAT, "/chat": CHAT}) if each.is_twin)
    candidate = Candidate(api, Endpoint(api.name, {}))
    assert not any(rule(candidate) for rule in rules)
    assert find({"/chat_1": CHAT}, Contract("a/b", endpoints=("/elsewhere",))).name == "/chat_1"


def test_an_api_info_with_schemas_of_another_form_is_read_as_far_as_it_can_be() -> None:
    odd = {"parameter_name": "x", "type": None, "parameter_has_default": True}
    (api,) = parse_api({"/chat": {"parameters": [odd], "returns": [None, {"type": "text"}]}})
    (parameter,) = api.parameters
    assert (parameter.schema, parameter.is_text, parameter.is_multimodal) == ({}, False, False)
    assert [output.schema for output in api.outputs] == [{}, {}]
    assert history_form({"$defs": None, "items": {"$ref": "#/$defs/gone"}}) == "pairs"


SIZES = {"size": ("7B", "72B"), "budget": range(1, 39), "heat": {"type": "number"}}


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({}, {}),
        ({"size": "7B"}, {"size": "7B"}),
        ({"budget": "38"}, {"budget": 38}),
        ({"heat": "0.5", "budget": 1}, {"heat": 0.5, "budget": 1}),
    ],
)
def test_one_checker_takes_listed_values_and_found_schemas(given: Any, sent: Any) -> None:
    assert check_options(given, SIZES) == sent


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"size": "1B"}, "qwen does not take size='1B'. It takes: 7B, 72B."),
        ({"budget": 39}, "qwen does not take budget=39. It takes: 1 to 38."),
        ({"size": ["7B"]}, "qwen does not take size=['7B']. It takes: 7B, 72B."),
        ({"heat": True}, "qwen does not take heat=True. It takes: a number."),
        ({"cold": 1}, "qwen has no option 'cold'. /chat has: size, budget, heat."),
    ],
)
def test_an_option_that_does_not_fit_names_itself_and_what_there_is(given: Any, why: str) -> None:
    with pytest.raises(UnsupportedOptionError) as caught:
        check_options(given, SIZES, space="qwen", owner="/chat")
    assert str(caught.value) == why


ENDPOINTS = {
    "all": find({"/chat": CHAT}, Contract("a/b")),
    "history": find({"/chat": endpoint(message=TEXT, history=(PAIRS, []))}, Contract("a/b")),
    "system": find({"/chat": endpoint(message=TEXT, system=(TEXT, ""))}, Contract("a/b")),
    "prompt": find({"/chat": endpoint(message=TEXT)}, Contract("a/b")),
    "settings": find(
        {"/add_message": endpoint(input_value=TEXT, settings_form_value=({"type": "object"}, SETTINGS))},
        Qwen3.contract,
    ),
    "files": find({"/add_message": endpoint(input_value=FILES)}, Qwen3_VL.contract),
    "steps": find(STEPS, Qwen2_5_VL_72B.contract),
}


def texts(value: object) -> Iterator[str]:
    """Yield all texts in what is sent."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (Mapping, list, tuple)):
        for inner in value.values() if isinstance(value, Mapping) else value:
            yield from texts(inner)


@settings(max_examples=30)
@given(requests, st.sampled_from(sorted(ENDPOINTS)))
def test_no_text_of_any_message_is_lost_whatever_the_endpoint_takes(
    messages: tuple[Message, ...], kind: str
) -> None:
    sent = list(texts([call.kwargs for call in calls(ENDPOINTS[kind], messages, {}, ())]))
    for message in messages:
        assert any(message.content in text for text in sent)
