"""Hypothesis strategies for what a broken or a hostile server may send: JSON, event streams, HTTP answers."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from . import scripted_gradio
from .raw_server import Raw

SURROGATE = "\ud800"  # half of a character, which JSON can name and UTF-8 cannot
HUGE = [2**31, 2**63, -(2**63) - 1, 10**400, -1, -(10**9), 10**9]
FLOATS = [math.nan, math.inf, -math.inf, 1e308, -0.5, 0.1]

words = st.text(st.sampled_from("ab é天👍\u0301\u2028\n\r\0\x1b<&" + SURROGATE), max_size=8)
atoms = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 12),
    st.sampled_from(HUGE),
    st.sampled_from(FLOATS),
    words,
)
KEYS = [
    *("role", "content", "text", "type", "metadata", "value", "path", "meta", "url", "__type__", "items"),
    *("name", "id", "api_name", "title", "error", "data", "detail", "label", "properties", "$ref", "anyOf"),
]
anything = st.recursive(
    atoms,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Each place in a JSON value, as the keys that lead there."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inner:
        yield from places(part, (*path, key))


@st.composite
def mutated(draw: st.DrawFn, value: Any, most: int = 3) -> Any:
    """A JSON value that is wrong in up to `most` places: another type, a key too few or too many, twice."""
    value = copy.deepcopy(value)
    for _ in range(draw(st.integers(1, most))):
        path = draw(st.sampled_from(list(places(value))))
        if not path:
            if draw(st.integers(0, 9)) == 0:
                value = draw(anything)
            continue
        *way, key = path
        parent = value
        for step in way:
            parent = parent[step]
        change = draw(st.sampled_from(["replace", "replace", "delete", "wrap", "add", "twice"]))
        if change == "delete":
            del parent[key]
        elif change == "wrap":
            parent[key] = draw(st.sampled_from([[parent[key]], {"value": parent[key]}, [[parent[key]] * 2]]))
        elif change == "add" and isinstance(parent, dict):
            parent[draw(st.sampled_from(KEYS))] = draw(anything)
        elif change == "twice" and isinstance(parent, list):
            parent.append(copy.deepcopy(parent[key]))
        else:
            parent[key] = draw(anything)
    return value


def as_json(value: Any) -> bytes:
    """The bytes of a JSON value, or of what Python takes for one: NaN and halves of surrogates."""
    return json.dumps(value).encode()


RAW_BODIES = [
    b"",
    b"null",
    b"[" * 20_000,
    b"[" * 20_000 + b"]" * 20_000,
    b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
    b"9" * 5000,
    b'{"dependencies": ' + b"9" * 5000 + b"}",
    b"\xff\xfe{}",
    b"\xef\xbb\xbf{}",
    b'{"a": "\xc3\x28"}',
    b"<html>no</html>",
    b"{}{}",
    b"\x1f\x8b\x08\x00broken",
]
ODD_HEADERS = [
    {"Content-Encoding": "gzip"},
    {"Content-Encoding": "br, gzip, deflate"},
    {"Content-Type": "application/json; charset=no-such"},
    {"Content-Type": "\xb2"},
    {"Retry-After": "\xb2"},
    {"Retry-After": "-5"},
    {"Retry-After": "9" * 400},
    {"Retry-After": "Thu, 01 Jan 99999 00:00:00 GMT"},
    {"Set-Cookie": "a=\xff; Domain=.example.org"},
    {"Set-Cookie": "=;;;="},
    {"Content-Length": "7"},
    {"Content-Length": "99999999999"},
    {"Content-Length": "-1"},
    {"Content-Length": "many"},
    {"Transfer-Encoding": "chunked"},
    {"Location": "http://[::1"},
    {"Location": "/config"},
    {"Location": "//%00/"},
    {"X-Long": "x" * 70_000},
]
STATUSES = [200, 200, 201, 204, 206, 301, 302, 304, 307, 400, 401, 403, 404, 407, 413, 418, 422, 429]
STATUSES += [500, 502, 503, 504, 599, 999]


@st.composite
def bytes_of(draw: st.DrawFn, valid: Any) -> bytes:
    """The body of an answer: a mutation of a valid one, any JSON, or no JSON at all."""
    kind = draw(st.sampled_from(["mutated"] * 6 + ["any", "raw", "cut", "flipped", "duplicate"]))
    if kind == "any":
        return as_json(draw(anything))
    if kind == "raw":
        return draw(st.sampled_from(RAW_BODIES))
    body = as_json(draw(mutated(valid)))
    if kind == "cut":
        return body[: draw(st.integers(0, len(body)))]
    if kind == "flipped" and body:
        place = draw(st.integers(0, len(body) - 1))
        odd = draw(st.sampled_from([b"\xff", b"\x00", b'"', b"\\ud800", b"}"]))
        return body[:place] + odd + body[place + 1 :]
    if kind == "duplicate":
        pair = draw(st.sampled_from([b'"dependencies":1,', b'"event_id":[],', b'"msg":{},', b'"data":5,']))
        return body.replace(b"{", b"{" + pair, draw(st.integers(1, 2)))
    return body


@st.composite
def answers(draw: st.DrawFn, valid: Any) -> Raw:
    """A whole answer over HTTP in place of a valid one."""
    odd = draw(st.integers(0, 3)) == 0
    return Raw(
        draw(bytes_of(valid)),
        status=draw(st.sampled_from(STATUSES)) if odd else 200,
        headers=draw(st.sampled_from(ODD_HEADERS)) if odd and draw(st.booleans()) else {},
        length=draw(st.sampled_from([True, True, True, False])),
    )


PREFIXES = ["", "/", "//", "/gradio_api", "/gradio_api/", "http://[", "//x", "/\ud800", "/../.."]
PREFIXES += ["?", "#", "\0", "/é"]
PROTOCOLS = ["sse", "sse_v1", "sse_v2", "sse_v2.1", "sse_v3", "sse_v99", "ws", "", "SSE"]
TYPES = [{"generator": True}, None, [], "x", {"generator": "yes", "cancel": True}]


@st.composite
def configs(draw: st.DrawFn) -> Any:
    """A config whose well-known words are odd ones."""
    config = copy.deepcopy(scripted_gradio.CONFIG)
    for key, words_ in {
        "api_prefix": PREFIXES,
        "root": ["", "http://[", "\0", 5, None, "//"],
        "protocol": PROTOCOLS,
        "version": ["3.50.2", "4", "6.x", "", None, 6.31, "9" * 5000],
        "space_id": [None, "a/b", "a", 5, "\ud800/x"],
        "connect_heartbeat": [True, "no", None],
        "auth_required": [True, 1, "x"],
    }.items():
        if draw(st.integers(0, 2)) == 0:
            config[key] = draw(st.sampled_from(words_))
    dependency = config["dependencies"][0]
    for key, odd in {
        "id": [1, -1, "0", None, 10**30],
        "inputs": [[], [999], [4, 4, 4, 4], None, "x", [None]],
        "outputs": [[], [999], [8], None, [10] * 9],
        "api_name": ["/model_chat", "", None, False, True, 5, "model_chat\ud800", ["x"]],
        "backend_fn": [False, None],
        "api_visibility": ["private", "undocumented", 5],
        "queue": [False, None, "x"],
        "types": TYPES,
    }.items():
        if draw(st.integers(0, 3)) == 0:
            dependency[key] = draw(st.sampled_from(odd))
    return config


# Event streams ------------------------------------------------------------------------------------------

indexes = st.sampled_from([0, 1, 2, -1, -5, 99, 10**12, "0", "role", None, 1.5, True, [], {}])
paths = st.lists(indexes, max_size=4) | st.sampled_from([[0, 1], [1, 0, 1], [0], [], "01", None, 5])
edits = st.tuples(
    st.sampled_from(["append", "append", "replace", "add", "delete", "move", "", None, 5]), paths, anything
).map(list)
diffs = st.lists(edits | anything, max_size=2)
outputs = st.one_of(
    st.lists(diffs, max_size=4),
    st.lists(anything, max_size=4),
    st.tuples(st.just([]), st.lists(edits, max_size=2), st.just([])).map(list),
    st.tuples(words, st.just([["Hi", "Hello"]]), st.none()).map(list),
    words.map(lambda text: [[], [["append", [0, 1], text]], []]),
    anything.map(lambda odd: [[], [["append", [0, 1], odd]], []]),
    anything,
)
puts_out = st.one_of(
    *[outputs.map(lambda data: {"data": data, "is_generating": True})] * 4,
    st.dictionaries(st.sampled_from(["error", "title", "duration", "data", "visible", "api_name"]), anything),
    anything,
)
ranks = st.sampled_from([0, 1, -1, "2", "soon", None, 10**30, math.nan, math.inf, [], {}, True])
KINDS = [
    *["process_generating"] * 10,
    *["process_completed"] * 2,
    *("estimation", "estimation", "process_starts", "progress", "log"),
    *("heartbeat", "close_stream", "unexpected_error", "server_stopped", "send_data", "send_hash"),
    *("queue_full", "new_kind", "", None, 5, [], {}),
]
EVENT_IDS = [scripted_gradio.EVENT_ID] * 12 + [None, "", 5, "another", [], {}, "\ud800"]


@st.composite
def messages(draw: st.DrawFn) -> Any:
    """One message: any kind, with any of the fields that some kind has."""
    message: dict[str, Any] = {
        "msg": draw(st.sampled_from(KINDS)),
        "event_id": draw(st.sampled_from(EVENT_IDS)),
    }
    fields: dict[str, st.SearchStrategy[Any]] = {
        "rank": ranks,
        "queue_size": ranks,
        "rank_eta": ranks,
        "eta": ranks,
        "success": st.sampled_from([True, True, False, None, "no", 0]),
        "title": anything,
        "message": anything,
        "log": words,
        "level": words,
        "progress_data": anything,
    }
    for name, strategy in fields.items():
        if draw(st.integers(0, 2)) == 0:
            message[name] = draw(strategy)
    if draw(st.integers(0, 9)):
        message["output"] = draw(puts_out)
    return message


VALID = [
    *(scripted_gradio.message("estimation", rank=1, queue_size=2, rank_eta=1.5), scripted_gradio.STARTS),
    *(
        scripted_gradio.puts_out("", [["Hi", "Hello"]], None),
        scripted_gradio.puts_out([], [["append", [0, 1], " world"]], []),
    ),
    scripted_gradio.puts_out([], [["replace", [0, 1], "Good bye"]], []),
    *scripted_gradio.completes("", [["Hi", "Hello world"]], None),
    *scripted_gradio.fails("An error", "Title"),
]


@st.composite
def events(draw: st.DrawFn) -> bytes:
    """The bytes of one event."""
    kind = draw(st.sampled_from(["any", "mutated", "mutated", "valid", "valid", "noise"]))
    if kind == "valid":
        return draw(st.sampled_from(VALID))
    if kind == "noise":
        return draw(
            st.sampled_from(
                [
                    b": a comment\n\n",
                    b"data:\n\n",
                    b"data: \n\n",
                    b"data: null\n\n",
                    b"data: 5\n\n",
                    b"data: []\n\n",
                    b'data: "x"\n\n',
                    b'data: {"msg": \n\n',
                    b"data: \xff\xfe\n\n",
                    b'data: {"msg": "log", "event_id": "x", "log": "\xc3\x28"}\n\n',
                    b"data: " + b"[" * 20_000 + b"\n\n",
                    b"data: " + b"9" * 5000 + b"\n\n",
                    b"event: message\nid: 5\nretry: 1\n",
                    b"data: " + b"x" * 50_000 + b"\n\n",
                    b"\xef\xbb\xbf",
                    b"\r\r\r",
                    b"\x00\x00\n",
                    scripted_gradio.HEARTBEAT,
                    scripted_gradio.CLOSE,
                ]
            )
        )
    valid = json.loads(draw(st.sampled_from(VALID))[6:])
    message = draw(messages()) if kind == "any" else draw(mutated(valid, 2))
    return b"data: " + as_json(message) + draw(st.sampled_from([*[b"\n\n"] * 3, b"\r\n\r\n", b"\n"]))


@st.composite
def streams(draw: st.DrawFn) -> tuple[bytes, ...]:
    """A whole event stream: mostly a job that begins well, with anything in between, and any end."""
    begin = draw(
        st.sampled_from(
            [
                (),
                scripted_gradio.BEGIN,
                scripted_gradio.generates("Hello"),
                scripted_gradio.generates("Hello", "Hello you"),
            ]
        )
    )
    middle = draw(st.lists(events(), max_size=5))
    success = scripted_gradio.completes("", [["Hi", "Hello you."]], None)
    whole = (
        *begin,
        *middle,
        *draw(st.sampled_from([(), success, success, scripted_gradio.fails("It failed")])),
    )
    if draw(st.integers(0, 9)) == 0:  # without its last newlines, or in the midst of a message
        joined = b"".join(whole)
        return (joined[: draw(st.integers(0, len(joined)))],)
    return whole
