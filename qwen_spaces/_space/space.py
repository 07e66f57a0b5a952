"""`QwenSpace`, the base class of all facades."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, cast, overload

from .._client.client import SpaceClient
from .._client.request import Request, SessionStore
from .._conversation import Conversation
from .._facade.registry import Facade, find, find_source
from .._facade.settings import MAX_CHARS, RETRIES, check_settings
from .._facade.signatures import show_options
from .._many.asking import Asking
from .._stream.task import Task
from .._stream.text_stream import TextStream
from .._tools import find_plan, prepare
from .._types.events import Reply
from .._types.images import Images, as_images
from .._types.messages import Messages, as_messages, with_newest_images
from .._types.status import SpaceStatus, describe
from .._types.timeouts import Timeouts
from .._types.tools import ResponseFormat, ToolChoice, Tools
from ..errors import UnknownSpaceError, UnsupportedOptionError

if TYPE_CHECKING:
    import ssl

    from typing_extensions import Self, Unpack

    from .. import spaces
    from .._facade import names
    from .._facade.settings import NoOptions, Settings
    from .._tools.plan import Plan
    from ..replicas import Brain
    from ..replicas._owned import OwnedReplica


class QwenSpace(Facade, Asking):
    """A Qwen model on a Hugging Face Space. It connects on first use.

    `QwenSpace(name)` returns the facade of that Space, as `pathlib.Path` returns a `PosixPath`; any other
    Gradio chat goes by its address. Threads, tasks and event loops may share one object.

    A pickle contains the arguments below **in the clear**, also `token`, `auth`, `headers` and the password
    of `proxy`, so keep it secret. It contains nothing from the environment (a saved token, ``HF_TOKEN``,
    proxies).

    Args:
        name: an alias such as ``"qwen-2.5"`` (see `available_spaces`), a Space id ``owner/name``, its page on
            the Hub, or the URL of a Gradio app, where ``user:password@`` before the host becomes basic
            authentication.
        src: the Space's address, in any of these forms, if it is not the usual one.
        token: ``None`` sends the saved Hugging Face token, to Hugging Face hosts only; a string goes to this
            Space, wherever it is; ``False`` sends none.
        proxy: the address of a proxy for all requests.
        headers: headers to add to every request.
        auth: the user and password of the app's own login.
        ssl_verify: ``False`` accepts any certificate; an `ssl.SSLContext` is used as it is.
        timeouts: a `Timeouts`, or seconds for a whole answer; ``None`` means the defaults.
        retries: the most retries of a request before its first text, if the Space is busy or cannot be
            reached; ``None`` means 2.
        max_chars: the most characters of an answer and its reasoning; a longer one raises
            `UnexpectedOutputError`, with its beginning as ``partial_text``.
        endpoint: the api name of the chat endpoint, such as ``"/chat"``, where a Space has several.

    Raises:
        UnknownSpaceError: no Space is called `name`, or `src` is not an address; suggests a near match.
        AuthenticationError: the token cannot be one.
        UnsupportedOptionError: another argument is invalid; the message says what to pass.

    Example:
        >>> QwenSpace("qwen-2.5")
        Qwen2_5('qwen-2.5')
    """

    name: str
    src: str
    timeouts: Timeouts
    _client: SpaceClient
    _recipe: Mapping[str, Any]
    _replica: OwnedReplica | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "contract" in vars(cls):
            show_options(cls)

    @overload
    def __new__(cls, name: names.Qwen2_5, **how: Unpack[Settings]) -> spaces.Qwen2_5: ...
    @overload
    def __new__(cls, name: names.Qwen2_72B, **how: Unpack[Settings]) -> spaces.Qwen2_72B: ...
    @overload
    def __new__(cls, name: names.QVQ_72B, **how: Unpack[Settings]) -> spaces.QVQ_72B: ...
    @overload
    def __new__(cls, name: names.Qwen2_5_72B, **how: Unpack[Settings]) -> spaces.Qwen2_5_72B: ...
    @overload
    def __new__(cls, name: names.Qwen2_5_Max, **how: Unpack[Settings]) -> spaces.Qwen2_5_Max: ...
    @overload
    def __new__(cls, name: names.Qwen2_5_Coder, **how: Unpack[Settings]) -> spaces.Qwen2_5_Coder: ...
    @overload
    def __new__(cls, name: names.Qwen2_5_VL_72B, **how: Unpack[Settings]) -> spaces.Qwen2_5_VL_72B: ...
    @overload
    def __new__(cls, name: names.Qwen2_5_1M, **how: Unpack[Settings]) -> spaces.Qwen2_5_1M: ...
    @overload
    def __new__(cls, name: names.Qwen3, **how: Unpack[Settings]) -> spaces.Qwen3: ...
    @overload
    def __new__(cls, name: names.Qwen3_VL, **how: Unpack[Settings]) -> spaces.Qwen3_VL: ...
    @overload
    def __new__(cls, name: names.Qwen2_5_VL_32B, **how: Unpack[Settings]) -> spaces.Qwen2_5_VL_32B: ...
    @overload
    def __new__(cls, name: names.Qwen3_VL_30B, **how: Unpack[Settings]) -> spaces.Qwen3_VL_30B: ...
    @overload
    def __new__(cls, name: names.Qwen3_Omni, **how: Unpack[Settings]) -> spaces.Qwen3_Omni: ...
    @overload
    def __new__(cls, name: names.Qwen3_5_Omni, **how: Unpack[Settings]) -> spaces.Qwen3_5_Omni: ...
    @overload
    def __new__(
        cls, name: names.Qwen3_Coder_WebDev, **how: Unpack[Settings]
    ) -> spaces.Qwen3_Coder_WebDev: ...
    @overload
    def __new__(cls, name: str = "qwen-2.5", **how: Unpack[Settings]) -> Self: ...
    def __new__(
        cls,
        name: str = "qwen-2.5",
        *,
        src: str | None = None,
        token: str | bool | None = None,
        proxy: str | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        ssl_verify: bool | ssl.SSLContext = True,
        timeouts: Timeouts | float | None = None,
        retries: int | None = RETRIES,
        max_chars: int = MAX_CHARS,
        endpoint: str | None = None,
    ) -> QwenSpace:
        facade, named = find(cls, name)
        address = find_source(src) or named
        self = cast("QwenSpace", object.__new__(facade))
        self.src = address.place if address else facade.space_id
        if not self.src:
            raise UnknownSpaceError(f"{facade.__name__} goes by an address: 'owner/name' or a URL.")
        self.name = named.place if named else facade.alias or self.src
        given: dict[str, object] = {"timeouts": timeouts, "retries": retries, "max_chars": max_chars}
        given |= {"endpoint": endpoint, "token": token, "proxy": proxy, "headers": headers}
        given |= {"auth": auth, "ssl_verify": ssl_verify}
        settings = check_settings(given, address and address.credentials)
        self._recipe = {**settings, "src": self.src}
        self.timeouts = settings.pop("timeouts")
        settings |= {"timeout": self.timeouts.connect, "wake": self.timeouts.wake}
        limits = {limit: settings.pop(limit) for limit in ("retries", "max_chars", "endpoint")}
        self._client = SpaceClient(self.src, facade.contract, **limits, settings=settings)
        return self

    @classmethod
    def local(
        cls, name: str = "qwen-2.5", *, brain: Brain | None = None, **settings: Unpack[Settings]
    ) -> Self:
        """Return the Space with its replica, which runs in this process: nothing leaves this machine.

        The replica echoes what it receives. It stops with `close` or a ``with`` block, once the object and
        its streams are collected, or with the program. Needs the extra ``local``.

        Args:
            name: as for `QwenSpace`.
            brain: a function that answers instead; see `qwen_spaces.replicas.Brain`.
            settings: the arguments of `QwenSpace`, but for `src`.

        Raises:
            MissingExtraError: Gradio is not installed.
            UnknownSpaceError: the Space has no replica.
            UnsupportedOptionError: an argument is invalid.

        Example:
            with QwenSpace.local("qwen-2.5") as space:
                print(space.ask("Why is the sky blue?"))
        """
        from .local import start_replica

        replica = start_replica(cls(name, **settings), settings, brain)
        settings["src"] = replica.url
        self = cls(name, **settings)
        self._replica = replica
        replica.close_with(self._client)  # which the streams have, too
        return self

    def __repr__(self) -> str:
        elsewhere = "" if self.src in (self.space_id, self.name) else f", src={self.src!r}"
        return f"{type(self).__name__}({self.name!r}{elsewhere})"

    def _repr_markdown_(self) -> str:
        return describe(self.name, self.label, self.src, images=self.max_images != 0)

    def __reduce__(self) -> tuple[Any, ...]:
        if not isinstance(self._recipe["ssl_verify"], bool):
            raise UnsupportedOptionError(
                "A QwenSpace whose ssl_verify is an SSLContext cannot be pickled. Make it where it is used, "
                "or set SSL_CERT_FILE there."
            )
        return functools.partial(type(self), **self._recipe), (self.name,)

    def stream(
        self,
        messages: Messages,
        *,
        system: str | None = None,
        images: Images = (),
        tools: Tools = None,
        tool_choice: ToolChoice = None,
        response_format: ResponseFormat = None,
        **options: Unpack[NoOptions],
    ) -> TextStream:
        """Stream the answer to messages. Nothing is sent before the first read.

        Args:
            messages: a string, or a list of `Message` or of dicts with ``role`` and ``content``; the last
                one is the user's.
            system: a system prompt. Without one the Space uses its own.
            images: one image or several: path, URL, bytes, binary file, ``data:`` URI, PIL image, array.
            tools: typed functions with docstrings, or schemas in the OpenAI form; their calls are
                `Reply.tool_calls`, and their results messages of role ``"tool"``. Needs the extra ``tools``.
            tool_choice: ``"auto"``, ``"none"``, ``"required"`` or a tool's name.
            response_format: a pydantic model, ``"json_object"``, or a JSON schema in the OpenAI form; the
                answer is `Reply.parsed`. A bad answer, or one without a required call, is asked for once more
                (unless `retries` is 0), and arrives only when it is complete.
            options: the Space's own, such as ``size="7B"``.

        Raises:
            InvalidMessagesError: the messages cannot be sent.
            InvalidImageError: an image cannot be sent, or there are more than the Space takes.
            UnsupportedOptionError: the Space has no such option, or an argument has no such value.
            MissingExtraError: tools or a format are asked for without the extra ``tools``.

        Example:
            async for delta in QwenSpace("qwen-2.5").stream("Why is the sky blue?"):
                print(delta, end="", flush=True)
        """
        plan = find_plan(tools, tool_choice, response_format)
        return self._open(messages, system=system, images=images, plan=plan, options=dict(options))

    def conversation(
        self,
        system: str | None = None,
        *,
        tools: Tools = None,
        tool_choice: ToolChoice = None,
        response_format: ResponseFormat = None,
        **options: Unpack[NoOptions],
    ) -> Conversation:
        """Start a chat that keeps its history.

        Args:
            system: a system prompt for all turns.
            tools: as for `stream`, for all turns, as are all the others.
            tool_choice: one for all turns; a required call is required in each.
            response_format: of all answers.
            options: as for `stream`.
        """
        plan, checked = find_plan(tools, tool_choice, response_format), self._check_options(options)
        opened = functools.partial(self._open, plan=plan, options=checked, memory=self._memory())
        return Conversation(opened, system=system)

    def status(self) -> SpaceStatus:
        """Return the state of the Space, from its API and the Hub; blocks.

        Raises:
            ConnectError: the Space cannot be reached.
        """
        probe, status = self._probe()
        probe.wait()
        return status.result()

    async def astatus(self) -> SpaceStatus:
        """Like `status`, without blocking the event loop."""
        probe, status = self._probe()
        await probe.wait_async()
        return status.result()

    def close(self) -> None:
        """Cancel all running streams and close the connection; the next use reconnects."""
        self._client.close()
        if self._replica:
            self._replica.close()

    def _with_token(self, token: str) -> Self | None:
        """Return the same Space with this token, ``None`` if it is not on Hugging Face."""
        return type(self)(self.name, **{**self._recipe, "token": token}) if self._client.on_hub else None

    def _memory(self) -> SessionStore | None:
        return SessionStore() if self.contract.stateful or self.contract.discover else None

    def _probe(self) -> tuple[Task, Future[SpaceStatus]]:
        probe, status = Task(timeouts=self.timeouts, space=self.name), Future[SpaceStatus]()
        client = self._client
        probe.start(lambda mailbox: status.set_result(client.probe(mailbox)))
        return probe, status

    def _open(
        self,
        messages: Messages,
        *,
        options: Mapping[str, object],
        plan: Plan | None = None,
        system: str | None = None,
        images: Images = (),
        on_reply: Callable[[Reply], None] | None = None,
        memory: SessionStore | None = None,
        timeouts: Timeouts | None = None,
        retries: int | None = None,
    ) -> TextStream:
        retry = bool(self._recipe["retries"])
        # The limit of the Space must not end a conversation.
        given = with_newest_images(as_messages(messages, system), self.max_images if on_reply else None)
        turns, reader = prepare(given, plan, self.contract, retry=retry)
        uploads = (*(image for message in turns for image in message.images), *as_images(images))
        self._check_images(uploads, self.name, self.src)
        request = Request(turns, self._check_options(options), uploads, memory, on_reply, retries)
        bounds = timeouts or self.timeouts
        return TextStream(self._client, request, timeouts=bounds, space=self.name, reader=reader)
