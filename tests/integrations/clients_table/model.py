"""The model behind the replica: it answers as a Qwen does that was trained on tools, and is not always tidy.

Clients wrap a question in prompts of their own; the model finds it there, and answers in the form that the
prompt wants.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator

from qwen_spaces.replicas._brain import Thought
from qwen_spaces.replicas._tools import answer_with_tools

from .drivers.cells import CITIES, END, PEOPLE

PACE = 0.004  # seconds a word
# How the model writes a call, by the city or the person in the question.
FORMS = ("tagged", "bare", "broken", "unclosed")
FORM_OF = {**dict(zip(CITIES, FORMS, strict=True)), **dict(zip(PEOPLE, FORMS, strict=True))}
QUESTION = re.compile(r"What is the weather in (\w+)\?|Please describe (\w+), who is (\d+) years old\.")
RESULT = re.compile(r"18 degrees in \w+")
HISTORY = list[tuple[str, str]]


def brain(system: str, history: HISTORY, prompt: str, image: str | None, thinking: int = 0) -> Iterator[str]:
    """Yield the answer word by word; before it, on a Space that shows it, what the model thinks."""
    if thinking:
        yield Thought('I could write <tool_call>\n{"name": "get_weather"}\n</tool_call> now.')
    text = ""
    for word in re.findall(r"\s*\S+\s*", answer(system, history, prompt)):
        text += word
        yield text
        time.sleep(PACE)


def answer(system: str, history: HISTORY, prompt: str) -> str:
    """Return the whole answer."""
    asked, second = _question(history, prompt)
    if found := _by_protocol(system, prompt, asked):
        return found
    question = prompt if "<tool_response>" in prompt or not asked else asked[0]
    named = asked[1] or asked[2] if asked else ""
    found = answer_with_tools(system, question, {"call-form": FORM_OF.get(named, FORMS[0])}) or ""
    if asked and asked[3] and found in ("", "{}"):  # the client's own prompt asks for JSON
        person = {"name": named, "age": int(asked[3])}
        found = json.dumps({"person": person} if '"person":' in system else person)  # dspy
    if not found:
        return f'You asked: "{prompt}"\n\nThis is turn {len(history) + 1} of a talk. {END}'
    is_call = "<tool_call>" in found or '"arguments"' in found
    if second or is_call:
        return found
    return untidy(found, named, has_schema="<schema>" in system)


def _question(history: HISTORY, prompt: str) -> tuple[re.Match[str] | None, bool]:
    """Return the question, and whether it was in the turn before: something was wrong with the answer."""
    asked = [*QUESTION.finditer(prompt)]
    if asked or "<tool_response>" in prompt or not history:
        second = "This answer cannot be used" in prompt  # at a Space that gets the history in the prompt
        return (asked[-1] if asked else None), second
    before = QUESTION.search(history[-1][0])
    return before, before is not None


def untidy(text: str, person: str, *, has_schema: bool) -> str:
    """Return JSON as models also write it: fenced, broken, or wrong at first."""
    wrong = text.replace(str(PEOPLE["Dan"]), '"sixty-three"')
    forms = {
        "Bob": f"```json\n{text}\n```",
        "Cyd": text.removesuffix("}") + ",",
        "Dan": wrong if has_schema else text,  # only then can the gateway see it
    }
    return forms.get(person, text)


def _by_protocol(system: str, prompt: str, asked: re.Match[str] | None) -> str | None:
    """Return an answer in the form that an agent describes in its own prompt, and not in `tools`."""
    result = RESULT.search(prompt)
    city, person = (asked[1], asked[2]) if asked else (None, None)
    if "[[ ## completed ## ]]" in system:
        return _fields(system, prompt, city, result)
    if '"name": "final_answer"' in system and result:  # smolagents offers it as a tool
        call = {"name": "final_answer", "arguments": {"answer": result[0]}}
        return f"<tool_call>\n{json.dumps(call)}\n</tool_call>"
    if "<code>" in system and city:
        return f'Thought: I call the tool.\n<code>\nfinal_answer(get_weather(city="{city}"))\n</code>'
    if "*file listing*" in system and person:  # aider
        return f'Here it is.\n\nperson.json\n```\n{{"name": "{person}", "age": {PEOPLE[person]}}}\n```\n'
    return None


def _fields(system: str, prompt: str, city: str | None, result: re.Match[str] | None) -> str:
    """Return the fields that dspy asks for."""
    listed = system.partition("Your output fields are:")[2].partition("All interactions")[0]
    calling = city and not result
    values = {
        "next_tool_name": "get_weather" if calling else "finish",
        "next_tool_args": json.dumps({"city": city} if calling else {}),
        "answer": result[0] if result else f'You asked: "{_given(prompt)}" {END}',
    }
    names = re.findall(r"\d+\. `(\w+)`", listed)
    fields = [f"[[ ## {name} ## ]]\n{values.get(name, 'I think of it.')}" for name in names]
    return "\n\n".join([*fields, "[[ ## completed ## ]]"])


def _given(prompt: str) -> str:
    return prompt.partition("[[ ## question ## ]]")[2].partition("\n\n")[0].strip()
