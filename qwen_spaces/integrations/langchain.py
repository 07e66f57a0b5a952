"""The Spaces as LangChain chat models: `ChatQwenSpace`."""

from __future__ import annotations

import os
import warnings
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from .._space import SpaceOrRouter, open_spec
from .._stream.stop import Cut
from .._types.timeouts import Timeouts
from ..errors import MissingExtraError

try:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.language_models.chat_models import agenerate_from_stream, generate_from_stream
    from langchain_core.messages import AIMessage, BaseMessage
    from langchain_core.outputs import ChatGenerationChunk, ChatResult
    from langchain_core.utils.function_calling import convert_to_openai_tool
    from pydantic import AliasChoices, ConfigDict, Field, PrivateAttr, SecretStr, model_validator

    from ._langchain_messages import PROVIDER, chunk_of, last_chunk, result_of, to_openai
    from ._langchain_output import structured_output
except ModuleNotFoundError as _error:
    raise MissingExtraError("LangChain needs: pip install 'qwen-spaces[langchain]'") from _error

if TYPE_CHECKING:
    from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
    from langchain_core.language_models import LangSmithParams, LanguageModelInput
    from langchain_core.runnables import Runnable
    from langchain_core.tools import BaseTool
    from pydantic import BaseModel
    from typing_extensions import Self

    from .._stream.text_stream import TextStream

_IGNORED = ("temperature", "max_tokens")  # LangChain's standard parameters that no Space has


class _Opened(NamedTuple):
    """A stream of a Space."""

    name: str
    stream: TextStream
    one_call: bool


