"""The fault matrix: the SDK raises what it never did. And the scripted server is true to a real one."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from gradio_client import Client
from gradio_client.client import Endpoint

from qwen_spaces import ConnectError, StreamError

from ..support.faults import SPACE, Fault, space
from ..support.modes import failure
from ..support.scripted_gradio import Script, generates, puts_out, serve_script, succeeds
from ..support.servers import Servers

pytestmark = pytest.mark.usefixtures("warm", "names")

HALF = generates("Hello", "Hello wor")

# The SDK surprises.


class BrandNewError(Exception):
    """An error that no version of the SDK has raised so far."""


def surprise(*_: Any, **__: Any) -> Any:
    raise BrandNewError("never heard of")


@pytest.mark.parametrize(
    ("place", "name"),
    [(Client, "submit"), (Client, "new_helper"), (Endpoint, "insert_empty_state")],
    ids=["submitting", "preparing the job", "in the job"],
)
def test_whatever_new_the_sdk_raises_is_a_stream_error_with_its_cause(
    place: Any, name: str, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, name, surprise)
    with serve_script() as server:
        error = Fault(StreamError, ("BrandNewError", "never heard of")).check(
            mode, space(server.url).stream("Hi")
        )
    assert type(error.__cause__) is BrandNewError


def test_whatever_new_the_sdk_raises_when_it_opens_a_space_is_a_connect_error_with_its_cause(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Client, "_get_api_info", surprise)
    with serve_script() as server:
        error = Fault(ConnectError, (server.url, "never heard of")).check(
            mode, space(server.url).stream("Hi")
        )
    assert type(error.__cause__) is BrandNewError


def test_what_the_sdk_cannot_put_together_is_a_stream_error_with_its_cause(mode: str) -> None:
    broken = puts_out([], [["append", [5, 1], "?"]], [])
    with serve_script(Script(events=(*HALF, broken), end="hang")) as server:
        error = failure(mode, space(server.url).stream("Hi"))
    assert isinstance(error, StreamError)
    assert error.partial_text == "Hello wor"
    assert isinstance(error.__cause__, LookupError)


# And the fake is true.


def test_the_messages_are_those_of_a_real_server(servers: Servers) -> None:
    with serve_script(Script(events=succeeds("You", "You asked:"))) as server:
        ours, real = server.url, servers[SPACE]
        assert shape(httpx.get(f"{ours}/config").json()) <= shape(httpx.get(f"{real}/config").json())
        parameters = [
            [
                (parameter["parameter_name"], parameter["parameter_has_default"], parameter["type"]["type"])
                for parameter in httpx.get(f"{url}/gradio_api/info").json()["named_endpoints"]["/model_chat"][
                    "parameters"
                ]
            ]
            for url in (ours, real)
        ]
        assert parameters[0] == parameters[1]
        assert shape(messages_of(ours)) <= shape(messages_of(real))


def messages_of(url: str) -> dict[str, Any]:
    """The messages of one job, by their kind."""
    job = {"data": ["[[pace=0.01]]", [], None], "fn_index": 0, "session_hash": "one"}
    assert httpx.post(f"{url}/gradio_api/queue/join", json=job).json()["event_id"]
    body = httpx.get(f"{url}/gradio_api/queue/data", params={"session_hash": "one"}).text
    messages = [httpx.Response(200, text=line[6:]).json() for line in body.split("\n\n") if line]
    return {message["msg"]: message for message in messages}


def shape(value: Any, path: str = "") -> set[str]:
    """The paths of all keys in dictionaries, and in the first ones of lists."""
    if isinstance(value, dict):
        return {f"{path}/{key}" for key in value}.union(
            *(shape(each, f"{path}/{key}") for key, each in value.items())
        )
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return shape(value[0], f"{path}[]")
    return set()
