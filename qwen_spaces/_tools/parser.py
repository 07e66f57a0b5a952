"""An answer as it streams, parsed into text and calls in Qwen's own format. Pure.

A call is ``<tool_call>{"name": ..., "arguments": {...}}</tool_call>`` (Hermes 2 Pro, on which Qwen2.5 and
Qwen3 are trained). Qwen2.5-Coder also writes such an object alone, in a fence or bare (vllm#32926), and
Qwen3-Coder writes XML in place of the object; see `xml_calls`.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Iterator
from typing import Any, Literal, NamedTuple

from .._types.tools import ToolCall
from .json_text import is_open_string, read_json, read_prefix
from .xml_calls import FUNCTION, read_function

START, END = "<tool_call>", "</tool_call>"
RESULT = "<tool_response>"  # which a model that does not stop makes up after its call
MAX_OPENING = 200  # characters within which an answer that is a call as a whole shows itself
MAX_UNREADABLE = 50  # blocks, after which all is text; an error takes `json` and `json_repair` long
_THINK, _THOUGHT = "<think>", "</think>"
_FENCE = re.compile(r"```[A-Za-z_]*[ \t]*\n")
_PARTIAL_FENCE = re.compile(r"`{1,3}|```[A-Za-z_]*[ \t]*")
_BETWEEN = re.compile(r"[\s,]*")  # bare calls
_OPENING, _CLOSING = re.compile(r"\s*(?:```\w*\s*)?"), re.compile(r"\s*(?:```\s*)?")  # of the JSON in a block
_MARK = re.compile(f"{START}|{FUNCTION}")  # at which a call may begin
_MADE_UP = re.compile(rf"\s*{RESULT}")
_KEYS = ('"name"', '"arguments"', '"parameters"')  # one of which begins a bare call


class Parsed(NamedTuple):
    """The end of an answer."""

    text: str  # that follows what `feed` has returned
    calls: tuple[ToolCall, ...]


class StreamParser:
    """The parser of one answer, which may come in any pieces.

    Args:
        names: of the tools that were offered; a call of any other is text.

    Example:
        >>> parser = StreamParser(["add"])
        >>> parser.feed("Let me see. <tool_"), parser.feed('call>{"name": "add", "argu')
        ('Let me see.', '')
        >>> parser.feed('ments": {"a": 1}}</tool_call>')
        ''
        >>> [(call.name, call.arguments) for call in parser.finish().calls]
        [('add', {'a': 1})]
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(names)
        self._unsent: list[str] = []  # text that has arrived and was not passed on
        self._holds = False  # until the end, as a call may have begun
        self._begun = False  # whether the answer has begun with text, and cannot be a call as a whole
        self._thinks = False  # within reasoning, which has no calls
        self._sent = False

    def feed(self, delta: str) -> str:
        """Take the next piece of the answer, and return the text that is certain not to belong to a call."""
        self._unsent.append(delta)
        if self._holds:
            return ""
        text = "".join(self._unsent)
        passed = self._passed(text)
        self._unsent = [text[len(passed) :]]
        self._sent = self._sent or bool(passed)
        return passed

    def finish(self) -> Parsed:
        """Return the rest of the text, and the calls.

        White space between text and a call is dropped. What cannot be read as a call remains text.
        """
        rest = "".join(self._unsent)
        self._unsent, self._holds = [], True
        if not self._begun and (bare := tuple(_bare_calls(rest, self._names))):
            return Parsed("", bare)
        text, calls = _tagged_calls(rest, self._names)
        if not calls:
            return Parsed(rest, ())
        return Parsed(f"\n\n{text}" if text and self._sent else text, calls)

    def _passed(self, text: str) -> str:
        """Return the beginning of the unsent text that may be passed on."""
        end = 0
        if not self._begun and not self._thinks:
            if (opening := text.lstrip()).startswith(_THINK):
                self._thinks = True
            elif _THINK.startswith(opening) or (kind := _kind_of(opening)) == "unsure":
                return ""
            elif kind == "call":
                self._holds = True
                return ""
            else:
                self._begun = True
        if self._thinks:
            end = text.find(_THOUGHT)
            if end < 0:
                return text[: _without_partial(text, _THOUGHT)]
            end += len(_THOUGHT)
            self._thinks = False
            return text[:end] + self._passed(text[end:])
        mark = _MARK.search(text)
        self._holds = mark is not None
        cut = mark.start() if mark else min(_without_partial(text, each) for each in (START, FUNCTION))
        return text[: len(text[:cut].rstrip())]


def _without_partial(text: str, tag: str) -> int:
    """Return the length of the text without a beginning of `tag` at its end.

    >>> _without_partial("Hi <to", "<tool_call>")
    3
    """
    for length in range(min(len(tag) - 1, len(text)), 0, -1):
        if text.endswith(tag[:length]):
            return len(text) - length
    return len(text)


