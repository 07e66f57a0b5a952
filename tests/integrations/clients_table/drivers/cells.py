"""What the drivers share: the questions, the checks, and the line of JSON that each cell prints.

The model answers each city and each person in a form of its own (see `..model`): a client must take them all.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable, Iterable
from typing import Any

from pydantic import BaseModel

MODEL = os.environ.get("QWEN_MODEL", "qwen-2.5")
URL = sys.argv[1] if len(sys.argv) > 1 else ""  # of the gateway, with /v1
VARIANT = sys.argv[2] if len(sys.argv) > 2 else ""
KEY = "any"

QUESTION = "What is a replica? The mark is 7f3a."
END = "That is the end of mark 7f3a."
CITIES = ("Paris", "Berlin", "Oslo", "Lima")
PEOPLE = {"Ada": 36, "Bob": 41, "Cyd": 52, "Dan": 63}
DELTAS = 5  # a streamed answer has more
asked: list[str] = []


class Person(BaseModel):
    """A person."""

    name: str
    age: int


def get_weather(city: str) -> str:
    """Get the weather in a city.

    Args:
        city: The name of the city.
    """
    asked.append(city)
    return f"18 degrees in {city}"


PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
FUNCTION = {"name": "get_weather", "description": "Get the weather in a city.", "parameters": PARAMETERS}


class WrongError(Exception):
    """The client gave something else than what it should."""


def require(holds: bool, found: object) -> None:
    if not holds:
        raise WrongError(f"got {found!r:.200}")


def check_plain(give: Callable[[str], str]) -> None:
    text = give(QUESTION)
    require(text.strip().endswith(END) and QUESTION in text, text)


def check_streaming(give: Callable[[str], Iterable[str]]) -> None:
    deltas = [delta for delta in give(QUESTION) if delta]
    text = "".join(deltas)
    require(text.strip().endswith(END) and text.count(QUESTION) == 1, text)
    require(len(deltas) > DELTAS, f"{len(deltas)} deltas")


def check_tools(give: Callable[[str], object]) -> None:
    for city in CITIES:
        asked.clear()
        text = str(give(f"What is the weather in {city}?"))
        require(asked == [city], f"calls {asked}, text {text}")
        require(f"18 degrees in {city}" in text, text)


def check_structured(give: Callable[[str], Any]) -> None:
    for name, age in PEOPLE.items():
        found = give(f"Please describe {name}, who is {age} years old.")
        found = found.model_dump() if isinstance(found, BaseModel) else found
        require(found == {"name": name, "age": age}, found)


CHECKS: dict[str, Callable[[Any], None]] = {
    "plain": check_plain,
    "streaming": check_streaming,
    "tools": check_tools,
    "structured": check_structured,
}


def run(**given: Callable[[str], Any] | list[Callable[[str], Any]]) -> None:
    """Check what a client gives for each cell, in each of its ways, and print a line of JSON for each."""
    for cell, ways in given.items():
        problem = ""
        try:
            for give in ways if isinstance(ways, list) else [ways]:
                CHECKS[cell](give)
        except (Exception, SystemExit) as error:
            traceback.print_exc()
            problem = f"{type(error).__name__}: {error}"
        print(json.dumps({"cell": cell, "problem": problem}), file=sys.__stdout__, flush=True)
