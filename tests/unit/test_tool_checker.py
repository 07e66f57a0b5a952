"""A stranger's schema, and an answer that its writer chose, hold nothing up and load nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qwen_spaces import UnsupportedOptionError
from qwen_spaces._tools import checker
from qwen_spaces._tools.checker import Checker

from ..support.modes import PATIENCE

EVIL = "^(a+)+$"
LONG = "a" * 5_000 + "!"
DRAFT = "https://json-schema.org/draft/2020-12/schema"


def doubling(levels: int, last: Any) -> dict[str, Any]:
    """A schema that refers to itself twice at each level."""
    twice = {f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n - 1}"}] * 2} for n in range(1, levels)}
    return {"$ref": f"#/$defs/a{levels - 1}", "$defs": {"a0": last, **twice}}


def nested(levels: int) -> dict[str, Any]:
    """A tree that is as deep as it has nodes."""
    tree: dict[str, Any] = {}
    for _ in range(levels):
        tree = {"nodes": [tree]}
    return tree


TREE = {"properties": {"nodes": {"items": {"$ref": "#"}}}}

HOSTILE: dict[str, tuple[dict[str, Any], Any, str]] = {
    "a pattern": ({"pattern": EVIL}, LONG, "does not match"),
    "a pattern of another dialect": ({"allOf": [{"$schema": DRAFT, "pattern": EVIL}]}, LONG, "not match"),
    "a pattern behind a reference": (
        {"$schema": DRAFT, "$defs": {"a": {"pattern": EVIL}}, "properties": {"a": {"$ref": "#/$defs/a"}}},
        {"a": LONG},
        "does not match",
    ),
    "a pattern of names": (
        {"patternProperties": {EVIL: {"type": "null"}}, "additionalProperties": False},
        {LONG: 1},
        "Additional properties",
    ),
    "a pattern beside other properties": (
        {"patternProperties": {EVIL: {}}, "unevaluatedProperties": False},
        {LONG: 1},
        "",
    ),
    "a pattern with a look-ahead": ({"pattern": "(?=a)" + EVIL}, LONG, ""),
    "a pattern to compile": ({"pattern": "(\\w{900}){900}"}, LONG, ""),
    "patterns to compile": ({"allOf": [{"pattern": "a" * n} for n in range(20)]}, "a", "steps"),
    "references that double": (doubling(60, {"type": "null"}), None, "steps"),
    "references that double, and fail": (doubling(60, {"type": "null"}), "a", "steps"),
    "a reference to itself": ({"$ref": "#"}, 1, "without end"),
    "two references to each other": ({"$ref": "#/not", "not": {"$ref": "#"}}, 1, "without end"),
    "a reference by name": ({"$dynamicAnchor": "a", "$dynamicRef": "#a"}, 1, "without end"),
    "a deep answer": (TREE, nested(60), ""),
    "a deeper answer": (TREE, nested(80), "too many levels"),  # which Python itself could check
    "the deepest answer": (TREE, nested(200), "too many levels"),
    "a reference elsewhere": ({"$ref": "http://192.0.2.1/schema.json"}, 1, "refers to 'http://192.0.2.1"),
    "a reference to a file": ({"$ref": "file:///etc/passwd"}, 1, "refers to 'file:///etc/passwd"),
    "names to look for": (
        {"items": {"$ref": "#z"}, "enum": ["a" * 100_000], "$defs": {"z": {"$anchor": "z"}}},
        [1] * 20_000,
        "steps",
    ),
    "a list to compare in pairs": ({"uniqueItems": True}, [{"a": n} for n in range(20_000)], ""),
    "a list of several types": ({"uniqueItems": True}, [1, "a", None] * 10_000, "non-unique"),
    "errors that quote the answer": ({"allOf": [{"type": "null"}] * 50}, ["a" * 200_000], "steps"),
    "a long answer for each part": ({"allOf": [{"items": {}}] * 50}, [1] * 20_000, "steps"),
    "a choice of many": ({"items": {"enum": list(range(1_000))}}, ["a"] * 5_000, "steps"),
}
PROGRAM = """
import json, sys, urllib.request
from qwen_spaces._tools import checker
urllib.request.urlopen = None  # would fail with another message
checker.MAX_STEPS = 30_000
for name, (schema, value, _) in json.load(sys.stdin).items():
    print(name, file=sys.stderr)
    check = checker.Checker(schema, "The schema")
    check.convert(value)
    print(json.dumps([name, check.problem(value)]))
