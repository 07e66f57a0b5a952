"""What a page does when the user sends: the chain of its events, and what each of them gets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from qwen_spaces import ContractError, InvalidImageError, Message, UnsupportedOptionError
from qwen_spaces._contract.chat import Chat
from qwen_spaces._contract.discovery import Found, resolve
from qwen_spaces._contract.exchange import Exchange
from qwen_spaces.spaces import GradioChat

from ..support.apis import PAIRS, TEXT, TURNS, component, event

BOARD, BOX, HEAT, KEPT, PHOTO, SYSTEM, BUTTON = range(1, 8)
COMPONENTS = [
    component(BOARD, "chatbot", PAIRS, value=[]),
    component(BOX, "textbox", TEXT, label="Say something"),
    component(HEAT, "slider", {"type": "number"}, minimum=0.5, label="Heat"),
    component(KEPT, "state"),
    component(PHOTO, "image", {"type": "object"}),
    component(SYSTEM, "textbox", TEXT, label="System prompt", value="Be kind."),
    component(BUTTON, "button", TEXT),
]
USER = event(0, "user", [BOX, BOARD], [BOX, BOARD], (BOX, "submit"))
BOT = event(1, "bot", [BOARD, HEAT], [BOARD], after=0, streams=True)


def find(*events: Any, endpoint: str | None = None) -> Found:
    config = {"components": COMPONENTS, "dependencies": events}
    return resolve({}, GradioChat.contract, config=config, endpoint=endpoint)


def chat(*events: Any, **how: Any) -> Chat:
    found = find(*events, **how).text
    assert isinstance(found, Chat)
    return found


def play(exchange: Exchange, *outputs: Any) -> list[tuple[object, ...]]:
    """Return the arguments of each call, if the calls put out these values."""
    calls = [*exchange.before, exchange.answer]
    sent = []
    for call, output in zip(calls, (*outputs, None), strict=True):
        args, kwargs = exchange.arguments(call)
        assert not kwargs
        sent.append(args)
        if output is not None:
            exchange.keep(call, output)
    return sent


def steps(found: Chat) -> list[str]:
    return [step.name for step in found.chain.steps]


def test_each_step_gets_what_the_one_before_it_put_out() -> None:
    found = chat(USER, BOT)
    assert steps(found) == ["/user", "/bot"]
    shown = [["Hi", None]]
    assert play(found.exchange(TURNS[2:], {}, ()), ("", shown)) == [("Hi", []), (shown, 0.5)]
    # Earlier turns go into the chat; an option of the second step is one of the chat.
    sent = play(found.exchange(TURNS, {"Heat": 2}, ()), ("", shown))
    assert sent == [("Hi", [["a", "b"]]), (shown, 2)]
    assert list(found.describe()) == [
        ("/user", {"Say something": "prompt", "chatbot_1": "history"}),
        ("/bot", {"chatbot_1": "from /user", "Heat": "the option Heat"}),
    ]


def test_an_update_without_a_value_changes_nothing() -> None:
    exchange = chat(USER, BOT).exchange(TURNS[2:], {}, ())
    update = {"__type__": "update", "interactive": False}
    held = {"__type__": "update", "value": [["Hi", None]]}
    assert play(exchange, (update, held)) == [("Hi", []), ([["Hi", None]], 0.5)]


HIDDEN: list[Any] = [{"api_name": False}, {"api_visibility": "private"}, {"backend_fn": False}]


@pytest.mark.parametrize("private", HIDDEN)
def test_where_the_first_step_is_hidden_the_prompt_is_the_last_message(private: Any) -> None:
    found = chat({**USER, **private}, BOT)
    assert steps(found) == ["/bot"]
    assert play(found.exchange(TURNS, {}, ())) == [([["a", "b"], ["Hi", None]], 0.5)]
    values = {BOARD: [["a", "b"]]}
    resumed = found.exchange(TURNS[2:], {}, (), resumed=values, turns=2)
    assert play(resumed) == [([["a", "b"], ["Hi", None]], 0.5)]


def test_a_history_that_the_server_keeps_is_not_sent_and_one_that_is_handed_on_is() -> None:
    keeps = chat(
        event(0, "user", [BOX, KEPT], [BOX, KEPT], (BOX, "submit")),
        event(1, "bot", [BOARD, KEPT], [BOARD, KEPT], after=0),
    )
    assert (keeps.history, keeps.stateful) == (None, True)
    folded = "User: a\nAssistant: b\nUser: Hi\nAssistant:"
    assert play(keeps.exchange(TURNS, {}, ()), ("",))[0] == (folded,)
    hands_on = chat(
        event(0, "take", [BOX], [BOX, KEPT], (BOX, "submit")),
        event(1, "bot", [KEPT, BOARD], [BOARD], after=0),
    )
    assert hands_on.history == "pairs"
    assert play(hands_on.exchange(TURNS, {}, ()), "") == [("Hi",), ([["a", "b"]],)]


def test_a_resumed_session_goes_on_with_the_values_of_its_page() -> None:
    found = chat(
        event(0, "user", [BOX, BOARD, KEPT], [BOX, BOARD, KEPT], (BOX, "submit")),
        event(1, "bot", [BOARD, KEPT], [BOARD], after=0),
    )
    shown = [["a", {"text": "b", "files": []}]]
    messages = (Message("system", "S"), TURNS[2])
    exchange = found.exchange(messages, {}, (), resumed={BOARD: shown}, turns=2)
    assert play(exchange, ("", [*shown, ["Hi", None]])) == [("Hi", shown), ([*shown, ["Hi", None]],)]


def test_what_opens_the_page_fills_a_state_and_may_fail() -> None:
    load = event(2, "profile", [], [KEPT], (99, "load"))
    unread = event(3, "greet", [], [HEAT], (99, "load"))
    found = chat(event(0, "respond", [BOX, BOARD, KEPT], [BOARD], (BOX, "submit")), load, unread)
    exchange = found.exchange(TURNS[2:], {}, ())
    assert [call.endpoint for call in exchange.before] == [2]
    assert exchange.before[0].optional
    assert not found.exchange(TURNS[2:], {}, (), resumed={}, turns=2).before


@pytest.mark.parametrize("trigger", [{"targets": [(PHOTO, "upload")]}, {"targets": [], "after": 5}])
def test_a_picture_is_uploaded_by_its_own_event_before_the_chain(trigger: Any) -> None:
    targets = trigger.pop("targets")
    upload = event(4, "look", [PHOTO, BOARD], [BOARD, KEPT], *targets, **trigger)
    clear = event(5, "clear_all", [], [BOARD], (PHOTO, "upload"))
    found = chat(event(0, "respond", [BOX, BOARD, KEPT], [BOARD], (BOX, "submit")), upload, clear)
    assert found.max_images is None
    exchange = found.exchange(TURNS[2:], {}, ["first", "second"])
    seen = [[["(picture)", None]], [["(picture)", None], ["(picture)", None]]]
    assert play(exchange, seen[0], seen[1]) == [
        ("first", []),
        ("second", seen[0]),
        ("Hi", seen[1]),
    ]


def test_a_system_prompt_that_a_button_takes_over_is_not_folded_as_well() -> None:
    found = chat(
        event(0, "respond", [BOX, BOARD, KEPT], [BOX, BOARD], (BOX, "submit")),
        event(1, "modify", [SYSTEM], [KEPT], (BUTTON, "click")),
    )
    exchange = found.exchange((Message("system", "Be brief."), TURNS[2]), {}, ())
    assert play(exchange, "Be brief.") == [("Be brief.",), ("Hi", [])]


def test_an_option_is_taken_over_by_its_own_event_and_by_no_other_that_reads_it() -> None:
    respond = event(0, "respond", [BOX, BOARD, HEAT, KEPT], [BOARD, KEPT], (BOX, "submit"))
    events = [
        event(1, "respond_1", [BOX, BOARD, HEAT, KEPT], [BOARD, KEPT], (BUTTON, "click")),
        event(2, "regenerate", [KEPT], [KEPT], (BUTTON, "click")),
        event(3, "again", [KEPT, HEAT], [BOARD, KEPT], after=2),
    ]
    assert not chat(respond, *events).exchange(TURNS[2:], {"Heat": 2}, ()).before
    warm = event(4, "warm", [HEAT, KEPT], [KEPT], (HEAT, "change"))
    exchange = chat(respond, *events, warm).exchange(TURNS[2:], {"Heat": 2}, ())
    assert [call.endpoint for call in exchange.before] == [4]
    assert play(exchange, None) == [(2,), ("Hi", [], 2)]


def test_a_button_among_the_inputs_is_sent_as_the_page_does() -> None:
    found = chat(event(0, "respond", [BUTTON, BOX, BOARD], [BOARD], (BOX, "submit")))
    assert play(found.exchange(TURNS[2:], {}, ())) == [(None, "Hi", [])]
    assert found.options == {}


def test_one_of_several_chats_is_chosen_by_the_name_of_any_of_its_steps() -> None:
    other = [
        component(11, "chatbot", PAIRS),
        component(12, "textbox", TEXT),
    ]
    events = [USER, BOT, event(2, "bot_2", [12, 11], [11], (12, "submit"), streams=True)]
    config = {"components": [*COMPONENTS, *other], "dependencies": events}
    with pytest.raises(ContractError, match=r"choose one with endpoint=..., of /bot, /bot_2\."):
        resolve({}, GradioChat.contract, config=config)
    for name, expected in [("/user", "/bot"), ("/bot", "/bot"), ("/bot_2", "/bot_2")]:
        assert resolve({}, GradioChat.contract, config=config, endpoint=name).text.name == expected
    with pytest.raises(ContractError, match=r"No chat goes through /third\. The Space has: /user"):
        resolve({}, GradioChat.contract, config=config, endpoint="/third")


def test_a_request_with_images_goes_where_they_are_taken() -> None:
    found = find(USER, BOT, event(2, "describe", [PHOTO, BOX], [SYSTEM], (BUTTON, "click")))
    assert (found.for_request(images=0).name, found.for_request(images=1).name) == ("/bot", "/describe")
    with pytest.raises(InvalidImageError, match="/bot takes no images"):
        chat(USER, BOT).exchange(TURNS[2:], {}, ["a"])


def test_an_option_takes_what_the_page_offers() -> None:
    choices = component(20, "dropdown", TEXT, label="Tone", choices=[["Kind", "kind"], ["Dry", "dry"]])
    names = [
        {"parameter_name": name, "type": TEXT, "component": "Textbox"} for name in ("param_0", "param_1")
    ]
    config = {
        "components": [*COMPONENTS, choices],
        "dependencies": [event(0, "lambda", [BOX, 20], [BOARD], (BOX, "submit"))],
    }
    found = resolve({"/lambda": {"parameters": names}}, GradioChat.contract, config=config).text
    assert isinstance(found, Chat)
    assert list(found.options) == ["tone"]  # param_1 would say nothing
    with pytest.raises(UnsupportedOptionError, match="It takes: kind, dry"):
        found.exchange(TURNS[2:], {"tone": "rude"}, ())


def test_a_space_that_forgot_the_conversation_is_found_out_and_not_believed() -> None:
    exchange = chat(event(0, "talk", [BOX], [BOX, BOARD], (BOX, "submit"))).exchange(
        TURNS[2:], {}, (), resumed={}, turns=2
    )
    parse = exchange.answer_parser()
    assert parse(("", [["Hi", "Who are you?"]])) is None
    assert exchange.forgotten


def hostile() -> Sequence[Any]:
    ring = [event(number, f"ring_{number}", [BOX], [BOARD], after=(number + 1) % 50) for number in range(50)]
    fan = [event(100, "fan", [BOX, BOARD], [BOARD], (BOX, "submit"))]
    fan += [event(100 + n, f"fan_{n}", [BOARD], [BOARD], after=100 + n // 2) for n in range(1, 400)]
    own = event(600, "own", [BOX, BOARD], [BOARD], (BOX, "submit"), after=600)
    return [*ring, *fan, own]


def test_the_events_of_a_stranger_may_go_in_circles() -> None:
    assert chat(*hostile()).name.startswith("/fan")
    assert not find(USER, BOT, *hostile()).text.name.startswith("/ring")
