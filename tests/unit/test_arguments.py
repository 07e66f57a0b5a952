"""Arguments as people get them wrong: each is understood, or a typed error that names what to pass."""

from __future__ import annotations

import contextlib
import io
import json
import math
import pickle
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qwen_spaces import (
    AuthenticationError,
    InvalidImageError,
    InvalidMessagesError,
    QwenSpace,
    QwenSpacesError,
    Reply,
    Router,
    Timeouts,
    UnsupportedOptionError,
)
from qwen_spaces._types.images import as_images

from ..support.cases import case
from ..support.images import picture

SECRET = "SecretOfTheTests"


WRONG: dict[str, list[Any]] = {
    "timeouts": ["20", -1, -0.5, math.nan, math.inf, True, [], {}, 1e300, 10**400, ...],
    "retries": [-1, "2", True, 1.5, [], math.nan],
    "max_chars": [0, -1, "5", True, 1.5, None, math.inf],
    "auth": [
        "user:password",
        ("a",),
        ("a", "b", "c"),
        [],
        {"a": "b"},
        (1, "b"),
        ("a", None),
        ("\ud800", "b"),
        5,
    ],
    "headers": [
        *("X-Name: value", [("X-Name", "value")], 5),
        *({None: "x"}, {5: "x"}, {"": "x"}, {"a b": "x"}, {"é": "x"}, {"a:": "x"}, {"a\n": "x"}, {b"a": "x"}),
        *({"X-Name": None}, {"X-Name": 5}, {"X-Name": b"x"}, {"X-Name": "é"}, {"X-Name": "a\r\nb: c"}),
        *({"X-Name": "a\x00"}, {"X-Name": "\ud800"}),
    ],
    "proxy": [
        *("127.0.0.1:3128", "proxy.example.org", "ftp://127.0.0.1:3128", "http://", "http://host:port"),
        *("http://host:99999", "file:///etc/hostname", "http://a b", 5, True, b"http://h:1"),
        *("http://[::1", "http://\ud800", "socks4://127.0.0.1:1"),
    ],
    "ssl_verify": [None, "ca.pem", 5, Path("ca.pem")],
}


def test_a_wrong_argument_is_named_at_once() -> None:
    for name, value in [(name, value) for name, values in WRONG.items() for value in values]:
        with case(name, value), pytest.raises(UnsupportedOptionError, match=name):
            QwenSpace("qwen-2.5", **{name: value})


def test_a_wrong_bound_is_named_at_once() -> None:
    for bound in [-1, "20", math.nan, math.inf, True]:
        for phase in ["connect", "wake", "first", "gap", "total"]:
            named = pytest.raises(UnsupportedOptionError, match=f"Timeouts\\({phase}=")
            with case(phase, bound), named:
                Timeouts(**{phase: bound})


def test_numbers_of_any_kind_are_seconds() -> None:
    assert QwenSpace(timeouts=numpy.float32(20)).timeouts == Timeouts(total=20.0)
    assert QwenSpace(timeouts=0).timeouts.total == 0.0
    assert Timeouts(first=numpy.int64(3)).first == 3


def test_a_wrong_token_is_refused_at_once() -> None:
    advice = r"Pass a Hugging Face token as token='hf_\.\.\.'"
    for token in ["", " ", "\n", "hf_ä", "hf_a b", "\ud800", 5, b"hf_x", ...]:
        with case(token), pytest.raises(AuthenticationError, match=advice):
            QwenSpace("qwen-2.5", token=token)


def test_true_is_the_saved_token_and_goes_where_that_goes() -> None:
    assert QwenSpace("qwen-2.5", token=True)._recipe["token"] is None


def test_no_error_of_an_argument_quotes_a_secret() -> None:
    for name, value in [
        ("proxy", f"ada:{SECRET}@127.0.0.1:3128"),
        ("proxy", f"ftp://ada:{SECRET}@127.0.0.1:3128"),
        ("auth", f"ada:{SECRET}"),
        ("headers", {"X-Name": f"{SECRET}\n"}),
        ("headers", f"X-Name: {SECRET}"),
        ("token", f"{SECRET} "),
    ]:
        with case(name, value):
            with pytest.raises(QwenSpacesError) as caught:
                QwenSpace("qwen-2.5", **{name: value})
            assert SECRET not in f"{caught.value}{caught.value.__cause__}{caught.value.__context__}"


def test_a_proxy_is_an_address_with_its_scheme() -> None:
    for proxy, kept in [
        ("http://127.0.0.1:3128", "http://127.0.0.1:3128"),
        (" HTTPS://ada:secret@proxy.example.org/ ", "HTTPS://ada:secret@proxy.example.org/"),
        ("socks5h://[::1]:1080", "socks5h://[::1]:1080"),
        ("", None),
        ("  ", None),
    ]:
        with case(proxy, kept):
            assert QwenSpace(proxy=proxy)._recipe["proxy"] == kept


