"""Debug chats: a conversation with an agent, for testing it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Mapping
from types import TracebackType
from typing import Any, Literal, Self

from attrs import frozen

from . import _operations, errors
from ._chat_reply import ChatReply
from ._config import NO_LIMITS, Config, Limits, Timeout
from ._request import Call, check_id
from ._transcripts import Transcript, Utterance


@frozen
class ChatSettings:
    """What every message of a chat carries.

    Attributes:
        environment: The environment that the agent runs in.
        asr_language: The language of speech recognition, or None for the server's choice.
        tts_language: The language of speech synthesis, or None for the server's choice.
        agent_id: The agent, or None for the client's.
        limits: What bounds each message, where the client's limits do not count.
    """

    environment: str
    asr_language: str | None
    tts_language: str | None
    agent_id: str | None
    limits: Limits

    @classmethod
    def of(
        cls,
        environment: str,
        language: str | None,
        asr_language: str | None,
        tts_language: str | None,
        agent_id: str | None,
        limits: Limits,
    ) -> Self:
        """Return the settings for these arguments; `language` stands for both of the next two."""
        asr_language = _first_given(asr_language, language)
        tts_language = _first_given(tts_language, language)
        return cls(environment, asr_language, tts_language, agent_id, limits)


def environment_of(
    started: Mapping[str, str], conversation_id: str, environment: str | None
) -> str:
    """Return where a chat runs: as given, else where this client started it.

    Raises:
        ConfigurationError: if neither says so.
    """
    check_id("conversation_id", conversation_id)
    environment = environment if environment is not None else started.get(conversation_id)
    if environment is None:
        raise errors.ConfigurationError(
            "This client did not start that chat: pass environment=, where it was started, such as "
            "'sandbox', 'pre-release' or 'live'."
        )
    return environment


def _first_given(*choices: str | None) -> str | None:
    """Return the first that is given; an empty one is, and will be refused."""
    return next((choice for choice in choices if choice is not None), None)


class _Chat:
    """What both kinds of chat share: their state, without the I/O."""

    def __init__(
        self,
        config: Config,
        settings: ChatSettings,
        conversation_id: str,
        greeting: ChatReply | None,
    ) -> None:
        self.conversation_id = conversation_id
        self.environment = settings.environment
        self.ended = False
        self._config = config
        self._settings = settings
        self._greeting = greeting
        self._said: list[Utterance] = []
        self._turn = 0
        if greeting is not None:
            self._take(greeting)

    @property
    def greeting(self) -> ChatReply:
        """What the agent said first.

        Raises:
            PolyAIError: for a chat that was resumed, whose greeting was said before.
        """
        if self._greeting is None:
            raise errors.PolyAIError("This chat was resumed; its greeting was said before.")
        return self._greeting

    @property
    def history(self) -> Transcript:
        """What both sides have said so far; `str()` of it reads as a script."""
        return Transcript(self._said)

    def __repr__(self) -> str:
        state = "ended" if self.ended else "open"
        return f"<{type(self).__name__} {self.conversation_id} in {self.environment}, {state}>"

    def _check(self) -> None:
        """Raise what a message would raise before it is sent."""
        self._call("")

    def _call(
        self,
        message: str,
        *,
        language: str | None = None,
        asr_language: str | None = None,
        tts_language: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        limits: Limits = NO_LIMITS,
    ) -> Call[ChatReply]:
        if self.ended:
            raise errors.ChatEndedError("This chat has ended; nothing was sent. Start another one.")
        return _operations.send_chat_message(
            self._config,
            self.conversation_id,
            message,
            environment=self.environment,
            asr_language=_first_given(asr_language, language, self._settings.asr_language),
            tts_language=_first_given(tts_language, language, self._settings.tts_language),
            metadata=metadata,
            agent_id=self._settings.agent_id,
            limits=limits.over(self._settings.limits),
        )

    def _take(self, reply: ChatReply, message: str | None = None) -> ChatReply:
        sides: list[tuple[Literal["user", "agent"], str]] = [("agent", reply.text)]
        if message is not None:
            self._turn += 1
            sides.insert(0, ("user", message))
        self._said += [
            Utterance(role=role, text=text, at=None, turn=self._turn)
            for role, text in sides
            if text.strip()
        ]
        self.ended = reply.ended
        return reply


class Chat(_Chat):
    """A debug chat; from `DataClient.start_chat` or `resume_chat`.

    The `with` statement only shows where it belongs: the API has no call to end a chat.

    Attributes:
        conversation_id: Its ID; `get_conversation` takes it too.
        environment: The environment that the agent runs in.
        ended: Whether it is over.
    """

    def __init__(self, send: Callable[[Call[ChatReply]], ChatReply], *state: Any) -> None:
        super().__init__(*state)
        self._send = send

    def send(
        self,
        message: str,
        *,
        language: str | None = None,
        asr_language: str | None = None,
        tts_language: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        timeout: Timeout | None = None,
        max_retries: int | None = None,
        deadline: float | None = None,
    ) -> ChatReply:
        """Say something to the agent and return its reply.

        Args:
            message: What the user says.
            language: The language of this turn, such as `en-US`, for both of the next two.
            asr_language: That of speech recognition alone.
            tts_language: That of speech synthesis alone.
            metadata: Metadata of the user's input, as JSON values.
            timeout: Seconds, as in the client, for this message.
            max_retries: As in the client, for this message.
            deadline: Seconds, as in the client, for this message.

        Raises:
            ChatEndedError: if the chat is over; where that is known, nothing is sent.
            ConversationNotFoundError: if there is no such chat, or no longer.
            PolyAIError: every other failure, as the tree in `polyai_data.errors` says.
        """
        call = self._call(
            message,
            language=language,
            asr_language=asr_language,
            tts_language=tts_language,
            metadata=metadata,
            limits=Limits(timeout, max_retries, deadline),
        )
        try:
            return self._take(self._send(call), message)
        except errors.ChatEndedError:
            self.ended = True
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Do nothing: the API has no call to end a chat."""


