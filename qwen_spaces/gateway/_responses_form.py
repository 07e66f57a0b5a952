"""The form of ``/v1/responses``: items, whole or as typed events (`openai.types.responses`)."""

from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from .._types.events import Reply
from .._types.tools import ToolCall, arguments_of
from ._errors import ErrorResponse
from ._forms import Form, Frame, pieces

Item = dict[str, Any]
REASONING = "rs"  # before the underscore of the id


class ResponsesForm(Form):
    """The form of ``/v1/responses``.

    Args:
        model: the name of the model.
        echo: the fields of the request that the response repeats.
    """

    prefix = "resp"
    object = "response"

    def __init__(self, model: str, echo: Mapping[str, Any]) -> None:
        super().__init__(model)
        self._response: dict[str, Any] = {
            "id": _id("resp"),
            "object": self.object,
            "created_at": self._head["created"],
            "model": model,
            **dict.fromkeys(("error", "incomplete_details", "max_output_tokens")),
            **dict.fromkeys(("previous_response_id", "temperature", "top_p")),
            "metadata": {},
            "store": False,
            "background": False,
            **echo,
        }
        self._numbers = itertools.count()
        self._opened = False
        self._items: list[Item] = []
        self._thought: Item | None = None  # while it grows
        self._thoughts: list[str] = []  # its pieces
        self._message: Item | None = None

    def opening(self, *, has_text: bool) -> Iterator[Frame]:
        del has_text
        self._opened = True
        for kind in ("created", "in_progress"):
            yield self._event(kind, response=self._state("in_progress", []))

    def text(self, text: str) -> list[Frame]:
        before = [*self._close_thought(), *self._open_message()]
        return [*before, self._of_message("output_text.delta", delta=text, logprobs=[])]

    def reasoning(self, text: str) -> list[Frame]:
        before = list(self._open_thought())
        self._thoughts.append(text)
        return [*before, self._of_thought("text.delta", delta=text)]

    def closing(self, reply: Reply) -> Iterator[Frame]:
        yield from self._close_thought()
        if not reply.tool_calls:
            yield from self._open_message()
        if self._message:
            part = self._message["content"][0] = _part(reply.text)  # as the Space may have rewritten it
            yield self._of_message("output_text.done", text=reply.text, logprobs=[])
            yield self._of_message("content_part.done", part=part)
            yield self._done(self._message)
        for call in reply.tool_calls:
            yield from self._call(call)
        yield self._event("completed", response=self._completed(self._items, reply))

    def failure(self, error: ErrorResponse) -> Iterator[Frame]:
        if not self._opened:
            yield from self.opening(has_text=False)
        code = "rate_limit_exceeded" if error.status_code == 429 else "server_error"
        complete = [item for item in self._items if item not in (self._message, self._thought)]
        response = self._state("failed", complete)
        yield self._event("failed", response={**response, "error": {"code": code, "message": error.message}})

    def whole(self, reply: Reply) -> str:
        items = [_thought(reply.reasoning)] if reply.reasoning else []
        if reply.text or not reply.tool_calls:
            items.append(_message(reply.text))
        items += map(_call, reply.tool_calls)
        return json.dumps(self._completed(items, reply))

    def _open_message(self) -> Iterator[Frame]:
        if self._message is None:
            self._message = _message("")
            yield self._added(self._message, content=[])
            yield self._of_message("content_part.added", part=_part(""))

    def _open_thought(self) -> Iterator[Frame]:
        if self._thought is None:
            self._thought, self._thoughts = _thought(""), []
            yield self._added(self._thought, summary=[])
            yield self._of_thought("part.added", part=_summary(""))

    def _close_thought(self) -> Iterator[Frame]:
        if self._thought is not None:
            part = self._thought["summary"][0] = _summary("".join(self._thoughts))
            yield self._of_thought("text.done", text=part["text"])
            yield self._of_thought("part.done", part=part)
            yield self._done(self._thought)
            self._thought = None

    def _call(self, call: ToolCall) -> Iterator[Frame]:
        item = _call(call)
        yield self._added(item, arguments="")
        place = {"item_id": item["id"], "output_index": self._items.index(item)}
        for piece in pieces(item["arguments"]):
            yield self._event("function_call_arguments.delta", **place, delta=piece)
        done = {"arguments": item["arguments"], "name": item["name"]}
        yield self._event("function_call_arguments.done", **place, **done)
        yield self._done(item)

    def _added(self, item: Item, **empty: Any) -> Frame:
        self._items.append(item)
        begun = {**item, "status": "in_progress", **empty}
        return self._event("output_item.added", output_index=len(self._items) - 1, item=begun)

    def _done(self, item: Item) -> Frame:
        return self._event("output_item.done", output_index=self._items.index(item), item=item)

    def _of_message(self, kind: str, **fields: Any) -> Frame:
        assert self._message  # noqa: S101  (for type checkers)
        index = self._items.index(self._message)
        return self._event(kind, item_id=self._message["id"], output_index=index, content_index=0, **fields)

    def _of_thought(self, kind: str, **fields: Any) -> Frame:
        assert self._thought  # noqa: S101
        place = {"item_id": self._thought["id"], "output_index": self._items.index(self._thought)}
        return self._event(f"reasoning_summary_{kind}", **place, summary_index=0, **fields)

    def _event(self, kind: str, **fields: Any) -> Frame:
        kind = f"response.{kind}"
        event = {"type": kind, "sequence_number": next(self._numbers), **fields}
        return {"event": kind, "data": json.dumps(event)}

    def _state(self, status: str, items: list[Item]) -> dict[str, Any]:
        return {**self._response, "status": status, "output": items, "usage": None}

    def _completed(self, items: list[Item], reply: Reply) -> dict[str, Any]:
        rewritten = {"rewritten": True} if reply.rewritten else {}
        return {**self._state("completed", items), "usage": no_usage(), **rewritten}


def no_usage() -> dict[str, Any]:
    """Return counts of 0: a Space does not count tokens, and some clients fail without the counts."""
    return {
        "input_tokens": 0,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": 0,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 0,
    }


def _id(prefix: str) -> str:
    return f"{prefix}_{uuid.uuid4().hex}"


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _message(text: str) -> Item:
    content = [_part(text)]
    return {
        "id": _id("msg"),
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "content": content,
    }


def _summary(text: str) -> dict[str, str]:
    return {"type": "summary_text", "text": text}


def _thought(text: str) -> Item:
    return {"id": _id(REASONING), "type": "reasoning", "status": "completed", "summary": [_summary(text)]}


def _call(call: ToolCall) -> Item:
    function = {"call_id": call.id, "name": call.name, "arguments": arguments_of(call)}
    return {"id": _id("fc"), "type": "function_call", "status": "completed", **function}