# Pickles ---------------------------------------------------------------------------------------------------


def test_a_pickle_has_what_was_given_and_nothing_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_TOKEN", "HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, f"http://{SECRET}" if "PROXY" in name else SECRET)
    for token in (None, True, False):
        assert SECRET.encode() not in pickle.dumps(QwenSpace("qwen-2.5", token=token))
    given: dict[str, Any] = {
        "token": "hf_given",
        "auth": ("ada", "password"),
        "headers": {"X-Key": "key"},
        "proxy": "http://u:p@127.0.0.1:9",
    }
    space = QwenSpace("qwen-2.5", src="http://ada:own@127.0.0.1:7860", **given, timeouts=5.0, retries=0)
    again = pickle.loads(pickle.dumps(space))
    assert again._recipe == space._recipe
    assert (again.name, again.src, again.timeouts) == (space.name, space.src, space.timeouts)
    assert again._recipe["headers"]["Authorization"].startswith("Basic ")
    assert "in the clear" in (QwenSpace.__doc__ or "")


def test_a_context_of_tls_is_no_part_of_a_pickle() -> None:
    space = QwenSpace("qwen-2.5", ssl_verify=ssl.create_default_context())
    with pytest.raises(UnsupportedOptionError, match="cannot be pickled"):
        pickle.dumps(space)
    assert pickle.loads(pickle.dumps(QwenSpace("qwen-2.5", ssl_verify=False)))._recipe["ssl_verify"] is False
    with pytest.raises(UnsupportedOptionError, match="cannot be pickled"):
        pickle.dumps(Router([space]))


def test_a_router_is_pickled_as_its_recipe() -> None:
    mine = QwenSpace("qwen-2.5", src="http://127.0.0.1:7860")
    router = Router(iter([["qwen-2.5", mine], "qwen-3"]), name="any", patience=5.0, retries=0, timeouts=9.0)
    again = pickle.loads(pickle.dumps(router))
    assert repr(again) == repr(router)
    assert [(member.tier, member.owned) for member in again._members] == [(0, True), (0, False), (1, True)]
    assert (again.timeouts, again._retries, again._dispatcher._patience) == (Timeouts(total=9.0), 0, 5.0)
    guest = router._with_token("hf_of_a_guest")
    assert guest is not None
    assert guest._members is router._members
    assert b"hf_of_a_guest" not in pickle.dumps(guest)


# Images ----------------------------------------------------------------------------------------------------


class Broken(io.BytesIO):
    """A file that fails as a network drive may."""

    def read(self, *_: Any) -> bytes:
        raise OSError(5, "Input/output error")


def closed() -> io.BytesIO:
    file = io.BytesIO(b"x")
    file.close()
    return file


@pytest.mark.parametrize(
    "make",
    [
        lambda: "~nobody_of_that_name/cat.png",
        lambda: "http://[::1",
        lambda: "https://[x]/cat.png",
        lambda: "a\x00b",
        lambda: "\ud800",
        lambda: "data:image/png;base64,é",
        lambda: [None],
        lambda: 5,
        lambda: {"a": 1},
        closed,
        Broken,
        lambda: Path("/"),
    ],
    ids=[
        "home",
        "address",
        "bracket",
        "nul",
        "surrogate",
        "data",
        "none",
        "number",
        "dict",
        "closed",
        "broken",
        "dir",
    ],
)
def test_a_wrong_image_is_a_typed_error(make: Callable[[], Any]) -> None:
    with pytest.raises(InvalidImageError, match="The image"):
        as_images(make())


def test_an_image_that_is_gone_meanwhile_is_a_typed_error(tmp_path: Path) -> None:
    path = tmp_path / "cat.png"
    path.write_bytes(picture("PNG", (2, 2), "red"))
    (image,) = as_images(path)
    path.unlink()
    with pytest.raises(InvalidImageError, match=r"cat\.png"):
        image.as_url()


# Messages and conversations --------------------------------------------------------------------------------


def deep(levels: int) -> Any:
    value: Any = "x"
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "message", [{"role": deep(5000), "content": "x"}, {"role": "user", "content": [{"type": deep(5000)}]}]
)
def test_a_deep_message_is_a_typed_error(message: Any) -> None:
    with pytest.raises(InvalidMessagesError, match="Message 0"):
        QwenSpace("qwen-2.5").stream([message])


def test_a_deep_option_is_a_typed_error() -> None:
    for value in (deep(5000), numpy.zeros(3), None, object()):
        with pytest.raises(UnsupportedOptionError, match="size"):
            QwenSpace("qwen-2.5").stream("Hi", size=value)  # type: ignore[arg-type]