class AsyncChat(_Chat):
    """A debug chat; from `AsyncDataClient.start_chat` or `resume_chat`.

    The `with` statement only shows where it belongs: the API has no call to end a chat.

    Attributes:
        conversation_id: Its ID; `get_conversation` takes it too.
        environment: The environment that the agent runs in.
        ended: Whether it is over.
    """

    def __init__(
        self, send: Callable[[Call[ChatReply]], Awaitable[ChatReply]], *state: Any
    ) -> None:
        super().__init__(*state)
        self._send = send

    async def send(
        self,
        message: str,
        *,
        language: str | None = None,
        asr_language: str | None = None,
        tts_language: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        timeout: Timeout | None = None,
        max_retries: int | None = None,
        deadline: float | None = None,
    ) -> ChatReply:
        """Say something to the agent and return its reply.

        Args:
            message: What the user says.
            language: The language of this turn, such as `en-US`, for both of the next two.
            asr_language: That of speech recognition alone.
            tts_language: That of speech synthesis alone.
            metadata: Metadata of the user's input, as JSON values.
            timeout: Seconds, as in the client, for this message.
            max_retries: As in the client, for this message.
            deadline: Seconds, as in the client, for this message.

        Raises:
            ChatEndedError: if the chat is over; where that is known, nothing is sent.
            ConversationNotFoundError: if there is no such chat, or no longer.
            PolyAIError: every other failure, as the tree in `polyai_data.errors` says.
        """
        call = self._call(
            message,
            language=language,
            asr_language=asr_language,
            tts_language=tts_language,
            metadata=metadata,
            limits=Limits(timeout, max_retries, deadline),
        )
        try:
            return self._take(await self._send(call), message)
        except errors.ChatEndedError:
            self.ended = True
            raise

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Do nothing: the API has no call to end a chat."""


class StartingChat:
    """A debug chat that starts when it is awaited, or entered with `async with`."""

    def __init__(self, start: Callable[[], Awaitable[AsyncChat]]) -> None:
        self._start = start

    def __await__(self) -> Generator[Any, None, AsyncChat]:
        return self._start().__await__()

    async def __aenter__(self) -> AsyncChat:
        return await self._start()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Do nothing: the API has no call to end a chat."""