def _kind_of(opening: str) -> Literal["text", "unsure", "call"]:
    r"""Return what an answer that begins so may be as a whole.

    >>> [_kind_of(each) for each in ("``", "```json\n{", '{"na', '{"name": 1', '{"age', "Hi")]
    ['unsure', 'unsure', 'unsure', 'call', 'text', 'text']
    """
    cut = len(opening) > MAX_OPENING
    opening = opening[:MAX_OPENING]
    if _PARTIAL_FENCE.fullmatch(opening):
        return "text" if cut else "unsure"
    if fence := _FENCE.match(opening):
        opening = opening[fence.end() :].lstrip()
    inner = opening.lstrip("[ \t\r\n")
    if inner and not inner.startswith("{"):
        return "text"
    key = inner[1:].lstrip()
    if key.startswith(_KEYS):
        return "call"
    return "unsure" if not cut and any(known.startswith(key) for known in _KEYS) else "text"


def _bare_calls(text: str, names: frozenset[str]) -> Iterator[ToolCall]:
    """Yield the calls that the text as a whole consists of; none if there is anything else in it."""
    text = text.strip().removesuffix(END).strip()  # whose beginning some servers take for a token
    if fence := _FENCE.match(text):
        text = text[fence.end() :].removesuffix("```").strip()
    values = _read_all(text) if text.startswith(("{", "[")) else []
    calls = [call for value in values for call in _calls_of(value, names)]
    if calls and len(calls) == sum(len(value) if isinstance(value, list) else 1 for value in values):
        yield from calls


def _read_all(text: str) -> list[Any]:
    """Return the JSON values that follow one another in the text; none if there is anything else."""
    values, end = list[Any](), 0
    while read := read_prefix(text, end):
        values.append(read.value)
        end = _end_of(_BETWEEN, text, read.end)
    if rest := text[end:]:
        if is_open_string(rest) or START in rest:
            return []
        values.append(read_json(rest))
    return values


def _tagged_calls(text: str, names: frozenset[str]) -> tuple[str, tuple[ToolCall, ...]]:
    """Return the text around the calls in tags, and the calls."""
    pieces, calls, done, position, unreadable = [], list[ToolCall](), 0, 0, 0
    while unreadable < MAX_UNREADABLE and (mark := _MARK.search(text, position)):
        start = mark.start()
        value, position = _read_block(text, mark.end() if mark[0] == START else start)
        unreadable += value is None
        if not (found := _calls_of(value, names)):
            continue
        calls += found
        pieces.append(text[done:start].strip())
        done = position
        if _MADE_UP.match(text, done):  # it made up a result, and all after it
            return "\n\n".join(filter(None, pieces)), tuple(calls)
    pieces.append(text[done:].strip())
    return "\n\n".join(filter(None, pieces)), tuple(calls)


def _read_block(text: str, begin: int) -> tuple[object, int]:
    """Return the call or calls after a start tag, ``None`` if unreadable, and the end of the block."""
    opening = _end_of(_OPENING, text, begin)
    if text.startswith(FUNCTION, opening):
        call, end = read_function(text, opening)
        closing = _end_of(_CLOSING, text, end)
        return call, closing + len(END) if text.startswith(END, closing) else end
    if read := read_prefix(text, opening):
        end = _end_of(_CLOSING, text, read.end)
        if text.startswith(END, end):
            return read.value, end + len(END)
        if end == len(text) or text.startswith((START, RESULT), end):
            return read.value, end
        opening = read.end  # a tag may stand in a string of the JSON
    following = text.find(START, opening)
    closing = text.find(END, opening, following if following >= 0 else len(text))
    ends = [place for place in (following, closing) if place >= 0]
    end = min(ends, default=len(text))
    body = text[begin:end]
    if not ends and is_open_string(body):  # cut off in a string, so an argument would be half of itself
        return None, end
    return read_json(body), end + len(END) * text.startswith(END, end)


def _end_of(pattern: re.Pattern[str], text: str, begin: int) -> int:
    match = pattern.match(text, begin)
    return match.end() if match else begin


def _calls_of(value: object, names: frozenset[str]) -> list[ToolCall]:
    """Return the call or calls in a JSON value; none unless all are calls of tools that were offered."""
    calls = [_call_of(each, names) for each in (value if isinstance(value, list) else [value])]
    return [call for call in calls if call] if all(calls) else []


def _call_of(value: object, names: frozenset[str]) -> ToolCall | None:
    if isinstance(value, dict) and isinstance(value.get("function"), dict):
        value = value["function"]  # as OpenAI's API has it
    if not isinstance(value, dict) or not isinstance(name := value.get("name"), str) or name not in names:
        return None
    arguments: Any = value.get("arguments", value.get("parameters"))
    if isinstance(arguments, str):
        arguments = read_json(arguments) if arguments.strip() else {}
    if arguments is None:
        arguments = {}
    if not isinstance(arguments, dict):
        return None
    return ToolCall(f"call_{uuid.uuid4().hex[:24]}", name, arguments)
