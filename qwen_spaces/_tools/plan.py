"""What a request asks for besides text: tools, a choice among them, a response format. Pure."""

from __future__ import annotations

import json
import reprlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from .._types.messages import Message
from .._types.tools import ResponseFormat, ToolCall, ToolChoice, Tools
from ..errors import UnsupportedOptionError
from .json_text import read_json, without_fence
from .parser import StreamParser
from .prompt import RETRY, format_text, render_turns, tools_text, with_system
from .schemas import Format, Tool, as_format, as_tools

MAX_QUOTED = 20_000  # characters of a bad answer that are sent back


class Outcome(NamedTuple):
    """A whole answer, judged."""

    text: str
    calls: tuple[ToolCall, ...] = ()
    parsed: Any = None
    problem: str = ""  # why the answer is not what was asked for


@dataclass(frozen=True)
class Plan:
    """What a request asks for besides text.

    Attributes:
        tools: those offered.
        choice: ``"auto"``, ``"required"``, or the name of the tool to call.
        format: the response format, ``None`` for plain text.
    """

    tools: tuple[Tool, ...] = ()
    choice: str = "auto"
    format: Format | None = None

    @property
    def holds(self) -> bool:
        """Whether nothing is passed on before the whole answer turns out to be what was asked for."""
        return self.choice != "auto" or self.format is not None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the tools that may be called."""
        names = tuple(tool.name for tool in self.tools)
        return (self.choice,) if self.choice in names else names

    def render(
        self, messages: Iterable[Message], *, trained: bool = True, system: str = ""
    ) -> tuple[Message, ...]:
        """Return the messages to send: a system prompt, and turns of the user and the assistant.

        Args:
            messages: they may have calls and results of tools.
            trained: whether the model was trained on Qwen's format of calls; others get more instructions.
            system: the Space's own system prompt, for messages that have none.
        """
        turns = tuple(render_turns(messages))
        parts = []
        if self.tools:
            declarations = (tool.declaration for tool in self.tools)
            parts.append(tools_text(declarations, trained=trained, choice=self.choice))
        if self.format:
            parts.append(format_text(self.format.schema, with_tools=bool(self.tools)))
        return with_system(turns, parts, system) if parts else turns

    def judge(self, text: str) -> Outcome:
        """Return what a whole answer comes to."""
        calls: tuple[ToolCall, ...] = ()
        if self.tools:
            parser = StreamParser(self.names)
            before = parser.feed(text)
            rest, calls = parser.finish()
            calls = tuple(map(self._converted, calls))
            if self.choice != "auto":
                return self._judge_forced(text, calls)
            text = before + rest if calls or self.format is None else text
        if self.format is None or calls:
            return Outcome(text, calls)
        return self._judge_format(text, self.format)

    def retry(self, messages: Iterable[Message], text: str, problem: str) -> tuple[Message, ...]:
        """Return messages that ask once more, after those rendered before and the answer to them."""
        what = "the call" if self.choice != "auto" else "the JSON"
        bad = text.strip()[:MAX_QUOTED] or "..."
        again = Message("user", RETRY.format(problem=problem, what=what))
        return (*messages, Message("assistant", bad), again)

    def _converted(self, call: ToolCall) -> ToolCall:
        (check,) = (tool.check for tool in self.tools if tool.name == call.name)
        return replace(call, arguments=check.convert(call.arguments))

    def _judge_forced(self, text: str, calls: tuple[ToolCall, ...]) -> Outcome:
        if not calls:
            named = f"the function {self.choice}" if self.choice != "required" else "a function"
            return Outcome(text, problem=f"it does not call {named}.")
        checks = {tool.name: tool.check for tool in self.tools}
        for call in calls:
            if problem := checks[call.name].problem(dict(call.arguments)):
                return Outcome(text, problem=f"the arguments of {call.name} are invalid: {problem}")
        return Outcome("", calls)

    def _judge_format(self, text: str, form: Format) -> Outcome:
        _, _, answer = text.rpartition("</think>")
        value = read_json(answer)
        bare = without_fence(answer)
        if value is None:
            try:
                value = json.loads(bare)  # a schema may ask for a string or a number
            except (ValueError, RecursionError):
                return Outcome(text, problem="it is not JSON.")
        parsed, problem = form.parse(value)
        if problem:
            return Outcome(text, problem=f"the JSON is invalid: {problem}")
        return Outcome(bare if _is_json(bare) else json.dumps(value, ensure_ascii=False), parsed=parsed)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def make_plan(
    tools: Tools = None, tool_choice: ToolChoice = None, response_format: ResponseFormat = None
) -> Plan:
    """Return what the user asks for, checked.

    Args:
        tools: schemas in the OpenAI form, or typed functions with docstrings.
        tool_choice: ``"auto"``, ``"none"``, ``"required"``, a tool's name, or the OpenAI form of that or of
            ``allowed_tools``, which offers some of the tools only.
        response_format: a pydantic model, ``"json_object"``, or the OpenAI form of it or of a JSON schema.

    Raises:
        MissingExtraError: the extra ``tools`` is not installed.
        UnsupportedOptionError: one of them cannot be used.

    Example:
        >>> def add(a: int, b: int) -> int:
        ...     "Add two numbers."
        >>> print(make_plan([add], "required").render([Message("user", "1+2?")])[0].content[:7])
        # Tools
    """
    offered = tuple(as_tools(() if tools is None else tools))
    given, names = _allowed(tool_choice, [tool.name for tool in offered])
    offered = tuple(tool for tool in offered if tool.name in names)
    choice = _choice(given, names)
    return Plan(
        () if choice == "none" else offered,
        "auto" if choice == "none" else choice,
        as_format(response_format),
    )


def _allowed(given: ToolChoice, names: list[str]) -> tuple[ToolChoice, list[str]]:
    """Return the choice among the tools that may be called, and their names."""
    if not isinstance(given, Mapping) or given.get("type") != "allowed_tools":
        return given, names
    inner = given.get("allowed_tools", given)  # the flat form is that of the Responses API
    mode, tools = (inner.get("mode"), inner.get("tools")) if isinstance(inner, Mapping) else (None, None)
    allowed = list(map(_named, tools)) if isinstance(tools, (list, tuple)) else [None]
    if mode not in ("auto", "required") or not all(each in names for each in allowed):
        raise UnsupportedOptionError(
            f"tool_choice={reprlib.repr(given)} must have a mode, 'auto' or 'required', and a list of tools, "
            f"each of which is one of {', '.join(names) or 'none'}."
        )
    return str(mode), [name for name in names if name in allowed]


def _named(given: object) -> object:
    """Return the name of a function in the OpenAI form, or what was given."""
    if not isinstance(given, Mapping) or given.get("type", "function") != "function":
        return given
    function = given.get("function", given)  # the flat form is that of the Responses API
    return function.get("name") if isinstance(function, Mapping) else None


def _choice(given: object, names: list[str]) -> str:
    if given is None or given in ("auto", "none"):
        return "auto" if given is None else str(given)
    name = _named(given)
    if given == "required" and names:
        return "required"
    if isinstance(name, str) and name in names:
        return name
    offered = f"the tools are {', '.join(names)}" if names else "there are no tools"
    raise UnsupportedOptionError(
        f"tool_choice={reprlib.repr(given)} is not 'auto', 'none', 'required' or a tool's name; {offered}."
    )


def render(
    messages: Iterable[Message],
    tools: Tools = None,
    tool_choice: ToolChoice = None,
    response_format: ResponseFormat = None,
    *,
    trained: bool = True,
    system: str = "",
) -> tuple[Message, ...]:
    """Return the messages to send; see `make_plan` and `Plan.render`."""
    return make_plan(tools, tool_choice, response_format).render(messages, trained=trained, system=system)
