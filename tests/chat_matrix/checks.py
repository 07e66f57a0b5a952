"""What is checked at one app: each check returns its cell of the table, or raises."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from qwen_spaces import InvalidImageError, QwenSpace, QwenSpacesError, Reply, UnsupportedOptionError

from ..chats import ChatApp, Expected
from ..chats.model import BEGINNING, Given, read
from ..support.images import PNG
from ..support.servers import TURNS

NOTHING = "-"  # the cell of what an app does not have


class UnmetError(Exception):
    """Something that is expected of an app does not hold."""


@dataclass(frozen=True)
class Chat:
    """An app that is served, and our access to it."""

    app: ChatApp
    url: str
    gradio: int  # its major version
    space: QwenSpace

    @property
    def expected(self) -> Expected:
        return self.app.expected


def require(holds: object, problem: str) -> None:
    """Raise `UnmetError` unless it holds."""
    if not holds:
        raise UnmetError(problem)


def given_in(reply: Reply, expected: Expected) -> Given:
    """Return what the model was given, by a reply that is as expected around the model's own text."""
    before, _, after = expected.text.partition("{answer}")
    text = reply.text
    if expected.exact:
        framed = text.startswith(before) and text.endswith(after)
        require(framed, f"the text should be {expected.text!r}, and is {text!r}")
        text = text[len(before) : len(text) - len(after)]
    else:
        require(not re.search(r"</?\w+", text), f"there are tags in the text {text!r}")
        text = text[text.rfind(BEGINNING) :].strip()
    given = read(text)
    require(given, f"the text is not the model's: {reply.text!r}")
    assert given
    return given


def place_of(given: Given, prompt: str, earlier: Sequence[str], *, shared: bool = False) -> str:
    """Return how the model got one earlier turn: as a turn, in the prompt, twice, or not at all."""
    require(prompt in given.prompt, f"the prompt {prompt!r} came as {given.prompt!r}")
    folded = all(text in given.prompt for text in earlier)
    if shared:
        return "folded" if folded else "LOST"
    if given.turns == 0:
        return "folded" if folded else "LOST"
    if folded:
        return "DOUBLED"
    return "native" if (given.prompt, given.turns) == (prompt, 1) else f"{given.turns} turns"


def names_of(status: object) -> tuple[str, ...]:
    """Return the endpoints of the chain in a status, the one that answers last."""
    last = str(getattr(status, "endpoint", ""))
    steps = [str(getattr(step, "endpoint", step)) for step in getattr(status, "steps", ())]
    return tuple(steps) if steps[-1:] == [last] else (*steps, last)


def check_chain(chat: Chat) -> str:
    """The status shows the chain."""
    status = chat.space.status()
    found, expected = names_of(status), chat.expected.chain_on(chat.gradio)
    if not hasattr(status, "steps"):
        expected = expected[-1:]
    shown, wanted = " > ".join(found), " > ".join(expected)
    require(found in (expected, chat.expected.or_chain), f"the chain should be {wanted}, and is {shown}")
    return shown


def check_ask(chat: Chat) -> str:
    """One question comes to the model as it is, with the app's own settings."""
    reply, expected = chat.space.ask("Hi"), chat.expected
    given = given_in(reply, expected)
    turns = 0 if expected.conversation else given.turns
    wanted = Given("Hi", turns, "none", 0, expected.defaults)
    require(given == wanted, f"the model should get {wanted}, and got {given}")
    require(
        reply.reasoning == expected.reasoning,
        f"the reasoning should be {expected.reasoning!r}, and is {reply.reasoning!r}",
    )
    require(not reply.rewritten, "text was changed that had been sent")
    files = len(getattr(reply, "files", ()))
    require(
        files == expected.files, f"there should be {expected.files} files in reply.files, and are {files}"
    )
    return "ok"


def check_stream(chat: Chat) -> str:
    """The first delta is there before the app writes the rest, and all deltas are the text."""
    deltas: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        gate = Path(folder, "gate")
        stream = chat.space.stream(f"Go gate:{gate}" if chat.expected.streams else "Go")
        for delta in stream:
            gate.touch()  # the model goes on
            deltas.append(delta)
    text = stream.result().text
    require("".join(deltas) == text, f"the deltas {deltas} are not the text {text!r}")
    given = given_in(stream.result(), chat.expected)
    if not chat.expected.streams:
        return "at once"
    require(given.options.get("gate") == "open", "no delta came before the app had written everything")
    return "streams"


