"""The asynchronous client: the synchronous one, with `await`."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self, TypeVar

import httpx

from . import _operations
from ._answer import Answer, claims_audio, hide_location_asynchronously, not_audio, read_answer
from ._auth import ApiKey
from ._chats import AsyncChat, ChatSettings, StartingChat, environment_of
from ._config import Timeout, check_transport, describe, settle, setup_error
from ._failure import failed
from ._files import recording_target
from ._listing import AsyncConversationList
from ._recording import AsyncRecording, Progress
from ._regions import Region, parse_studio_url
from ._request import Call
from .errors import PolyAIError
from .models import Annotation, Conversation, ConversationPage, WriteResult

_T = TypeVar("_T")


class AsyncDataClient:
    """A client of PolyAI's Data API, for asyncio: `DataClient` with `await`.

    Use it in an `async with` statement, or close it. Arguments that are absent come from the
    environment. Nothing is sent before the first call.

    Args:
        api_key: The API key, made in Agent Studio; else `POLYAI_API_KEY_<REGION>`, such as
            `POLYAI_API_KEY_US`, or `POLYAI_API_KEY`.
        region: Where the workspace lives: `us`, `eu`, `uk` or `studio`; else `POLYAI_REGION`.
            None is ever assumed.
        agent_id: The agent that calls are about, also known as project ID; else `POLYAI_AGENT_ID`.
            Every call can name another.
        base_url: Another address of the API than the region's, such as a proxy's or the sandbox's;
            else `POLYAI_BASE_URL`. https, or http on loopback. It wins over the region.
        timeout: Seconds, as one number for connecting and for each wait for a part of an answer, or
            as a pair (connect, read); 5 and 30 if absent.
        transport: An httpx transport to send requests with: `httpx.AsyncHTTPTransport(proxy=…)`.

    Raises:
        ConfigurationError: if the key or the region is missing, or anything of these is unusable.
    """

    def __init__(
        self,
        *,
        api_key: str | ApiKey | None = None,
        region: str | Region | None = None,
        agent_id: str | None = None,
        base_url: str | None = None,
        timeout: Timeout | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        api_key = ApiKey.wrap(api_key)  # first, so that no traceback shows it bare
        self._config = settle(
            api_key=api_key, region=region, agent_id=agent_id, base_url=base_url, timeout=timeout
        )
        self._chats: dict[str, str] = {}  # the environment of each chat that was started
        check_transport(transport, "handle_async_request")
        try:
            self._http = httpx.AsyncClient(
                transport=transport,
                follow_redirects=False,
                event_hooks={"response": [hide_location_asynchronously]},
                trust_env=self._config.trusts_environment,
            )
        except Exception as failure:
            raise setup_error(failure) from None

    @classmethod
    def from_studio_url(
        cls,
        url: str,
        *,
        api_key: str | ApiKey | None = None,
        timeout: Timeout | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> Self:
        """Return a client for the region and the agent that an Agent Studio URL names.

        Args:
            url: Such as `https://studio.us.poly.ai/acme/PROJECT-1/conversations`.
            api_key: As in the constructor, likewise the rest.
            timeout: Seconds.
            transport: An httpx transport.

        Raises:
            ConfigurationError: if it is no such URL, or as the constructor.
        """
        api_key = ApiKey.wrap(api_key)  # first, so that no traceback shows it bare
        region, agent_id = parse_studio_url(url)
        return cls(
            api_key=api_key, region=region, agent_id=agent_id, timeout=timeout, transport=transport
        )

    # --- Conversations -----------------------------------------------------------------------

    def list_conversations(
        self,
        *,
        page_size: int = 50,
        offset: int = 0,
        max_items: int | None = None,
        strict: bool = False,
        prefetch: int = 1,
        agent_id: str | None = None,
        timeout: Timeout | None = None,
    ) -> AsyncConversationList:
        """Return an iterable over every conversation of the agent, newest first.

        Nothing is sent before it is iterated. Then the next page is fetched while the current one
        is consumed. Conversations that begin or vanish meanwhile make it neither repeat one nor
        skip one that was there throughout.

        Args:
            page_size: How many conversations to ask for at a time, from 1 on.
            offset: How many to leave out at the beginning.
            max_items: How many to yield at most; None for all.
            strict: Whether a record with a field that is not of its documented type, or one that
                cannot be read at all, is an error instead of being handed over as it came.
            prefetch: 1, or 0 to fetch a page only when the one before is used up. With 1, who
                leaves early waits for the page that is on its way; asyncio cancels it instead.
            agent_id: The agent, if not the client's.
            timeout: Seconds, as in the constructor, for each page.

        Raises:
            ValueError: if a number is out of range; TypeError if it is none.
            PolyAIError: while it is iterated, as the tree in `polyai_data.errors` says.
        """
        return AsyncConversationList(
            self._send,
            self._config,
            page_size=page_size,
            offset=offset,
            max_items=max_items,
            strict=strict,
            prefetch=prefetch,
            agent_id=agent_id,
            timeout=timeout,
        )

    async def get_page(
        self,
        *,
        limit: int = 50,
        offset: int = 0,
        agent_id: str | None = None,
        timeout: Timeout | None = None,
    ) -> ConversationPage:
        """Return one page of the list: the bare call, for those who do their own paging.

        Args:
            limit: How many conversations to ask for, from 1 on; the server may give fewer.
            offset: The position of the first, from 0 on; the newest is at 0.
            agent_id: The agent, if not the client's.
            timeout: Seconds, as in the constructor, for this call.

        Raises:
            ValueError: if a number is out of range; TypeError if it is none. Nothing is sent.
            PolyAIError: every other failure, as the tree in `polyai_data.errors` says.
        """
        return await self._send(
            _operations.list_conversations(
                self._config, limit=limit, offset=offset, agent_id=agent_id, timeout=timeout
            )
        )

    async def get_conversation(
        self, conversation_id: str, *, agent_id: str | None = None, timeout: Timeout | None = None
    ) -> Conversation:
        """Return one conversation with its transcript, metrics and function events.

        Args:
            conversation_id: Its ID, such as `CA681f3ad0d037c1884614548178a5bc1b`.
            agent_id: The agent it belongs to, if not the client's.
            timeout: Seconds, as in the constructor, for this call.

        Raises:
            ValueError: if an ID cannot be one; nothing is sent.
            AuthenticationError: if the key is not accepted (401).
            PermissionDeniedError: if the key may not read it (403).
            ConversationNotFoundError: if there is none with that ID (404).
            PolyAIError: every other failure, as the tree in `polyai_data.errors` says.
        """
        return await self._send(
            _operations.get_conversation(
                self._config, conversation_id, agent_id=agent_id, timeout=timeout
            )
        )

    # --- Recordings --------------------------------------------------------------------------

    @asynccontextmanager
    async def open_recording(
        self,
        conversation_id: str,
        direction: str = "combined",
        redacted: bool = False,
        *,
        agent_id: str | None = None,
        timeout: Timeout | None = None,
    ) -> AsyncIterator[AsyncRecording]:
        """Open the recording of a voice conversation as a stream, for an `async with` statement.

        Args:
            conversation_id: The conversation's ID.
            direction: Which side: `combined`, `user` or `agent`.
            redacted: Whether to have personal data removed.
            agent_id: The agent it belongs to, if not the client's.
            timeout: Seconds, as in the constructor, for this call.

        Yields:
            The recording, to be read once: `iter_bytes`, `read` or `save`.

        Raises:
            ValueError: if the ID or the direction cannot be one; nothing is sent.
            RecordingNotFoundError: if there is none; chats have none (404).
            ResponseDecodeError: if the server sends something else than audio.
            PolyAIError: every other failure, as the tree in `polyai_data.errors` says.
        """
        call = _operations.get_recording(
            self._config,
            conversation_id,
            direction=direction,
            redacted=redacted,
            agent_id=agent_id,
            timeout=timeout,
        )
        response, answer = await self._exchange(call, streams=claims_audio)
        try:
            if not (response.is_success and claims_audio(response.headers)):
                raise not_audio(call, answer)
            yield AsyncRecording(
                call,
                response,
                answer,
                conversation_id=conversation_id,
                direction=direction,
                redacted=redacted,
            )
        finally:
            await response.aclose()

    async def download_recording(
        self,
        conversation_id: str,
        path: str | os.PathLike[str],
        *,
        direction: str = "combined",
        redacted: bool = False,
        overwrite: bool = False,
        progress: Progress | None = None,
        agent_id: str | None = None,
        timeout: Timeout | None = None,
    ) -> Path:
        """Save the recording of a voice conversation as a WAV file and return its path.

        It needs no more memory for a long recording than for a short one. It is written as
        `<name>.part` and takes its name when it is complete, so that nothing stands under that name
        which is not whole.

        Args:
            conversation_id: The conversation's ID.
            path: The file, or a directory: in it the file is named after the conversation.
            direction: Which side: `combined`, `user` or `agent`.
            redacted: Whether to have personal data removed.
            overwrite: Whether to replace a file that is there.
            progress: Is called with the bytes so far and the bytes in all, or None.
            agent_id: The agent it belongs to, if not the client's.
            timeout: Seconds, as in the constructor, for this call.

        Raises:
            FileExistsError: if the file is there, unless `overwrite` is set; nothing is sent.
            ValueError: if the ID or the direction cannot be one; nothing is sent.
            RecordingNotFoundError: if there is none; chats have none (404).
            APIConnectionError: if it breaks off; nothing is left of it, and it can be tried again.
            PolyAIError: every other failure, as the tree in `polyai_data.errors` says.
        """
        _operations.check_recording(conversation_id, direction, redacted)
        target = recording_target(path, conversation_id, direction, redacted, overwrite=overwrite)
        async with self.open_recording(
            conversation_id,
            direction=direction,
            redacted=redacted,
            agent_id=agent_id,
            timeout=timeout,
        ) as recording:
            return await recording.save(target, overwrite=overwrite, progress=progress)

    # --- Annotations and notes ---------------------------------------------------------------

    async def add_annotations(
        self,
        conversation_id: str,
        annotations: Iterable[Annotation],
        *,
        agent_id: str | None = None,
        timeout: Timeout | None = None,
    ) -> WriteResult:
        """Add annotations to a conversation: what is wrong with which side of which turn.

        `missing_topic` and `wrong_transcript` describe the caller's side (role `user`),
        `wrong_info` the agent's (role `agent`), as PolyAI's docs have it.

        Args:
            conversation_id: The conversation's ID.
            annotations: At least one `Annotation(turn=0, role="agent", type="wrong_info")`; turns
                are counted from zero.
            agent_id: The agent it belongs to, if not the client's.
            timeout: Seconds, as in the constructor, for this call.

        Raises:
            ValueError: if there is none, or the ID cannot be one; nothing is sent.
            ConversationNotFoundError: if there is no such conversation (404).
            PolyAIError: every other failure, as the tree in `polyai_data.errors` says.
        """
        return await self._send(
            _operations.add_annotations(
                self._config, conversation_id, annotations, agent_id=agent_id, timeout=timeout
            )
        )

    async def set_note(
        self,
        conversation_id: str,
        note: str,
        *,
        agent_id: str | None = None,
        timeout: Timeout | None = None,
    ) -> WriteResult:
        """Set the note of a conversation. It replaces the note that is there.

        Args:
            conversation_id: The conversation's ID.
            note: The whole new note.
            agent_id: The agent it belongs to, if not the client's.
            timeout: Seconds, as in the constructor, for this call.

        Raises:
            ValueError: if the ID cannot be one; nothing is sent.
            ConversationNotFoundError: if there is no such conversation (404).
            PolyAIError: every other failure, as the tree in `polyai_data.errors` says.
        """
        return await self._send(
            _operations.set_note(
                self._config, conversation_id, note, agent_id=agent_id, timeout=timeout
            )
        )

    # --- Debug chats -------------------------------------------------------------------------

    def start_chat(
        self,
        environment: str,
        *,
        language: str | None = None,
        asr_language: str | None = None,
        tts_language: str | None = None,
        variant_id: str | None = None,
        channel: str | None = None,
        conversation_id: str | None = None,
        attributes: Mapping[str, Any] | None = None,
        agent_id: str | None = None,
        timeout: Timeout | None = None,
    ) -> StartingChat:
        """Start a debug chat with the agent, for testing it. Its greeting is the first reply.

        It starts when the result is awaited, or entered with `async with`.

        Args:
            environment: Where the agent runs: `sandbox`, `pre-release` or `live`.
            language: Such as `en-US`, for both of the next two; the server chooses if it is absent.
            asr_language: That of speech recognition alone.
            tts_language: That of speech synthesis alone.
            variant_id: The variant to chat with.
            channel: The channel type, such as `chat.polyai`.
            conversation_id: An ID for the chat; the server makes one if it is absent.
            attributes: What the agent's functions can read, by name, as JSON values.
            agent_id: The agent, if not the client's.
            timeout: Seconds, as in the constructor, for this call and the chat's messages.

        Raises:
            ValueError: if an argument cannot be sent; nothing is.
            PolyAIError: every other failure, as the tree in `polyai_data.errors` says.
        """
        settings = ChatSettings.of(
            environment, language, asr_language, tts_language, agent_id, timeout
        )
        call = _operations.start_chat(
            self._config,
            environment,
            asr_language=settings.asr_language,
            tts_language=settings.tts_language,
            variant_id=variant_id,
            channel=channel,
            conversation_id=conversation_id,
            attributes=attributes,
            agent_id=agent_id,
            timeout=timeout,
        )

        async def start() -> AsyncChat:
            greeting = await self._send(call)
            self._chats[greeting.conversation_id] = environment
            return AsyncChat(self._send, self._config, settings, greeting.conversation_id, greeting)

        return StartingChat(start)

    def resume_chat(
        self,
        conversation_id: str,
        environment: str | None = None,
        *,
        language: str | None = None,
        asr_language: str | None = None,
        tts_language: str | None = None,
        agent_id: str | None = None,
        timeout: Timeout | None = None,
    ) -> AsyncChat:
        """Return a chat that was started before, to go on with it. Nothing is sent.

        Args:
            conversation_id: The chat's ID.
            environment: Where it was started, since every message names it; it may be absent for
                a chat that this client started.
            language: Such as `en-US`, for both of the next two.
            asr_language: That of speech recognition alone.
            tts_language: That of speech synthesis alone.
            agent_id: The agent, if not the client's.
            timeout: Seconds, as in the constructor, for its messages.

        Raises:
            ConfigurationError: if it is not known where the chat was started.
            ValueError: if an argument cannot be sent.
        """
        environment = environment_of(self._chats, conversation_id, environment)
        settings = ChatSettings.of(
            environment, language, asr_language, tts_language, agent_id, timeout
        )
        chat = AsyncChat(self._send, self._config, settings, conversation_id, None)
        chat._check()
        return chat

    # --- The rest ----------------------------------------------------------------------------

    async def _send(self, call: Call[_T]) -> _T:
        _, answer = await self._exchange(call)
        return read_answer(call, answer)

    async def _exchange(
        self, call: Call[Any], streams: Callable[[Mapping[str, str]], bool] = lambda _: False
    ) -> tuple[httpx.Response, Answer]:
        """Send the request; return the response, unread if it is a success that `streams`."""
        if self._http.is_closed:
            raise PolyAIError("This client is closed; create another one.")
        started = time.perf_counter()
        response = None
        try:
            response = await self._http.send(
                self._http.build_request(
                    call.method,
                    call.url,
                    headers=call.headers(),
                    content=call.content,
                    timeout=call.httpx_timeout(),
                ),
                stream=True,
            )
            content = b""
            if not (response.is_success and streams(response.headers)):
                try:
                    content = await response.aread()
                finally:
                    await response.aclose()
        except BaseException as failure:
            error = failed(call, response, failure)
        else:
            elapsed = time.perf_counter() - started
            return response, Answer.of(response, content, elapsed)
        # Outside of the except clause: the failure's frames hold the headers, and so the key.
        raise error

    async def close(self) -> None:
        """Close the connections. A closed client sends nothing more."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return describe(self)

    def __reduce__(self) -> NoReturn:
        raise TypeError("A client cannot be pickled; create one in each process instead.")
