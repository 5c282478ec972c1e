"""A debug chat: a conversation with an agent, for testing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from .._config import Config
from .._data import operations
from .._data.operations import ChatOptions
from .._http.request import PreparedRequest
from .._models.conversations import Transcript, Utterance
from .._models.writes import ChatReply
from ..errors import ChatEndedError, PolyAIError


class AsyncChat:
    """A debug chat; from `AsyncDataClient.start_chat` or `resume_chat`.

    The API has no call to end a chat: it ends when the agent ends it, or after a while.

    Attributes:
        conversation_id: The ID, which `get_conversation` accepts too.
        environment: The environment of the agent.
        ended: Whether the chat is over.
    """

    def __init__(
        self,
        send: Callable[[PreparedRequest[ChatReply]], Awaitable[ChatReply]],
        config: Config,
        options: ChatOptions,
        conversation_id: str,
        greeting: ChatReply | None,
    ) -> None:
        self.conversation_id: str = conversation_id
        self.environment: str = options.environment
        self.ended: bool = False
        self._send = send
        self._config = config
        self._options = options
        self._greeting = greeting
        self._history: list[Utterance] = []
        self._turn = 0
        if greeting is not None:
            self._record(greeting)
        else:
            self._message_request("", options, None)  # raises now if an argument is invalid

    @property
    def greeting(self) -> ChatReply:
        """The agent's first reply.

        Raises:
            PolyAIError: for a resumed chat.
        """
        if self._greeting is None:
            raise PolyAIError("This chat was resumed, so its greeting is not available.")
        return self._greeting

    @property
    def history(self) -> Transcript:
        """What both sides have said so far. `str()` returns it as a script."""
        return Transcript(self._history)

    async def send(
        self,
        message: str,
        *,
        language: str | None = None,
        asr_language: str | None = None,
        tts_language: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> ChatReply:
        """Send a message to the agent, and return its reply.

        Args:
            message: The user's message.
            language: The language of this turn, such as `en-US`; sets both of the next two.
            asr_language: The language of speech recognition.
            tts_language: The language of speech synthesis.
            metadata: Metadata of the user's input, as JSON values.

        Raises:
            ChatEndedError: if the chat is over. If that is known, no request is sent.
            ConversationNotFoundError: if the chat no longer exists.
        """
        options = self._options.with_languages(language, asr_language, tts_language)
        request = self._message_request(message, options, metadata)
        said = Utterance("user", message, None, self._turn + 1)
        del message, metadata  # so that no traceback with local variables shows them
        try:
            return self._record(await self._send(request), said)
        except ChatEndedError:
            self.ended = True
            raise

    def __repr__(self) -> str:
        state = "ended" if self.ended else "open"
        return f"<{type(self).__name__} {self.conversation_id} in {self.environment}, {state}>"

    def _message_request(
        self, message: str, options: ChatOptions, metadata: Mapping[str, Any] | None
    ) -> PreparedRequest[ChatReply]:
        if self.ended:
            raise ChatEndedError("This chat has ended. Start another one.")
        return operations.send_chat_message(
            self._config, options, self.conversation_id, message, metadata
        )

    def _record(self, reply: ChatReply, said: Utterance | None = None) -> ChatReply:
        if said is not None:
            self._turn = said.turn
        answered = Utterance("agent", reply.text, None, self._turn)
        self._history += [one for one in (said, answered) if one is not None and one.text.strip()]
        self.ended = reply.ended
        return reply
