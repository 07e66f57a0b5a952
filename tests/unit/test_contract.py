"""An endpoint is found by a Space's API info, by name and by signature, and called with what it takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qwen_spaces import ContractError, InvalidImageError, Message, UnsupportedOptionError
from qwen_spaces._contract.api import history_form, parse_api
from qwen_spaces._contract.contract import Contract
from qwen_spaces._contract.discovery import Candidate, ranking, resolve
from qwen_spaces._contract.endpoint import PREVIOUS_CHAT, Call, Endpoint
from qwen_spaces._contract.options import check_options, describe_option
from qwen_spaces.spaces import (
    QVQ_72B,
    GradioChat,
    Qwen2_5,
    Qwen2_5_1M,
    Qwen2_5_VL_72B,
    Qwen2_72B,
    Qwen3,
    Qwen3_VL,
)

from ..support.strategies import requests

TEXT = {"type": "string"}
PAIRS = {"type": "array", "items": {"type": "array", "maxItems": 2, "minItems": 2}}
TURNS = (Message("user", "a"), Message("assistant", "b"), Message("user", "Hi"))


def role_messages(content: dict[str, Any]) -> dict[str, Any]:
    message = {"type": "object", "properties": {"role": TEXT, "content": content}}
    return {"$defs": {"Message": message}, "type": "array", "items": {"$ref": "#/$defs/Message"}}


def endpoint(*, puts_out: Any = (), **parameters: Any) -> dict[str, Any]:
    """Return an endpoint of an API info. A parameter is a schema, or a schema and a default.

    The schema may hold the name of the component.
    """
    rows = []
    for name, described in parameters.items():
        schema, *default = described if isinstance(described, tuple) else (described,)
        rows.append(
            {
                "parameter_name": name,
                "type": schema,
                "component": schema.get("component"),
                "parameter_has_default": bool(default),
                "parameter_default": default[0] if default else None,
            }
        )
    return {"parameters": rows, "returns": [{"type": schema} for schema in puts_out]}


CHAT = endpoint(query=TEXT, history=(PAIRS, []), system=(TEXT, "S"))


def bound(found: Endpoint, *request: Any) -> Any:
    """Return the arguments of the one call."""
    (call,) = found.calls(*request)
    assert call.endpoint == found.name
    return call.args, call.kwargs


def test_a_known_name_wins_over_its_twin_and_over_any_other() -> None:
    info = {"/chat": CHAT, "/model_chat_1": CHAT, "/model_chat": CHAT}
    assert resolve(info, Qwen2_72B.contract).name == "/model_chat"
    del info["/model_chat"]
    assert resolve(info, Qwen2_72B.contract).name == "/model_chat_1"
    del info["/model_chat_1"]
    assert resolve(info, Qwen2_72B.contract).name == "/chat"


def test_a_known_name_whose_signature_does_not_fit_is_skipped() -> None:
    info = {"/model_chat": endpoint(a=TEXT, b=TEXT), "/chat": CHAT}
    assert resolve(info, Qwen2_72B.contract).name == "/chat"


def test_arguments_are_sent_under_the_names_that_were_found() -> None:
    info = {"/model_chat": endpoint(sys_prompt=(TEXT, ""), chat_history=(PAIRS, []), message=TEXT)}
    found = resolve(info, Qwen2_72B.contract)
    assert bound(found, (Message("system", "S"), *TURNS), {}, ()) == (
        (),
        {"message": "Hi", "chat_history": [["a", "b"]], "sys_prompt": "S"},
    )
    assert bound(found, TURNS, {}, ())[1] == {"message": "Hi", "chat_history": [["a", "b"]]}


def test_an_option_is_sent_as_its_parameter_and_fails_without_one() -> None:
    found = resolve({"/model_chat": endpoint(query=TEXT, radio=(TEXT, "72B"))}, Qwen2_5.contract)
    assert bound(found, TURNS[2:], {"size": "7B"}, ())[1] == {"query": "Hi", "radio": "7B"}
    found = resolve({"/model_chat": CHAT}, Qwen2_5.contract)
    with pytest.raises(ContractError, match="/model_chat has no parameter for size"):
        bound(found, TURNS, {"size": "7B"}, ())


def test_a_parameter_without_a_default_gets_the_facades() -> None:
    found = resolve({"/model_chat": endpoint(query=TEXT, system=TEXT, radio=TEXT)}, Qwen2_5.contract)
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
    found = resolve({"/chat": endpoint(message=TEXT, history=(schema, []))}, Contract("a/b"))
    assert found.history == form
    assert bound(found, TURNS, {}, ())[1]["history"] == history


def test_what_has_no_parameter_is_folded_into_the_prompt() -> None:
    found = resolve({"/chat": endpoint(message=TEXT)}, Contract("a/b"))
    assert bound(found, (Message("system", "S"), *TURNS), {}, ())[1] == {
        "message": "System: S\nUser: a\nAssistant: b\nUser: Hi\nAssistant:"
    }
    assert bound(found, TURNS[2:], {}, ())[1] == {"message": "Hi"}


def test_qvq_is_called_by_position_whatever_the_names() -> None:
    info = {"/generate": endpoint(param_0={"type": "object"}, param_1=TEXT)}
    found = resolve(info, QVQ_72B.contract)
    assert bound(found, TURNS[2:], {}, ("picture",)) == (("picture", "Hi"), {})
    assert bound(found, TURNS[2:], {}, ()) == ((None, "Hi"), {})
    assert resolve({"/ask": info["/generate"]}, QVQ_72B.contract).name == "/ask"


def test_endpoints_that_stream_are_preferred_and_those_that_clear_or_update_are_skipped() -> None:
    info = {"/a": CHAT, "/b": CHAT, "/clear_session": CHAT, "/update_text": CHAT}
    assert resolve(info, Contract("x/y"), generators=frozenset({"/b", "/clear_session"})).name == "/b"


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
        resolve(info, Contract("x/y"))


SETTINGS = {"model": "qwen3-1t", "sys_prompt": "S", "thinking_budget": 9, "more": True}
FILES = {"type": "object", "properties": {"text": TEXT, "files": {"type": "array"}}}


def test_a_discovered_parameter_may_have_a_dot_in_its_name() -> None:
    info = {"/chat": endpoint(puts_out=[TEXT], message=TEXT, **{"a.b": (TEXT, "x")})}
    found = resolve(info, GradioChat.contract)
    assert found.options == {"a.b": TEXT}


def test_a_name_with_a_dot_is_a_key_of_the_dict_that_the_parameter_takes() -> None:
    info = {"/add_message": endpoint(input_value=TEXT, settings_form_value=({"type": "object"}, SETTINGS))}
    found = resolve(info, Qwen3.contract)
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
    found = resolve(info, Qwen3.contract)
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
    found = resolve({"/add_message": endpoint(input_value=FILES)}, Qwen3_VL.contract)
    (call,) = found.calls((Message("system", "S"), *TURNS), {}, ["a", "b"])
    folded = "System: S\nUser: a\nAssistant: b\nUser: Hi\nAssistant:"
    assert call.kwargs == {"input_value": {"text": folded, "files": ["a", "b"]}}
    (call,) = found.calls((Message("system", "S"), TURNS[2]), {}, [], resumed=True)
    assert call.kwargs == {"input_value": {"text": "Hi", "files": []}}


def test_a_dict_may_lack_the_keys_that_neither_the_api_nor_the_facade_has_a_default_for() -> None:
    contract = Contract("a/b", options={"size": ("form.size",)})
    found = resolve({"/chat": endpoint(message=TEXT, form={"type": "object"})}, contract)
    assert bound(found, TURNS[2:], {"size": "7B"}, ())[1] == {"message": "Hi", "form": {"size": "7B"}}


def test_a_system_prompt_with_a_parameter_is_not_folded_with_the_turns() -> None:
    found = resolve({"/chat": endpoint(message=TEXT, system=(TEXT, ""))}, Contract("a/b"))
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
    found = resolve(STEPS, Qwen2_5_VL_72B.contract)
    files = [Call("/add_file", (), {"file": file, "history": PREVIOUS_CHAT}) for file in ("first", "second")]
    rest = [
        Call("/add_text", (), {"text": "Hi", "history": PREVIOUS_CHAT}),
        Call("/predict", (), {"_chatbot": PREVIOUS_CHAT}),
    ]
    assert list(found.calls(TURNS[2:], {}, ["first", "second"])) == files + rest
    assert list(found.calls(TURNS[2:], {}, ())) == rest
    info = {"/add_text": endpoint(_input=FILES, _chatbot=(PAIRS, [])), "/agent_run": STEPS["/predict"]}
    question = {"_input": {"text": "Hi", "files": []}, "_chatbot": PREVIOUS_CHAT}
    answer = Call("/agent_run", (), {"_chatbot": PREVIOUS_CHAT})
    calls = Call("/add_text", (), question), answer
    assert resolve(info, Qwen2_5_1M.contract).calls(TURNS[2:], {}, ()) == calls
    # A later version has an input for audio, too, and needs it.
    info["/add_text"] = endpoint(_input=FILES, _audio_input={"type": "object"}, _chatbot=(PAIRS, []))
    calls = Call("/add_text", (), {"_audio_input": None, **question}), answer
    assert resolve(info, Qwen2_5_1M.contract).calls(TURNS[2:], {}, ()) == calls


@pytest.mark.parametrize("missing", STEPS)
def test_a_missing_step_is_named(missing: str) -> None:
    info = {name: described for name, described in STEPS.items() if name != missing}
    info["/other"] = endpoint(_chatbot=(PAIRS, []))
    why = "No endpoint takes" if missing == "/predict" else f"There is no endpoint {missing}. The Space has: "
    with pytest.raises(ContractError, match=why):
        resolve({**info, "/chat": CHAT}, Qwen2_5_VL_72B.contract)


BOX = {"type": "string", "component": "Textbox"}
NUMBER = {"type": "number", "component": "Number"}
IMAGE = {"type": "object", "component": "Image"}


def chat(**parameters: Any) -> dict[str, Any]:
    """Return an endpoint that puts out a text."""
    return endpoint(puts_out=(TEXT,), **parameters)


def discover(**endpoints: Any) -> Endpoint:
    """Return what is found at a Space of which nothing is known."""
    return resolve({f"/{name}": described for name, described in endpoints.items()}, GradioChat.contract)


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
    assert bound(found, TURNS[2:], {}, ())[1] == {"message": "Hi", "name": ""}
    given = {"top_p": "0.5", "style": "poem", "name": "Ada"}
    assert bound(found, TURNS[2:], given, ())[1] == {"message": "Hi", **given, "top_p": 0.5}


def test_an_option_without_a_default_is_needed() -> None:
    found = discover(chat=chat(message=BOX, key=NUMBER))
    assert bound(found, TURNS[2:], {"key": 7}, ())[1] == {"message": "Hi", "key": 7}
    with pytest.raises(UnsupportedOptionError, match=r"needs the option 'key'\. /chat has: key\."):
        found.calls(TURNS[2:], {}, ())
    with pytest.raises(UnsupportedOptionError, match=r"no option 'size'\. /chat has: none\."):
        discover(chat=chat(message=BOX)).calls(TURNS[2:], {"size": "7B"}, ())


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
    value = bound(found, TURNS[2:], {"x": given}, ())[1]["x"]
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
        found.calls(TURNS[2:], {"x": given}, ())


def test_an_unknown_chat_takes_the_images_that_it_has_a_parameter_for() -> None:
    many = discover(chat=chat(message=FILES))
    sent = {"message": {"text": "Hi", "files": ["a", "b"]}}
    assert bound(many, TURNS[2:], {}, ["a", "b"])[1] == sent
    one = discover(look=chat(photo=IMAGE, question=BOX))
    assert bound(one, TURNS[2:], {}, ["a"])[1] == {"photo": "a", "question": "Hi"}
    assert bound(one, TURNS[2:], {}, ())[1] == {"photo": None, "question": "Hi"}
    with pytest.raises(InvalidImageError, match="one image in a request; 2 were given"):
        one.calls(TURNS[2:], {}, ["a", "b"])
    # Inputs with our names that are something else.
    other = discover(chat=chat(message=BOX, image=(BOX, "a URL"), images=({"type": "array"}, [])))
    assert other.options == {}
    assert bound(other, TURNS[2:], {}, ())[1] == {"message": "Hi"}
    with pytest.raises(InvalidImageError, match="/chat takes no images"):
        other.calls(TURNS[2:], {}, ["a"])


def test_a_lone_endpoint_from_text_to_text_is_the_chat_if_there_is_no_other() -> None:
    shout = chat(sentence=BOX, times=(NUMBER, 1))
    assert bound(discover(shout=shout), TURNS[2:], {}, ())[1] == {"sentence": "Hi"}
    assert discover(shout=shout, ask=chat(question=BOX)).name == "/ask"
    with pytest.raises(ContractError, match="No endpoint"):  # either could be the prompt
        discover(join=chat(one=BOX, other=BOX))
    with pytest.raises(ContractError, match="No endpoint"):
        discover(count=endpoint(sentence=BOX, puts_out=({"type": "number"},)))
    with pytest.raises(ContractError, match="No endpoint"):  # a facade does not guess
        resolve({"/shout": shout}, Qwen2_72B.contract)


def test_of_several_chats_the_one_named_so_is_it() -> None:
    assert discover(chat=chat(message=BOX), other=chat(message=BOX)).name == "/chat"
    assert discover(other=chat(message=BOX), other_1=chat(message=BOX)).name == "/other"
    assert discover(like=endpoint(text=BOX), undo=chat(text=BOX), ask=chat(question=BOX)).name == "/ask"
    with pytest.raises(ContractError, match=r"Several .*: /a\(message\); /b\(message\)"):
        discover(a=chat(message=BOX), b=chat(message=BOX))
    with pytest.raises(ContractError, match="Several"):
        discover(a=chat(line=BOX), b=chat(line=BOX))


NAMED = {"/model_chat": "known", "/model_chat_1": "twin", "/other": "streams", "/other_1": "its twin"}


@pytest.mark.parametrize("dropped", range(4))
def test_the_ranking_goes_from_the_contracts_names_to_what_streams_to_what_is_no_twin(dropped: int) -> None:
    info = dict.fromkeys([*list(NAMED)[dropped:], "/more"], CHAT)
    contract, streams = Contract("a/b", endpoints=("/model_chat",)), frozenset({"/other", "/other_1"})
    assert resolve(info, contract, generators=streams).name == list(NAMED)[dropped]


def test_a_chat_whose_prompt_is_named_wins_over_a_streaming_guess() -> None:
    info = {"/shout": chat(sentence=BOX), "/ask": chat(question=BOX)}
    assert resolve(info, GradioChat.contract, generators=frozenset({"/shout"})).name == "/ask"


def test_a_rule_that_no_candidate_meets_is_no_requirement() -> None:
    rules = ranking(Contract("a/b", endpoints=("/elsewhere",)))
    (api,) = parse_api({"/chat_1": CHAT, "/chat": CHAT})[:1]
    candidate = Candidate(api, Endpoint(api.name, {}), guessed=True)
    assert not any(rule(candidate) for rule in rules)
    assert resolve({"/chat_1": CHAT}, Contract("a/b", endpoints=("/elsewhere",))).name == "/chat_1"


def test_an_api_info_with_schemas_of_another_form_is_read_as_far_as_it_can_be() -> None:
    odd = {"parameter_name": "x", "type": None, "parameter_has_default": True}
    (api,) = parse_api({"/chat": {"parameters": [odd], "returns": [None, {"type": "text"}]}})
    (parameter,) = api.parameters
    assert (parameter.schema, parameter.is_text, parameter.is_multimodal) == ({}, False, False)
    assert api.returns == ({}, {})
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
    "all": resolve({"/chat": CHAT}, Contract("a/b")),
    "history": resolve({"/chat": endpoint(message=TEXT, history=(PAIRS, []))}, Contract("a/b")),
    "system": resolve({"/chat": endpoint(message=TEXT, system=(TEXT, ""))}, Contract("a/b")),
    "prompt": resolve({"/chat": endpoint(message=TEXT)}, Contract("a/b")),
    "settings": resolve(
        {"/add_message": endpoint(input_value=TEXT, settings_form_value=({"type": "object"}, SETTINGS))},
        Qwen3.contract,
    ),
    "files": resolve({"/add_message": endpoint(input_value=FILES)}, Qwen3_VL.contract),
    "steps": resolve(STEPS, Qwen2_5_VL_72B.contract),
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
    sent = list(texts([call.kwargs for call in ENDPOINTS[kind].calls(messages, {}, ())]))
    for message in messages:
        assert any(message.content in text for text in sent)
