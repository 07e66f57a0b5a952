"""Addresses as people paste them: each is understood, or refused with a hint."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from qwen_spaces import GradioChat, Qwen2_5, QwenSpace, UnknownSpaceError, available_spaces
from qwen_spaces._addresses import did_you_mean, parse_address

from ..support.cases import case

FORMS = {
    "https://huggingface.co/spaces/O/N": "O/N",
    "https://huggingface.co/spaces/O/N/": "O/N",
    "https://huggingface.co/spaces/O/N/tree/main": "O/N",
    "https://huggingface.co/spaces/O/N/blob/main/app.py#L3": "O/N",
    "https://huggingface.co/spaces/O/N?logs=container": "O/N",
    "https://huggingface.co/spaces/O/N#top": "O/N",
    "http://www.huggingface.co/spaces/O/N": "O/N",
    "HTTPS://HuggingFace.co/spaces/O/N": "O/N",
    "https://user:token@huggingface.co/spaces/O/N": "O/N",
    "https://hf.co/spaces/O/N": "O/N",
    "hf.co/spaces/O/N": "O/N",
    "huggingface.co/spaces/O/N/discussions": "O/N",
    "spaces/O/N": "O/N",
    "/spaces/O/N/": "O/N",
    "O/N": "O/N",
    "O/N/": "O/N",
    " \tO/N\n": "O/N",
    "\ufeffO/N\u200b": "O/N",
    "O/N?__theme=dark": "O/N",
    "o-n-c.hf.space": "https://o-n-c.hf.space",
    "O-N-C.hf.space/": "https://o-n-c.hf.space",
    "https://o-n-c.hf.space/": "https://o-n-c.hf.space",
    "https://o-n-c.hf.space/?__theme=dark": "https://o-n-c.hf.space",
    "https://o-n-c.hf.space/?view=api": "https://o-n-c.hf.space",
    "https://o-n-c.hf.space/gradio_api/info": "https://o-n-c.hf.space",
    "https://o-n-c.hf.space/gradio_api": "https://o-n-c.hf.space",
    "https://o-n-c.hf.space/config": "https://o-n-c.hf.space",
    "127.0.0.1:7860": "http://127.0.0.1:7860",
    "127.0.0.1": "http://127.0.0.1",
    "0.0.0.0:7860": "http://0.0.0.0:7860",
    "localhost:7860/": "http://localhost:7860",
    "localhost": "http://localhost",
    "localhost/app": "http://localhost/app",
    "LOCALHOST:7860": "http://localhost:7860",
    "[::1]:7860": "http://[::1]:7860",
    "[::1]": "http://[::1]",
    "http://[::1]:7860/": "http://[::1]:7860",
    "192.168.1.5:7860": "http://192.168.1.5:7860",
    "gradio:7860": "http://gradio:7860",
    "printer.local:7860": "http://printer.local:7860",
    "chat.example.org:8443": "https://chat.example.org:8443",
    "8.8.8.8:7860": "https://8.8.8.8:7860",
    "HTTP://HOST": "http://host",
    "HTTP://Example.ORG:80/App/": "http://example.org:80/App",
    "https://example.org/a/b/": "https://example.org/a/b",
    "https://example.org/a/gradio_api/call/chat?x=y#z": "https://example.org/a",
    "http://127.0.0.1:7860//": "http://127.0.0.1:7860",
}
NONE = ("qwen-2.5", "qwen-2.6", "qwen", "chat", "", "a/b/c", "a b/c", "../x", "./x", ".", "a/..", "//")
REFUSED = (
    *("ftp://example.org", "file:///etc/hostname", "javascript://x/%0aalert(1)", "data://x", "ws://h:1"),
    *(
        "http://",
        "https://",
        "http:///path",
        "http://host:99999",
        "http://host:",
        "http://ho st",
        "http://[::1",
    ),
    *("http://[x]", "http://a\\b", "http://a/b c", "http://\ud800", "localhost:99999", "http://a/\ud800"),
    *("https://huggingface.co", "https://huggingface.co/O/N", "https://huggingface.co/datasets/O/N"),
    *(
        "huggingface.co/spaces",
        "hf.co/spaces/O",
        "spaces/O",
        "spaces/../x/y",
        "spaces/localhost/x",
        "hf.co/x",
        "::1",
    ),
)


def ways_to_name(text: str) -> tuple[Callable[[], QwenSpace], ...]:
    return partial(QwenSpace, text), partial(QwenSpace, "qwen-2.5", src=text), partial(Qwen2_5, text)


def test_an_address_is_understood_in_each_of_its_forms() -> None:
    for pasted, place in FORMS.items():
        with case(pasted, place):
            address = parse_address(pasted)
            assert address
            assert address.place == place
            assert parse_address(place) == (place, None)


def test_name_and_src_take_the_same_addresses() -> None:
    for pasted, place in FORMS.items():
        with case(pasted, place):
            named = QwenSpace(pasted)
            assert isinstance(named, GradioChat)
            assert (named.src, named.name) == (place, place)
            assert QwenSpace("qwen-2.5", src=pasted).src == place
            assert Qwen2_5(pasted).src == place
            assert GradioChat(pasted).src == place


def test_what_is_no_address_may_be_an_alias() -> None:
    for text in NONE:
        with case(text):
            assert parse_address(text) is None


def test_what_cannot_be_a_space_is_refused() -> None:
    for text in REFUSED:
        with case(text):
            for make in ways_to_name(text):
                with pytest.raises(UnknownSpaceError):
                    make()


def test_what_is_neither_alias_nor_address_is_refused() -> None:
    for text in ["javascript:alert(1)", "mailto:ada@example.org", "file:/etc/hostname", "a/b/c"]:
        with case(text):
            for make in ways_to_name(text):
                with pytest.raises(UnknownSpaceError, match=r"Did you mean|Known|goes by"):
                    make()


def test_a_near_miss_gets_a_hint() -> None:
    for text, hint in [
        ("chat.example.org", "'https://chat.example.org'"),
        ("chat.example.org/a/b", "'https://chat.example.org/a/b'"),
        ("Qwen/Qwen2.5/tree/main", "'Qwen/Qwen2.5'"),
        ("https://huggingface.co/Qwen/Qwen2.5", "'https://huggingface.co/spaces/Qwen/Qwen2.5'"),
        ("qwen2.5", "'qwen-2.5'"),
        ("QWEN 2.5", "'qwen-2.5'"),
    ]:
        with case(text, hint):
            with pytest.raises(UnknownSpaceError) as caught:
                QwenSpace(text)
            assert f"Did you mean {hint}?" in str(caught.value)


def test_known_spaces_are_known_by_each_of_their_addresses() -> None:
    for facade in available_spaces():
        with case(facade):
            for pasted in (
                facade.space_id,
                facade.space_id.upper(),
                f" https://huggingface.co/spaces/{facade.space_id}/tree/main ",
                f"hf.co/spaces/{facade.space_id}",
                f"spaces/{facade.space_id}",
                facade.url,
                f"{facade.url}/?__theme=dark",
                facade.url.replace("https://", "HTTP://"),
                facade.url.removeprefix("https://"),
            ):
                assert type(QwenSpace(pasted)) is facade, pasted


def test_a_known_space_is_reached_at_the_address_on_its_page() -> None:
    page = QwenSpace("https://huggingface.co/spaces/Qwen/Qwen2.5")
    assert (type(page), page.src) == (Qwen2_5, "Qwen/Qwen2.5")
    host = QwenSpace("qwen-qwen2-5.hf.space")
    assert (type(host), host.src) == (Qwen2_5, "https://qwen-qwen2-5.hf.space")


@pytest.mark.parametrize(
    "make",
    [
        lambda place: QwenSpace(place),
        lambda place: QwenSpace("qwen-2.5", src=place),
        lambda place: Qwen2_5(place),
    ],
    ids=["name", "src", "class"],
)
def test_a_password_in_an_address_is_kept_from_all_that_shows_it(make: Callable[[str], QwenSpace]) -> None:
    space = make("ada:s%40cret@127.0.0.1:7860")
    assert space.src == "http://127.0.0.1:7860"
    assert "cret" not in f"{space!r}{space.name}{space.src}"
    assert space._recipe["headers"] == {"Authorization": "Basic YWRhOnNAY3JldA=="}


def test_a_header_of_the_user_goes_before_the_password_of_an_address() -> None:
    space = QwenSpace("http://ada:secret@127.0.0.1:7860", headers={"authorization": "Bearer x", "a": "b"})
    assert space._recipe["headers"] == {"authorization": "Bearer x", "a": "b"}


def test_no_error_quotes_a_password() -> None:
    for address in ["ftp://ada:secret@host", "http://ada:secret@", "ada:secret@host:x", "a:secret@b c"]:
        with case(address):
            for make in ways_to_name(address):
                with pytest.raises(UnknownSpaceError) as caught:
                    make()
                assert "secret" not in str(caught.value)


def test_the_gateway_takes_them_too() -> None:
    from qwen_spaces._types.timeouts import Timeouts
    from qwen_spaces.gateway._models import Models

    models = Models({"mine": "hf.co/spaces/O/N", "qwen-2.5": "localhost:7860/"}, Timeouts(), 1000)
    assert [entry.space.src for entry in models.entries()] == ["O/N", "http://localhost:7860"]


@pytest.mark.parametrize("src", [5, b"O/N", ["O/N"], True], ids=repr)
def test_src_is_text(src: Any) -> None:
    with pytest.raises(UnknownSpaceError, match="src"):
        QwenSpace("qwen-2.5", src=src)


ALPHABET = st.sampled_from(
    [*"aZ0.:/@?#%[]\\- _\t\n\u202e\ud800é", "://", "http", "hf.co", "spaces", "localhost", "::1"]
)


@given(st.one_of(st.text(), st.lists(ALPHABET, max_size=14).map("".join)))
@example("http://[::1]@:80")
@example("@localhost:7860")
def test_any_text_is_an_address_or_a_typed_error_and_an_address_stays_as_it_is(text: str) -> None:
    did_you_mean(text)
    try:
        space = QwenSpace(text)
    except UnknownSpaceError:
        return
    assert QwenSpace(space.name).src == space.src
    if address := parse_address(text):
        assert parse_address(address.place) == (address.place, None)
