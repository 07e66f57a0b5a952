"""The text that names one Space or several."""

from __future__ import annotations

import pytest

from qwen_spaces import (
    QwenSpace,
    Router,
    UnknownSpaceError,
    UnsupportedOptionError,
    available_spaces,
)
from qwen_spaces._space import open_spec, parse_spec

URL = "http://127.0.0.1:9"


@pytest.mark.parametrize(
    ("text", "name", "tiers"),
    [
        ("qwen-2.5", "", [[("qwen-2.5", None)]]),
        (" qwen-2.5 , O/N,,", "", [[("qwen-2.5", None)], [("O/N", None)]]),
        ("any=qwen-2.5,O/N", "any", [[("qwen-2.5", None)], [("O/N", None)]]),
        ("mine = O/N", "mine", [[("O/N", None)]]),
        (f"qwen-2.5=O/N,{URL}", "qwen-2.5", [[("qwen-2.5", "O/N"), ("qwen-2.5", URL)]]),
        ("Qwen-2.5=qwen-qwen2-5,O/N", "Qwen-2.5", [[("Qwen-2.5", None), ("Qwen-2.5", "O/N")]]),
        (f"{URL}/?a=b", "", [[(f"{URL}/?a=b", None)]]),
        (f"O/N,{URL}/?a=b", "", [[("O/N", None)], [(f"{URL}/?a=b", None)]]),
        (f"any={URL}/?a=b", "any", [[(f"{URL}/?a=b", None)]]),
    ],
    ids=["one", "several", "named", "one named", "equals", "with itself", "query", "second", "third"],
)
def test_a_text_names_spaces_in_tiers(text: str, name: str, tiers: object) -> None:
    spec = parse_spec(text)
    assert spec.name == name
    assert [[(place.name, place.src) for place in tier] for tier in spec.tiers] == tiers


@pytest.mark.parametrize("text", [",", "=", "any=", "qwen-2.5= ,"])
def test_a_text_that_names_none_is_refused(text: str) -> None:
    with pytest.raises(UnsupportedOptionError, match="A Space is missing"):
        parse_spec(text)


def test_one_is_a_space_and_several_are_a_router() -> None:
    space = open_spec(f"qwen-2.5={URL}", retries=0)
    assert isinstance(space, QwenSpace)
    assert (space.name, space.src, space._recipe["retries"]) == ("qwen-2.5", URL, 0)
    router = open_spec("http://ada:secret@127.0.0.1:9,qwen-3", token="hf_x", retries=0)
    assert isinstance(router, Router)
    assert (router.name, router._retries) == (f"{URL},qwen-3", 0)  # without the password
    assert "secret" not in repr(router)
    assert [
        member.space._recipe["token"] for member in router._members if isinstance(member.space, QwenSpace)
    ]
    pool = open_spec(f"qwen-2.5=O/N,{URL}")
    assert repr(pool) == f"Router(['O/N', '{URL}'], name='qwen-2.5')"


def test_an_asterisk_is_all_spaces_for_text() -> None:
    spec = parse_spec("any=*")
    text = {facade.alias for facade in available_spaces() if facade.max_images == 0}
    assert (spec.name, {place.name for place in spec.places}) == ("any", text)
    first, second = ({place.name for place in tier} for tier in spec.tiers)
    assert first >= {"qwen-2.5", "qwen-3"}
    assert "qwen-2-72b" in second


def test_src_is_the_address_of_one_and_several_are_its_duplicates() -> None:
    space = open_spec("Qwen/Qwen2.5", src=URL)
    assert (type(space).__name__, getattr(space, "src", None)) == ("Qwen2_5", URL)
    pool = open_spec("qwen-2.5", src=f"O/N, {URL}")
    assert repr(pool) == f"Router(['O/N', '{URL}'], name='qwen-2.5')"
    with pytest.raises(UnsupportedOptionError, match="src is for one Space"):
        open_spec("qwen-2.5,qwen-3", src=URL)


@pytest.mark.parametrize("text", ["qwen-25", "qwen-2.5,qwen-25", "qwen-2.5=O/N,qwen-3", "any=qwen-25"])
def test_what_is_no_space_is_refused_with_a_near_match(text: str) -> None:
    with pytest.raises(UnknownSpaceError, match="Did you mean"):
        open_spec(text)
