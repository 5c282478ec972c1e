"""The asynchronous client: a method for each operation, and the sending of requests."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any, Self

import httpx

from .._auth import ApiKey
from .._config import OnRetry, Timeout, resolve_config
from .._data import operations
from .._data.bulk import BulkResult, check_bulk
from .._data.operations import ChatOptions, Direction
from .._data.recordings import Progress, check_audio, is_audio_type
from .._data.search import Environment, QueryType, TurnType, search_filters
from .._files import make_directory, recording_target
from .._http.rate_limit import RateLimiter
from .._http.response import RawResponse
from .._http.retry import RetryState
from .._models.conversations import Conversation
from .._models.summaries import ConversationPage
from .._models.writes import Annotation, WriteResult
from .._regions import Region, parse_studio_url
from .chats import AsyncChat
from .io import ID_SOURCES, Connection, call_many
from .list import AsyncConversationList
from .recording import AsyncRecording
from .search import AsyncConversationSearch
from .sender import AsyncSender


class AsyncDataClient(AsyncSender):
    """An asynchronous client for PolyAI's Data API.

    Use it in `async with`, or call `close`. Creating a client sends nothing. Threads, or the tasks
    of one event loop, may share a client. A forked process needs its own. Each method raises
    `PolyAIError`, or a subclass of it, for any failure: see `polyai_data.errors`.

    Args:
        api_key: The API key, created in Agent Studio. Default: `POLYAI_API_KEY_<REGION>`, such as
            `POLYAI_API_KEY_US`, or `POLYAI_API_KEY`.
        region: Your workspace's region: `us`, `eu`, `uk` or `studio`. Default: `POLYAI_REGION`.
            Required unless there is a base URL.
        agent_id: The agent, also called project ID. Default: `POLYAI_AGENT_ID`.
        account_id: The account, also called workspace ID. Only searches need it. Default:
            `POLYAI_ACCOUNT_ID`.
        conversations_api_key: The key of the Conversations API v3, which only searches need. PolyAI
            issues it on request. Default: `POLYAI_CONVERSATIONS_API_KEY_<REGION>`, or
            `POLYAI_CONVERSATIONS_API_KEY`. If one key works for both APIs, pass it twice: no key is
            sent to the other API's host.
        base_url: The URL of the API if it is not the region's, for example a gateway or the
            sandbox: https, or http on loopback. Default: `POLYAI_BASE_URL`, unless there is a
            `region`.
        timeout: Seconds to connect, and to wait for each part of a response: one number, or a pair
            (connect, read). Default: 5 and 30.
        max_retries: Maximum number of retries after transient failures. Default: 2. 0 disables
            retries. Annotations and chat messages are retried only if the server cannot have
            processed them. A note is retried like a read, since setting it twice is harmless.
        deadline: Seconds for a call with all its retries; for a list, for each page; for a
            recording, including the download. Default: none.
        max_response_bytes: Maximum size of a JSON response. Default: 64 MiB.
        max_requests_per_second: Maximum rate, retries included. Default: none. After a 429, all
            calls pause as long as the server asks, up to a minute, and resume at half their rate.
        on_retry: Called with a `Retry` before each retry.
        transport: An httpx transport to use, for example `httpx.AsyncHTTPTransport(proxy=…)`.

    Raises:
        ConfigurationError: if the key or the region is missing, or a setting is invalid.
    """

    def __init__(
        self,
        *,
        api_key: str | ApiKey | None = None,
        region: str | Region | None = None,
        agent_id: str | None = None,
        account_id: str | None = None,
        conversations_api_key: str | ApiKey | None = None,
        base_url: str | None = None,
        timeout: Timeout | None = None,
        max_retries: int | None = None,
        deadline: float | None = None,
        max_response_bytes: int | None = None,
        max_requests_per_second: float | None = None,
        on_retry: OnRetry | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        # First, so that no traceback shows the plain strings.
        api_key, conversations_api_key = map(ApiKey.wrap, (api_key, conversations_api_key))
        self._config = resolve_config(
            api_key=api_key,
            region=region,
            agent_id=agent_id,
            account_id=account_id,
            conversations_api_key=conversations_api_key,
            base_url=base_url,
            timeout=timeout,
            max_retries=max_retries,
            deadline=deadline,
            max_response_bytes=max_response_bytes,
            max_requests_per_second=max_requests_per_second,
            on_retry=on_retry,
        )
        self._limiter = RateLimiter(self._config.max_requests_per_second)
        self._cancelled = None
        self._connection = Connection(transport, self._config.base_url)

    @classmethod
    def from_studio_url(cls, url: str, **options: Any) -> Self:
        """Return a client for the region, account and agent of an Agent Studio URL.

        Args:
            url: The URL, such as `https://studio.us.poly.ai/acme/PROJECT-1/conversations`.
            **options: Other arguments of the constructor.

        Raises:
            ConfigurationError: if it is not the URL of an agent, or a setting is invalid.
        """
        for name in ("api_key", "conversations_api_key"):  # first, as in the constructor
            options[name] = ApiKey.wrap(options.get(name))
        region, account_id, agent_id = parse_studio_url(url)
        return cls(region=region, account_id=account_id, agent_id=agent_id, **options)

    def with_options(
        self,
        *,
        agent_id: str | None = None,
        account_id: str | None = None,
        timeout: Timeout | None = None,
        max_retries: int | None = None,
        deadline: float | None = None,
        max_response_bytes: int | None = None,
        on_retry: OnRetry | None = None,
    ) -> Self:
        """Return a client with other options, such as `client.with_options(deadline=60)`.

        Both share the connections and the rate limit, and closing one closes both. Options that you
        leave out, or pass as None, stay as they are.

        Args:
            agent_id: The agent.
            account_id: The account.
            timeout: Seconds, as in the constructor.
            max_retries: Maximum number of retries.
            deadline: Seconds for a call with all its retries.
            max_response_bytes: Maximum size of a JSON response.
            on_retry: Called before each retry.

        Raises:
            ConfigurationError: if an option is invalid.
        """
        config = self._config.with_options(
            agent_id=agent_id,
            account_id=account_id,
            timeout=timeout,
            max_retries=max_retries,
            deadline=deadline,
            max_response_bytes=max_response_bytes,
            on_retry=on_retry,
        )
        return self._copy(_config=config)

    def list_conversations(
        self,
        *,
        page_size: int = 50,
        offset: int = 0,
        max_items: int | None = None,
        since: date | None = None,
        until: date | None = None,
        strict: bool = False,
        prefetch: int = 1,
        agent_id: str | None = None,
    ) -> AsyncConversationList:
        """Return an iterable over all conversations of the agent, newest first.

        No request is sent until you iterate. Then the next page is fetched while you use the
        current one. No conversation is repeated or missing if others are added or deleted in the
        meantime.

        Args:
            page_size: Number of conversations to request at a time, 1 or more.
            offset: Number of conversations to skip at the start.
            max_items: Maximum number of conversations. Default: all.
            since: Only conversations that started at this time or later: a datetime with a time
                zone, or a date, which means the start of that day in UTC. The API cannot filter, so
                the client reads the list, and stops where the rest is older. Conversations whose
                start is not known are included.
            until: Only conversations that started before this time.
            strict: Whether to raise an exception for a record that has `problems`.
            prefetch: 1, or 0 to fetch a page only when the previous one is used up. With 1,
                stopping early cancels the next page (asyncio), or waits for it (threads).
            agent_id: The agent, if not the client's.

        Raises:
            ValueError: if a number is out of range, or a time has no time zone.
        """
        return AsyncConversationList(
            self._send,
            self._config,
            page_size=page_size,
            offset=offset,
            max_items=max_items,
            since=since,
            until=until,
            strict=strict,
            prefetch=prefetch,
            agent_id=agent_id,
        )

    def search_conversations(
        self,
        *,
        since: date | None = None,
        until: date | None = None,
        environment: Environment = "live",
        channels: Iterable[str] | None = None,
        variant_id: str | None = None,
        variant_name: str | None = None,
        in_progress: bool | None = None,
        query: str | None = None,
        query_type: QueryType = "transcript",
        turn_type: TurnType | None = None,
        sample: bool = False,
        include_latency: bool = False,
        page_size: int = 1000,
        max_items: int | None = None,
        cursor: str | None = None,
        account_id: str | None = None,
        agent_id: str | None = None,
    ) -> AsyncConversationSearch:
        """Return an iterable over the conversations that the server finds, with their turns.

        It uses the Conversations API v3, which has its own hosts and keys: see the client's
        `account_id` and `conversations_api_key`. No request is sent until you iterate. No
        conversation is repeated or missing if others begin in the meantime.

        Args:
            since: Only conversations that started at this time or later: a datetime with a time
                zone, or a date, which means the start of that day in UTC.
            until: Only conversations that started before this time. Searches with `query` or
                `sample` need both.
            environment: The environment: `live`, `pre-release` or `sandbox`.
            channels: Only these channels, such as `["VOICE-SIP"]`.
            variant_id: Only this variant of the agent.
            variant_name: Only the variant with this name; not together with `variant_id`.
            in_progress: True for conversations that are still running, False for finished ones.
            query: What to search for.
            query_type: How to search: by words (`transcript`) or by meaning (`semantic`).
            turn_type: Whose words to search: `user` or `agent`; for `transcript` only.
            sample: Whether to return a random sample; not together with `query`.
            include_latency: Whether to include the latency of turns.
            page_size: Number of conversations to request at a time, 1 to 1000.
            max_items: Maximum number of conversations. Default: all.
            cursor: Where to start: the `cursor` of a page of an earlier search with the same
                arguments, to continue it.
            account_id: The account, if not the client's.
            agent_id: The agent, if not the client's.

        Raises:
            ValueError: if arguments are invalid or conflict. No request is sent.
            ConfigurationError: if the account or the key is missing, or the region has no such API.
        """
        filters = search_filters(
            since=since,
            until=until,
            environment=environment,
            channels=channels,
            variant_id=variant_id,
            variant_name=variant_name,
            in_progress=in_progress,
            query=query,
            query_type=query_type,
            turn_type=turn_type,
            sample=sample,
            include_latency=include_latency,
        )
        return AsyncConversationSearch(
            self._send,
            self._config,
            filters,
            page_size=page_size,
            max_items=max_items,
            cursor=cursor,
            account_id=account_id,
            agent_id=agent_id,
        )

    async def get_page(
        self, *, limit: int = 50, offset: int = 0, agent_id: str | None = None
    ) -> ConversationPage:
        """Return one page of the list, for your own pagination.

        Args:
            limit: Number of conversations, 1 or more. The server may return fewer.
            offset: Position of the first conversation. The newest has position 0.
            agent_id: The agent, if not the client's.

        Raises:
            ValueError: if a number is out of range. No request is sent.
        """
        request = operations.list_conversations(
            self._config, limit=limit, offset=offset, agent_id=agent_id
        )
        return await self._send(request)

    async def get_conversation(
        self, conversation_id: str, *, agent_id: str | None = None
    ) -> Conversation:
        """Return a conversation with its transcript, metrics and function events.

        Args:
            conversation_id: The ID, such as `CA681f3ad0d037c1884614548178a5bc1b`.
            agent_id: The agent, if not the client's.

        Raises:
            ValueError: if an ID is invalid. No request is sent.
            ConversationNotFoundError: if the conversation does not exist (404).
        """
        request = operations.get_conversation(self._config, conversation_id, agent_id=agent_id)
        return await self._send(request)

    def get_conversations(
        self,
        ids: Iterable[str] | AsyncIterable[str],
        *,
        concurrency: int = 16,
        in_order: bool = False,
        agent_id: str | None = None,
    ) -> AsyncGenerator[BulkResult[Conversation]]:
        """Read many conversations, several at once.

        ```python
        async for result in client.get_conversations(ids):
            if result.error is None:
                store(result.value)
            else:
                log(result.id, result.error)
        ```

        A failed call does not stop the others. At most 2 × `concurrency` IDs are read ahead. If you
        stop early, closing the iterator (see `contextlib.aclosing`) cancels the running calls; with
        a custom transport, the synchronous client waits for them instead.

        Args:
            ids: The conversations' IDs.
            concurrency: Number of calls at a time.
            in_order: Whether to yield results in the order of `ids`. Default: as they complete.
            agent_id: The agent, if not the client's.

        Yields:
            A `BulkResult` for each ID, with the conversation as `value`, or an `error`.

        Raises:
            TypeError: if `ids` is a single string, or not iterable.
            ValueError: if `concurrency` is less than 1.
        """
        concurrency = check_bulk(ids, concurrency, ID_SOURCES)
        return call_many(
            self, "get_conversation", ids, concurrency, in_order=in_order, agent_id=agent_id
        )

    @asynccontextmanager
    async def open_recording(
        self,
        conversation_id: str,
        direction: Direction = "combined",
        redacted: bool = False,
        *,
        agent_id: str | None = None,
    ) -> AsyncIterator[AsyncRecording]:
        """Open the recording of a voice conversation as a stream, in an `async with` statement.

        Args:
            conversation_id: The conversation's ID.
            direction: Which side: `combined`, `user` or `agent`.
            redacted: Whether to remove personal data.
            agent_id: The agent, if not the client's.

        Yields:
            The recording, to be read once with `iter_bytes`, `read` or `save`.

        Raises:
            ValueError: if the ID or the direction is invalid. No request is sent.
            RecordingNotFoundError: if the conversation has no recording, like a chat (404).
            ResponseDecodeError: if the response is not audio.
        """
        request = operations.get_recording(
            self._config, conversation_id, direction, redacted, agent_id=agent_id
        )
        state = RetryState(request, self._limiter, self._cancelled)

        async def open_response() -> tuple[httpx.Response, RawResponse]:
            return await self._send_with_retries(request, state, check_audio, is_audio_type)

        response, raw = await open_response()
        recording = AsyncRecording(
            response,
            raw,
            state,
            open_response,
            self._connection.sleep,
            conversation_id,
            direction,
            redacted,
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
        direction: Direction = "combined",
        redacted: bool = False,
        overwrite: bool = False,
        allow_unverified: bool = False,
        progress: Progress | None = None,
        agent_id: str | None = None,
    ) -> Path:
        """Save the recording of a voice conversation as a WAV file, and return its path.

        An interrupted download starts over. The file is written as `<name>.<random>.part`, and
        renamed when it is complete.

        Args:
            conversation_id: The conversation's ID.
            path: The file, or a directory; then the file is named after the conversation. A path
                that ends in a slash is a directory, and is created.
            direction: Which side: `combined`, `user` or `agent`.
            redacted: Whether to remove personal data.
            overwrite: Whether to replace an existing file.
            allow_unverified: Whether to save a recording even if nothing says how long it is.
            progress: Called with the bytes so far, and the total or None.
            agent_id: The agent, if not the client's.

        Raises:
            FileExistsError: if the file exists, unless `overwrite` is set, or if it is a device, a
                pipe or a symbolic link. No request is sent.
            ValueError: if the ID or the direction is invalid. No request is sent.
            RecordingNotFoundError: if the conversation has no recording, like a chat (404).
            APIConnectionError: if the download is interrupted, and retries do not help.
        """
        operations.check_recording(conversation_id, direction, redacted)
        target = recording_target(path, conversation_id, direction, redacted, overwrite=overwrite)
        async with self.open_recording(
            conversation_id, direction, redacted, agent_id=agent_id
        ) as recording:
            return await recording.save(
                target,
                overwrite=overwrite,
                allow_unverified=allow_unverified,
                progress=progress,
            )

    def download_recordings(
        self,
        ids: Iterable[str] | AsyncIterable[str],
        directory: str | os.PathLike[str],
        *,
        concurrency: int = 4,
        in_order: bool = False,
        direction: Direction = "combined",
        redacted: bool = False,
        overwrite: bool = False,
        allow_unverified: bool = False,
        agent_id: str | None = None,
    ) -> AsyncGenerator[BulkResult[Path]]:
        """Save recordings in a directory, several at once: `download_recording` in bulk.

        Args:
            ids: The conversations' IDs.
            directory: The directory. It is created if it does not exist. Each file is named after
                its conversation.
            concurrency: Number of downloads at a time.
            in_order: Whether to yield results in the order of `ids`. Default: as they complete.
            direction: Which side: `combined`, `user` or `agent`.
            redacted: Whether to remove personal data.
            overwrite: Whether to replace existing files.
            allow_unverified: Whether to save recordings even if nothing says how long they are.
            agent_id: The agent, if not the client's.

        Yields:
            A `BulkResult` for each ID, with the path as `value`, or an `error`.

        Raises:
            NotADirectoryError: if there is a file with that name.
            TypeError: if `ids` is a single string, or not iterable.
            ValueError: if `concurrency` is less than 1, or the direction is invalid.
        """
        concurrency = check_bulk(ids, concurrency, ID_SOURCES)
        operations.check_recording("CA", direction, redacted)
        return call_many(
            self,
            "download_recording",
            ids,
            concurrency,
            in_order=in_order,
            path=make_directory(directory),
            direction=direction,
            redacted=redacted,
            overwrite=overwrite,
            allow_unverified=allow_unverified,
            agent_id=agent_id,
        )

    async def add_annotations(
        self,
        conversation_id: str,
        annotations: Iterable[Annotation],
        *,
        agent_id: str | None = None,
    ) -> WriteResult:
        """Add annotations to a conversation: what is wrong in which turn, on which side.

        Args:
            conversation_id: The conversation's ID.
            annotations: At least one `Annotation(turn=0, role="agent", type="wrong_info")`. Turns
                are counted from 0.
            agent_id: The agent, if not the client's.

        Raises:
            ValueError: if `annotations` is empty, or the ID is invalid. No request is sent.
            ConversationNotFoundError: if the conversation does not exist (404).
        """
        request = operations.add_annotations(
            self._config, conversation_id, annotations, agent_id=agent_id
        )
        return await self._send(request)

    async def set_note(
        self, conversation_id: str, note: str, *, agent_id: str | None = None
    ) -> WriteResult:
        """Set the note of a conversation. It replaces the previous note.

        Args:
            conversation_id: The conversation's ID.
            note: The new note.
            agent_id: The agent, if not the client's.

        Raises:
            ValueError: if the ID is invalid. No request is sent.
            ConversationNotFoundError: if the conversation does not exist (404).
        """
        request = operations.set_note(self._config, conversation_id, note, agent_id=agent_id)
        del note  # so that no traceback with local variables shows it
        return await self._send(request)

    async def start_chat(
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
    ) -> AsyncChat:
        """Start a debug chat with the agent, for testing. Its greeting is the first reply.

        Args:
            environment: The environment of the agent: `sandbox`, `pre-release` or `live`.
            language: The language, such as `en-US`; sets both of the next two. Default: the
                server's.
            asr_language: The language of speech recognition.
            tts_language: The language of speech synthesis.
            variant_id: The variant of the agent.
            channel: The channel, such as `chat.polyai`.
            conversation_id: An ID for the chat. Default: the server creates one.
            attributes: Values that the agent's functions can read, by name, as JSON.
            agent_id: The agent, if not the client's.

        Raises:
            ValueError: if an argument is invalid. No request is sent.
        """
        options = ChatOptions(environment, agent_id).with_languages(
            language, asr_language, tts_language
        )
        request = operations.start_chat(
            self._config,
            options,
            attributes,
            variant_id=variant_id,
            channel=channel,
            conversation_id=conversation_id,
        )
        del attributes  # so that no traceback with local variables shows them
        greeting = await self._send(request)
        return AsyncChat(self._send, self._config, options, greeting.conversation_id, greeting)

    def resume_chat(
        self,
        conversation_id: str,
        environment: str,
        *,
        language: str | None = None,
        asr_language: str | None = None,
        tts_language: str | None = None,
        agent_id: str | None = None,
    ) -> AsyncChat:
        """Return a chat that was started earlier, to send more messages. No request is sent.

        Args:
            conversation_id: The chat's ID.
            environment: The environment in which it was started.
            language: The language, such as `en-US`; sets both of the next two.
            asr_language: The language of speech recognition.
            tts_language: The language of speech synthesis.
            agent_id: The agent, if not the client's.

        Raises:
            ValueError: if an argument is invalid.
        """
        options = ChatOptions(environment, agent_id).with_languages(
            language, asr_language, tts_language
        )
        return AsyncChat(self._send, self._config, options, conversation_id, None)
