"""Parse one message of a Space, in any of the forms that Gradio apps give it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import UnexpectedOutputError

_RED = '<span style="color: var(--color-red-500)">'
_TEXT_KEYS = ("text", "content", "answer", "response", "output", "result", "generated_text", "message")
_REASONING_KEYS = ("reasoning", "reasoning_content", "thinking")
_NO_TEXT_KEYS = ("role", "type", "id", "name", "status", "__type__")
_TEXT_COMPONENTS = ("textbox", "markdown", "code", "html")
# A component in a list, of which a `gr.ChatInterface` makes a string for API clients (Gradio 6.31).
_COMPONENT = re.compile(r"<gradio\.[\w.]+ object at 0x[0-9a-f]+>")
MAX_DEPTH = 20


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The answer so far."""

    text: str = ""
    reasoning: str = ""
    files: tuple[str, ...] = field(default=(), repr=False)  # their addresses


def parse_content(content: object, *, depth: int = 0) -> Snapshot:
    """Return the text, the reasoning and the files of one message or value.

    It may be a string; a message, part or dict of one text; an update that holds any of these; a file or
    a component; or a list of all these, whose texts are joined with a blank line.

    Raises:
        UnexpectedOutputError: nothing of it is text or a file.

    Example:
        >>> parse_content([{"type": "tool", "content": "Hm."}, {"type": "text", "text": "Hi."}])
        Snapshot(text='Hi.', reasoning='Hm.')
    """
    if content is None:
        return Snapshot()
    if isinstance(content, str):
        return Snapshot("" if depth and _COMPONENT.fullmatch(content) else content)
    if depth < MAX_DEPTH:
        if isinstance(content, (list, tuple)):
            return join(
                parse_content(part, depth=depth + 1) for part in content if not _is_error_notice(part)
            )
        if isinstance(content, Mapping):
            return _parse_mapping(content, depth)
    raise UnexpectedOutputError(f"The Space answered with {brief(content)}, which is no chat text.")


def join(parts: Iterable[Snapshot]) -> Snapshot:
    """Return several messages as one; a blank line separates their texts."""
    parts = list(parts)
    return Snapshot(
        "\n\n".join(part.text for part in parts if part.text),
        "\n\n".join(part.reasoning for part in parts if part.reasoning),
        tuple(dict.fromkeys(file for part in parts for file in part.files)),
    )


def split_reasoning(snapshot: Snapshot, tags: Sequence[tuple[str, str]]) -> Snapshot:
    """Return the snapshot with the reasoning that its text begins with, between tags, apart.

    Of a tag that has not arrived as a whole, nothing is shown.

    Example:
        >>> split_reasoning(Snapshot("<think>Hm.</think>Hi."), [("<think>", "</think>")])
        Snapshot(text='Hi.', reasoning='Hm.')
    """
    text, thoughts = snapshot.text, [snapshot.reasoning] if snapshot.reasoning else []
    while tags and (begun := text.lstrip()):
        opened = next((pair for pair in tags if begun.startswith(pair[0])), None)
        if opened is None:
            if any(start.startswith(begun) for start, _ in tags):
                text = ""
            break
        thought, closed, text = begun[len(opened[0]) :].partition(opened[1])
        thoughts.append((thought if closed else _without_begun(thought, opened[1])).strip("\n"))
        text = text.lstrip()
    return Snapshot(text, "\n\n".join(filter(None, thoughts)), snapshot.files)


def is_update(value: object) -> bool:
    """Return whether a value is an update of a component."""
    return isinstance(value, Mapping) and value.get("__type__") == "update"


def brief(value: object) -> str:
    """Return the type and the beginning of a value, for an error."""
    shown = repr(value)
    return f"{type(value).__name__} {shown[:80]}{'...' if len(shown) > 80 else ''}"


def _parse_mapping(part: Mapping[str, Any], depth: int) -> Snapshot:
    if is_update(part):
        return parse_content(part.get("value"), depth=depth + 1)
    if "component" in part and "content" not in part:
        shows_text = part["component"] in _TEXT_COMPONENTS and isinstance(part.get("value"), str)
        return Snapshot(part["value"]) if shows_text else Snapshot(files=tuple(_find_files(part)))
    own = _first(part, _TEXT_KEYS)
    if own is None:
        return _parse_other(part)
    snapshot = parse_content(own, depth=depth + 1)
    files = tuple(dict.fromkeys((*snapshot.files, *_find_files(part.get("files")))))
    if part.get("type") == "tool" or _is_thought(part):
        return Snapshot("", "\n\n".join(filter(None, (snapshot.text, snapshot.reasoning))), files)
    return Snapshot(snapshot.text, _reasoning(part) or snapshot.reasoning, files)


def _parse_other(part: Mapping[str, Any]) -> Snapshot:
    """Return a file, an empty message, or the one text of a dict."""
    if files := tuple(_find_files(part)):
        return Snapshot(files=files)
    if any(key in part for key in _TEXT_KEYS):
        return Snapshot("", _reasoning(part))
    if reasoning := _reasoning(part):
        return Snapshot("", reasoning)
    texts = [value for key, value in part.items() if isinstance(value, str) and key not in _NO_TEXT_KEYS]
    if len(texts) == 1:
        return Snapshot(texts[0])
    raise UnexpectedOutputError(f"The Space answered with {brief(part)}, which is no chat text.")


def _first(part: Mapping[str, Any], keys: Sequence[str]) -> object:
    return next((part[key] for key in keys if part.get(key) is not None), None)


def _reasoning(part: Mapping[str, Any]) -> str:
    found = _first(part, _REASONING_KEYS)
    return found if isinstance(found, str) else ""


def _is_thought(part: Mapping[str, Any]) -> bool:
    """Return whether a message is a thought, or is nested in one (Gradio 5 and 6, `metadata`)."""
    metadata = part.get("metadata")
    return isinstance(metadata, Mapping) and bool(metadata.get("title") or metadata.get("parent_id"))


def _find_files(value: object, depth: int = 0) -> Iterator[str]:
    """Yield the addresses of the files in a value, as Gradio describes files."""
    if depth > MAX_DEPTH:
        return
    if isinstance(value, Mapping):
        address = value.get("url") or value.get("path")
        if "path" in value and isinstance(address, str):
            yield address
            return
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for each in value:
            yield from _find_files(each, depth + 1)


def _is_error_notice(part: object) -> bool:
    """Return whether this part is an error notice, which Qwen3's apps append in red before they fail."""
    text = part.get("content") if isinstance(part, Mapping) else None
    return isinstance(text, str) and text.startswith(_RED) and text.endswith("</span>")


def _without_begun(text: str, tag: str) -> str:
    """Return the text without the beginning of a tag at its end."""
    begun = next((size for size in range(len(tag) - 1, 0, -1) if text.endswith(tag[:size])), 0)
    return text[: len(text) - begun]
