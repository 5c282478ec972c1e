"""The asynchronous client: the synchronous one, with `await`.

What only some methods need is imported there: a program does not wait for what it never calls.
"""

from __future__ import annotations

import os
import time
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Iterable,
    Mapping,
)
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeVar

import attrs
import httpx

from . import _operations, _retry
from ._answer import (
    Answer,
    Incoming,
    async_body_of,
    audio_or_error,
    claims_audio,
    read_answer,
)
from ._auth import ApiKey
from ._config import Limits, Timeout, check_transport, check_usable, describe, settle
from ._failure import failed
from ._pace import Pace, check_rate
from ._regions import Region, parse_studio_url
from ._request import Call
from ._retry import Attempts, OnRetry
from ._transport import AsyncSender, connect_asynchronously
from .errors import PolyAIError

if TYPE_CHECKING:
    import asyncio

    from ._annotations import Annotation, WriteResult
    from ._bulk import BulkResult
    from ._chats import AsyncChat, StartingChat
    from ._conversations import Conversation
    from ._listing import AsyncConversationList
    from ._pages import ConversationPage
    from ._recording import AsyncRecording, Progress

_T = TypeVar("_T")
_R = TypeVar("_R")


class AsyncDataClient:
    """A client of PolyAI's Data API, for asyncio: `DataClient` with `await`.

    Use it in an `async with` statement, or close it. Arguments that are absent come from the
    environment. Nothing is sent before the first call.

    Tasks may share one. It works in one event loop after another, not in two at a time, and a
    process that was forked must make its own; both are told so.

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
        max_retries: How often a request that failed in passing is sent once more at most; 2 if
            absent, and 0 for never. Annotations and chat messages are repeated only where the
            server cannot have seen them, or says that it refused them; a note like what reads,
            since setting it twice does the same.
        deadline: Seconds for a call with all its retries, the reading of a recording included;
            none if absent. It is kept before each wait and between the parts of an answer.
        max_response_bytes: How large a JSON answer may be; 64 MiB if absent.
        max_requests_per_second: How many requests there may be a second, retries included; any
            number if absent. Where the server refuses one (429), all calls of the client wait as
            long as it says, up to a minute, and then begin again at half their rate.
        on_retry: Is called with a `Retry` before each retry.
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
        max_retries: int | None = None,
        deadline: float | None = None,
        max_response_bytes: int | None = None,
        max_requests_per_second: float | None = None,
        on_retry: OnRetry | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        api_key = ApiKey.wrap(api_key)  # first, so that no traceback shows it bare
        self._config = settle(
            api_key=api_key,
            region=region,
            agent_id=agent_id,
            base_url=base_url,
            timeout=timeout,
            max_retries=max_retries,
            deadline=deadline,
            max_response_bytes=max_response_bytes,
        )
        self._on_retry = on_retry
        self._pace = Pace(check_rate(max_requests_per_second))
        self._process = os.getpid()
        self._chats: dict[str, str] = {}  # the environment of each chat that was started
        check_transport(transport, "handle_async_request")
        self._transport = transport
        self._loop: asyncio.AbstractEventLoop | None = None
        self._http = self._connect()
        self._is_closed = False

    def _connect(self) -> AsyncSender:
        return connect_asynchronously(self._transport, uses_tls=self._config.uses_tls)

    def _settle_in_loop(self) -> None:
        """Make sure that the connections belong to the event loop that runs.

        Raises:
            PolyAIError: if another one, which is still open, has them.
        """
        import asyncio  # here: it would slow down the import of the package

        loop = asyncio.get_running_loop()
        if self._loop not in (None, loop):
            if self._loop is not None and not self._loop.is_closed():
                raise PolyAIError(
                    "This client belongs to another event loop, which is still open; create one "
                    "in each loop."
                )
            if self._transport is None:
                self._http = self._connect()  # the old connections went with their loop
        self._loop = loop

    @classmethod
    def from_studio_url(
        cls,
        url: str,
        *,
        api_key: str | ApiKey | None = None,
        timeout: Timeout | None = None,
        max_retries: int | None = None,
        deadline: float | None = None,
        max_response_bytes: int | None = None,
        max_requests_per_second: float | None = None,
        on_retry: OnRetry | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> Self:
        """Return a client for the region and the agent that an Agent Studio URL names.

        Args:
            url: Such as `https://studio.us.poly.ai/acme/PROJECT-1/conversations`.
            api_key: As in the constructor, likewise the rest.
            timeout: Seconds.
            max_retries: How often a request is sent once more at most.
            deadline: Seconds.
            max_response_bytes: Bytes.
            max_requests_per_second: How many requests there may be a second.
            on_retry: Is called before each retry.
            transport: An httpx transport.

        Raises:
            ConfigurationError: if it is no such URL, or as the constructor.
        """
        api_key = ApiKey.wrap(api_key)  # first, so that no traceback shows it bare
        region, agent_id = parse_studio_url(url)
        return cls(
            api_key=api_key,
            region=region,
            agent_id=agent_id,
            timeout=timeout,
            max_retries=max_retries,
            deadline=deadline,
            max_response_bytes=max_response_bytes,
            max_requests_per_second=max_requests_per_second,
            on_retry=on_retry,
            transport=transport,
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
        max_retries: int | None = None,
        deadline: float | None = None,
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
                leaves early waits for the page that is on its way, with its retries; asyncio
                cancels it instead.
            agent_id: The agent, if not the client's.
            timeout: Seconds, as in the constructor, for each page.
            max_retries: As in the constructor, likewise.
            deadline: As in the constructor, likewise.

        Raises:
            ValueError: if a number is out of range; TypeError if it is none.
            PolyAIError: while it is iterated, as the tree in `polyai_data.errors` says.
        """
        from ._listing import AsyncConversationList

        return AsyncConversationList(
            self._send,
            self._config,
            page_size=page_size,
            offset=offset,
            max_items=max_items,
            strict=strict,
            prefetch=prefetch,
            agent_id=agent_id,
            limits=Limits(timeout, max_retries, deadline),
        )

    async def get_page(
        self,
        *,
        limit: int = 50,
        offset: int = 0,
        agent_id: str | None = None,
        timeout: Timeout | None = None,
        max_retries: int | None = None,
        deadline: float | None = None,
    ) -> ConversationPage:
        """Return one page of the list: the bare call, for those who do their own paging.

        Args:
            limit: How many conversations to ask for, from 1 on; the server may give fewer.
            offset: The position of the first, from 0 on; the newest is at 0.
            agent_id: The agent, if not the client's.
            timeout: Seconds, as in the constructor, for this call.
            max_retries: As in the constructor, likewise.
            deadline: As in the constructor, likewise.

        Raises:
            ValueError: if a number is out of range; TypeError if it is none. Nothing is sent.
            PolyAIError: every other failure, as the tree in `polyai_data.errors` says.
        """
        return await self._send(
            _operations.list_conversations(
                self._config,
                limit=limit,
                offset=offset,
                agent_id=agent_id,
                limits=Limits(timeout, max_retries, deadline),
            )
        )

    async def get_conversation(
        self,
        conversation_id: str,
        *,
        agent_id: str | None = None,
        timeout: Timeout | None = None,
        max_retries: int | None = None,
        deadline: float | None = None,
    ) -> Conversation:
        """Return one conversation with its transcript, metrics and function events.

        Args:
            conversation_id: Its ID, such as `CA681f3ad0d037c1884614548178a5bc1b`.
            agent_id: The agent it belongs to, if not the client's.
            timeout: Seconds, as in the constructor, for this call.
            max_retries: As in the constructor, likewise.
            deadline: As in the constructor, likewise.

        Raises:
            ValueError: if an ID cannot be one; nothing is sent.
            AuthenticationError: if the key is not accepted (401).
            PermissionDeniedError: if the key may not read it (403).
            ConversationNotFoundError: if there is none with that ID (404).
            PolyAIError: every other failure, as the tree in `polyai_data.errors` says.
        """
        return await self._send(
            _operations.get_conversation(
                self._config,
                conversation_id,
                agent_id=agent_id,
                limits=Limits(timeout, max_retries, deadline),
            )
        )

    def get_conversations(
        self,
        ids: Iterable[str] | AsyncIterable[str],
        *,
        concurrency: int = 16,
        in_order: bool = False,
        agent_id: str | None = None,
        timeout: Timeout | None = None,
        max_retries: int | None = None,
        deadline: float | None = None,
    ) -> AsyncGenerator[BulkResult[Conversation], None]:
        """Read many conversations in full, several at once.

        ```python
        async for result in client.get_conversations(ids):
            if result.error is None:
                store(result.value)
            else:
                note(result.id, result.error)
        ```

        One that fails does not end the others. Nothing is sent before the first is asked for. No
        more than twice `concurrency` IDs are taken ahead, so that `ids` may be endless.
        Who leaves early waits for the calls that are on their way, and nothing is repeated or sent
        then; asyncio cancels them instead, if the iterator is closed (`contextlib.aclosing`).

        Args:
            ids: The conversations' IDs; asyncio takes an asynchronous iterator too.
            concurrency: How many calls there are at once.
            in_order: Whether the results come in the order of `ids`, else as they complete.
            agent_id: The agent they belong to, if not the client's.
            timeout: Seconds, as in the constructor, for each call.
            max_retries: As in the constructor, likewise.
            deadline: As in the constructor, likewise.

        Yields:
            A `BulkResult` for each ID: the conversation as `value`, or the `error`, which is what
            `get_conversation` raises.

        Raises:
            TypeError: if `ids` is a text, or nothing to iterate.
            ValueError: if `concurrency` is less than 1.
        """
        from . import _bulk

        _bulk.check_bulk(ids, concurrency, may_be_async=True)

        async def get(conversation_id: str) -> Conversation:
            return await self.get_conversation(
                conversation_id,
                agent_id=agent_id,
                timeout=timeout,
                max_retries=max_retries,
                deadline=deadline,
            )

        return _bulk.in_tasks(get, ids, concurrency, in_order=in_order)

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
        max_retries: int | None = None,
        deadline: float | None = None,
    ) -> AsyncIterator[AsyncRecording]:
        """Open the recording of a voice conversation as a stream, for an `async with` statement.

        Args:
            conversation_id: The conversation's ID.
            direction: Which side: `combined`, `user` or `agent`.
            redacted: Whether to have personal data removed.
            agent_id: The agent it belongs to, if not the client's.
            timeout: Seconds, as in the constructor, for this call.
            max_retries: As in the constructor, likewise.
            deadline: As in the constructor, likewise; reading the recording counts.

        Yields:
            The recording, to be read once: `iter_bytes`, `read` or `save`.

        Raises:
            ValueError: if the ID or the direction cannot be one; nothing is sent.
            RecordingNotFoundError: if there is none; chats have none (404).
            ResponseDecodeError: if the server sends something else than audio.
            PolyAIError: every other failure, as the tree in `polyai_data.errors` says.
        """
        from ._recording import AsyncRecording

        call = _operations.get_recording(
            self._config,
            conversation_id,
            direction=direction,
            redacted=redacted,
            agent_id=agent_id,
            limits=Limits(timeout, max_retries, deadline),
        )
        attempts = self._attempts_of(call)

        async def open_again(range_headers: Mapping[str, str]) -> tuple[httpx.Response, Answer]:
            rest = attrs.evolve(call, range_headers=range_headers)
            return await self._exchange(rest, attempts, audio_or_error, claims_audio)

        response, answer = await open_again({})
        recording = AsyncRecording(
            call,
            response,
            answer,
            attempts=attempts,
            open_again=open_again,
            conversation_id=conversation_id,
            direction=direction,
            redacted=redacted,
        )
        try:
            yield recording
        finally:
            recording._is_closed = True
            await recording._response.aclose()

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
        max_retries: int | None = None,
        deadline: float | None = None,
    ) -> Path:
        """Save the recording of a voice conversation as a WAV file and return its path.

        It needs no more memory for a long recording than for a short one. Where it breaks off, it
        goes on from there if the server can do that, else from the start. It is written as
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
            max_retries: As in the constructor, likewise.
            deadline: As in the constructor, likewise.

        Raises:
            FileExistsError: if the file is there, unless `overwrite` is set; nothing is sent.
            ValueError: if the ID or the direction cannot be one; nothing is sent.
            RecordingNotFoundError: if there is none; chats have none (404).
            APIConnectionError: if it breaks off for good; nothing is left of it.
            PolyAIError: every other failure, as the tree in `polyai_data.errors` says.
        """
        from ._files import recording_target

        _operations.check_recording(conversation_id, direction, redacted)
        target = recording_target(path, conversation_id, direction, redacted, overwrite=overwrite)
        async with self.open_recording(
            conversation_id,
            direction=direction,
            redacted=redacted,
            agent_id=agent_id,
            timeout=timeout,
            max_retries=max_retries,
            deadline=deadline,
        ) as recording:
            return await recording.save(target, overwrite=overwrite, progress=progress)

    def download_recordings(
        self,
        ids: Iterable[str] | AsyncIterable[str],
        directory: str | os.PathLike[str],
        *,
        concurrency: int = 4,
        in_order: bool = False,
        direction: str = "combined",
        redacted: bool = False,
        overwrite: bool = False,
        agent_id: str | None = None,
        timeout: Timeout | None = None,
        max_retries: int | None = None,
        deadline: float | None = None,
    ) -> AsyncGenerator[BulkResult[Path], None]:
        """Save the recordings of many conversations in a directory, several at once.

        Each is saved as by `download_recording`: under its name stands nothing which is not whole.
        Otherwise it is as `get_conversations`.

        Args:
            ids: The conversations' IDs; asyncio takes an asynchronous iterator too.
            directory: Where to save them, each under a name made of its ID.
            concurrency: How many there are at once.
            in_order: Whether the results come in the order of `ids`, else as they complete.
            direction: Which side: `combined`, `user` or `agent`.
            redacted: Whether to have personal data removed.
            overwrite: Whether to replace files that are there.
            agent_id: The agent they belong to, if not the client's.
            timeout: Seconds, as in the constructor, for each.
            max_retries: As in the constructor, likewise.
            deadline: As in the constructor, likewise.

        Yields:
            A `BulkResult` for each ID: the file's path as `value`, or the `error`, which is what
            `download_recording` raises, FileExistsError for a file that is there among it.

        Raises:
            FileNotFoundError: if the directory is not there.
            TypeError: if `ids` is a text, or nothing to iterate.
            ValueError: if `concurrency` is less than 1, or there is no such direction.
        """
        from . import _bulk

        _bulk.check_bulk(ids, concurrency, may_be_async=True)
        _operations.check_recording("CA", direction, redacted)
        folder = _bulk.check_folder(directory)
        downloads = _bulk.Downloads()

        async def download(conversation_id: str) -> Path:
            with downloads.one_of(conversation_id):
                return await self.download_recording(
                    conversation_id,
                    folder,
                    direction=direction,
                    redacted=redacted,
                    overwrite=overwrite,
                    agent_id=agent_id,
                    timeout=timeout,
                    max_retries=max_retries,
                    deadline=deadline,
                )

        return _bulk.in_tasks(download, ids, concurrency, in_order=in_order)

    # --- Annotations and notes ---------------------------------------------------------------

    async def add_annotations(
        self,
        conversation_id: str,
        annotations: Iterable[Annotation],
        *,
        agent_id: str | None = None,
        timeout: Timeout | None = None,
        max_retries: int | None = None,
        deadline: float | None = None,
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
            max_retries: As in the constructor, likewise.
            deadline: As in the constructor, likewise.

        Raises:
            ValueError: if there is none, or the ID cannot be one; nothing is sent.
            ConversationNotFoundError: if there is no such conversation (404).
            PolyAIError: every other failure, as the tree in `polyai_data.errors` says.
        """
        return await self._send(
            _operations.add_annotations(
                self._config,
                conversation_id,
                annotations,
                agent_id=agent_id,
                limits=Limits(timeout, max_retries, deadline),
            )
        )

    async def set_note(
        self,
        conversation_id: str,
        note: str,
        *,
        agent_id: str | None = None,
        timeout: Timeout | None = None,
        max_retries: int | None = None,
        deadline: float | None = None,
    ) -> WriteResult:
        """Set the note of a conversation. It replaces the note that is there.

        Args:
            conversation_id: The conversation's ID.
            note: The whole new note.
            agent_id: The agent it belongs to, if not the client's.
            timeout: Seconds, as in the constructor, for this call.
            max_retries: As in the constructor, likewise.
            deadline: As in the constructor, likewise.

        Raises:
            ValueError: if the ID cannot be one; nothing is sent.
            ConversationNotFoundError: if there is no such conversation (404).
            PolyAIError: every other failure, as the tree in `polyai_data.errors` says.
        """
        return await self._send(
            _operations.set_note(
                self._config,
                conversation_id,
                note,
                agent_id=agent_id,
                limits=Limits(timeout, max_retries, deadline),
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
        max_retries: int | None = None,
        deadline: float | None = None,
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
            max_retries: As in the constructor, likewise.
            deadline: As in the constructor, likewise.

        Raises:
            ValueError: if an argument cannot be sent; nothing is.
            PolyAIError: every other failure, as the tree in `polyai_data.errors` says.
        """
        from . import _chats

        settings = _chats.ChatSettings.of(
            environment,
            language,
            asr_language,
            tts_language,
            agent_id,
            Limits(timeout, max_retries, deadline),
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
            limits=Limits(timeout, max_retries, deadline),
        )

        async def start() -> AsyncChat:
            greeting = await self._send(call)
            self._chats[greeting.conversation_id] = environment
            return _chats.AsyncChat(
                self._send, self._config, settings, greeting.conversation_id, greeting
            )

        return _chats.StartingChat(start)

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
        max_retries: int | None = None,
        deadline: float | None = None,
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
            max_retries: As in the constructor, likewise.
            deadline: As in the constructor, likewise.

        Raises:
            ConfigurationError: if it is not known where the chat was started.
            ValueError: if an argument cannot be sent.
        """
        from . import _chats

        environment = _chats.environment_of(self._chats, conversation_id, environment)
        settings = _chats.ChatSettings.of(
            environment,
            language,
            asr_language,
            tts_language,
            agent_id,
            Limits(timeout, max_retries, deadline),
        )
        chat = _chats.AsyncChat(self._send, self._config, settings, conversation_id, None)
        chat._check()
        return chat

    # --- The rest ----------------------------------------------------------------------------

    def _attempts_of(self, call: Call[Any]) -> Attempts:
        return Attempts(call, self._on_retry, self._pace)

    async def _send(self, call: Call[_T]) -> _T:
        _, result = await self._exchange(call, self._attempts_of(call), read_answer)
        return result

    async def _exchange(
        self,
        call: Call[_T],
        attempts: Attempts,
        read: Callable[[Call[_T], Answer], _R | PolyAIError],
        streams: Callable[[Mapping[str, str]], bool] = lambda _: False,
    ) -> tuple[httpx.Response, _R]:
        """Send the request until `read` makes something of the answer, or there is no retry left.

        Returns:
            The response, unread if it is a success that `streams`, and what was made of it.
        """
        while True:
            check_usable(is_closed=self._is_closed, process=self._process)
            self._settle_in_loop()
            for pause in attempts.pauses():
                await _retry.sleep_asynchronously(pause)
            outcome = await self._attempt(call, attempts, streams)
            if isinstance(outcome, BaseException):
                error = outcome
            else:
                response, answer = outcome
                result = read(call, answer)
                if not isinstance(result, PolyAIError):
                    return response, result
                await response.aclose()  # it is not read yet if it was to be streamed
                error = result
            delay = attempts.failed(error)
            if delay is None:
                # Outside of any except clause: the failure's frames hold the headers, and the key.
                raise error
            await _retry.sleep_asynchronously(delay)

    async def _attempt(
        self,
        call: Call[Any],
        attempts: Attempts,
        streams: Callable[[Mapping[str, str]], bool],
    ) -> tuple[httpx.Response, Answer] | BaseException:
        """Send the request once; return the response and the answer, or what to raise."""
        started = time.perf_counter()
        response = None
        try:
            response = await self._http.send(call, attempts.timeout())
            incoming = Incoming(call, response)
            if not (incoming.is_success and streams(incoming.headers)):
                try:
                    async for piece in async_body_of(response, incoming.headers):
                        attempts.check_deadline()
                        if not incoming.take(piece):
                            break
                finally:
                    await response.aclose()
        except BaseException as failure:
            return failed(call, response, failure, is_late=attempts.are_late)
        elapsed = time.perf_counter() - started
        return response, incoming.answer(elapsed, attempts.count)

    async def close(self) -> None:
        """Close the connections. A closed client sends nothing more."""
        if not self._is_closed:
            self._settle_in_loop()
            self._is_closed = True
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
