"""The Spaces as LangChain chat models: `ChatQwenSpace`."""

from __future__ import annotations

import os
import warnings
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ..errors import InvalidMessagesError, MissingExtraError
from ..events import Event, Reply
from ..space import QwenSpace
from ..timeouts import Timeouts

try:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.language_models.chat_models import agenerate_from_stream, generate_from_stream
    from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, convert_to_openai_messages
    from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
    from pydantic import AliasChoices, ConfigDict, Field, PrivateAttr, SecretStr, model_validator
except ModuleNotFoundError as error:
    raise MissingExtraError("LangChain's part needs: pip install 'qwen-spaces[langchain]'") from error

if TYPE_CHECKING:
    from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
    from langchain_core.language_models import LangSmithParams
    from typing_extensions import Self

    from ..stream import TextStream

PROVIDER = "qwen-spaces"
_IGNORED = ("temperature", "max_tokens")  # LangChain's standard parameters that no Space has


class ChatQwenSpace(BaseChatModel):
    """A Qwen model on a Hugging Face Space, as a LangChain chat model. Making one is instant.

    Args:
        model: which Space, as for `QwenSpace`; a call may name another: ``invoke(..., model="qvq-72b")``.
        src: where that Space really is, a URL or ``owner/name``, if not in its usual place.
        token: a Hugging Face token, sent to this Space wherever it is (or ``api_key``). Without one the
            saved token is sent, to Hugging Face hosts only.
        options: what the Space has beyond that, such as ``{"size": "7B"}``; a call may add its own:
            ``invoke(..., size="7B")``.
        timeout: seconds that a whole answer may take; without it the bounds of `Timeouts` hold.
        max_retries: how often a request is tried again before its first text.
        stop: texts before which an answer ends. The Spaces do not know them: the answer is cut here, and
            the job ended on the server.
        streaming: whether `invoke` streams, too, for the callbacks' sake.

    ``temperature`` and ``max_tokens`` are ignored with a warning. A call raises the errors of
    `qwen_spaces.errors`. Leaving a stream ends the job on the server; of a chain that goes on behind the
    model, as with an output parser, that holds for ``astream`` only, for LangChain reads a ``stream`` that
    was left to its end. The answer's ``response_metadata`` has ``model_name`` and ``metrics``, its
    ``additional_kwargs`` the ``reasoning_content`` if there was reasoning.

    Raises:
        UnknownSpaceError: no Space is called `model`.
        UnsupportedOptionError: it has no such option, or the option does not take that value.

    Example:
        chain = ChatPromptTemplate.from_template("A haiku about {topic}.") | ChatQwenSpace(model="qwen-2.5")
        print(chain.invoke({"topic": "the sky"}).text)
    """

    # No field named otherwise is taken, and a wrong value is not quoted, for it might be the token.
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

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
    def _without_ignored(cls, given: Any) -> Any:
        return _heeded(given) if isinstance(given, Mapping) else given

    @model_validator(mode="after")
    def _checked(self) -> Self:
        self._space(self.model).conversation(**self.options)  # which checks them, and sends nothing
        return self

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """Return whether `langchain_core.load.dumps` can write it down; it does so without the token."""
        return True

    @property
    def lc_secrets(self) -> dict[str, str]:
        """The name under which `langchain_core.load.loads` is given the token."""
        # Not HF_TOKEN: who loads with `secrets_from_env` would send that one wherever `src` says.
        return {"token": "QWEN_SPACES_TOKEN"}

    @property
    def _llm_type(self) -> str:
        return PROVIDER

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model": self.model, "src": self.src, "options": self.options, "stop": self.stop}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop=self._ends(stop), **kwargs)
        params["ls_provider"] = PROVIDER
        return params

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        if self._ends(stop):
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
        if self._ends(stop):
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
        del run_manager  # LangChain tells it of each chunk
        name, stream = self._open(messages, kwargs)
        cut = _Cut(self._ends(stop))
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
        cut = _Cut(self._ends(stop))
        async with stream:
            async for event in stream.events():
                if chunk := _chunk(event, cut):
                    yield chunk
                if cut.over:
                    break
            reply = None if cut.over else await stream
        yield _last(name, cut, reply)

    def _open(self, messages: Sequence[BaseMessage], given: Mapping[str, Any]) -> tuple[str, TextStream]:
        """Return the name of the Space, and the stream; `given` is what the call says beyond the usual."""
        options = _heeded(given)
        options.pop("stream", None)  # whether it streams is decided before
        space = self._space(options.pop("model", self.model))
        return space.name, space.stream(_plain(messages), **{**self.options, **options})

    def _ends(self, stop: list[str] | None) -> list[str]:
        """Return the texts before which an answer ends."""
        return [text for text in (self.stop if stop is None else stop) or () if text]

    def _space(self, model: str) -> QwenSpace:
        """One for each process and place, so that a Space's API is fetched once; a fork needs its own."""
        how = (os.getpid(), model, self.src, self.token, self.timeout, self.max_retries)
        if how not in self._spaces:
            space = QwenSpace(
                model,
                src=self.src,
                token=self.token.get_secret_value() if self.token else None,
                timeouts=Timeouts(total=self.timeout),
                retries=self.max_retries,
            )
            self._spaces.setdefault(how, space)
        return self._spaces[how]