"""


@pytest.fixture(scope="module")
def problems() -> dict[str, str]:
    """What is wrong with each hostile answer, found in a process of its own, as nothing interrupts `re`."""
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=json.dumps(HOSTILE),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=3 * PATIENCE,
    )
    return dict(map(json.loads, ended.stdout.splitlines()))


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_schema_and_answer_hold_nothing_up(name: str, problems: dict[str, str]) -> None:
    *_, expected = HOSTILE[name]
    assert expected in problems[name]
    assert expected or not problems[name]


@pytest.mark.parametrize(
    "schema",
    [
        {"$schema": []},
        {"$schema": {"type": "object"}},
        {"$id": []},
        {"$ref": 7},
        {"type": "text"},
        {"enum": 7, "$schema": "urn:unknown"},
        {"required": [1, "a", None] * 20_000},
        {"properties": {str(number): {} for number in range(1_000)}},
    ],
)
def test_what_is_no_schema_or_too_large_is_refused(schema: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checker, "MAX_STEPS", 30_000)
    with pytest.raises(UnsupportedOptionError, match="The schema is "):
        Checker(schema, "The schema")


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"pattern": "^a+$"}, ["a", "aa", 7], ["b", "", "ba"]),
        ({"pattern": "b"}, ["abc"], ["ac"]),
        ({"pattern": r"^\p{L}+$"}, ["né"], ["1"]),
        ({"pattern": "("}, ["a"], []),
        ({"pattern": "^a$"}, ["b" * (checker.MAX_MATCHED + 1)], ["b"]),
        ({"patternProperties": {"^x-": {"type": "integer"}}}, [{"x-a": 1}, {"y": "a"}, 7], [{"x-a": "a"}]),
        (
            {
                "properties": {"a": {}},
                "patternProperties": {"^x-": {}, "(?=y)": {"type": "null"}},
                "additionalProperties": {"type": "integer"},
            },
            [{"a": "b", "x-a": "b"}, {"y": "b"}],
            [],
        ),
        (
            {
                "properties": {"a": {}},
                "patternProperties": {"^x-": {}},
                "additionalProperties": {"type": "integer"},
            },
            [{"a": "b", "x-a": "b", "c": 1}],
            [{"c": "b"}],
        ),
        ({"additionalProperties": False}, [{}, [1]], [{"a": 1}]),
        ({"uniqueItems": True}, [[1, True, "1"], [{"a": 1}, {"a": 2}]], [[1, 1.0], [{"a": 1}, {"a": 1}]]),
        ({"uniqueItems": False}, [[1, 1]], []),
    ],
)
def test_what_is_checked_otherwise_than_usual_is_checked(
    schema: Any, good: list[Any], bad: list[Any]
) -> None:
    check = Checker(schema, "The schema")
    assert [value for value in good if check.problem(value)] == []
    assert [value for value in bad if not check.problem(value)] == []


leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3)
data = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=3), inner))


@settings(max_examples=30)
@given(
    st.dictionaries(st.sampled_from(["$schema", "$id", "$ref", "$anchor", "items", "allOf", "if"]), data),
    data,
)
@pytest.mark.slow
def test_no_schema_fails_in_another_way(schema: dict[str, Any], value: Any) -> None:
    try:
        check = Checker(schema, "The schema")
    except UnsupportedOptionError:
        return
    check.problem(value)
    check.convert(value)
