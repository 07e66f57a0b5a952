"""The Spaces as LangChain chat models: `ChatQwenSpace`."""

from __future__ import annotations

import os
import warnings
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, ClassVar

from .._space import QwenSpace
from .._stream.stop import Cut
from .._types.events import Event, Reply
from .._types.timeouts import Timeouts
from ..errors import InvalidMessagesError, MissingExtraError

try:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.language_models.chat_models import agenerate_from_stream, generate_from_stream
    from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, convert_to_openai_messages
    from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
    from pydantic import AliasChoices, ConfigDict, Field, PrivateAttr, SecretStr, model_validator
except ModuleNotFoundError as _error:
    raise MissingExtraError("LangChain needs: pip install 'qwen-spaces[langchain]'") from _error

if TYPE_CHECKING:
    from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
    from langchain_core.language_models import LangSmithParams
    from typing_extensions import Self

    from .._stream.text_stream import TextStream

_PROVIDER = "qwen-spaces"
_IGNORED = ("temperature", "max_tokens")  # LangChain's standard parameters that no Space has


class ChatQwenSpace(BaseChatModel):
    """A Qwen model on a Hugging Face Space, as a LangChain chat model. The constructor sends nothing.

    Args:
        model: the Space, as in `QwenSpace`; a call may use another: ``invoke(..., model="qvq-72b")``.
        src: the URL or ``owner/name`` of the Space, if not the usual one.
        token: a Hugging Face token for this Space on any host (also ``api_key``). The default is the saved
            token, which is sent to Hugging Face hosts only.
        options: options of the Space, such as ``{"size": "7B"}``; a call may add others:
            ``invoke(..., size="7B")``.
        timeout: seconds that a whole answer may take; ``None`` means the defaults of `Timeouts`.
        max_retries: the retries of a request before its first text.
        stop: texts before which an answer ends. The Spaces do not take them: this class cuts the answer and
            cancels the job on the server.
        streaming: whether `invoke` streams, too, and calls the callbacks for each token.

    ``temperature`` and ``max_tokens`` are ignored with a warning. A call raises the errors of
    `qwen_spaces.errors`. Leaving a stream cancels the job on the server. If the chain continues after the
    model, as with an output parser, only ``astream`` does so, since LangChain reads an abandoned ``stream``
    to its end. The answer's ``response_metadata`` has ``model_name`` and ``metrics``; its
    ``additional_kwargs`` have ``reasoning_content`` if there was reasoning.

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
    stop: list[str] | None = None
    streaming: bool = False
    _spaces: dict[tuple[object, ...], QwenSpace] = PrivateAttr(default_factory=dict)

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
        return _PROVIDER

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model": self.model, "src": self.src, "options": self.options, "stop": self.stop}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop=self._stops(stop), **kwargs)
        params["ls_provider"] = _PROVIDER
        return params

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        if self._stops(stop):
            return generate_from_stream(self._stream(messages, stop, run_manager, **kwargs))
        name, stream = self._open(messages, kwargs)
        with stream:
            return _result(name, stream.result())

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        if self._stops(stop):
            return await agenerate_from_stream(self._astream(messages, stop, run_manager, **kwargs))
        name, stream = self._open(messages, kwargs)
        async with stream:
            return _result(name, await stream)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        del run_manager  # LangChain calls it for each chunk
        name, stream = self._open(messages, kwargs)
        cut = Cut(self._stops(stop))
        with stream:
            for event in stream.events():
                if chunk := _chunk(event, cut):
                    yield chunk
                if cut.over:
                    break
            reply = None if cut.over else stream.result()
        yield _last(name, cut, reply)

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        del run_manager
        name, stream = self._open(messages, kwargs)
        cut = Cut(self._stops(stop))
        async with stream:
            async for event in stream.events():
                if chunk := _chunk(event, cut):
                    yield chunk
                if cut.over:
                    break
            reply = None if cut.over else await stream
        yield _last(name, cut, reply)

    def _open(self, messages: Sequence[BaseMessage], kwargs: Mapping[str, Any]) -> tuple[str, TextStream]:
        """Return the name of the Space, and the stream."""
        options = _drop_ignored(kwargs)
        options.pop("stream", None)  # LangChain has already chosen the method
        space = self._space(options.pop("model", self.model))
        return space.name, space.stream(_to_openai(messages), **{**self.options, **options})

    def _stops(self, stop: list[str] | None) -> list[str]:
        return [text for text in (self.stop if stop is None else stop) or () if text]

    def _space(self, model: str) -> QwenSpace:
        """Return the `QwenSpace` of these settings, which fetches its API once; each process has its own."""
        key = (os.getpid(), model, self.src, self.token, self.timeout, self.max_retries)
        if key not in self._spaces:
            space = QwenSpace(
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


def _to_openai(messages: Sequence[BaseMessage]) -> list[dict[str, Any]]:
    # Send only the text of an answer: its parts may include reasoning.
    texts = [AIMessage(message.text) if isinstance(message, AIMessage) else message for message in messages]
    try:
        return convert_to_openai_messages(texts, pass_through_unknown_blocks=True)
    except (KeyError, TypeError, ValueError) as error:
        reason = str(error).partition("Full content block")[0].strip()  # which may quote a whole file
        reason = f"it lacks {reason}" if isinstance(error, KeyError) else reason
        raise InvalidMessagesError(f"The messages have a part that cannot be sent: {reason}") from error


def _chunk(event: Event, cut: Cut) -> ChatGenerationChunk | None:
    if event.type == "reasoning":
        reasoning = {"reasoning_content": event.text}
        return ChatGenerationChunk(message=AIMessageChunk(content="", additional_kwargs=reasoning))
    if event.type == "text" and (text := cut.feed(event.text)):
        return ChatGenerationChunk(message=AIMessageChunk(content=text))
    return None


def _last(name: str, cut: Cut, reply: Reply | None) -> ChatGenerationChunk:
    metadata = _metadata(name, reply)
    message = AIMessageChunk(content=cut.held, response_metadata=metadata, chunk_position="last")
    return ChatGenerationChunk(message=message)


def _result(name: str, reply: Reply) -> ChatResult:
    reasoning = {"reasoning_content": reply.reasoning} if reply.reasoning else {}
    message = AIMessage(reply.text, additional_kwargs=reasoning, response_metadata=_metadata(name, reply))
    return ChatResult(generations=[ChatGeneration(message=message)])


def _metadata(name: str, reply: Reply | None) -> dict[str, Any]:
    """Return the metadata of an answer; a cut answer has no `reply`."""
    metadata: dict[str, Any] = {"model_name": name, "model_provider": _PROVIDER}
    if reply is not None:
        metadata |= {"metrics": asdict(reply.metrics), "rewritten": reply.rewritten}
    return metadata
