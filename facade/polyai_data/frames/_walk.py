"""How all conversations of an agent are read repeatedly: what copies and pipelines share."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, TypeAlias, get_args

from polyai_data import (
    AuthenticationError,
    BulkResult,
    Conversation,
    ConversationNotFoundError,
    ConversationSummary,
    DataClient,
    FoundConversation,
    PermissionDeniedError,
    PolyAIError,
    UnreadableFoundConversation,
    UnreadableRecord,
)
from polyai_data._data.search import Environment

from ._v3 import is_v3

ENVIRONMENTS: tuple[Environment, ...] = get_args(Environment)
Listed: TypeAlias = ConversationSummary | FoundConversation
Pages: TypeAlias = Generator[Sequence[Listed], None, None]
Source = Literal["data", "v3"]
"""Where conversations come from: the Data API, or the Conversations API v3."""
_MAX_CONSECUTIVE_FAILURES = 100
_SECOND = timedelta(seconds=1)


def check_options(source: str, lookback: timedelta, refresh: timedelta, batch_size: int) -> None:
    """Raise ValueError if an option is out of range."""
    if batch_size < 1:
        raise ValueError(f"batch_size={batch_size}: expected 1 or more.")
    if lookback < timedelta(0) or refresh < timedelta(0):
        raise ValueError("lookback and refresh must not be negative.")
    if source not in get_args(Source):
        raise ValueError(f"source={source!r}: expected one of {', '.join(get_args(Source))}.")


class Walk:
    """Reads the list of an agent's conversations, newest first, and single conversations.

    Args:
        client: The client.
        source: The API.
        page_size: The number of conversations to list with each request.
        concurrency: Number of calls at a time.
        agent_id: The agent, if not the client's.

    Attributes:
        total: The number of all conversations, if the API counts them.
        ended_early: Whether the list was not read to its end.
    """

    def __init__(
        self,
        client: DataClient,
        *,
        source: Source,
        page_size: int,
        concurrency: int,
        agent_id: str | None,
    ) -> None:
        self._client = client
        self._source = source
        self._page_size = page_size
        self._concurrency = concurrency
        self._agent_id = agent_id
        self._consecutive_failures = 0
        self.total: int | None = None
        self.ended_early = False

    def pages(self, oldest_needed: datetime | None) -> Pages:
        """Yield the pages of the list, as far back as needed."""
        return (self._searched if self._source == "v3" else self._listed)(oldest_needed)

    def _listed(self, oldest_needed: datetime | None) -> Pages:
        """Yield the pages of the list, up to the first one that is too old."""
        listing = self._client.list_conversations(
            page_size=self._page_size, agent_id=self._agent_id
        )
        for page in listing.pages():
            self.total = listing.total
            yield page.conversations
            if oldest_needed and page.conversations:
                times = [start_of(one) for one in page.conversations]
                if all(moment is not None and moment < oldest_needed for moment in times):
                    self.ended_early = True
                    break

    def _searched(self, oldest_needed: datetime | None) -> Pages:
        """Yield the pages of a search of each environment, with turns."""
        self.ended_early = oldest_needed is not None
        for environment in ENVIRONMENTS:
            yield from self._search(environment, since=oldest_needed)

    def _search(self, environment: Environment, **period: Any) -> Pages:
        search = self._client.search_conversations(
            environment=environment,
            include_latency=True,
            page_size=self._page_size,
            agent_id=self._agent_id,
            **period,
        )
        for page in search.pages():
            yield page.conversations

    def get(
        self, ids: Iterable[str], *, listed: bool = True
    ) -> Iterator[tuple[str, dict[str, Any] | Exception | None]]:
        """Yield each ID with the JSON of its conversation, or with the error.

        Args:
            ids: The IDs.
            listed: Whether all are in the list. If not, one that is not found is gone: None.

        Raises:
            PolyAIError: if all other calls would fail too.
        """
        results: Iterator[BulkResult[Conversation]] = self._client.get_conversations(
            ids, concurrency=self._concurrency, agent_id=self._agent_id
        )
        for result in results:
            error = result.error
            if error is None:
                self.check_failure(None)
                yield result.id, {**result.value.raw, "conversationId": result.id}
            elif isinstance(error, ConversationNotFoundError) and not listed:
                yield result.id, None
            else:
                self.check_failure(error)
                yield result.id, error

    def find(
        self, conversation_id: str, started_at: datetime, environment: str | None
    ) -> FoundConversation | PolyAIError | None:
        """Search for a conversation where and when it started; v3 has no request for one.

        Raises:
            PolyAIError: if all other calls would fail too.
        """
        period = {"since": started_at - _SECOND, "until": started_at + _SECOND}
        try:
            found: Iterator[Any] = (
                one
                for each in ENVIRONMENTS
                if each == environment or environment not in ENVIRONMENTS
                for page in self._search(each, **period)
                for one in page
                if id_of(one) == conversation_id
            )
            one: FoundConversation | None = next(found, None)
        except PolyAIError as error:
            self.check_failure(error)
            return error
        self.check_failure(None)
        return one

    def check_failure(self, error: Exception | None) -> None:
        """Raise the error of a call if all other calls would fail too."""
        self._consecutive_failures = 0 if error is None else self._consecutive_failures + 1
        is_final = isinstance(error, AuthenticationError | PermissionDeniedError)
        if error and (is_final or self._consecutive_failures >= _MAX_CONSECUTIVE_FAILURES):
            raise error


def id_of(one: Listed) -> str | None:
    """Return the ID of a listed conversation; None if it cannot be read."""
    if isinstance(one, UnreadableRecord | UnreadableFoundConversation):
        return None
    value: Any = one.id if isinstance(one, FoundConversation) else one.conversation_id
    return value if isinstance(value, str) else None


def unreadable(one: Listed) -> tuple[str, str]:
    """Return a stand-in for the ID of a conversation that has none, and the reason."""
    reason = getattr(one, "reason", "") or "The ID is not a string."
    return f"unreadable:{digest(one.raw)}", reason


def is_in_progress(raw: dict[str, Any]) -> bool:
    """Whether a conversation has not ended."""
    return raw.get("in_progress" if is_v3(raw) else "inProgress") is True


def start_of(conversation: Listed) -> datetime | None:
    """Return when a conversation started; None if that is not a time."""
    moment: Any = conversation.started_at
    return moment if isinstance(moment, datetime) else None


def digest(raw: Any) -> str:
    """Return a digest of a listed conversation."""
    text = f"{json.dumps(raw, sort_keys=True)}details"
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
