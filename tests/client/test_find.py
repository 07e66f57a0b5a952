"""`find_spaces`: what the Hub lists, which of it is a chat that runs, and who gets the token."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import huggingface_hub
import pytest

from qwen_spaces import (
    AuthenticationError,
    ConnectError,
    GradioChat,
    Qwen2_5,
    QwenSpacesError,
    RateLimitedError,
    Timeouts,
    UnsupportedOptionError,
    find_spaces,
)
from qwen_spaces._client.search import search_hub
from qwen_spaces._space import find

from ..support.hub import LIST, SEARCH, WHOAMI, listed, serve_hub
from ..support.modes import PATIENCE
from ..support.proxy import Answer, recording
from ..support.reluctant import Reluctant, assert_gone
from ..support.servers import Servers
from ..support.thirty import CHATS, ME, SECRET, serve_thirty

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No chat may be missed because the machine is busy."""
    monkeypatch.setattr(find, "CHECK", replace(find.CHECK, connect=4 * PATIENCE))


@contextlib.contextmanager
def hub_of(
    hosts: Mapping[str, str], spaces: Sequence[Mapping[str, Any]] | None = None, **more: Any
) -> Iterator[list[Any]]:
    """A Hub with these Spaces, in place of the real one; gives the headers of its requests."""
    with serve_hub(hosts, spaces=spaces, **more) as (url, seen), pytest.MonkeyPatch.context() as patch:
        patch.setattr(huggingface_hub.constants, "ENDPOINT", url)
        yield seen


def names(query: str = "qwen chat", limit: int = 10) -> list[str]:
    return [space.name for space in find_spaces(query, limit)]


def test_free_hardware_comes_first_zero_gpu_last_then_likes_decide(servers: Servers) -> None:
    spaces = [
        listed("lab/qwen-zero", 9000, hardware="zero-a10g"),
        listed("lab/qwen-gpu", 3, hardware="a10g-small"),
        listed("lab/qwen-liked-gpu", 7, hardware="t4-small"),
        listed("lab/qwen-new"),
        listed("lab/qwen-liked", 20),
        listed("Qwen/Qwen2.5", 10),
    ]
    with hub_of({space["id"]: servers["qwen-2.5"] for space in spaces}, spaces):
        found = find_spaces("qwen chat")
    assert [space.name for space in found] == [
        "lab/qwen-liked",
        "Qwen/Qwen2.5",
        "lab/qwen-new",
        "lab/qwen-liked-gpu",
        "lab/qwen-gpu",
        "lab/qwen-zero",
    ]
    assert [type(space) for space in found[:2]] == [GradioChat, Qwen2_5]
    assert all(space.timeouts == Timeouts() for space in found)


def test_a_found_space_answers(servers: Servers, prompt: str) -> None:
    with hub_of({"lab/qwen": servers["qwen-2.5"]}):
        (space,) = find_spaces("qwen")
        assert prompt in space.ask(prompt).text
    servers.wait_for("begin", prompt)
    assert servers.count("begin", prompt) == 1


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("qwen chat", {"Qwen/Qwen2.5-Coder-demo", "Qwen/Qwen2.5"}),
        ("Coder", {"Qwen/Qwen2.5-Coder-demo"}),
        ("qwen-2.5 demo", {"Qwen/Qwen2.5-Coder-demo", "Qwen/Qwen2.5"}),
        ("poems", set()),
    ],
)
def test_of_qwens_own_spaces_those_are_listed_whose_names_have_the_words(
    query: str, expected: set[str], servers: Servers
) -> None:
    hosts = dict.fromkeys(["Qwen/Qwen2.5-Coder-demo", "Qwen/Qwen2.5"], servers["qwen-2.5"])
    with hub_of(hosts, answers={"semantic-search": Answer(200, body=b"[]")}):
        assert {found.space.name for found in find.search(query, 10)} <= expected
        assert set(listed_by_the_hub(query)) == expected


def listed_by_the_hub(query: str) -> list[str]:
    return [space.space_id for space in search_hub(query, None)]


def test_a_hub_without_the_search_is_searched_by_name() -> None:
    spaces = [
        listed("lab/qwen-chat", 3),
        listed("lab/qwen-chat-2", 2, sdk="static"),
        listed("lab/qwen-chat-3", stage="PAUSED"),
        listed("lab/llama"),
        listed("Qwen/qwen-chat-docs", sdk="docker"),
    ]
    with hub_of({}, spaces, answers={"semantic-search": Answer(404)}):
        assert listed_by_the_hub("qwen-chat") == ["lab/qwen-chat"]


