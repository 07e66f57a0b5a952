"""The parts of `gradio_client` that `sdk/` leans on: when the SDK moves, the broken one is named here."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

import gradio_client.exceptions
import gradio_client.utils
import pytest
from gradio_client import utils
from gradio_client.client import Endpoint, Job

from qwen_spaces._gradio import event_stream, missing_hooks

# What `faults.py` was written for; a new class needs a decision there.
KNOWN_ERRORS = {
    *("APIInfoParseError", "AppError", "AuthenticationError", "SerializationSetupError"),
    "ValidationError",
    *("InvalidAPIEndpointError", "QueueError", "SpaceDuplicationError", "TooManyRequestsError"),
}
FIELDS: dict[str, tuple[type, set[str]]] = {
    "Communicator": (utils.Communicator, {"event_id"}),
    "StatusUpdate": (utils.StatusUpdate, {"code", "rank", "queue_size", "eta"}),
}


@pytest.fixture(autouse=True)
def engine() -> None:
    """Here the SDK is looked at as it is."""


def test_no_hook_is_missing() -> None:
    assert missing_hooks() == []


def test_a_hook_that_is_renamed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(Endpoint, "_sse_fn_v1plus")
    assert missing_hooks() == ["_sse_fn_v1plus"]


def test_the_sdk_has_grown_no_error_that_nobody_has_mapped() -> None:
    found = {
        name
        for module in (gradio_client.exceptions, gradio_client.utils)
        for name, value in vars(module).items()
        if inspect.isclass(value)
        and issubclass(value, Exception)
        and value.__module__.startswith("gradio_client")
    }
    assert found == KNOWN_ERRORS


@pytest.mark.parametrize("name", FIELDS)
def test_the_fields_that_are_set_or_read_are_there(name: str) -> None:
    kind, needed = FIELDS[name]
    assert needed <= {field.name for field in dataclasses.fields(kind)}


def test_the_attributes_that_are_replaced_are_those_that_the_sdk_uses() -> None:
    source = inspect.getsource(gradio_client.client) + inspect.getsource(utils)
    for name in (
        *("executor", "helper_executor", "stream_executor", "pending_messages_per_event", "pending_lock"),
        *("ssl_verify", "httpx_kwargs", "sse_url", "cookies", "_info", "session_hash"),
    ):
        assert f"self.{name}" in source, name
    for call in (
        "executor.submit(copy_context().run",
        "self._sse_fn_v1plus(helper, event_id, self.protocol)",
        "self._get_space_state()",
    ):
        assert call in source, call


def test_every_message_that_is_handed_on_is_one_that_the_sdk_knows() -> None:
    for kind in event_stream._KINDS:
        assert utils.Status.msg_to_status(kind)


@pytest.mark.parametrize("name", ["cancel", "done", "outputs", "result", "status"])
def test_a_job_has_what_is_called(name: str) -> None:
    method: Any = getattr(Job, name)
    assert callable(method)
