"""The parameters that the requests share, and what becomes of them."""

from __future__ import annotations

import inspect
from collections.abc import Collection
from typing import Annotated, Any, ClassVar, Literal, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from .._space import QwenSpace
from ._errors import ErrorResponse, RequestRejectedError
from ._forms import Form
from ._models import ModelEntry

MAX_STOPS = 16
MAX_STOP_CHARS = 200

# Parameters that no Space has, and that do not change the form of the answer.
IGNORED_PARAMS = {
    # OpenAI's
    *("temperature", "top_p", "seed", "presence_penalty", "frequency_penalty", "best_of"),
    *("max_tokens", "max_completion_tokens", "reasoning_effort", "verbosity"),
    *("user", "metadata", "store", "service_tier", "safety_identifier", "prediction", "parallel_tool_calls"),
    *("include", "truncation", "max_output_tokens", "max_tool_calls", "context_management", "image"),
    *("access_programs", "background_options"),
    *("prompt_cache_key", "prompt_cache_options", "prompt_cache_retention"),
    # of vLLM, SGLang, llama.cpp and Ollama
    *("top_k", "min_p", "typical_p", "repetition_penalty", "repeat_penalty", "repeat_last_n"),
    *("length_penalty", "min_tokens", "ignore_eos", "stop_token_ids", "skip_special_tokens"),
    *("spaces_between_special_tokens", "keep_alive", "num_ctx", "num_predict", "think"),
    *("chat_template_kwargs", "add_generation_prompt", "cache_prompt", "cache_salt", "priority"),
    # of DashScope, OpenRouter and LiteLLM, and what a client without `extra_body` sends as it is
    *("enable_search", "search_options", "incremental_output", "reasoning", "include_reasoning", "thinking"),
    *("provider", "extra_body"),
}
# Parameters that are options of some Spaces, and without effect on the others.
HINTS = {"enable_thinking", "thinking_budget"}
# Parameters of `QwenSpace.stream` that are not options: `images` would let a client read files.
RESERVED = set(inspect.signature(QwenSpace.stream).parameters)
T = TypeVar("T")
FailFastList: TypeAlias = Annotated[list[T], Field(fail_fast=True)]  # one error, not a million
StopText: TypeAlias = Annotated[str, Field(max_length=MAX_STOP_CHARS)]


class Strict(BaseModel):
    """A part of a body, whose values are not converted."""

    model_config: ClassVar[ConfigDict] = ConfigDict(strict=True)


class StreamOptions(Strict):
    """OpenAI's options of a stream."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


def _extend_schema(schema: dict[str, Any]) -> None:
    # The options of the Spaces depend on the model, and are not listed.
    names = sorted((IGNORED_PARAMS | HINTS) - schema["properties"].keys())
    schema["properties"].update({name: {"description": "Ignored."} for name in names})
    schema["additionalProperties"] = False


class AnswerRequest(Strict):
    """What the requests for an answer share.

    Fields that would change the form of the answer take only values that change nothing, or what the prompt
    can emulate, since no Space can do more. Further fields are the options of the model's Space, such as
    `size`.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="allow", json_schema_extra=_extend_schema)

    model: str = Field(examples=["qwen-2.5"])
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    stop: StopText | Annotated[FailFastList[StopText], Field(max_length=MAX_STOPS)] | None = None

    n: Literal[1] | None = None
    logit_bias: Annotated[dict[str, Any], Field(max_length=0)] | None = None

    @property
    def stops(self) -> list[str]:
        """The texts before which the answer ends."""
        given = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return [text for text in given if text]

    @property
    def include_usage(self) -> bool:
        """Whether the client requests the counts in a stream."""
        return bool(self.stream_options and self.stream_options.include_usage)

    @property
    def one_call(self) -> bool:
        """Whether the client wants one call of a tool at most."""
        return False

    def to_messages(self) -> list[dict[str, Any]]:
        """Return the messages for `QwenSpace.stream`; raise if it cannot take them."""
        raise NotImplementedError

    def form(self, model: str) -> Form:
        """Return the form of the answer."""
        raise NotImplementedError

    def emulated_options(self) -> dict[str, Any]:
        """Return the tools and the format for `QwenSpace.stream`, nothing if there are none."""
        return {}

    def emulated(self, options: Collection[str]) -> dict[str, ErrorResponse]:
        """Return what no Space has and the prompt emulates, each with the error where that is off.

        `options` are the `emulated_options`.
        """
        del options
        return {}

    def options(self, entry: ModelEntry) -> dict[str, Any]:
        """Return the options for the model's Space; raise if neither it nor OpenAI has such a field."""
        options = {}
        for name, value in (self.model_extra or {}).items():
            if _is_option(entry, name, value):
                options[name] = value
            elif name not in IGNORED_PARAMS | HINTS:
                known = ", ".join(dict.fromkeys(name for space in entry.spaces for name in space.options))
                message = f"{name!r} is not a parameter, or its value is not valid. "
                message += f"{entry.space.name} has the options: {known or 'none'}."
                raise RequestRejectedError(ErrorResponse(400, message, "unknown_parameter", name))
        return {name: value for name, value in options.items() if value is not None}

    def ignored_params(self, entry: ModelEntry) -> list[str]:
        """Return the names of the parameters that have no effect."""
        given = {name: value for name, value in (self.model_extra or {}).items() if value is not None}
        return sorted(name for name, value in given.items() if not _is_option(entry, name, value))


def unsupported(param: str) -> ErrorResponse:
    message = f"No Space supports this use of {param!r}. Leave it out."
    return ErrorResponse(400, message, "unsupported_parameter", param)


def _is_option(entry: ModelEntry, name: str, value: object) -> bool:
    # Clients send temperatures and the like unasked, and a Space refuses a value beyond its slider.
    if name in IGNORED_PARAMS | RESERVED or not isinstance(value, (str, int, float, type(None))):
        return False
    known = (name in space.options or space.contract.discover for space in entry.spaces)
    return all(known) if name in HINTS else any(known)  # a hint leaves out none of several Spaces
