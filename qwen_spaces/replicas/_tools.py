"""Answers as of a model that was trained on tools: calls of those that a prompt offers, and JSON on request.

It does not think: it calls each tool of whose name the prompt has a word, and takes the arguments from the
prompt.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_RESULT = re.compile(r"<tool_response>\n(.*?)\n</tool_response>", re.DOTALL)
_QUOTED = re.compile(r"(?<!\w)'([^']+)'(?!\w)")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
FORMS = {  # of a call, as models write them
    "tagged": "<tool_call>\n{call}\n</tool_call>",
    "bare": "{call}",
    "fenced": "```json\n{call}\n```",
    "unclosed": "<tool_call>\n{call}",
    "broken": "<tool_call>\n{broken}\n</tool_call>",
    "xml": "<tool_call>\n{xml}\n</tool_call>",  # of Qwen3-Coder
}


def answer_with_tools(system: str, prompt: str, triggers: Mapping[str, str]) -> str | None:
    r"""Return an answer that calls tools, uses their results or is JSON; ``None`` if nothing asks for one.

    >>> tool = '{"function": {"name": "get_weather", "parameters": {"properties": {"city": {}}}}}'
    >>> print(answer_with_tools(f"<tools>\n{tool}\n</tools>", "The weather in Paris?", {}))
    <tool_call>
    {"name": "get_weather", "arguments": {"city": "Paris"}}
    </tool_call>
    """
    text = f"{system}\n{prompt}"  # a Space that folds has the system prompt there
    question = prompt.rpartition("\nUser: ")[2].partition("\nAssistant:")[0]
    if results := _RESULT.findall(question):
        return f"The tools answered: {'; '.join(results)}"
    if calls := _calls(text, question, triggers):
        form = FORMS[triggers.get("call-form", "tagged")]
        return "\n".join(form.format(call=call, broken=call[:-1] + ",", xml=_as_xml(call)) for call in calls)
    if "# Response format" in text:
        schema = re.search(r"<schema>\n(.*?)\n</schema>", text, re.DOTALL)
        return json.dumps(_value(json.loads(schema[1]) if schema else {"type": "object"}, _Words(question)))
    return None


def _calls(text: str, question: str, triggers: Mapping[str, str]) -> list[str]:
    offered = re.search(r"<tools>\n(\{.*?\})\n</tools>", text, re.DOTALL)
    if not offered:
        return []
    tools = [json.loads(line)["function"] for line in offered[1].splitlines()]
    return [
        json.dumps({"name": tool["name"], "arguments": _value(tool["parameters"], _Words(question))})
        for tool in _choose(tools, text, question, triggers.get("call"))
    ]


def _as_xml(call: str) -> str:
    values = json.loads(call)
    texts = {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in values["arguments"].items()
    }
    parameters = [f"<parameter={key}>\n{text}\n</parameter>" for key, text in texts.items()]
    return "\n".join([f"<function={values['name']}>", *parameters, "</function>"])


def _choose(
    tools: list[dict[str, Any]], text: str, question: str, called: str | None
) -> list[dict[str, Any]]:
    """Return the tools that a trigger or the instruction names, else those that the question speaks of."""
    named = re.search(r"must call the function (\S+) now", text)
    wanted = called or (named[1] if named else "")
    if chosen := [tool for tool in tools if tool["name"] == wanted]:
        return chosen
    asked = set(re.findall(r"\w+", question.lower()))
    chosen = [tool for tool in tools if asked & set(re.split(r"[^a-z]+", tool["name"].lower()))]
    must = "must call one of these functions now" in text
    return chosen or (tools[:1] if must else [])


class _Words:
    """The numbers, the quotations and the names in a prompt, each of which is used once."""

    def __init__(self, question: str) -> None:
        question = re.sub(r"\[\[.*?\]\]", "", question)
        self.text = question.strip()
        self.numbers = _NUMBER.findall(question)
        names = re.findall(r"(?<!^)\b[A-Z][\w-]*", self.text) or re.findall(r"\w+", question)[-1:]
        self.names = [*_QUOTED.findall(self.text), *names]

    def next_of(self, kind: str) -> Any:
        """Return the next word of a JSON type."""
        if kind in ("integer", "number"):
            number = float(self.numbers.pop(0)) if self.numbers else 0.0
            return int(number) if kind == "integer" else number
        fixed: dict[str, Any] = {"boolean": True, "object": {}, "null": None}
        if kind in fixed:
            return fixed[kind]
        return self.names.pop(0) if self.names else self.text


def _value(schema: Mapping[str, Any], words: _Words) -> Any:
    """Return a value of the schema, from the words of a prompt where they fit."""
    if "properties" in schema:
        required = schema.get("required", list(schema["properties"]))
        return {name: _value(schema["properties"][name], words) for name in required}
    if "enum" in schema:
        return next((each for each in schema["enum"] if str(each) in words.text), schema["enum"][0])
    if schema.get("type") == "array":
        return [_value(schema.get("items", {}), words)]
    return words.next_of(str(schema.get("type")))
