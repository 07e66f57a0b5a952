"""Decide what each input of a chain is for: by its kind, its label and its place, then by its name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from .api import ApiEndpoint, Parameter, mapping
from .chains import Chain

# The names that apps give to our arguments, best first (public apps and their callers, read 2026-11).
PROMPTS = (
    *("query", "message", "prompt", "text", "question", "input_value", "sender_value", "user_message"),
    *(
        "user_input",
        "user_prompt",
        "input",
        "input_text",
        "inputs",
        "msg",
        "chat_input",
        "textbox",
        "q",
        "txt",
    ),
    *("user_query", "user_text", "assistant_prompt", "instruction"),
)
HISTORIES = (
    *("history", "chat_history", "chatbot", "messages", "chat", "conversation", "cbthst", "hist"),
    *("chat_messages", "context"),
)
SYSTEMS = ("system", "sys", "system_prompt", "system_message", "sys_prompt", "sys_msg", "persona")
_PROMPT_LABELS = re.compile(r"message|input|prompt|question|query|ask|chat|type|输入|问题|消息", re.I)
_SYSTEM_LABELS = re.compile(r"\bsys(tem)?\b|系统", re.I)
_IMAGES = ("image", "imageeditor", "gallery")
FILE_KINDS = ("image", "gallery", "audio", "video", "file", "model3d", "plot")
_FILES = ("file", "uploadbutton")
_NO_OPTIONS = {
    *("state", "browserstate", "audio", "video", "file", "image", "imageeditor", "gallery", "model3d"),
    *("uploadbutton", "multimodaltextbox", "button", "dataset", "html", "timer"),
}
_RESERVED = frozenset({"messages", "system", "images", "tools", "tool_choice", "response_format"})
_PICTURE = re.compile(r"^(image|\.?(png|jpe?g|webp|gif|bmp))", re.I)


@dataclass(frozen=True)
class Roles:
    """What the inputs of a chain are for."""

    prompt: Parameter | None = None
    chat: Parameter | None = None  # the history of the chat
    system: Parameter | None = None
    images: tuple[Parameter, ...] = ()
    options: Mapping[str, Parameter] = field(default_factory=dict)
    certain: bool = True  # whether more than being the only text speaks for the prompt
    takes_all: bool = False  # whether the prompt goes into the history, as its last message


def assign(chain: Chain, endpoints: Sequence[ApiEndpoint], *, chat_alone: bool = False) -> Roles | None:
    """Return what the inputs of a chain are for; ``None`` if no input takes a prompt.

    With `chat_alone`, the prompt may go into the history, as its last message.
    """
    inputs = [each for each in chain.inputs if not each.is_state]
    texts = [each for each in inputs if each.is_multimodal or each.is_typed]
    chat = _find_chat(inputs, chain)
    takes_all = chat is not None and (chat_alone or _normal(chat.name) == "messages")
    prompt, certain = _choose_prompt(texts, chain, endpoints, takes_all=takes_all)
    if prompt is None and not takes_all:
        return None
    system = _find_system(texts, prompt)
    images = _find_images(inputs, prompt)
    options = _name_options(inputs, chain.fresh - _ids(prompt, chat, system, *images))
    return Roles(prompt, chat, system, images, options, certain, takes_all=prompt is None)


def takes_images(component: Parameter) -> bool:
    """Return whether a component takes an image."""
    if component.kind in _IMAGES or "path" in mapping(component.schema.get("properties")):
        return component.kind not in ("audio", "video", "model3d")
    types = component.props.get("file_types")
    types = types if isinstance(types, (list, tuple)) else ()
    return component.kind in _FILES and (not types or any(_PICTURE.match(str(kind)) for kind in types))


def is_system(component: Parameter) -> bool:
    """Return whether a component takes a system prompt."""
    return component.is_typed and _is_system(component)


def _find_chat(inputs: Sequence[Parameter], chain: Chain) -> Parameter | None:
    chats = [each for each in inputs if each.is_chatbot]
    chats = chats or [
        each
        for each in inputs
        if _normal(each.name) in HISTORIES and not each.is_typed and each.kind != "dropdown"
    ]
    # That which the answer goes to, if there are several.
    return next((each for each in chats if each.id in chain.last.writes), chats[0] if chats else None)


def _choose_prompt(
    texts: Sequence[Parameter], chain: Chain, endpoints: Sequence[ApiEndpoint], *, takes_all: bool
) -> tuple[Parameter | None, bool]:
    prompt, certain = _find_prompt([each for each in texts if not _is_system(each)], chain, endpoints)
    if prompt is None and not takes_all:
        # Where the only text is called a system prompt, it is what the user types.
        return _find_prompt(texts, chain, endpoints)
    return prompt, certain


def _find_system(texts: Sequence[Parameter], prompt: Parameter | None) -> Parameter | None:
    return next((each for each in texts if each is not prompt and _is_system(each)), None)


def _ids(*components: Parameter | None) -> frozenset[int]:
    return frozenset(each.id for each in components if each is not None)


def _find_prompt(
    texts: Sequence[Parameter], chain: Chain, endpoints: Sequence[ApiEndpoint]
) -> tuple[Parameter | None, bool]:
    """Return the input that is most likely the prompt, and whether more than being alone speaks for it."""
    scored = sorted(((_score(each, chain, endpoints), each) for each in texts), key=lambda pair: -pair[0])
    if not scored or scored[0][0] <= -10:
        return None, False
    best = scored[0][0]
    alone = len(scored) == 1 or scored[1][0] < best
    if best <= 0 and not alone:
        return None, False
    return scored[0][1], best >= 1


def _score(text: Parameter, chain: Chain, endpoints: Sequence[ApiEndpoint]) -> float:
    root = chain.steps[0]
    score = 0.0
    if (text.id, "submit") in root.targets:
        score += 8
    elif any((text.id, "submit") in each.targets for each in endpoints):
        score += 3
    if text.is_multimodal:
        score += 4
    if any(text.id in each.writes for each in (*chain.steps, *chain.tail) if each is not chain.last):
        score += 2
    name = _normal(text.name)
    if name in PROMPTS:
        score += 4 - PROMPTS.index(name) / len(PROMPTS)
    if _PROMPT_LABELS.search(text.label):
        score += 1
    if text.props.get("visible") is False:
        score -= 6
    return score - 20 * (text.props.get("interactive") is False)


def _find_images(inputs: Sequence[Parameter], prompt: Parameter | None) -> tuple[Parameter, ...]:
    if prompt is not None and prompt.is_multimodal:
        return ()
    found = [each for each in inputs if each.kind in _IMAGES]
    return tuple(found or [each for each in inputs if takes_images(each)])


def _name_options(inputs: Iterable[Parameter], wanted: frozenset[int]) -> dict[str, Parameter]:
    options: dict[str, Parameter] = {}
    for each in inputs:
        if each.id not in wanted or not _is_option(each):
            continue
        name = each.name
        if re.fullmatch(r"param_\d+", name) and each.label:  # a lambda's, which Gradio numbers
            name = re.sub(r"\W+", "_", each.label.lower()).strip("_") or name
        while name in _RESERVED or name in options:
            name += "_"
        options[name] = each
    return options


def _is_option(component: Parameter) -> bool:
    fixed = component.skipped or component.is_chatbot or component.props.get("interactive") is False
    return not fixed and component.kind not in _NO_OPTIONS


def _is_system(component: Parameter) -> bool:
    name = _normal(component.name)
    return (
        name in SYSTEMS or name.startswith(("system", "sys_")) or bool(_SYSTEM_LABELS.search(component.label))
    )


def _normal(name: str) -> str:
    return name.strip("_").lower()