SAVED = '{"qwen_spaces": 1, "messages": %s}'
FILES = {
    "deep": SAVED % ("[" * 200_000 + "]" * 200_000),
    "deep alone": "[" * 200_000,
    "deep role": SAVED % ('[{"content": "x", "role": ' + "[" * 900 + "]" * 900 + "}]"),
    "deep objects": '{"a":' * 200_000,
    "digits": SAVED % ("1" * 10_000),
    "empty": "",
    "null": "null",
    "number": "5",
    "text": '"x"',
    "list": "[]",
    "no messages": '{"qwen_spaces": 1}',
    "messages a number": SAVED % "5",
    "messages null": SAVED % "null",
    "messages a text": SAVED % '"abc"',
    "messages an object": SAVED % '{"a": 1}',
    "message a number": SAVED % "[5]",
    "content an object": SAVED % '[{"role": "user", "content": {}}]',
    "half a surrogate": SAVED % r'[{"role": "user", "content": "\ud800"}]',
    "newer": '{"qwen_spaces": 2, "messages": []}',
    "format a list": '{"qwen_spaces": [], "messages": []}',
    "nan": "NaN",
}


def test_a_file_that_is_no_conversation_is_a_typed_error(tmp_path: Path) -> None:
    for text in FILES.values():
        with case(text):
            path = tmp_path / "talk.json"
            path.write_text(text)
            chat = QwenSpace("qwen-2.5").conversation(system="Be brief.")
            with pytest.raises(InvalidMessagesError):
                chat.load(path)
            assert chat.system == "Be brief."


def test_a_binary_or_a_huge_file_is_a_typed_error(tmp_path: Path) -> None:
    chat = QwenSpace("qwen-2.5").conversation()
    path = tmp_path / "talk.json"
    path.write_bytes(picture("PNG", (9, 9), "red"))
    with pytest.raises(InvalidMessagesError):
        chat.load(path)
    with path.open("wb") as file:
        file.truncate(20 * 2**30)  # sparse
    with pytest.raises(InvalidMessagesError, match="too large"):
        chat.load(path)
    with pytest.raises(InvalidMessagesError, match="too large"):
        chat.load("/dev/zero")


def test_a_wrong_system_prompt_is_refused_when_it_is_set() -> None:
    for system in ["\ud800", 5, b"x", ["x"]]:
        with case(system):
            space = QwenSpace("qwen-2.5")
            with pytest.raises(InvalidMessagesError):
                space.conversation(system)
            chat = space.conversation("Be brief.")
            with pytest.raises(InvalidMessagesError):
                chat.system = system
            assert chat.system == "Be brief."
            for messages in (5, None, [5]):
                with pytest.raises(InvalidMessagesError):
                    chat.messages = messages  # type: ignore[assignment]


def test_half_a_character_in_an_answer_does_not_keep_a_conversation_from_being_saved(tmp_path: Path) -> None:
    chat = QwenSpace("qwen-2.5").conversation()
    chat._messages = (Reply("Half \ud800 a character").message,)
    chat.save(tmp_path / "talk.json")
    assert (
        "Half" in json.loads((tmp_path / "talk.json").read_text(encoding="utf-8"))["messages"][0]["content"]
    )
    chat.load(tmp_path / "talk.json")


# Anything --------------------------------------------------------------------------------------------------

PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters()),
    st.binary(),
    st.complex_numbers(),
)
ANYTHING = st.recursive(
    PLAIN,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.tuples(inner, inner),
        st.dictionaries(st.one_of(st.text(), st.integers(), st.none()), inner, max_size=3),
    ),
    max_leaves=6,
)
ARGUMENTS = (
    "name",
    "src",
    "token",
    "proxy",
    "headers",
    "auth",
    "ssl_verify",
    "timeouts",
    "retries",
    "max_chars",
)


@given(st.dictionaries(st.sampled_from(ARGUMENTS), ANYTHING, max_size=3))
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_arguments_of_any_kind_make_a_space_or_a_typed_error(arguments: dict[str, Any]) -> None:
    try:
        space = QwenSpace(**arguments)
    except QwenSpacesError:
        return
    assert pickle.loads(pickle.dumps(space)).src == space.src


@given(
    ANYTHING, ANYTHING, ANYTHING, st.dictionaries(st.sampled_from(["size", "other"]), ANYTHING, max_size=1)
)
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_requests_of_any_kind_make_a_stream_or_a_typed_error(
    messages: Any, system: Any, images: Any, options: dict[str, Any]
) -> None:
    for name in ("qwen-2.5", "qvq-72b", "someone/their-chat"):
        with contextlib.suppress(QwenSpacesError):
            QwenSpace(name).stream(messages, system=system, images=images, **options)


@given(ANYTHING)
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_messages_of_any_kind_are_taken_or_a_typed_error(messages: Any) -> None:
    chat = QwenSpace("qwen-2.5").conversation()
    try:
        chat.messages = messages
    except QwenSpacesError:
        assert chat.messages == ()