def check_conversation(chat: Chat) -> str:
    """The second turn of a conversation knows the first, and a request of its own does not."""
    talk, wanted = chat.space.conversation(), chat.expected.conversation
    talk.ask("First one.")
    given = given_in(talk.ask("Second one."), chat.expected)
    place = place_of(given, "Second one.", ["First one."], shared=wanted is None)
    require(place == (wanted or "folded"), f"the first turn should be {wanted}, and is {place}: {given}")
    if wanted:
        alone = given_in(chat.space.ask("Hi"), chat.expected)
        require((alone.prompt, alone.turns) == ("Hi", 0), f"a single request came as {alone}")
    return place


def check_history(chat: Chat) -> str:
    """Earlier turns that are given by hand come to the model."""
    reply, wanted = chat.space.ask([*TURNS, {"role": "user", "content": "Hi"}]), chat.expected.history
    given = given_in(reply, chat.expected)
    earlier = [turn["content"] for turn in TURNS]
    place = place_of(given, "Hi", earlier, shared=chat.expected.conversation is None)
    require(place == wanted, f"the earlier turns should be {wanted}, and are {place}: {given}")
    return place


def check_system(chat: Chat) -> str:
    """A system prompt comes to the model."""
    given = given_in(chat.space.ask("Hi", system="Be brief."), chat.expected)
    native = (given.prompt, given.system) == ("Hi", "Be brief.")
    folded = "Be brief." in given.prompt and "Hi" in given.prompt
    place, wanted = "native" if native else "folded" if folded else "LOST", chat.expected.system
    require(place == wanted, f"the system prompt should be {wanted}, and is {place}: {given}")
    return place


def check_images(chat: Chat) -> str:
    """Images come to the model, or are refused."""
    most = chat.expected.images
    if most < 2:  # else any number is taken
        try:
            chat.space.ask("Look", images=[PNG] * (most + 1))
        except InvalidImageError:
            pass
        else:
            raise UnmetError(f"{most + 1} images were sent, and at most {most} are taken")
    if not most:
        return NOTHING
    given = given_in(chat.space.ask("Look", images=[PNG] * most), chat.expected)
    require(given.images == most, f"the model should get {most} images, and got {given}")
    return f"{most}"


def check_option(chat: Chat) -> str:
    """An option comes to the model, and one that the app does not have is refused."""
    options: dict[str, object] = {"no_such_option": 1}
    try:
        chat.space.ask("Hi", **options)  # type: ignore[arg-type]
    except UnsupportedOptionError:
        if not chat.expected.option:
            return NOTHING
    else:
        raise UnmetError("an option that the app does not have was not refused")
    name, value = chat.expected.option
    given = given_in(chat.space.ask("Hi", **{name: value}), chat.expected)  # type: ignore[arg-type]
    require(given.options.get(name) == str(value), f"{name} should be {value}: {given}")
    return f"{name}={value}"


def check_refusal(chat: Chat) -> str:
    """What cannot work is an error of the right kind that says what to do."""
    wanted = chat.expected.refusal
    assert wanted
    try:
        with QwenSpace(chat.url) as space:
            reply = space.ask("Hi")
    except QwenSpacesError as error:
        kind, text = type(error).__name__, str(error)
        right = re.fullmatch(wanted.error, kind) and re.search(wanted.text, text)
        require(right, f"the error should be {wanted.error} with {wanted.text!r}, and is {kind}: {text}")
        return kind
    raise UnmetError(f"the error should be {wanted.error}, and the answer is {reply.text!r}")


CHECKS: Mapping[str, Callable[[Chat], str]] = {
    "chain": check_chain,
    "ask": check_ask,
    "stream": check_stream,
    "second turn": check_conversation,
    "history": check_history,
    "system": check_system,
    "images": check_images,
    "option": check_option,
    "refusal": check_refusal,
}


def checks_of(expected: Expected) -> list[str]:
    """Return the names of the checks that apply."""
    works = [name for name in CHECKS if name != "refusal"] if expected.chain else []
    return [*works, "refusal"] if expected.refusal else works