def test_the_requests_are_those_of_the_official_client() -> None:
    api = huggingface_hub.HfApi
    if not hasattr(api, "search_spaces"):
        pytest.skip("huggingface_hub is older than 1.16")
    fields: Any = ["likes", "runtime", "sdk"]

    def requests() -> list[tuple[str, dict[str, list[str]]]]:
        parts = [urlsplit(each.path) for each in seen]
        return [(part.path, parse_qs(part.query)) for part in parts if part.path in (SEARCH, LIST)]

    with hub_of({}) as seen:
        find_spaces("qwen chat & more")
        ours = requests()
        seen.clear()
        official = api(endpoint=huggingface_hub.constants.ENDPOINT, token=False)
        list(official.search_spaces("qwen chat & more", sdk="gradio"))
        list(official.list_spaces(author="Qwen", sort="likes", limit=100, expand=fields))
        huggingface_hub.close_session()
        assert ours == requests()
    assert [path for path, _ in ours] == [SEARCH, LIST]


def test_the_token_goes_to_the_hub_and_to_spaces_of_ones_own_alone(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Hosts of Hugging Face would get the saved token; those here get a given one.
    spaces = [listed(f"{ME}/qwen-mine", private=True), listed("stranger/qwen"), listed("Qwen/Qwen2.5")]
    with contextlib.ExitStack() as stack:
        fronts = {each["id"]: stack.enter_context(recording(servers["qwen-2.5"])) for each in spaces}
        hosts = {space_id: front.url for space_id, front in fronts.items()}
        seen = stack.enter_context(hub_of(hosts, spaces, accounts={SECRET: ME}))
        found = {each.space.name: each.space for each in find.search("qwen", 10, token=SECRET)}
        assert set(found) == set(fronts)
        for space in found.values():
            space.ask("Hi [[pace=0]]")
        gets = {space_id for space_id, front in fronts.items() if SECRET in str(front.seen)}
        assert gets == {f"{ME}/qwen-mine"}
        assert {urlsplit(each.path).path for each in seen if SECRET in str(each)} == {
            *(SEARCH, LIST, WHOAMI),
            f"/api/spaces/{ME}/qwen-mine",
        }
        monkeypatch.setenv("HF_TOKEN", SECRET)
        assert {space.name: space._recipe["token"] for space in find_spaces("qwen")} == {
            f"{ME}/qwen-mine": None,
            "stranger/qwen": False,
            "Qwen/Qwen2.5": False,
        }


@pytest.mark.parametrize("answer", [Answer(429), Answer(200, body=b"[]"), Answer(200, body=b'{"name": 7}')])
def test_no_space_is_ones_own_if_the_hub_does_not_name_the_account(
    answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", SECRET)
    with hub_of({}, [listed(f"{ME}/qwen")], answers={WHOAMI: answer}):
        assert [space.is_own for space in search_hub("qwen", None)] == [False]


def test_the_search_ends_with_enough_chats_and_leaves_nothing(servers: Servers) -> None:
    with contextlib.closing(Reluctant(drips=True)) as hanging:
        spaces = [listed(f"lab/qwen-hangs-{number}", 100) for number in range(3)]
        hosts = dict.fromkeys((space["id"] for space in spaces), hanging.url)
        with hub_of(hosts | {"lab/qwen": servers["qwen-2.5"]}, [*spaces, listed("lab/qwen")]):
            seen: list[tuple[int, int, int]] = []
            (found,) = find.search("qwen", 1, on_progress=lambda *numbers: seen.append(numbers))
        assert found.space.name == "lab/qwen"
        assert seen == [(0, 4, 0), (1, 4, 1)]
        assert_gone()


@pytest.mark.parametrize("drips", [False, True], ids=["silent", "dripping"])
def test_a_space_that_hangs_has_its_bound(drips: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find, "CHECK", replace(find.CHECK, connect=0.5))
    with contextlib.closing(Reluctant(drips=drips)) as hanging, hub_of({"lab/qwen": hanging.url}):
        assert names() == []
        assert_gone()


@pytest.mark.parametrize("stage", ["SLEEPING", "BUILDING", "APP_STARTING", "PAUSED"])
def test_a_space_that_the_list_takes_for_running_is_not_woken(stage: str) -> None:
    with (
        recording(interfere=lambda _: Answer(200)) as front,
        hub_of({"lab/qwen": front.url}, stages={"lab/qwen": [stage]}),
    ):
        assert names() == []
        assert front.seen == []


def test_where_the_hub_lists_nothing_nothing_is_found() -> None:
    with hub_of({}):
        assert names() == []


def body(found: object) -> Answer:
    return Answer(200, body=json.dumps(found).encode())


ODD = {
    "an object": (body({"error": "no"}), ConnectError),
    "a page": (Answer(200, {"Content-Type": "text/html"}, b"<title>Hotel Wi-Fi</title>"), ConnectError),
    "nothing": (Answer(200, body=b""), ConnectError),
    "deep": (Answer(200, body=b"[" * 100_000), ConnectError),
    "500": (Answer(500, body=b"\xff"), ConnectError),
    "418": (Answer(418), ConnectError),
    "429": (Answer(429, {"Retry-After": "7"}), RateLimitedError),
    "too much": (Answer(200, body=b'["' + b"x" * 17_000_000 + b'"]'), ConnectError),
    "elsewhere": (Answer(307, {"Location": "http://localhost:9/"}), ConnectError),
}


@pytest.mark.parametrize(("answer", "error"), ODD.values(), ids=ODD)
def test_a_hub_that_lists_nothing_readable_is_a_typed_error(
    answer: Answer, error: type[QwenSpacesError]
) -> None:
    with hub_of({}, answers={"semantic-search": answer}), pytest.raises(error) as caught:
        find_spaces("qwen chat")
    assert "no Gradio app:" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.retry_after == (7.0 if answer.status == 429 else None)


def test_items_of_a_list_that_are_none_are_passed_over() -> None:
    odd: list[Any] = [
        *(None, 7, [], {}, {"id": None}, {"id": 7}, {"id": "nothing"}, {"id": "http://127.0.0.1:9"}),
        *({"id": "127.0.0.1/x"}, {"id": "a/b/c"}, {"id": " a/b"}, {"id": "\ud800/x"}, {"id": "http://["}),
        *({"id": "a/r", "runtime": 7}, {"id": "a/s", "runtime": {"stage": ["RUNNING"], "hardware": 7}}),
        {"id": "a/likes", "likes": "many", "runtime": {"hardware": {"current": 7}}},
        {"id": "a/bare"},
    ]
    with hub_of({}, answers={"semantic-search": body(odd)}):
        assert listed_by_the_hub("qwen") == ["a/likes", "a/bare"]


def test_a_refused_token_is_named_and_not_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", SECRET)
    refused = dict.fromkeys(["semantic-search", LIST], Answer(401))
    with hub_of({}, answers=refused), pytest.raises(AuthenticationError, match="refuses the token") as caught:
        find_spaces("qwen chat")
    assert SECRET not in repr(caught.value) + repr(caught.value.__cause__)


def test_a_hub_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", NOWHERE)
    with pytest.raises(ConnectError, match=r"Hub \(http://127\.0\.0\.1:9\) cannot be reached"):
        find_spaces("qwen chat")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("",), "query=''"),
        ((" \n",), "query="),
        ((7,), "query=7"),
        (("\ud800",), "query="),
        (("qwen", 0), "limit=0"),
        (("qwen", True), "limit=True"),
        (("qwen", "3"), "limit='3'"),
    ],
)
def test_arguments_that_cannot_be_used_are_named(arguments: tuple[Any, ...], why: str) -> None:
    with pytest.raises(UnsupportedOptionError, match=why):
        find_spaces(*arguments)


@pytest.mark.slow
def test_of_thirty_spaces_those_with_a_chat_that_runs_are_found(servers: Servers) -> None:
    with serve_thirty(servers) as thirty, pytest.MonkeyPatch.context() as patch:
        patch.setattr(huggingface_hub.constants, "ENDPOINT", thirty.hub)

        def release(checked: int, total: int, _: int) -> None:
            if checked == total - 1:  # the one that hangs is left, which ends so, and not by a bound
                thirty.hanging.close()

        found = find.search("qwen chat", 10, token=SECRET, on_progress=release)
        assert [each.space.name for each in found] == CHATS
        assert [each.space.name for each in found if each.takes_images] == [
            "studio/qwen-vision-chat",
            "Qwen/QVQ-72B-preview",
        ]
        assert thirty.told_the_token() == {f"{ME}/qwen-private"}
        for each in found:
            if each.space.name != "lab/qwen-thinker":
                assert each.space.ask("Hi").text
        assert thirty.told_the_token() == {f"{ME}/qwen-private"}
    assert_gone()
