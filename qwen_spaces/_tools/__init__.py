"""Tools and structured output by prompt: what no Space has natively, a Qwen model does on request.

The pure core is `plan.render` (messages -> what the Space gets), `parser.StreamParser` (deltas -> text and
calls) and `plan.Plan`, which checks what the user asks for and judges an answer. `reader.ToolReader` uses
them for a stream. The functions here import these only for a request that needs them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from .._contract.contract import Contract
from .._stream.reader import Reader
from .._types.messages import Message
from .._types.tools import ResponseFormat, ToolChoice, Tools

if TYPE_CHECKING:
    from .plan import Plan


def find_plan(tools: Tools, tool_choice: ToolChoice, response_format: ResponseFormat) -> Plan | None:
    """Return what the user asks for besides text, ``None`` if that is nothing; see `plan.make_plan`."""
    if not tools and tool_choice is None and response_format is None:
        return None
    from .plan import make_plan

    return make_plan(tools, tool_choice, response_format)


def find_reader(plan: Plan | None, *, retry: bool) -> Callable[..., Reader]:
    """Return what makes the reader of the answer; `retry` is whether a bad one is asked for again."""
    if plan is None:
        return Reader
    from .reader import open_reader

    return open_reader(plan, retry=retry)


def prepare(
    turns: tuple[Message, ...], plan: Plan | None, contract: Contract, *, retry: bool
) -> tuple[tuple[Message, ...], Callable[..., Reader]]:
    """Return the messages to send, and what makes the reader of the answer.

    Without a plan, and without calls or results of tools in the messages, both are the usual ones.
    """
    if plan is None:
        if any(turn.role == "tool" or turn.tool_calls for turn in turns):
            from .prompt import render_turns

            turns = tuple(render_turns(turns))
        return turns, Reader
    system = str(contract.defaults.get("system", ""))
    return plan.render(turns, trained=contract.trained, system=system), find_reader(plan, retry=retry)