class ChatQwenSpace(BaseChatModel):
    """A Qwen model on a Hugging Face Space, as a LangChain chat model. The constructor sends nothing.

    Args:
        model: the Space, as in `QwenSpace`; a call may use another: ``invoke(..., model="qvq-72b")``. Of
            several, as in ``"qwen-2.5,qwen-3"``, the first that answers is used, as by a `Router`;
            ``"qwen-2.5=URL1,URL2"`` are equals, and ``"*"`` is all that take text alone.
        src: the URL or ``owner/name`` of the Space, if not the usual one.
        token: a Hugging Face token for this Space on any host (also ``api_key``). The default is the saved
            token, which is sent to Hugging Face hosts only.
        options: options of the Space, such as ``{"size": "7B"}``; a call may add others:
            ``invoke(..., size="7B")``.
        timeout: seconds that a whole answer may take; ``None`` means the defaults of `Timeouts`.
        max_retries: the retries of a request before its first text.
        stop: texts before which an answer ends, or one such text. The Spaces do not take them: this class
            cuts the answer and cancels the job on the server.
        streaming: whether `invoke` streams, too, and calls the callbacks for each token.

    ``temperature`` and ``max_tokens`` are ignored with a warning. A call raises the errors of
    `qwen_spaces.errors`. Leaving a stream cancels the job on the server. If the chain continues after the
    model, as with an output parser, only ``astream`` does so, since LangChain reads an abandoned ``stream``
    to its end. The answer's ``response_metadata`` has ``model_name``, ``space`` and ``metrics``; its
    ``additional_kwargs`` have ``reasoning_content`` if there was reasoning.

    `bind_tools` and `with_structured_output` work by the prompt (extra ``tools``): no Space has tools.

    Raises:
        UnknownSpaceError: there is no Space `model`.
        UnsupportedOptionError: the Space has no such option, or the option does not take that value.

    Example:
        chain = ChatPromptTemplate.from_template("A haiku about {topic}.") | ChatQwenSpace(model="qwen-2.5")
        print(chain.invoke({"topic": "the sky"}).text)
    """

    # An error must not quote a wrong value, which might be the token.
    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", hide_input_in_errors=True)

    model: str = "qwen-2.5"
    src: str | None = None
    token: SecretStr | None = Field(None, validation_alias=AliasChoices("token", "api_key"), repr=False)
    options: dict[str, Any] = Field(default_factory=dict)
    timeout: float | None = None
    max_retries: int = 2
    stop: str | list[str] | None = None
    streaming: bool = False
    _spaces: dict[tuple[object, ...], SpaceOrRouter] = PrivateAttr(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _drop_ignored(cls, values: Any) -> Any:
        return _drop_ignored(values) if isinstance(values, Mapping) else values

    @model_validator(mode="after")
    def _check_options(self) -> Self:
        self._space(self.model).conversation(**self.options)  # sends nothing
        return self

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """Return true: `langchain_core.load.dumps` serializes the model, without the token."""
        return True

    @property
    def lc_secrets(self) -> dict[str, str]:
        """The name of the secret that `langchain_core.load.loads` reads."""
        # Not HF_TOKEN, which `secrets_from_env` would then send to any `src`.
        return {"token": "QWEN_SPACES_TOKEN"}

    @property
    def _llm_type(self) -> str:
        return PROVIDER

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model": self.model, "src": self.src, "options": self.options, "stop": self.stop}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop=self._stops(stop), **kwargs)
        params["ls_provider"] = PROVIDER
        return params

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: str | list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        if self._stops(stop):
            return generate_from_stream(self._stream(messages, stop, run_manager, **kwargs))
        opened = self._open(messages, kwargs)
        with opened.stream as stream:
            return result_of(opened.name, stream.result(), one_call=opened.one_call)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: str | list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        if self._stops(stop):
            return await agenerate_from_stream(self._astream(messages, stop, run_manager, **kwargs))
        opened = self._open(messages, kwargs)
        async with opened.stream as stream:
            return result_of(opened.name, await stream, one_call=opened.one_call)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: str | list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        del run_manager  # LangChain calls it for each chunk
        opened = self._open(messages, kwargs)
        cut = Cut(self._stops(stop))
        with opened.stream as stream:
            for event in stream.events():
                if chunk := chunk_of(event, cut):
                    yield chunk
                if cut.over:
                    break
            reply = None if cut.over else stream.result()
        yield last_chunk(opened.name, cut.held, reply, stream, one_call=opened.one_call)

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: str | list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        del run_manager
        opened = self._open(messages, kwargs)
        cut = Cut(self._stops(stop))
        async with opened.stream as stream:
            async for event in stream.events():
                if chunk := chunk_of(event, cut):
                    yield chunk
                if cut.over:
                    break
            reply = None if cut.over else await stream
        yield last_chunk(opened.name, cut.held, reply, stream, one_call=opened.one_call)

    def bind_tools(
        self,
        tools: Sequence[Mapping[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | Mapping[str, Any] | bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Return the model with tools that it may call.

        Args:
            tools: in any form that LangChain knows.
            tool_choice: ``"auto"``, ``"none"``, ``"any"`` (also ``True`` and ``"required"``) for at least one
                call, or the name of the tool to call.
            kwargs: ``parallel_tool_calls=False`` for one call at most; others are as for a call.
        """
        kwargs.pop("strict", None)  # arguments are only as valid as the model makes them
        names = {True: "required", "any": "required", False: "none"}
        choice = names.get(tool_choice, tool_choice) if isinstance(tool_choice, (str, bool)) else tool_choice
        declared = [convert_to_openai_tool(tool) for tool in tools]
        return self.bind(tools=declared, tool_choice=choice, **kwargs)

    def with_structured_output(
        self,
        schema: dict[str, Any] | type,
        *,
        include_raw: bool = False,
        method: str = "json_schema",
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, dict[str, Any] | BaseModel]:
        """Return the model with answers of a schema: a pydantic or ``TypedDict`` class, or a JSON schema.

        Args:
            schema: see above.
            include_raw: whether an answer is a dict with ``raw``, ``parsed`` and ``parsing_error``.
            method: ``"json_schema"``; ``"json_mode"`` if the prompt describes the JSON; or
                ``"function_calling"``.
            kwargs: ``strict`` is accepted without effect.
        """
        kwargs.pop("strict", None)
        if method == "function_calling":
            return super().with_structured_output(schema, include_raw=include_raw, **kwargs)
        return structured_output(self, schema, method, include_raw=include_raw, **kwargs)

    def _open(self, messages: Sequence[BaseMessage], kwargs: Mapping[str, Any]) -> _Opened:
        options = _drop_ignored(kwargs)
        options.pop("stream", None)  # LangChain has already chosen the method
        one_call = options.pop("parallel_tool_calls", None) is False
        space = self._space(options.pop("model", self.model))
        stream = space.stream(to_openai(messages), **{**self.options, **options})
        return _Opened(space.name, stream, one_call)

    def _stops(self, stop: str | list[str] | None) -> list[str]:
        given = self.stop if stop is None else stop
        return [text for text in ([given] if isinstance(given, str) else given or ()) if text]

    def _space(self, model: str) -> SpaceOrRouter:
        """Return the Space of these settings, which fetches its API once; each process has its own."""
        key = (os.getpid(), model, self.src, self.token, self.timeout, self.max_retries)
        if key not in self._spaces:
            space = open_spec(
                model,
                src=self.src,
                token=self.token.get_secret_value() if self.token else None,
                timeouts=Timeouts(total=self.timeout),
                retries=self.max_retries,
            )
            self._spaces.setdefault(key, space)
        return self._spaces[key]


def _drop_ignored(params: Mapping[str, Any]) -> dict[str, Any]:
    """Drop the parameters that no Space has, with a warning."""
    if ignored := [name for name in _IGNORED if params.get(name) is not None]:
        warnings.warn(f"ChatQwenSpace ignores {', '.join(ignored)}: no Space takes that.", stacklevel=2)
    return {name: value for name, value in params.items() if name not in _IGNORED}