class _Cut:
    """An answer up to the first of some texts, of which no part is given away.

    Attributes:
        over: whether one of them was met.
    """

    def __init__(self, ends: Sequence[str]) -> None:
        self._ends = ends
        self._held = ""
        self.over = False

    def feed(self, text: str) -> str:
        """Return what can be given of the answer, now that it is longer by `text`."""
        text, self._held = self._held + text, ""
        if found := [place for end in self._ends if (place := text.find(end)) >= 0]:
            self.over = True
            return text[: min(found)]
        begun = (size for end in self._ends for size in range(1, len(end)) if text.endswith(end[:size]))
        split = len(text) - max(begun, default=0)
        self._held = text[split:]
        return text[:split]

    def rest(self) -> str:
        """Return what was held back at the end of the answer, being no such text after all."""
        return self._held


def _heeded(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is given without the parameters that no Space has, with a warning."""
    if ignored := [name for name in _IGNORED if given.get(name) is not None]:
        warnings.warn(f"ChatQwenSpace ignores {', '.join(ignored)}: the Spaces set that.", stacklevel=2)
    return {name: value for name, value in given.items() if name not in _IGNORED}


def _plain(messages: Sequence[BaseMessage]) -> list[dict[str, Any]]:
    """LangChain's messages in the OpenAI form."""
    # Of an answer only the text goes back: its reasoning has been said, and may stand among its parts.
    texts = [AIMessage(message.text) if isinstance(message, AIMessage) else message for message in messages]
    try:
        return convert_to_openai_messages(texts, pass_through_unknown_blocks=True)
    except (KeyError, TypeError, ValueError) as error:
        said = str(error).partition("Full content block")[0].strip()  # it would quote a whole file
        missing = "it lacks " if isinstance(error, KeyError) else ""
        raise InvalidMessagesError(
            f"The messages have a part that cannot be sent: {missing}{said}"
        ) from error


def _chunk(event: Event, cut: _Cut) -> ChatGenerationChunk | None:
    if event.type == "reasoning":
        thought = {"reasoning_content": event.text}
        return ChatGenerationChunk(message=AIMessageChunk(content="", additional_kwargs=thought))
    if event.type == "text" and (text := cut.feed(event.text)):
        return ChatGenerationChunk(message=AIMessageChunk(content=text))
    return None


def _last(name: str, cut: _Cut, reply: Reply | None) -> ChatGenerationChunk:
    metadata = _metadata(name, reply)
    message = AIMessageChunk(content=cut.rest(), response_metadata=metadata, chunk_position="last")
    return ChatGenerationChunk(message=message)


def _result(name: str, reply: Reply) -> ChatResult:
    thought = {"reasoning_content": reply.reasoning} if reply.reasoning else {}
    metadata = _metadata(name, reply)
    message = AIMessage(reply.text, additional_kwargs=thought, response_metadata=metadata)
    return ChatResult(generations=[ChatGeneration(message=message)])


def _metadata(name: str, reply: Reply | None) -> dict[str, Any]:
    """Return the metadata of an answer; `reply` is missing where it was cut off."""
    metadata: dict[str, Any] = {"model_name": name, "model_provider": PROVIDER}
    if reply is not None:
        metadata |= {"metrics": asdict(reply.metrics), "rewritten": reply.rewritten}
    return metadata
